// Package register is the state of a log as a pure function of its origin and
// its entries: which authority is in force, which entries stand, what is
// struck, withdrawn and live. It implements "Entry" (roles and thresholds) and
// "Rules" of docs/formats/register.md. The log, monitors, verifiers and the
// search index share it, so that they cannot disagree.
//
// A [State] grows by one entry at a time with [State.Apply]: an entry that
// breaks a rule at its index is void, which is an answer and not an error.
// [State.Admit] asks the same questions before an entry is appended, together
// with the rules that only admission has: the log's clock, and types that are
// not admitted. [Prepare] does the expensive part, signatures, before any lock.
// [Chain] holds the part that needs no other entries than authorities, for
// verifiers who have only some entries of a log.
//
// What it does not promise: it knows no hashes of the tree, so the root a roll
// names is not judged here; it does not know whether an entry is included in
// any log; it reads no clock but the one that Admit is given; and it judges no
// OpenPGP or X.509 signature without a verifier (see [WithForeignVerifier]).
//
// A State is not safe for use by several goroutines while one of them applies
// entries; reading alone may be concurrent.
package register
