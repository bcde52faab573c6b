package roll_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/roll"
	rollremote "github.com/muster-log/muster/roll/remote"
)

// several is a bench of five products with an image each, in a log that takes no
// withdrawals; hand hands in a withdrawal of that of a product.
func several(t *testing.T) (b *bench, hand func(product int, signer string) error) {
	t.Helper()
	var products []string
	for i := range 5 {
		products = append(products, fmt.Sprint("acme/p", i))
	}
	b = newBench(t, func(c *roll.Config) { c.Products = products })
	var images []release.Digest
	for _, product := range products {
		image := b.Model("x", "1")
		image.Product = product
		entry, digest := b.Sign(image)
		b.Submit(entry)
		images = append(images, digest)
	}
	b.step()
	b.set(posts(func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }))
	made := 0
	return b, func(product int, signer string) error {
		made++
		stated := b.Withdrawal(images[product])
		stated.Product, stated.Authority, stated.Note = products[product], b.InForce, fmt.Sprint("withdrawal ", made)
		entry, _ := b.Sign(stated, signer)
		_, err := b.signer.Hand(t.Context(), entry)
		return err
	}
}

// TestFull: so many withdrawals of a product wait and no more, and so many of all; and
// every one is there after a restart.
func TestFull(t *testing.T) {
	b, hand := several(t)
	const ofProduct = roll.MaxSpooled / 4
	for product := range 4 {
		for range ofProduct {
			if err := hand(product, "wd"); err != nil {
				t.Fatal(err)
			}
		}
		if err := hand(product, "wd"); !errors.Is(err, roll.ErrFull) {
			t.Errorf("one more of a product: got %v, want ErrFull", err)
		}
	}
	if err := hand(4, "wd"); !errors.Is(err, roll.ErrFull) {
		t.Errorf("one more of all: got %v, want ErrFull", err)
	}
	b.restart()
	if waiting := b.signer.Status().Withdrawals; len(waiting) != roll.MaxSpooled {
		t.Errorf("got %d after a restart, want %d", len(waiting), roll.MaxSpooled)
	}
}

// TestRotatedOut: what a withdraw key filled the spool with keeps nobody out once the key
// is not in the authority any more; and an operator gives it up, all at once.
func TestRotatedOut(t *testing.T) {
	b, hand := several(t)
	for i := range roll.MaxSpooled {
		if err := hand(i%4, "wd"); err != nil {
			t.Fatal(err)
		}
	}
	b.set(nil)
	b.Rotate(func(a *release.Authority) {
		wd, wd2 := releasetest.KeyFromName("wd").Key(), releasetest.KeyFromName("wd2").Key()
		delete(a.Keys, wd.ID())
		a.Keys[wd2.ID()] = wd2
		for i := range a.Roles {
			if a.Roles[i].Name == release.RoleWithdraw {
				a.Roles[i].Keys = []release.KeyID{wd2.ID()}
			}
		}
	})
	b.step()
	if err := hand(0, "wd"); release.CodeOf(err) != register.CodeSignerUnknown {
		t.Errorf("the old key: got %v", err)
	}
	for product := range 5 {
		if err := hand(product, "wd2"); err != nil {
			t.Errorf("the new key: %v", err)
		}
	}
	states := map[rollremote.State]int{}
	count := func() {
		clear(states)
		for _, one := range b.signer.Status().Withdrawals {
			states[one.State]++
		}
	}
	if count(); states[rollremote.StateRefused] != roll.MaxSpooled || states[rollremote.StateWaiting] != 5 {
		t.Errorf("got %v", states)
	}
	if _, err := roll.DropRefused(b.config.Directory); err == nil {
		t.Error("dropped under a running signer")
	}
	b.signer.Close()
	dropped, err := roll.DropRefused(b.config.Directory)
	if err != nil || len(dropped) != roll.MaxSpooled {
		t.Errorf("dropped %d, %v", len(dropped), err)
	}
	b.open()
	b.step()
	if count(); states[rollremote.StateRefused] != 0 || states[rollremote.StateWaiting] != 5 {
		t.Errorf("after the drop: got %v", states)
	}
	b.signer.Close()
	if dropped, err := roll.DropRefused(b.config.Directory); err != nil || dropped == nil || len(dropped) != 0 {
		t.Errorf("dropped again: %v, %v", dropped, err)
	}
	if _, err := roll.DropRefused(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no state directory: got %v", err)
	}
}

