// Package cosign collects cosignatures from witnesses over the C2SP tlog-witness
// protocol (https://c2sp.org/tlog-witness), for a log that trusts none of them
// singly.
//
// A witness is somebody else's server: its answers are bounded before they are
// read, redirects are not followed, every cosignature is verified against the
// key of the policy, and its time stamp must lie within MaxClockSkew of ours. A
// witness that fails is asked again only after a back-off; one that hangs delays
// nobody, because a round ends as soon as the quorum is met. One that answers 429
// is left alone for as long as its Retry-After says, up to MaxRetryAfter, and at
// least for the usual back-off; what it missed is in the next checkpoint.
//
// A witness that answers with a smaller size than it once cosigned has lost
// state: it gets the proof it needs, and an alarm is raised. A witness that
// answers with a larger size than this log ever signed, or that it holds another
// tree, proves that either it or this log is wrong: an alarm is raised, and it is
// asked again only after the longest back-off. Alarms stand until the restart.
package cosign
