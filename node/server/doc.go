// Package server answers clients that ask a node for evidence.
//
// The hardware does one task at a time: nonces that arrive while it is at work
// form the next batch and are answered by one quote (attest.NonceTree), and what
// does not fit the bounded queue is refused.
//
// Formats: docs/formats/evidence.md.
package server
