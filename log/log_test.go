package log_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/cosign"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/tlog/tlogtest"
)

const origin = "log.example/test"

// patience is how long a test waits for what must happen soon.
const patience = 20 * time.Second

// fixture is a log under test, its storage, witnesses and issuer.
type fixture struct {
	*log.Log
	t         testing.TB
	key       *tlog.SigningKey
	storage   *logtest.Storage
	witnesses []*logtest.Witness
	policy    *policy.Policy
	issuer    *logtest.Issuer
	now       func() time.Time
	queue     int
	register  []register.Option
	republish time.Duration
	group     *cosign.Group
	cosigner  func(*cosign.Group) log.Cosigner // of the group; nil: the group itself
}

// newFixture has two of three witnesses cosign, which know the log.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, key: tlogtest.Key(t, origin, tlog.TypeEd25519), storage: logtest.NewStorage(), issuer: logtest.NewIssuer(t, origin)}
	f.witnesses = logtest.NewWitnesses(t, 3, f.key.Verifier())
	f.policy = logtest.Policy(t, f.key.Verifier(), 2, f.witnesses...)
	return f
}

// config is a log.Config with a new group of the witnesses.
func (f *fixture) config() log.Config {
	f.t.Helper()
	logger := slog.New(slog.DiscardHandler)
	group, err := cosign.NewGroup(f.policy, cosign.Options{Logger: logger, Now: f.now, Timeout: 2 * time.Second})
	if err != nil {
		f.t.Fatal(err)
	}
	f.group = group
	var cosigner log.Cosigner = group
	if f.cosigner != nil {
		cosigner = f.cosigner(group)
	}
	return log.Config{
		Origin: origin, Key: f.key, Appender: f.storage, Anchors: f.storage, HighWater: f.storage.HighWater, Cosigner: cosigner,
		CheckpointInterval: 10 * time.Millisecond, RepublishInterval: f.republish, Queue: f.queue, Register: f.register, Now: f.now, Logger: logger,
	}
}

// open opens the log and logs the authority, unless that was done before.
func (f *fixture) open() *fixture {
	f.t.Helper()
	opened, err := log.Open(context.Background(), f.config())
	if err != nil {
		f.t.Fatal(err)
	}
	f.Log = opened
	f.t.Cleanup(func() { f.close() })
	if receipt := f.submit(f.issuer.Authority); receipt.Index != 0 {
		f.t.Fatalf("the authority has index %d", receipt.Index)
	}
	return f
}

func (f *fixture) close() {
	if f.Log != nil {
		f.Log.Close()
		f.Log = nil
	}
}

// reopen closes the log and opens it again on the same storage.
func (f *fixture) reopen() *fixture {
	f.t.Helper()
	f.close()
	return f.open()
}

func (f *fixture) submit(entry []byte) log.Receipt {
	f.t.Helper()
	receipt, err := f.Submit(f.t.Context(), entry)
	if err != nil {
		f.t.Fatal(err)
	}
	return receipt
}

// published waits until an entry is published and returns the anchor.
func (f *fixture) published(index uint64) log.Anchor {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	anchor, err := f.WaitPublished(ctx, index)
	if err != nil {
		f.t.Fatalf("entry %d is not published: %v; %+v", index, err, f.Status())
	}
	f.checkAnchor(anchor)
	return anchor
}

// checkAnchor checks an anchor under the policy, and that its tree is that of
// the stored entries.
func (f *fixture) checkAnchor(anchor log.Anchor) {
	f.t.Helper()
	signed, err := tlog.ParseCheckpoint(anchor.Note)
	if err != nil {
		f.t.Fatal(err)
	}
	cosignatures, err := f.policy.Verify(signed)
	if err != nil {
		f.t.Fatal(err)
	}
	present := map[string]bool{}
	for _, cosignature := range cosignatures {
		present[cosignature.Key.Name] = true
	}
	if !f.policy.Met(func(w policy.Witness) bool { return present[w.Key.Name] }) {
		f.t.Fatalf("served without a quorum:\n%s", anchor.Note)
	}
	want := tlogtest.NewLog(f.t, origin)
	want.Add(f.storage.Entries()[:signed.Size]...)
	if signed.Root != want.Root(signed.Size) {
		f.t.Fatalf("the anchor of size %d has another root than the entries", signed.Size)
	}
}

// eventually waits until a condition holds.
func (f *fixture) eventually(what string, holds func() bool) {
	f.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("waited for %s; %+v", what, f.Status())
		}
	}
}

