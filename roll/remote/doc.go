// Package remote hands withdrawals to a roll signer over HTTP, and asks what became
// of them. It holds what both sides write: docs/roll.md has the interface.
//
// A roll signer that answered 202 has the withdrawal on its disk: it submits it to
// the log by itself, and signs no roll that does not cover it once five minutes have
// passed. Nothing of an answer is proved; that the log holds the withdrawal, a proof
// bundle of the log proves.
//
// The roll signer is the caller's own and is still not believed blindly: answers are
// bounded, redirects are not followed, and texts are cut to what a terminal can show.
package remote
