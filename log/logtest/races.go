package logtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// racers is how many submissions race for one thing.
const racers = 16

// race is one submission and what became of it.
type race struct {
	entry   []byte
	receipt log.Receipt
	err     error
}

// Races has submissions race each other in a log that holds the issuer's authority:
// releases for one version, releases against the withdrawal of their image, images
// against a rotation. Whatever the storage, the index decides each: what stands
// after the entry that forbids it is a fault. At the end nothing in the log is void.
func Races(tb testing.TB, l *log.Log, issuer *Issuer) {
	tb.Helper()
	submit := func(entry []byte) log.Receipt {
		receipt, err := l.Submit(context.Background(), entry)
		if err != nil {
			tb.Fatal(err)
		}
		return receipt
	}
	made := make([]race, racers)

	for i := range made {
		image, digest := issuer.Image(OS)
		submit(image)
		made[i].entry, _ = issuer.Release("raced", digest)
	}
	run(l, made)
	won := 0
	for _, r := range made {
		if r.err == nil {
			won++
		} else if !refusedBy(r.err, register.CodeReleaseTaken) {
			tb.Errorf("a release of a version that another has: %v", r.err)
		}
	}
	if won != 1 {
		tb.Errorf("%d releases have one version", won)
	}

	image, digest := issuer.Image(OS)
	submit(image)
	for i := range made {
		other, otherDigest := issuer.Image()
		submit(other)
		made[i].entry, _ = issuer.Release(fmt.Sprint("against-", i), digest, otherDigest)
	}
	against(tb, l, made, issuer.Withdrawal(digest), register.CodeImageWithdrawn)

	for i := range made {
		made[i].entry, _ = issuer.Image()
	}
	rotation := issuer.Rotate()
	against(tb, l, made, rotation, register.CodeAuthorityNotInForce)
	issuer.Digest = PayloadDigest(tb, rotation)
	after, _ := issuer.Image()
	submit(after)

	l.View(func(state *register.State) {
		if void := state.Void(); void != 0 {
			tb.Errorf("%d entries are void", void)
		}
	})
}

// against runs races in the midst of which an entry forbids all that come after it,
// by a rule.
func against(tb testing.TB, l *log.Log, made []race, forbids []byte, code release.Code) {
	tb.Helper()
	all := append(append(append([]race(nil), made[:len(made)/2]...), race{entry: forbids}), made[len(made)/2:]...)
	run(l, all)
	turn := all[len(made)/2]
	if turn.err != nil {
		tb.Fatal(turn.err)
	}
	for i, r := range all {
		switch {
		case i == len(made)/2:
		case r.err == nil && r.receipt.Index > turn.receipt.Index:
			tb.Errorf("entry %d stands after entry %d, which forbids it by %s", r.receipt.Index, turn.receipt.Index, code)
		case r.err != nil && !refusedBy(r.err, code):
			tb.Errorf("got %v, want %s", r.err, code)
		}
	}
}

func run(l *log.Log, races []race) {
	var group sync.WaitGroup
	for i := range races {
		group.Go(func() { races[i].receipt, races[i].err = l.Submit(context.Background(), races[i].entry) })
	}
	group.Wait()
}

func refusedBy(err error, code release.Code) bool {
	refusal, ok := errors.AsType[*release.Refusal](err)
	return ok && refusal.Code == code
}
