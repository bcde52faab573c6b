// Package tlog reads, writes and checks the formats of C2SP's transparency
// logs, a file a specification:
//
//   - signed notes and their keys, https://c2sp.org/signed-note
//   - checkpoints, https://c2sp.org/tlog-checkpoint
//   - cosignatures 0x04 and 0x06, https://c2sp.org/tlog-cosignature
//   - offline proofs, https://c2sp.org/tlog-proof
//   - tiles and entry bundles, https://c2sp.org/tlog-tiles
//
// Every parser is strict: it bounds its input first and accepts exactly the
// bytes that the printer of the same file would write, so that one object has
// one encoding. Where a specification leaves a size open, the bound is a named
// constant here.
//
// The package does no input or output of its own and knows no clock, no trust
// and no policy: which keys count, how many cosignatures suffice and how old
// they may be is decided by package policy and by callers.
package tlog
