package roll

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// stateTime is when the statements of these tests were issued.
var stateTime = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// rollEntry is the entry of a roll.
func rollEntry(tb testing.TB, product string) []byte {
	tb.Helper()
	statement, err := release.NewRoll(&release.Roll{Issued: stateTime, Authority: release.Digest{1}, Product: product, Origin: "log.example/acme", Size: 3, Root: release.Digest{2}, Rules: release.RollRules})
	if err != nil {
		tb.Fatal(err)
	}
	entry, _ := releasetest.SignStatement(tb, statement, "roll")
	return entry
}

// withdrawalEntry is the entry of a withdrawal.
func withdrawalEntry(tb testing.TB) ([]byte, release.Digest) {
	tb.Helper()
	statement, err := release.NewWithdrawal(&release.Withdrawal{Issued: stateTime, Authority: release.Digest{1}, Product: "acme/ai", Target: release.Digest{3}, Reason: release.ReasonDefect})
	if err != nil {
		tb.Fatal(err)
	}
	return releasetest.SignStatement(tb, statement, "withdraw")
}

func encoded(tb testing.TB, value any) []byte {
	tb.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// FuzzParseLedger: what parses names the product of each roll, and is read again as it
// is written.
func FuzzParseLedger(f *testing.F) {
	entry := rollEntry(f, "acme/ai")
	f.Add(encoded(f, map[string]signed{"acme/ai": {Envelope: entry, At: stateTime}}))
	f.Add(encoded(f, map[string]signed{"acme/other": {Envelope: entry, At: stateTime}}))
	f.Add([]byte(`{"acme/ai":{"envelope":"e30=","at":"2026-11-02T10:00:00Z"}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseLedger(data)
		if err != nil {
			return
		}
		for name, entry := range all {
			if entry.roll.Product != name || entry.digest.IsZero() {
				t.Fatalf("%q holds a roll of %q", name, entry.roll.Product)
			}
		}
		written, err := json.Marshal(all)
		if err != nil {
			return // a time that no JSON has
		}
		again, err := parseLedger(written)
		if err != nil || len(again) != len(all) {
			t.Fatalf("reads %q, writes %q: %v", data, written, err)
		}
		for name, entry := range all {
			if !again[name].At.Equal(entry.At) || again[name].digest != entry.digest {
				t.Errorf("%q: got %+v, want %+v", name, again[name], entry)
			}
		}
	})
}

// FuzzParseSpooled: what parses is the withdrawal of its name, with a time and a size,
// and is read again as it is written.
func FuzzParseSpooled(f *testing.F) {
	entry, digest := withdrawalEntry(f)
	f.Add(encoded(f, &spooled{HandedIn: stateTime, Size: 5, Envelope: entry}))
	f.Add(encoded(f, &spooled{HandedIn: stateTime, Envelope: entry}))
	f.Add(encoded(f, &spooled{Size: 5, Envelope: entry}))
	f.Add(encoded(f, &spooled{HandedIn: stateTime, Size: 5, Envelope: rollEntry(f, "acme/ai")}))
	f.Add([]byte(`{"handedIn":"2026-11-02T10:00:00Z","size":5,"envelope":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := parseSpooled(data, digest)
		if err != nil {
			return
		}
		if one.prepared.Digest != digest || one.HandedIn.IsZero() || one.Size == 0 || one.stated == nil {
			t.Fatalf("got %+v", one)
		}
		written, err := json.Marshal(one)
		if err != nil {
			return // a time that no JSON has
		}
		again, err := parseSpooled(written, digest)
		if err != nil || !again.HandedIn.Equal(one.HandedIn) || again.Size != one.Size || !cmp.Equal(again.Envelope, one.Envelope) {
			t.Errorf("reads %q, writes %q: %v", data, written, err)
		}
	})
}

// FuzzReadKept: the file of a kept checkpoint has one encoding.
func FuzzReadKept(f *testing.F) {
	l := tlogtest.NewLog(f, "log.example/acme")
	l.Add([]byte("1"))
	witness := tlogtest.NewWitness(f, "w1", "North", tlog.TypeCosignatureEd25519)
	f.Add(l.Checkpoint(1, witness.At(stateTime)).Marshal())
	f.Add(l.Checkpoint(0).Marshal())
	f.Add([]byte("log.example/acme\n1\n"))
	directory := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(directory, checkpointName), data, privateMode); err != nil {
			t.Fatal(err)
		}
		kept, err := readKept(directory)
		if err != nil {
			return
		}
		if written := string(kept.Marshal()); written != string(data) {
			t.Errorf("reads %q, writes %q", data, written)
		}
	})
}
