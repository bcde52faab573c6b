// Package roll is the roll signer: it follows a log with full verification, states
// what of a product is live at a size of the log, and signs that with its own key. It
// is a process of its own, run by those who release and not by those who run the log:
// so a log that hides a withdrawal does not get a roll, and what it shows grows old.
//
// Compute and Compare are what anybody can do who has replayed the log. Signer is the
// state machine around them, without HTTP: when to sign, what is never signed, and the
// withdrawals handed to it, which it submits itself. Package roll/server is its door.
//
// What a Signer never does, whatever a log answers:
//   - sign while a withdrawal that was handed in five minutes ago is not in the log;
//   - sign what it has not recomputed from entries verified under a checkpoint that the
//     policy accepts;
//   - sign two lists for one product and size, or a smaller size than before;
//   - go on after the log signed two histories.
//
// It does not promise that its roll is fresh, or that the log shows it: a roll's age
// is what relying parties check. A clock that is wrong here makes rolls older, never
// younger, for their age counts from their checkpoint's cosignatures too.
package roll
