// Package embedded keeps a log in one directory without any set-up: entries and
// tiles by Tessera's POSIX driver, anchors in SQLite.
//
//	DIR/lock        held by the one process that has the directory open
//	DIR/log/        Tessera: tile/, entry bundles, its own state
//	DIR/anchors.db  SQLite, WAL, synchronous FULL: cosigned checkpoints, for ever
//	DIR/index.db    SQLite: the search index, which is made again if it is lost
//
// Tessera sequences and integrates; it does not decide what is published. Its own
// checkpoint file is signed only for sizes that a stored anchor covers already,
// so it can never run ahead of the witnesses, and nothing is served from it.
//
// Durability: an entry is acknowledged after Tessera has written its bundle, its
// tiles and the tree state with O_SYNC and synced their directories; an anchor
// after SQLite has committed with synchronous FULL. The tree state is written
// last and is what counts: a batch that a crash cut off before it leaves files
// behind that the next batches overwrite, and that no read returns.
package embedded
