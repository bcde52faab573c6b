package log_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
)

// bundleOf returns the bundle of an entry, every proof of it checked, and the
// indices of its entries and the sizes of its anchors.
func (f *fixture) bundleOf(index uint64) (b *bundle.Bundle, indices, anchors []uint64) {
	f.t.Helper()
	data, err := f.Bundle(f.t.Context(), index)
	if err != nil {
		f.t.Fatal(err)
	}
	if b, err = bundle.Parse(data); err != nil {
		f.t.Fatal(err)
	}
	newest, err := tlog.ParseCheckpoint([]byte(b.Checkpoint))
	if err != nil {
		f.t.Fatal(err)
	}
	f.checkAnchor(log.Anchor{Checkpoint: newest.Checkpoint, Note: []byte(b.Checkpoint)})
	stored := f.storage.Entries()
	for _, entry := range b.Entries {
		indices = append(indices, entry.Index)
		if !bytes.Equal(entry.Envelope, stored[entry.Index]) {
			f.t.Errorf("entry %d of the bundle is another", entry.Index)
		}
		if err := tlog.VerifyInclusion(entry.Index, newest.Size, tlog.LeafHash(entry.Envelope), entry.Inclusion, newest.Root); err != nil {
			f.t.Errorf("entry %d: %v", entry.Index, err)
		}
	}
	for _, anchor := range b.Anchors {
		older, err := tlog.ParseCheckpoint([]byte(anchor.Checkpoint))
		if err != nil {
			f.t.Fatal(err)
		}
		f.checkAnchor(log.Anchor{Checkpoint: older.Checkpoint, Note: []byte(anchor.Checkpoint)})
		anchors = append(anchors, older.Size)
		if err := tlog.VerifyConsistency(older.Size, newest.Size, older.Root, newest.Root, anchor.Consistency); err != nil {
			f.t.Errorf("anchor of size %d: %v", older.Size, err)
		}
	}
	return b, indices, anchors
}

// wantBundle holds an entry's bundle, all its proofs good, to its entries and the
// sizes of its anchors. Two anchors may be of one size, which was published twice.
func (f *fixture) wantBundle(index uint64, entries, anchors []uint64) {
	f.t.Helper()
	_, gotEntries, gotAnchors := f.bundleOf(index)
	if gotAnchors = slices.Compact(gotAnchors); !slices.Equal(gotEntries, entries) || !slices.Equal(gotAnchors, anchors) {
		f.t.Errorf("bundle of entry %d: got entries %v under anchors %v, want %v under %v", index, gotEntries, gotAnchors, entries, anchors)
	}
}

// A release's bundle holds what a node staples: the authority chain, the
// release, its images, the oldest entry of its identity with its anchor, and the
// newest roll of its product with the freshest anchor of the roll's size.
func TestBundleHoldsWhatANodeStaples(t *testing.T) {
	f := newFixture(t).open()
	osEntry, osDigest := f.issuer.Image(logtest.OS)
	model, modelDigest := f.issuer.Image()
	unused, _ := f.issuer.Image()
	approved, approvedDigest := f.issuer.Release("1", osDigest, modelDigest)
	for _, entry := range [][]byte{osEntry, unused, model, approved} { // 1 to 4
		f.published(f.submit(entry).Index)
	}
	f.wantBundle(4, []uint64{0, 1, 3, 4}, []uint64{5})
	f.wantBundle(1, []uint64{0, 1}, nil)

	at := f.published(4)
	f.published(f.submit(f.issuer.Roll(at.Checkpoint, []release.Digest{approvedDigest})).Index) // 5
	// The anchors of the roll and of the release may be one: it stands there once.
	f.wantBundle(4, []uint64{0, 1, 3, 4, 5}, []uint64{5})

	other := f.issuer.Roll(at.Checkpoint, nil, func(r *release.Roll) { r.Product = "acme/other" })
	f.published(f.submit(other).Index) // 6
	renewed := f.issuer.StateRelease("1", osDigest, modelDigest)
	renewed.NotAfter = renewed.NotAfter.AddDate(0, 0, 1)
	renewal, renewalDigest := f.issuer.SignRelease(renewed, "rel1", "rel2")
	at = f.published(f.submit(renewal).Index) // 7, of the same identity
	// The roll of size 5 cannot know it.
	f.wantBundle(7, []uint64{0, 1, 3, 4, 7}, []uint64{5})
	f.published(f.submit(f.issuer.Roll(at.Checkpoint, []release.Digest{renewalDigest})).Index) // 8
	f.wantBundle(7, []uint64{0, 1, 3, 4, 7, 8}, []uint64{5, 8})
	for range 3 { // so that sizes have two digits
		entry, _ := f.issuer.Image()
		at = f.published(f.submit(entry).Index)
	}
	f.published(f.submit(f.issuer.Roll(at.Checkpoint, []release.Digest{renewalDigest})).Index) // 12, of size 12
	f.wantBundle(7, []uint64{0, 1, 3, 4, 7, 12}, []uint64{5, 12})

	// A roll that no checkpoint covers yet is not shown; nor is a rotation.
	at, _ = f.Checkpoint()
	f.witnesses[0].Stop()
	f.witnesses[1].Stop()
	f.submit(f.issuer.Roll(at.Checkpoint, []release.Digest{renewalDigest})) // 13
	f.submit(f.issuer.Rotate())                                             // 14
	f.wantBundle(7, []uint64{0, 1, 3, 4, 7, 12}, []uint64{5, 12})
	f.witnesses[0].Start()
	f.published(14)
	f.wantBundle(7, []uint64{0, 1, 3, 4, 7, 13, 14}, []uint64{5, 13})
}

