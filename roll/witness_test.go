package roll_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/roll"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/web/webtest"
)

// backdated is the log's newest checkpoint, which w1 cosigned before all others.
func (b *bench) backdated() []byte {
	b.t.Helper()
	response, err := http.Get(b.URL + "/checkpoint")
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	shown, err := tlog.ParseCheckpoint(data)
	if err != nil {
		b.t.Fatal(err)
	}
	w1 := tlogtest.NewWitness(b.t, "w1", "North", tlog.TypeCosignatureEd25519)
	changed, err := shown.With(w1.At(webtest.Start.Add(-time.Hour)).Cosign(b.t, shown.Checkpoint))
	if err != nil {
		b.t.Fatal(err)
	}
	return changed.Marshal()
}

// TestWitnessThatLied: it counts no more, after a restart too, while the evidence lies
// in the state directory.
func TestWitnessThatLied(t *testing.T) {
	b := newBench(t)
	_, _, approved := b.Recipe()
	b.wantRolls(1, approved)
	b.Advance(time.Minute)
	entry, _ := b.Sign(b.Model("other", "1"))
	b.Submit(entry)
	shown := b.backdated()
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/checkpoint" {
			return false
		}
		w.Header().Set("Content-Type", "text/plain")
		_, err := w.Write(shown)
		return err == nil
	})
	b.step()
	b.wantAlarm(roll.AlarmWitness, false)
	files, err := filepath.Glob(filepath.Join(b.config.Directory, "witness-*.fork"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got evidence %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	evidence, err := fork.Parse(data)
	if err != nil || evidence.Kind != fork.WitnessTime || evidence.Verify(b.Policy.WitnessKeys()...) != nil {
		t.Fatalf("got %+v, %v", evidence, err)
	}

	b.set(nil)
	b.Witnesses.Send("w3") // w1 and w2 are a quorum to whoever believes w1
	b.Advance(time.Minute)
	entry, _ = b.Sign(b.Model("another", "1"))
	b.Submit(entry)
	b.restart()
	b.step()
	b.wantAlarm(roll.AlarmWitness, false)
	b.wantAlarm("quorum", true)

	b.signer.Close()
	if err := os.WriteFile(files[0], data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if signer, err := roll.Open(b.config); err == nil || !strings.Contains(err.Error(), filepath.Base(files[0])) {
		if err == nil {
			signer.Close()
		}
		t.Errorf("a damaged file: got %v", err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.step()
	b.wantNoAlarm()
}
