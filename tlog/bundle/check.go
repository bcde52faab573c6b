package bundle

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/muster-log/muster/tlog"
)

// check applies every rule of form.
func (b *Bundle) check() error {
	if len(b.Anchors) > MaxAnchors {
		return refuse("anchors", fmt.Sprintf("%d anchors", len(b.Anchors)), fmt.Sprintf("at most %d", MaxAnchors))
	}
	if len(b.Entries) == 0 || len(b.Entries) > MaxEntries {
		return refuse("entries", fmt.Sprintf("%d entries", len(b.Entries)), fmt.Sprintf("1 to %d", MaxEntries))
	}
	checkpoint, err := b.parseCheckpoint("checkpoint", b.Checkpoint)
	if err != nil {
		return err
	}
	if err := b.checkAnchors(checkpoint.Size); err != nil {
		return err
	}
	return b.checkEntries(checkpoint.Size)
}

// parseCheckpoint reads one of the bundle's notes.
func (b *Bundle) parseCheckpoint(member, note string) (*tlog.SignedCheckpoint, error) {
	checkpoint, err := tlog.ParseCheckpoint([]byte(note))
	if err != nil {
		return nil, &Error{Member: member, Want: "a signed checkpoint", Err: err}
	}
	if checkpoint.Origin != b.Origin {
		return nil, refuse(member, "origin "+checkpoint.Origin, "the bundle's origin, "+quote(b.Origin))
	}
	return checkpoint, nil
}

// checkAnchors judges size, order and lengths of proofs.
func (b *Bundle) checkAnchors(size uint64) error {
	var previous uint64
	for i, a := range b.Anchors {
		member := "anchors[" + strconv.Itoa(i) + "]"
		anchor, err := b.parseCheckpoint(member+".checkpoint", a.Checkpoint)
		if err != nil {
			return err
		}
		if anchor.Size < 1 || anchor.Size > size {
			return refuse(member+".checkpoint", fmt.Sprintf("size %d", anchor.Size), fmt.Sprintf("1 to %d, the bundle's own size", size))
		}
		if i > 0 && cmp.Or(cmp.Compare(previous, anchor.Size), cmp.Compare(b.Anchors[i-1].Checkpoint, a.Checkpoint)) >= 0 {
			return refuse("anchors", fmt.Sprintf("anchor %d not after the one before it", i), "the order of their sizes, then of their bytes, none twice")
		}
		previous = anchor.Size
		if err := checkHashes(member+".consistency", a.Consistency); err != nil {
			return err
		}
	}
	return nil
}

// checkEntries judges index, order and lengths.
func (b *Bundle) checkEntries(size uint64) error {
	for i, e := range b.Entries {
		member := "entries[" + strconv.Itoa(i) + "]"
		if e.Index >= size || e.Index > MaxIndex {
			return refuse(member+".index", fmt.Sprint(e.Index), fmt.Sprintf("below the size of the checkpoint, %d, and 2^53", size))
		}
		if i > 0 && b.Entries[i-1].Index >= e.Index {
			return refuse(member+".index", fmt.Sprint(e.Index), fmt.Sprintf("more than the one before it, %d", b.Entries[i-1].Index))
		}
		if len(e.Envelope) == 0 || len(e.Envelope) > tlog.MaxEntry {
			return refuse(member+".envelope", fmt.Sprintf("%d bytes", len(e.Envelope)), fmt.Sprintf("1 to %d", tlog.MaxEntry))
		}
		if err := checkHashes(member+".inclusion", e.Inclusion); err != nil {
			return err
		}
	}
	return nil
}

// checkHashes bounds a proof. How many hashes index and sizes ask for is judged
// where the proof is.
func checkHashes(member string, hashes []tlog.Hash) error {
	if len(hashes) > tlog.MaxProofHashes {
		return refuse(member, fmt.Sprintf("%d hashes", len(hashes)), fmt.Sprintf("at most %d", tlog.MaxProofHashes))
	}
	return nil
}

func refuse(member, got, want string) error { return &Error{Member: member, Got: got, Want: want} }
