// Package conformance judges witnesses from outside: whether they do what
// https://c2sp.org/tlog-witness, tlog-cosignature, tlog-checkpoint and
// signed-note ask, and what a strict witness does besides. It has no code but
// tests.
//
// Cases W1 to W15 are split into checks with a name each. A check knows of a
// witness its URL, its verifier keys, where its files lie and what its operator
// can do: add a log, start, stop and kill it, restore a copy. Requests are
// written byte by byte, by logs of package witnesstest that share no code with
// any witness.
//
// `go test` runs every check against the built muster-witness, and all must
// pass. With the build tag system a few run against litewitness, too, to know
// that the checks can fail there. `make witness-table` runs all against both
// and writes docs/witness-conformance.md.
package conformance
