// Package remote reads somebody's log over HTTP and submits entries to it. It
// knows the read paths of c2sp.org/tlog-tiles and the log's API under /api/v1
// (docs/api.md).
//
// The log is taken as hostile: every answer is bounded in bytes, before and
// after decompression, and in time; its content type must be the expected one;
// no redirect leads to another host. What comes back is bytes: a tile, a note,
// a proof of the right form. Nothing here is verified or trusted. Callers check
// signatures with tlog and tlog/policy, and proofs with tlog.
package remote
