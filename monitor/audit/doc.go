// Package audit replays a log and follows it: every entry from the first on, under
// checkpoints that a trust policy accepts, with the state that release/register
// makes of them. Whoever says what is live by its own knowledge (the roll signer, a
// monitor, a listing that trusts no index) stands on a Follower.
//
// What is applied has been verified before: entries are hashed, and the root they
// make is that of the signed checkpoint, or one that a consistency proof leads from.
// So the state is never one that some answer of a log merely claimed, and an update
// that fails half-way is taken up again where it stopped.
//
// The log is taken as hostile. Its answers are bounded by log/remote, its size and
// its bytes by Options; a checkpoint that contradicts what was followed gives fork
// evidence (tlog/fork) where one of its kinds fits, and an Error with a stable code
// everywhere else.
//
// What it does not promise: that the log shows others the same (compare checkpoints
// with witnesses and other vantage points), that it shows its newest checkpoint
// (compare Fresh with a clock), or that artifacts can be downloaded.
package audit
