package cosign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
)

const origin = "log.example/test"

// fakeWitness answers add-checkpoint as its handler says; cosign makes the honest
// answer.
type fakeWitness struct {
	key    *tlog.SigningKey
	server *httptest.Server
}

func newWitness(t *testing.T, name string, answer func(w *fakeWitness, checkpoint tlog.Checkpoint, old string, rw http.ResponseWriter)) *fakeWitness {
	t.Helper()
	key, err := tlog.GenerateSigningKey(name, tlog.TypeCosignatureEd25519)
	if err != nil {
		t.Fatal(err)
	}
	w := &fakeWitness{key: key}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		head, note, _ := strings.Cut(string(body), "\n\n")
		signed, err := tlog.ParseCheckpoint([]byte(note))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		old, _, _ := strings.Cut(head, "\n")
		answer(w, signed.Checkpoint, strings.TrimPrefix(old, "old "), rw)
	}))
	t.Cleanup(w.server.Close)
	return w
}

func (w *fakeWitness) line(checkpoint tlog.Checkpoint, at time.Time) string {
	signature, err := w.key.Cosign(checkpoint, uint64(at.Unix()))
	if err != nil {
		panic(err)
	}
	return signature.Line()
}

// honest cosigns whatever comes.
func honest(w *fakeWitness, checkpoint tlog.Checkpoint, _ string, rw http.ResponseWriter) {
	io.WriteString(rw, w.line(checkpoint, time.Now()))
}

// group makes the Group of a 2-of-n policy over the witnesses.
func group(t *testing.T, options Options, witnesses ...*fakeWitness) *Group {
	t.Helper()
	key, err := tlog.GenerateSigningKey(origin, tlog.TypeEd25519)
	if err != nil {
		t.Fatal(err)
	}
	var text, names strings.Builder
	fmt.Fprintf(&text, "log %s\n", key.Verifier())
	for i, w := range witnesses {
		fmt.Fprintf(&text, "witness w%d %s %s\n", i, w.key.Verifier(), w.server.URL)
		fmt.Fprintf(&names, " w%d", i)
	}
	fmt.Fprintf(&text, "group g 2%s\nquorum g\n", names.String())
	p, err := policy.Parse([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	options.Logger = slog.New(slog.DiscardHandler)
	g, err := NewGroup(p, options)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func checkpoint(t *testing.T, size uint64) []byte {
	t.Helper()
	key, err := tlog.GenerateSigningKey(origin, tlog.TypeEd25519)
	if err != nil {
		t.Fatal(err)
	}
	c := tlog.Checkpoint{Origin: origin, Size: size, Root: tlog.Hash{1}}
	signature, err := key.SignNote(c.Text())
	if err != nil {
		t.Fatal(err)
	}
	note := tlog.Note{Text: c.Text(), Signatures: []tlog.NoteSignature{signature}}
	return note.Marshal()
}

func noProof(context.Context, uint64) ([]tlog.Hash, error) { return nil, nil }

func TestCosignCollectsTheQuorum(t *testing.T) {
	a, b, c := newWitness(t, "w.example/a", honest), newWitness(t, "w.example/b", honest), newWitness(t, "w.example/c", honest)
	g := group(t, Options{Grace: 5 * time.Second}, a, b, c)
	note, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := tlog.ParseCheckpoint(note)
	if err != nil {
		t.Fatal(err)
	}
	cosignatures, err := signed.Cosignatures([]tlog.VerifierKey{a.key.Verifier(), b.key.Verifier(), c.key.Verifier()})
	if err != nil || len(cosignatures) != 3 {
		t.Fatalf("got %d cosignatures, %v, want 3", len(cosignatures), err)
	}
}

// L1: whatever one witness answers, the other two make the quorum, nothing of
// the bad answer is in the note, and the status says what was wrong.
func TestL1BadAnswersCostOnlyTheirWitness(t *testing.T) {
	answer := func(status int, body string, headers ...string) func(*fakeWitness, tlog.Checkpoint, string, http.ResponseWriter) {
		return func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) {
			for i := 0; i < len(headers); i += 2 {
				rw.Header().Set(headers[i], headers[i+1])
			}
			rw.WriteHeader(status)
			io.WriteString(rw, body)
		}
	}
	stamped := func(shift time.Duration) func(*fakeWitness, tlog.Checkpoint, string, http.ResponseWriter) {
		return func(w *fakeWitness, c tlog.Checkpoint, _ string, rw http.ResponseWriter) {
			io.WriteString(rw, w.line(c, time.Now().Add(shift)))
		}
	}
	for _, c := range []struct {
		name   string
		answer func(*fakeWitness, tlog.Checkpoint, string, http.ResponseWriter)
		says   string
	}{
		{"endless body", func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) {
			for block := strings.Repeat("x", 1<<16); ; {
				if _, err := io.WriteString(rw, block); err != nil {
					return
				}
			}
		}, "more than"},
		{"compressed", answer(200, "\x1f\x8b", "Content-Encoding", "gzip"), "Content-Encoding"},
		{"redirect", answer(307, "", "Location", "http://127.0.0.1:1/add-checkpoint"), "answered 307"},
		{"no line", answer(200, ""), "200"},
		{"not a line", answer(200, "hello\n"), "signature lines"},
		{"unknown log", answer(404, ""), "does not know this log"},
		{"contradiction", answer(422, "bad proof\n"), "contradicts"},
		{"larger size", answer(409, "6\n", "Content-Type", "text/x.tlog.size"), "larger tree"},
		{"endless conflicts", answer(409, "3\n", "Content-Type", "text/x.tlog.size"), "409 more than"},
		{"conflict with leading zero", answer(409, "03\n", "Content-Type", "text/x.tlog.size"), "not with a size"},
		{"conflict of another type", answer(409, "3\n", "Content-Type", "text/plain"), "not as text/x.tlog.size"},
		{"far future", stamped(time.Hour), "clock"},
		{"far past", stamped(-time.Hour), "clock"},
		{"another size", func(w *fakeWitness, c tlog.Checkpoint, _ string, rw http.ResponseWriter) {
			c.Size++
			io.WriteString(rw, w.line(c, time.Now()))
		}, "w.example/bad"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := newWitness(t, "w.example/bad", c.answer)
			g := group(t, Options{Grace: 5 * time.Second}, bad, newWitness(t, "w.example/b", honest), newWitness(t, "w.example/c", honest))
			note, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(note), "w.example/bad") {
				t.Errorf("the note carries a line of the bad witness:\n%s", note)
			}
			if status := g.Witnesses()[0]; !strings.Contains(status.Error, c.says) {
				t.Errorf("status says %q, want something about %q", status.Error, c.says)
			}
		})
	}
}

