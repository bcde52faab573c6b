// Package api is the log's API over HTTP: the read paths of
// https://c2sp.org/tlog-tiles, and under /api/v1 submissions, entries, proofs,
// proof bundles and searches. docs/api.md describes every path.
//
// Its handlers return errors; which status each kind of error has stands in one
// table in package web. What is served is covered by the newest anchor, so
// nobody sees what the witnesses have not.
//
// Lists and searches by digest come from the search index and the register:
// they are a convenience, not a proof. Who relies on an entry checks its proof.
package api