// The anchor of a roll is the freshest of its size: a log that stood still before
// the roll must not make it older than it is.
func TestBundleHasTheFreshestAnchorOfTheRoll(t *testing.T) {
	f := newFixture(t).open()
	image, digest := f.issuer.Image(logtest.OS)
	f.submit(image)
	approved, approvedDigest := f.issuer.Release("1", digest)
	first := f.published(f.submit(approved).Index)
	// The witnesses cosign the same size again, a second later or more.
	f.close()
	f.republish = 100 * time.Millisecond
	f.open()
	f.eventually("a fresher checkpoint", func() bool {
		last, err := f.storage.LastAt(t.Context(), first.Checkpoint.Size)
		return err == nil && !bytes.Equal(last.Note, first.Note)
	})
	roll := f.submit(f.issuer.Roll(first.Checkpoint, []release.Digest{approvedDigest}))
	f.published(roll.Index)
	last, err := f.storage.LastAt(t.Context(), first.Checkpoint.Size)
	if err != nil {
		t.Fatal(err)
	}
	b, _, _ := f.bundleOf(2)
	if len(b.Anchors) != 2 || !strings.Contains(b.Anchors[0].Checkpoint+b.Anchors[1].Checkpoint, string(last.Note)) {
		t.Errorf("the bundle has %d anchors, or not the last of size %d", len(b.Anchors), first.Checkpoint.Size)
	}
}

// A roll names a checkpoint that this log has published, of exactly its size and
// root; the rules of the register come first.
func TestRollNamesAPublishedCheckpoint(t *testing.T) {
	f := newFixture(t).open()
	f.published(0)
	f.witnesses[0].Stop()
	f.witnesses[1].Stop()
	for range 2 {
		entry, _ := f.issuer.Image()
		f.submit(entry)
	}
	refuse := func(code release.Code, member string, entry []byte) {
		t.Helper()
		size := f.Status().Size
		_, err := f.Submit(t.Context(), entry)
		if got := codeOf(t, err); got != code || !strings.Contains(err.Error(), member) {
			t.Errorf("got %v, want %s of %s", err, code, member)
		}
		if got := f.Status().Size; got != size {
			t.Errorf("%d entries, %d before", got, size)
		}
	}
	one, _ := f.Checkpoint()
	durable := tlog.Checkpoint{Origin: origin, Size: 3}
	refuse(log.CodeRollNotPublished, "predicate.size", f.issuer.Roll(durable, nil))
	f.witnesses[0].Start()
	three := f.published(2)
	refuse(log.CodeRollNotPublished, "predicate.size", f.issuer.Roll(tlog.Checkpoint{Size: 2}, nil)) // passed over
	wrong := three.Checkpoint
	wrong.Root[0] ^= 1
	refuse(log.CodeRollRoot, "predicate.root", f.issuer.Roll(wrong, nil))
	wrong.Size = 4
	refuse(register.CodeRollSizeAhead, "predicate.size", f.issuer.Roll(wrong, nil))
	refuse(register.CodeRollLive, "predicate.live", f.issuer.Roll(three.Checkpoint, []release.Digest{{1}}))

	f.submit(f.issuer.Roll(three.Checkpoint, nil))
	refuse(register.CodeRollSizeBack, "predicate.size", f.issuer.Roll(one.Checkpoint, nil, func(r *release.Roll) { r.Issued = r.Issued.Add(-time.Minute) }))
	f.reopen()
	f.View(func(state *register.State) {
		if state.Void() != 0 {
			t.Errorf("%d void", state.Void())
		}
	})
}
