// Package attest holds what all evidence of nodes has in common: the ledger of what
// a node loaded after boot, the binding of an evidence to a nonce and a TLS key,
// the tree of nonces that are answered together, the messages of the evidence
// protocol, and the shape in which an evidence of any profile is judged.
//
// It verifies no evidence itself: a package a technology does (attest/tpm), behind
// the interface Evidence, so that verify judges without knowing which it is.
// Reference carries besides the release what an evidence must be compared with:
// the nonce, the TLS key, the time, and what the requirements say. Nothing here
// does I/O, keeps state or needs more than the standard library.
//
// Formats: docs/formats/evidence.md.
package attest