// L3: a witness that hangs does not delay a quorum of the others.
func TestL3HangingWitnessDelaysNobody(t *testing.T) {
	release := make(chan struct{})
	hang := newWitness(t, "w.example/hang", func(*fakeWitness, tlog.Checkpoint, string, http.ResponseWriter) { <-release })
	t.Cleanup(func() { close(release) })
	g := group(t, Options{Timeout: time.Minute, Grace: -1}, hang, newWitness(t, "w.example/b", honest), newWitness(t, "w.example/c", honest))
	for size := range uint64(3) {
		if _, err := g.Cosign(t.Context(), checkpoint(t, size+1), noProof); err != nil {
			t.Fatal(err)
		}
	}
}

// L4: without a quorum the error names who is missing and why.
func TestL4NoQuorumNamesTheMissing(t *testing.T) {
	unknown := func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) { http.NotFound(rw, nil) }
	g := group(t, Options{}, newWitness(t, "w.example/a", unknown), newWitness(t, "w.example/b", unknown), newWitness(t, "w.example/c", honest))
	_, err := g.Cosign(t.Context(), checkpoint(t, 5), noProof)
	missing, ok := errors.AsType[*NoQuorumError](err)
	if !ok || len(missing.Missing) != 2 {
		t.Fatalf("got %v, want two missing witnesses", err)
	}
}

// A witness that names a smaller size gets the proof from there.
func TestConflictIsAnsweredWithTheProof(t *testing.T) {
	behind := func(w *fakeWitness, c tlog.Checkpoint, old string, rw http.ResponseWriter) {
		if old != "3" {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(http.StatusConflict)
			io.WriteString(rw, "3\n")
			return
		}
		honest(w, c, old, rw)
	}
	g := group(t, Options{}, newWitness(t, "w.example/a", behind), newWitness(t, "w.example/b", behind))
	var from []uint64
	_, err := g.Cosign(t.Context(), checkpoint(t, 5), func(_ context.Context, size uint64) ([]tlog.Hash, error) {
		from = append(from, size)
		return []tlog.Hash{{2}}, nil
	})
	if err != nil || len(from) != 1 || from[0] != 3 {
		t.Fatalf("proofs from %v, %v, want one from 3", from, err)
	}
}

// The probe succeeds only when those who have not confirmed cannot meet the
// quorum, and stops at a witness that knows more than the log.
func TestL6ProbeBeforeSigning(t *testing.T) {
	larger := func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		io.WriteString(rw, "9\n")
	}
	away := func(_ *fakeWitness, _ tlog.Checkpoint, _ string, rw http.ResponseWriter) {
		rw.WriteHeader(http.StatusBadGateway)
	}
	probe := func(a, b, c func(*fakeWitness, tlog.Checkpoint, string, http.ResponseWriter)) error {
		g := group(t, Options{}, newWitness(t, "w.example/a", a), newWitness(t, "w.example/b", b), newWitness(t, "w.example/c", c))
		return g.Probe(t.Context(), checkpoint(t, 5), noProof)
	}
	if err := probe(honest, honest, away); err != nil {
		t.Errorf("two of three confirmed: %v", err)
	}
	if _, ok := errors.AsType[*NoQuorumError](probe(honest, away, away)); !ok {
		t.Error("one of three confirmed: want a NoQuorumError")
	}
	rollback, ok := errors.AsType[*RollbackError](probe(honest, honest, larger))
	if !ok {
		t.Fatal("a witness knows a larger tree: want a RollbackError")
	}
	for _, says := range []string{"witness w2 claims a larger tree", "data end at size 5", "restore the newest one", "remove it from the log's own policy of witnesses"} {
		if !strings.Contains(rollback.Error(), says) {
			t.Errorf("the error %q does not say %q", rollback, says)
		}
	}
}
