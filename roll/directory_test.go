package roll_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/muster-log/muster/roll"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/web/webtest"
)

// showsFork has the log show another history of the size that is followed.
func (b *bench) showsFork() {
	b.t.Helper()
	size := b.signer.Status().Size
	other := tlogtest.NewLog(b.t, webtest.Origin)
	for range size {
		other.Add([]byte("another history"))
	}
	forked := other.Checkpoint(size).Marshal()
	b.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/checkpoint" {
			return false
		}
		w.Header().Set("Content-Type", "text/plain")
		_, err := w.Write(forked)
		return err == nil
	})
}

// TestEvidenceIsFound: the evidence against a log keeps a signer from starting, whatever
// the state directory is called.
func TestEvidenceIsFound(t *testing.T) {
	for _, name := range []string{"muster[roll]", "muster*", "muster?", `muster\roll`, "muster[", "log-.fork"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *roll.Config) { c.Directory = filepath.Join(t.TempDir(), name) })
			b.step()
			b.showsFork()
			failure := misbehaved(t, b.signer.Step(t.Context()))
			if filepath.Dir(failure.Path) != b.config.Directory {
				t.Errorf("the evidence is in %s, want it in %s", failure.Path, b.config.Directory)
			}
			b.set(nil)
			if err := b.signer.Close(); err != nil {
				t.Fatal(err)
			}
			signer, err := roll.Open(b.config)
			if err == nil {
				signer.Close()
			}
			if again := misbehaved(t, err); again.Path != failure.Path {
				t.Errorf("got %s, want %s", again.Path, failure.Path)
			}
		})
	}
}
