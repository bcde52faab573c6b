// Package release holds what a Muster log logs: DSSE envelopes around in-toto
// statements, the six statement types, and the keys that sign them.
//
// An entry is the exact bytes of one envelope. Envelope and payload are read
// strictly and in one form only (RFC 8785), so that every reader sees the same
// bytes or refuses them: what parses, marshals to the same bytes. Every refusal
// is a *Refusal with a stable reason code and the offending member.
//
// Formats: DSSE (github.com/secure-systems-lab/dsse), the in-toto Statement v1,
// and docs/formats in this repository.
//
// The package judges an entry by itself: its form, the values of a statement
// against each other (CheckImage), one signature by one key. Whether an entry
// is admitted, and what it does in the log, is judged by release/register.
package release