func TestSubmitPublishProve(t *testing.T) {
	f := newFixture(t).open()
	osImage, osDigest := f.issuer.Image(logtest.OS)
	model, modelDigest := f.issuer.Image()
	approved, _ := f.issuer.Release("1", osDigest, modelDigest)
	for i, entry := range [][]byte{osImage, model, approved} {
		receipt := f.submit(entry)
		if receipt.Index != uint64(i+1) || receipt.Duplicate {
			t.Fatalf("entry %d: %+v", i+1, receipt)
		}
		f.published(receipt.Index)
	}

	for index, want := range f.storage.Entries() {
		entry, err := f.Entry(t.Context(), uint64(index))
		if err != nil || !bytes.Equal(entry, want) {
			t.Fatalf("entry %d: %v", index, err)
		}
		text, err := f.Proof(t.Context(), uint64(index))
		if err != nil {
			t.Fatal(err)
		}
		proof, err := tlog.ParseProof(text)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := tlog.ParseCheckpoint(proof.Checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		f.checkAnchor(log.Anchor{Checkpoint: signed.Checkpoint, Note: proof.Checkpoint})
		if err := tlog.VerifyInclusion(uint64(index), signed.Size, tlog.LeafHash(want), proof.Inclusion, signed.Root); err != nil || proof.Index != uint64(index) {
			t.Fatalf("entry %d: proof of %d: %v", index, proof.Index, err)
		}
	}
	if _, err := f.Entry(t.Context(), 4); err == nil || errors.Is(err, log.ErrNotPublished) {
		t.Errorf("entry 4: got %v", err)
	}
}

func TestSamePayloadAgainHasTheSameIndex(t *testing.T) {
	f := newFixture(t).open()
	image := f.issuer.StateImage()
	first, _ := f.issuer.SignImage(image, "ci")
	other, _ := f.issuer.SignImage(image, "ci", "ci2")
	want := f.submit(first)
	for _, entry := range [][]byte{first, other} {
		got := f.submit(entry)
		if got.Index != want.Index || got.Digest != want.Digest || !got.Duplicate {
			t.Errorf("got %+v, want index %d as a duplicate", got, want.Index)
		}
	}
	if stored := f.storage.Entries(); len(stored) != 2 || !bytes.Equal(stored[1], first) {
		t.Errorf("%d entries are stored; the first set of signatures stands", len(stored))
	}
}

func TestRestartGoesOn(t *testing.T) {
	f := newFixture(t).open()
	var last log.Receipt
	for range 600 { // more than two entry bundles
		entry, _ := f.issuer.Image()
		last = f.submit(entry)
	}
	before := f.published(last.Index)
	f.reopen()
	if anchor, ok := f.Checkpoint(); !ok || anchor.Checkpoint.Size < before.Checkpoint.Size {
		t.Fatalf("after the restart %d are published, before it %d", anchor.Checkpoint.Size, before.Checkpoint.Size)
	}
	entry, _ := f.issuer.Image()
	if next := f.submit(entry); next.Index != last.Index+1 {
		t.Errorf("got index %d, want %d", next.Index, last.Index+1)
	}
	f.published(last.Index + 1)
}

// A log that does not grow shows that it lives.
func TestRepublish(t *testing.T) {
	f := newFixture(t)
	f.republish = 50 * time.Millisecond
	f.open()
	first := f.published(0)
	f.eventually("a fresher checkpoint of the same size", func() bool {
		anchor, _ := f.Checkpoint()
		return anchor.Checkpoint.Size == 1 && !bytes.Equal(anchor.Note, first.Note)
	})
	again, err := f.Proof(t.Context(), 0)
	if err != nil || !bytes.Contains(again, first.Note) {
		t.Errorf("the proof of an entry changed: %v", err)
	}
}

// What the caller gives up before it is judged is not logged; the queue is
// bounded; and after Close nothing hangs.
func TestSubmissionsGivenUpQueuedAndLate(t *testing.T) {
	f := newFixture(t)
	f.queue = 1
	f.open()
	reached, release := make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free) // or a test that fails would hang
	f.storage.OnAppend(func(entries int) (int, error) {
		reached <- struct{}{}
		<-release
		return entries, nil
	})
	held, _ := f.issuer.Image()
	heldErr := make(chan error, 1)
	go func() { _, err := f.Submit(context.Background(), held); heldErr <- err }()
	<-reached // held is being written

	waiting, waitingDigest := f.issuer.Image()
	ctx, giveUp := context.WithCancel(t.Context())
	waitingErr := make(chan error, 1)
	go func() { _, err := f.Submit(ctx, waiting); waitingErr <- err }()
	f.eventually("a full queue", func() bool { return f.Waiting() == 1 })
	third, _ := f.issuer.Image()
	if _, err := f.Submit(t.Context(), third); !errors.Is(err, log.ErrUnavailable) {
		t.Errorf("over the bound of the queue: got %v", err)
	}
	giveUp()
	if err := <-waitingErr; !errors.Is(err, log.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: got %v", err)
	}
	f.storage.OnAppend(nil)
	free()
	if err := <-heldErr; err != nil {
		t.Errorf("held: %v", err)
	}
	last, _ := f.issuer.Image()
	f.submit(last)
	if _, ok := f.Lookup(waitingDigest); ok {
		t.Error("an entry was logged that its submitter had given up, and was told so")
	}

	closed := f.Log
	f.close()
	late, _ := f.issuer.Image()
	if _, err := closed.Submit(t.Context(), late); !errors.Is(err, log.ErrUnavailable) {
		t.Errorf("after Close: got %v", err)
	}
}

// codeOf names what a submission was refused for.
func codeOf(t testing.TB, err error) release.Code {
	t.Helper()
	refusal, ok := errors.AsType[*release.Refusal](err)
	if !ok {
		return release.Code(fmt.Sprintf("no refusal: %v", err))
	}
	return refusal.Code
}
