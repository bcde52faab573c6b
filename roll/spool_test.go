package roll_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/roll"
)

// TestHandedInTwice: the time of the first hand-in stands.
func TestHandedInTwice(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.step()
	entry, _ := b.Sign(b.Withdrawal(approved))
	first, err := b.signer.Hand(b.t.Context(), entry)
	if err != nil {
		t.Fatal(err)
	}
	b.Advance(time.Minute)
	again, err := b.signer.Hand(b.t.Context(), entry)
	if err != nil || !again.HandedIn.Equal(first.HandedIn) {
		t.Errorf("got %+v, %v, want the time %s", again, err, first.HandedIn)
	}
	if waiting := b.signer.Status().Withdrawals; len(waiting) != 1 {
		t.Errorf("got %+v", waiting)
	}
}

// TestDisk: what cannot be made durable is not taken, and not signed.
func TestDisk(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.step()
	b.wantRolls(1, approved)
	if err := os.RemoveAll(b.config.Directory); err != nil {
		t.Fatal(err)
	}
	entry, digest := b.Sign(b.Withdrawal(approved))
	if _, err := b.signer.Hand(b.t.Context(), entry); err == nil {
		t.Error("a withdrawal was taken that is on no disk")
	}
	if _, ok := b.signer.Withdrawal(digest); ok {
		t.Error("it waits all the same")
	}
	b.Submit(entry)
	b.wantRolls(1, approved)
	b.wantAlarm(roll.AlarmState, true)
}

// TestLedgerComesFirst: a roll that could not be written down does not leave.
func TestLedgerComesFirst(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			t.Error("a roll was submitted")
		}
		return false
	})
	// A directory in the ledger's place cannot be replaced by a file.
	ledger := filepath.Join(b.config.Directory, "signed.json")
	if err := os.MkdirAll(filepath.Join(ledger, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.step()
	b.wantAlarm(roll.AlarmState, true)
	if err := os.RemoveAll(ledger); err != nil {
		t.Fatal(err)
	}
	b.set(nil)
	b.wantRolls(1, approved)
	b.wantNoAlarm()
}

// TestDamaged: a state directory with a damaged file is refused, by its file.
func TestDamaged(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.set(posts(func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }))
	entry, digest := b.Sign(b.Withdrawal(approved))
	if _, err := b.signer.Hand(b.t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	b.signer.Close()
	for _, name := range []string{"signed.json", "checkpoint", filepath.Join("withdrawals", digest.String()+".json")} {
		path := filepath.Join(b.config.Directory, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, good[:len(good)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		signer, err := roll.Open(b.config)
		if err == nil {
			signer.Close()
		}
		if err == nil || !strings.Contains(err.Error(), filepath.Base(name)) {
			t.Errorf("%s: got %v", name, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.open()
	if _, ok := b.signer.Withdrawal(digest); !ok {
		t.Error("the withdrawal is gone")
	}
}
