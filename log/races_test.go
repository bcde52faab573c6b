package log_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// L10: releases that race for one version: one wins, and the same one after a
// replay.
func TestL10OneOfManyWins(t *testing.T) {
	f := newFixture(t).open()
	const racers = 32
	entries := make([][]byte, racers)
	for i := range entries {
		image, digest := f.issuer.Image(logtest.OS)
		f.submit(image)
		entries[i], _ = f.issuer.Release("1", digest)
	}
	size := len(f.storage.Entries())
	var group sync.WaitGroup
	var won atomic.Int64
	start := make(chan struct{})
	for _, entry := range entries {
		group.Go(func() {
			<-start
			_, err := f.Submit(context.Background(), entry)
			switch {
			case err == nil:
				won.Add(1)
			case codeOf(t, err) != register.CodeReleaseTaken:
				t.Errorf("got %v", err)
			}
		})
	}
	close(start)
	group.Wait()
	if got := len(f.storage.Entries()); won.Load() != 1 || got != size+1 {
		t.Fatalf("%d won, %d entries more", won.Load(), got-size)
	}
	f.published(uint64(size))
	f.reopen()
	f.View(func(state *register.State) {
		if live := state.Live(logtest.Product); len(live) != 1 || live[0].Index != uint64(size) || state.Void() != 0 {
			t.Errorf("after the replay %d are live and %d void", len(live), state.Void())
		}
	})
}

// L10: a payload twice in one batch, under two sets of signatures: neither is in
// the log when the other is judged, and one entry is appended all the same.
func TestL10OnePayloadTwiceInABatch(t *testing.T) {
	f := newFixture(t).open()
	reached, proceed := make(chan int, 8), make(chan struct{})
	free := sync.OnceFunc(func() { close(proceed) })
	var group sync.WaitGroup
	t.Cleanup(group.Wait)
	t.Cleanup(free) // or a test that fails would hang
	f.storage.OnAppend(func(entries int) (int, error) {
		reached <- entries
		<-proceed
		return entries, nil
	})
	receipts := make([]log.Receipt, 4)
	submit := func(i int, entry []byte) {
		group.Go(func() {
			var err error
			if receipts[i], err = f.Submit(context.Background(), entry); err != nil {
				t.Errorf("submission %d: %v", i, err)
			}
		})
	}
	held, _ := f.issuer.Image()
	submit(0, held)
	<-reached // held is being written, and the others wait for it
	image := f.issuer.StateImage()
	first, digest := f.issuer.SignImage(image, "ci")
	second, _ := f.issuer.SignImage(image, "ci", "ci2")
	other, _ := f.issuer.Image()
	for i, entry := range [][]byte{first, second, other} {
		submit(i+1, entry)
		f.eventually("a place in the queue", func() bool { return f.Waiting() == i+1 })
	}
	free()
	if appended := <-reached; appended != 2 {
		t.Fatalf("a batch of one payload twice and another appended %d entries, want 2", appended)
	}
	f.storage.OnAppend(nil)
	group.Wait()
	if want := (log.Receipt{Index: 2, Digest: digest}); receipts[1] != want {
		t.Errorf("the first: got %+v, want %+v", receipts[1], want)
	}
	if want := (log.Receipt{Index: 2, Digest: digest, Duplicate: true}); receipts[2] != want {
		t.Errorf("the same payload again: got %+v, want %+v", receipts[2], want)
	}
	if receipts[3].Index != 3 || receipts[3].Duplicate {
		t.Errorf("the other: got %+v", receipts[3])
	}
	if stored := f.storage.Entries(); len(stored) != 4 || !bytes.Equal(stored[2], first) {
		t.Errorf("%d entries are stored, or the second set of signatures", len(stored))
	}
	f.View(func(state *register.State) {
		if state.Void() != 0 {
			t.Errorf("%d void", state.Void())
		}
	})
}

// L10: an admission that races a withdrawal is decided by the index.
func TestL10AdmissionRacesWithdrawal(t *testing.T) {
	f := newFixture(t).open()
	for round := range 20 {
		image, digest := f.issuer.Image(logtest.OS)
		f.submit(image)
		approved, _ := f.issuer.Release(fmt.Sprint("r", round), digest)
		var group sync.WaitGroup
		var released, withdrawn log.Receipt
		var err error
		group.Go(func() { released, err = f.Submit(context.Background(), approved) })
		group.Go(func() {
			var failed error
			if withdrawn, failed = f.Submit(context.Background(), f.issuer.Withdrawal(digest)); failed != nil {
				t.Error(failed)
			}
		})
		group.Wait()
		switch {
		case err == nil && released.Index > withdrawn.Index:
			t.Fatalf("released at %d, after the withdrawal at %d", released.Index, withdrawn.Index)
		case err != nil && codeOf(t, err) != register.CodeImageWithdrawn:
			t.Fatal(err)
		}
	}
	f.View(func(state *register.State) {
		if state.Void() != 0 || len(state.Live(logtest.Product)) != 0 {
			t.Errorf("%d void, %d live", state.Void(), len(state.Live(logtest.Product)))
		}
	})
}

