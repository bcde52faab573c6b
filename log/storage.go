package log

import (
	"context"

	"github.com/muster-log/muster/tlog"
)

// Appender holds the entries and the Merkle tree over them (C2SP tlog-tiles).
//
// Its readers answer fs.ErrNotExist for what is not there.
type Appender interface {
	// Size is the number of entries that are durable.
	Size(ctx context.Context) (uint64, error)

	// Append locks the tree, calls admit with its size, and appends what admit
	// returns at that index and the following ones. It returns the first index
	// once all of them are durable. Nobody else appends between the call of
	// admit and the return, so a rule that admit checked still holds.
	//
	// After an error it is unknown which of the entries are durable; Size says.
	Append(ctx context.Context, admit func(size uint64) ([][]byte, error)) (first uint64, err error)

	// ReadTile returns the first width hashes (1 to 256) of a tile.
	ReadTile(ctx context.Context, level, index uint64, width int) ([]byte, error)

	// ReadEntries returns the first width entries (1 to 256) of an entry bundle.
	ReadEntries(ctx context.Context, index uint64, width int) ([]byte, error)

	// Published tells the storage which size a stored anchor now covers, so that
	// it may drop partial tiles nobody can ask for any more.
	Published(size uint64)
}

// Anchor is a checkpoint cosigned by a quorum, whole, as it was published.
// It cannot be derived from the log and is therefore kept for ever.
type Anchor struct {
	Checkpoint tlog.Checkpoint
	// Note is the signed note: the log's signature and the cosignatures.
	Note []byte
}

// Anchors keeps anchors, whole and durably. Its readers answer fs.ErrNotExist
// where there is none.
type Anchors interface {
	// Put returns once the anchor is durable. Of anchors of one size the first
	// is kept (it witnesses the entries earliest) and so is the one put last (it
	// is the freshest: it is served, and shows that a roll of its size is young).
	Put(ctx context.Context, anchor Anchor) error

	// Newest is the anchor to serve: the one of greatest size, put last.
	Newest(ctx context.Context) (Anchor, error)

	// Covering is the first anchor of the smallest size greater than index: the
	// one that first witnessed the entry at index.
	Covering(ctx context.Context, index uint64) (Anchor, error)

	// At is the first anchor of exactly this size.
	At(ctx context.Context, size uint64) (Anchor, error)

	// LastAt is the anchor of exactly this size that was put last.
	LastAt(ctx context.Context, size uint64) (Anchor, error)
}

// HighWater is the last checkpoint the log signed, kept outside its data. It is
// what tells a log whose data were restored from an older copy that it must not
// sign: entries it once signed are gone.
type HighWater interface {
	// Load returns the log-signed note, or nil when nothing was ever signed.
	Load() ([]byte, error)

	// Store returns once the note is durable. It precedes every use of the
	// signature outside the process.
	Store(note []byte) error
}

// Cosigner collects cosignatures for a log-signed checkpoint.
type Cosigner interface {
	// Cosign returns the note with cosignatures that meet the quorum, each
	// verified, or an error that says which witnesses are missing. consistency
	// proves that the checkpoint extends the tree of an older size.
	Cosign(ctx context.Context, note []byte, consistency func(ctx context.Context, from uint64) ([]tlog.Hash, error)) ([]byte, error)

	// Probe has the witnesses confirm the last checkpoint this log signed,
	// before anything new is signed: see Log.Open.
	Probe(ctx context.Context, note []byte, consistency func(ctx context.Context, from uint64) ([]tlog.Hash, error)) error

	// Witnesses reports what is known of each witness now.
	Witnesses() []WitnessStatus
}
