// Package log is the transparency log itself: it admits entries, appends them,
// publishes cosigned checkpoints and proves what it published.
//
// An entry is the exact bytes of one DSSE envelope (docs/formats/entry.md). The
// order of work for one submission is fixed:
//
//  1. form and signatures are checked, in parallel and before any lock;
//  2. under the tree's lock the register (package release/register) judges the
//     entry at the very index it would get; what breaks a rule is refused, a
//     payload that stands already answers with its index;
//  3. the storage makes the entry durable. From here it is never lost;
//  4. the publisher signs a checkpoint, writes it to the high-water mark, has
//     the witnesses cosign it, and stores it as an anchor;
//  5. only then is it served, and only then is the submission answered with a
//     proof. Without a quorum the entry waits, durable, until there is one.
//
// The package knows neither SQL nor an HTTP server: storage stands behind
// Appender, Anchors and HighWater, witnesses behind Cosigner.
//
// It does not promise that what it logs is good, only who said so and that
// nobody can take it back.
package log
