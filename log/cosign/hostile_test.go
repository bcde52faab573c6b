package cosign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
)

func conflict(rw http.ResponseWriter, size uint64) {
	rw.Header().Set("Content-Type", "text/x.tlog.size")
	rw.WriteHeader(http.StatusConflict)
	fmt.Fprintf(rw, "%d\n", size)
}

// L1: foreign lines and repeated ones are not taken over; the good one is, once.
func TestL1ForeignAndRepeatedLinesAreDropped(t *testing.T) {
	stranger, err := tlog.GenerateSigningKey("w.example/stranger", tlog.TypeCosignatureEd25519)
	if err != nil {
		t.Fatal(err)
	}
	talkative := func(w *fakeWitness, c tlog.Checkpoint, _ string, rw http.ResponseWriter) {
		foreign, _ := stranger.Cosign(c, uint64(time.Now().Unix()))
		own := w.line(c, time.Now())
		io.WriteString(rw, foreign.Line()+own+own+foreign.Line())
	}
	a, b := newWitness(t, "w.example/a", talkative), newWitness(t, "w.example/b", honest)
	note, err := group(t, Options{}, a, b).Cosign(t.Context(), checkpoint(t, 5), noProof)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(note); strings.Contains(text, "stranger") || strings.Count(text, "— w.example/a ") != 1 || strings.Count(text, "— w.example/b ") != 1 {
		t.Errorf("got\n%s", text)
	}
}

// L1: one good line beside a forged one under the same witness's key is not
// taken: a witness that signs nonsense is not trusted with the rest.
func TestL1ForgedLineSpoilsTheAnswer(t *testing.T) {
	forger := func(w *fakeWitness, c tlog.Checkpoint, _ string, rw http.ResponseWriter) {
		other := c
		other.Size++
		io.WriteString(rw, w.line(c, time.Now())+w.line(other, time.Now()))
	}
	g := group(t, Options{}, newWitness(t, "w.example/a", forger), newWitness(t, "w.example/b", honest))
	if note, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof); err == nil {
		t.Errorf("got\n%s", note)
	}
}

// L1: an endless answer costs no memory to speak of.
func TestL1EndlessAnswerIsCutOff(t *testing.T) {
	var sent atomic.Int64
	endless := func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) {
		for block := []byte(strings.Repeat("x", 1<<16)); sent.Load() < 400<<20; {
			n, err := rw.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
	g := group(t, Options{}, newWitness(t, "w.example/a", endless), newWitness(t, "w.example/b", endless))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof); err == nil {
		t.Error("no error")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("allocated %d bytes", got)
	}
	if sent.Load() > 64<<20 {
		t.Errorf("the witnesses got rid of %d bytes", sent.Load())
	}
}

// L2: 409s without end, each with another size, are given up, and a size beyond
// what was signed is never proved to anybody.
func TestL2EndlessConflicts(t *testing.T) {
	for name, next := range map[string]func(n int64) uint64{
		"changing": func(n int64) uint64 { return uint64(n) % 5 },
		"the same": func(int64) uint64 { return 3 },
		"larger":   func(n int64) uint64 { return 1000 + uint64(n) },
		"greatest": func(int64) uint64 { return 1<<63 - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			liar := newWitness(t, "w.example/liar", func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) {
				conflict(rw, next(asked.Add(1)))
			})
			g := group(t, Options{Grace: time.Second}, liar, newWitness(t, "w.example/b", honest), newWitness(t, "w.example/c", honest))
			for range 5 { // the back-off keeps it from being asked again
				_, err := g.Cosign(t.Context(), checkpoint(t, 5), func(_ context.Context, from uint64) ([]tlog.Hash, error) {
					if from >= 5 {
						t.Errorf("a proof from size %d was made", from)
					}
					return nil, nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if got := asked.Load(); got > maxConflicts+1 {
				t.Errorf("asked %d times, want at most %d", got, maxConflicts+1)
			}
			status := g.Witnesses()[0]
			if status.Error == "" || status.RetryAt.IsZero() {
				t.Errorf("status: %+v", status)
			}
			if larger := name == "larger" || name == "greatest"; larger != (status.Alarm != "") {
				t.Errorf("alarm: %q", status.Alarm)
			}
		})
	}
}

// L3: a witness that hangs, and no quorum from the others: the round ends with
// its timeout and says who hangs.
func TestL3HangingWitnessWithoutQuorum(t *testing.T) {
	free := make(chan struct{})
	hang := newWitness(t, "w.example/hang", func(*fakeWitness, tlog.Checkpoint, string, http.ResponseWriter) { <-free })
	t.Cleanup(func() { close(free) })
	g := group(t, Options{Timeout: 50 * time.Millisecond}, hang, newWitness(t, "w.example/b", honest))
	_, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof)
	missing, ok := errors.AsType[*NoQuorumError](err)
	if !ok || len(missing.Missing) != 1 || !strings.Contains(missing.Missing[0], "w0") {
		t.Errorf("got %v, want only w0 missing", err)
	}
}

// A probe that has been confirmed does not wait for a witness that hangs.
func TestProbeDoesNotWaitForTheRest(t *testing.T) {
	free := make(chan struct{})
	hang := newWitness(t, "w.example/hang", func(*fakeWitness, tlog.Checkpoint, string, http.ResponseWriter) { <-free })
	t.Cleanup(func() { close(free) })
	g := group(t, Options{Timeout: time.Hour}, hang, newWitness(t, "w.example/b", honest), newWitness(t, "w.example/c", honest))
	if err := g.Probe(t.Context(), checkpoint(t, 5), noProof); err != nil {
		t.Error(err)
	}
}

// Old time stamps of so many witnesses that the quorum needs one of them say that
// this clock is wrong; those of fewer say nothing.
func TestOldTimeStamps(t *testing.T) {
	late := func(w *fakeWitness, c tlog.Checkpoint, _ string, rw http.ResponseWriter) {
		io.WriteString(rw, w.line(c, time.Now().Add(-6*time.Minute)))
	}
	away := func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) {
		rw.WriteHeader(http.StatusBadGateway)
	}
	type answer = func(*fakeWitness, tlog.Checkpoint, string, http.ResponseWriter)
	for _, c := range []struct {
		name    string
		answers [3]answer
		clock   bool
	}{
		{"all", [3]answer{late, late, late}, true},
		{"two of three", [3]answer{late, late, honest}, true},
		{"one, and one away", [3]answer{late, away, honest}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var witnesses []*fakeWitness
			for i, answer := range c.answers {
				witnesses = append(witnesses, newWitness(t, fmt.Sprint("w.example/", i), answer))
			}
			g := group(t, Options{}, witnesses...)
			_, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof)
			if err == nil || errors.Is(err, log.ErrClock) != c.clock {
				t.Errorf("cosign: got %v", err)
			}
			// In a further round they are left alone, and the finding stands.
			_, err = g.Cosign(t.Context(), checkpoint(t, 5), noProof)
			if err == nil || errors.Is(err, log.ErrClock) != c.clock {
				t.Errorf("cosign again: got %v", err)
			}
			err = g.Probe(t.Context(), checkpoint(t, 5), noProof)
			if err == nil || errors.Is(err, log.ErrClock) != c.clock {
				t.Errorf("probe: got %v", err)
			}
		})
	}
}