// running runs the signer of a bench that looks at its log when it is asked to alone, and
// returns how often it did.
func running(t *testing.T) (b *bench, approved release.Digest, asked *atomic.Int64) {
	t.Helper()
	b, asked = newBench(t, func(c *roll.Config) { c.Poll = time.Hour }), new(atomic.Int64)
	_, _, approved = b.Recipe()
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/checkpoint" {
			asked.Add(1)
		}
		return false
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := b.signer.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	for end := time.Now().Add(20 * time.Second); !b.signer.Status().Ready; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not follow the log: %+v", b.signer.Status())
		}
	}
	asked.Store(0)
	return b, approved, asked
}

// TestStrangersMakeNoSteps: what no withdraw key signed has the log not read on, whatever
// it names; only so many of them wait for the next step.
func TestStrangersMakeNoSteps(t *testing.T) {
	b, approved, asked := running(t)
	stated := b.Withdrawal(approved)
	stated.Authority = release.Digest{7}
	entry, _ := b.Sign(stated, "wd")
	envelope, err := release.ParseEnvelope(entry)
	if err != nil {
		t.Fatal(err)
	}
	envelope.Signatures[0].Sig[0] ^= 1
	forged, err := envelope.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.signer.Hand(t.Context(), forged); release.CodeOf(err) != release.CodeSignatureInvalid {
		t.Errorf("a forged signature: got %v", err)
	}
	strange, _ := b.Sign(stated, "nobody")
	const places = 8
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := make(chan error, places+1)
	for range places + 1 {
		go func() {
			_, err := b.signer.Hand(ctx, strange)
			results <- err
		}()
	}
	for i := range places + 1 {
		if behind, ok := errors.AsType[*roll.BehindError](<-results); !ok || release.CodeOf(behind) != register.CodeAuthorityNotInForce {
			t.Errorf("got %v", behind)
		}
		if i == 0 && ctx.Err() == nil {
			cancel() // the one without a place did not wait for that
		}
	}
	if got := asked.Load(); got != 0 {
		t.Errorf("the log was asked %d times", got)
	}
}

// TestOldAuthority: a withdrawal under an authority that the log has had is refused at
// once, for no newer state of the log admits it.
func TestOldAuthority(t *testing.T) {
	b, approved, asked := running(t)
	b.Rotate()
	stated := b.Withdrawal(approved)
	stated.Authority = b.InForce
	entry, _ := b.Sign(stated)
	if _, err := b.signer.Hand(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	if asked.Swap(0) == 0 {
		t.Error("the new authority is known without the log")
	}
	stated = b.Withdrawal(approved)
	stated.Authority = b.Authority
	entry, _ = b.Sign(stated)
	if _, err := b.signer.Hand(t.Context(), entry); release.CodeOf(err) != register.CodeAuthorityNotInForce {
		t.Errorf("got %v", err)
	}
	if got := asked.Load(); got != 0 {
		t.Errorf("the log was asked %d times", got)
	}
}

// TestReadOnOnce: many withdrawals of what is unknown have the log read on together.
func TestReadOnOnce(t *testing.T) {
	b, _, asked := running(t)
	var all sync.WaitGroup
	for range 20 {
		entry, _ := b.Sign(b.Withdrawal(release.Digest{1}))
		all.Go(func() {
			if _, err := b.signer.Hand(t.Context(), entry); release.CodeOf(err) != register.CodeTargetNotLogged {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if got := asked.Load(); got < 2 || got > 4 {
		t.Errorf("the log was asked %d times by 20, want 2 or 3", got)
	}
}

// TestLarge: before a log has as many entries as are followed at most, an alarm says so,
// and stops nothing.
func TestLarge(t *testing.T) {
	b := newBench(t, func(c *roll.Config) { c.MaxEntries = 5 })
	b.step()
	b.wantNoAlarm()
	_, _, approved := b.Recipe() // entries 1 to 3
	b.step()
	b.wantAlarm(roll.AlarmLogLarge, false)
	b.wantRolls(1, approved)
	if !b.signer.Status().Ready {
		t.Error("not ready")
	}
	entry, _ := b.Sign(b.Withdrawal(approved))
	b.Submit(entry)
	b.step()
	b.wantAlarm("log-too-large", true)
	b.wantAlarm(roll.AlarmLogLarge, false)
}