// L10: entries that race a rotation are judged by the authority at their index.
func TestL10AdmissionRacesRotation(t *testing.T) {
	f := newFixture(t).open()
	var group sync.WaitGroup
	var rotated log.Receipt
	type answer struct {
		index uint64
		err   error
	}
	answers := make([]answer, 50)
	for i := range answers {
		entry, _ := f.issuer.Image()
		group.Go(func() {
			receipt, err := f.Submit(context.Background(), entry)
			answers[i] = answer{receipt.Index, err}
		})
		if i == len(answers)/2 {
			group.Go(func() { rotated, _ = f.Submit(context.Background(), f.issuer.Rotate()) })
		}
	}
	group.Wait()
	if rotated.Index == 0 {
		t.Fatal("the rotation was refused")
	}
	for _, answer := range answers {
		switch {
		case answer.err == nil && answer.index > rotated.Index:
			t.Errorf("entry %d under the old authority stands after the rotation at %d", answer.index, rotated.Index)
		case answer.err != nil && codeOf(t, answer.err) != register.CodeAuthorityNotInForce:
			t.Error(answer.err)
		}
	}
	f.View(func(state *register.State) {
		if state.Void() != 0 {
			t.Errorf("%d void", state.Void())
		}
	})
}

// L10: releases signed under the old authority race its rotation: each is judged by
// the authority in force at its index.
func TestL10ReleasesRaceARotation(t *testing.T) {
	f := newFixture(t).open()
	entries := make([][]byte, 24)
	for i := range entries {
		image, digest := f.issuer.Image(logtest.OS)
		f.submit(image)
		entries[i], _ = f.issuer.Release(fmt.Sprint(i), digest)
	}
	rotation := f.issuer.Rotate()
	var group sync.WaitGroup
	var rotated log.Receipt
	receipts, errs := make([]log.Receipt, len(entries)), make([]error, len(entries))
	for i, entry := range entries {
		group.Go(func() { receipts[i], errs[i] = f.Submit(context.Background(), entry) })
		if i == len(entries)/2 {
			group.Go(func() {
				var err error
				if rotated, err = f.Submit(context.Background(), rotation); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	for i, err := range errs {
		switch {
		case err == nil && receipts[i].Index > rotated.Index:
			t.Errorf("release %d stands at %d, after the rotation at %d", i, receipts[i].Index, rotated.Index)
		case err != nil && codeOf(t, err) != register.CodeAuthorityNotInForce:
			t.Error(err)
		}
	}
	f.noneVoid()
}

// noneVoid: a replay of what is stored finds nothing that breaks a rule.
func (f *fixture) noneVoid() {
	f.t.Helper()
	state := register.New(origin)
	for _, outcome := range state.ApplyAll(f.storage.Entries()) {
		if outcome.Status != register.StatusAdmitted {
			f.t.Errorf("entry %d is %s: %v", outcome.Index, outcome.Status, outcome.Refusal)
		}
	}
}

// L10: a roll races a withdrawal of what it lists. Its list is that of its size, so
// it is right at whatever index it comes to stand; and the roll after it does not
// list what is withdrawn.
func TestL10RollRacesWithdrawal(t *testing.T) {
	f := newFixture(t).open()
	image, digest := f.issuer.Image(logtest.OS)
	f.submit(image)
	for round := range 10 {
		approved := f.issuer.StateRelease(fmt.Sprint("r", round), digest)
		model, modelDigest := f.issuer.Image()
		f.submit(model)
		approved.Images = slices.SortedFunc(slices.Values([]release.Digest{digest, modelDigest}), release.Digest.Compare)
		entry, live := f.issuer.SignRelease(approved, "rel1", "rel2")
		at := f.published(f.submit(entry).Index).Checkpoint
		var group sync.WaitGroup
		for _, entry := range [][]byte{f.issuer.Roll(at, []release.Digest{live}), f.issuer.Withdrawal(live)} {
			group.Go(func() {
				if _, err := f.Submit(context.Background(), entry); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		group.Wait()
		after := f.published(f.Status().Size - 1).Checkpoint
		if _, err := f.Submit(t.Context(), f.issuer.Roll(after, []release.Digest{live})); codeOf(t, err) != register.CodeRollLive {
			t.Errorf("round %d: a roll that lists what was withdrawn before its size: %v", round, err)
		}
		f.submit(f.issuer.Roll(after, nil))
	}
	f.noneVoid()
}
