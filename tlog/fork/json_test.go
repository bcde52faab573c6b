package fork_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// files returns one file of each kind.
func files(t testing.TB) map[fork.Kind][]byte {
	t.Helper()
	a := tlogtest.NewLog(t, origin)
	a.Add([]byte("0"), []byte("1"), []byte("2"))
	b := a.Fork(1)
	b.Add([]byte("x"), []byte("y"))
	w := tlogtest.NewWitness(t, "w1", "Ops", tlog.TypeCosignatureEd25519)
	all := make(map[fork.Kind][]byte)
	add := func(e *fork.Evidence, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		data, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		all[e.Kind] = data
	}
	add(fork.NewSameSize(a.Checkpoint(2), b.Checkpoint(2)))
	add(fork.NewPrefix(a.Checkpoint(2), b.Checkpoint(3), b.Root(2), b.Consistency(2, 3)))
	earlier, later := a.Checkpoint(3, w.At(noon)), a.Checkpoint(2, w.At(noon.Add(time.Second)))
	for _, checkpoint := range []*tlog.SignedCheckpoint{earlier, later} {
		// Without the log's line, so that every byte of the file counts.
		checkpoint.Note.Signatures = checkpoint.Note.Signatures[1:]
	}
	add(fork.NewWitnessTime(earlier, later, w.Key.Verifier()))
	return all
}

func TestFileIsStrict(t *testing.T) {
	tests := []struct {
		name     string
		kind     fork.Kind
		old, new string
	}{
		{"white space", fork.SameSize, `{"checkpoints":`, `{ "checkpoints":`},
		{"an unknown member", fork.SameSize, `,"origin"`, `,"note":"","origin"`},
		{"a duplicate member", fork.SameSize, `,"origin"`, `,"kind":"same-size","origin"`},
		{"another kind's member", fork.SameSize, `,"origin"`, `,"consistency":[],"origin"`},
		{"an unknown kind", fork.SameSize, `same-size`, `other`},
		{"a kind without its members", fork.SameSize, `same-size`, `prefix`},
		{"another origin", fork.SameSize, `"origin":"log.example/acme"`, `"origin":"log.example/other"`},
		{"three checkpoints", fork.SameSize, `"checkpoints":[`, `"checkpoints":["",`},
		{"an escaped em dash", fork.SameSize, `— `, `\u2014 `},
		{"no root", fork.Prefix, `"root":`, `"roof":`},
		{"a witness where none is accused", fork.Prefix, `"root":`, `"witness":"w","root":`},
		{"a consistency proof that is null", fork.Prefix, `"consistency":[`, `"consistency":null,"x":[`},
		{"no witness", fork.WitnessTime, `"witness":`, `"witnesses":`},
		{"a witness that is no key", fork.WitnessTime, `"witness":"w1.example+`, `"witness":"w1.example-`},
	}
	all := files(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := string(all[tt.kind])
			if !strings.Contains(good, tt.old) {
				t.Fatalf("no %s in %s", tt.old, good)
			}
			if _, err := fork.Parse([]byte(strings.Replace(good, tt.old, tt.new, 1))); err == nil {
				t.Error("accepted")
			}
		})
	}
	for kind, good := range all {
		for name, data := range map[string][]byte{
			"trailing line feed": append(bytes.Clone(good), '\n'),
			"cut short":          good[:len(good)-1],
			"too long":           append(bytes.Clone(good), bytes.Repeat([]byte(" "), fork.MaxSize)...),
		} {
			if _, err := fork.Parse(data); err == nil {
				t.Errorf("%s, %s: accepted", kind, name)
			}
		}
	}
	if _, err := fork.Parse([]byte(strings.Replace(string(all[fork.SameSize]), "same-size", "false-roll", 1))); !errors.Is(err, fork.ErrKind) {
		t.Errorf("got %v, want %v", err, fork.ErrKind)
	}
}

// TestNoCheckpointEscapesEvidence: a log cannot keep its fork out of a file by
// what it writes into extension lines.
func TestNoCheckpointEscapesEvidence(t *testing.T) {
	a := tlogtest.NewLog(t, origin)
	a.Add([]byte("0"))
	b := a.Fork(0)
	b.Add([]byte("1"))
	for name, extension := range map[string]string{
		"separators":              "x\u2028\u2029\x7f\u202e",
		"only what JSON escapes":  strings.Repeat(`"\`, (tlog.MaxNote-500)/2),
		"what HTML would escape":  "<script>&",
		"the greatest characters": strings.Repeat("\U0010ffff", 1000),
	} {
		var notes []*tlog.SignedCheckpoint
		for _, log := range []*tlogtest.Log{a, b} {
			notes = append(notes, log.Sign(tlog.Checkpoint{Origin: origin, Size: 1, Root: log.Root(1), Extensions: []string{extension}}))
		}
		e, err := fork.NewSameSize(notes[0], notes[1])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := e.Marshal()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		read, err := fork.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := read.Verify(a.Key.Verifier()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTamperedFileProvesNothing: whichever byte is changed, the file does not
// parse or does not verify.
func TestTamperedFileProvesNothing(t *testing.T) {
	log := tlogtest.NewLog(t, origin)
	w := tlogtest.NewWitness(t, "w1", "Ops", tlog.TypeCosignatureEd25519)
	for kind, good := range files(t) {
		for i := range good {
			data := bytes.Clone(good)
			data[i] ^= 1
			e, err := fork.Parse(data)
			if err != nil {
				continue
			}
			if err := e.Verify(log.Key.Verifier(), w.Key.Verifier()); err == nil {
				t.Errorf("%s: byte %d of %d changed, still evidence: %.60q", kind, i, len(good), data[i:])
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, data := range files(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := fork.Parse(data)
		if err != nil {
			return
		}
		again, err := e.Marshal()
		if err != nil {
			t.Fatalf("parsed, does not marshal: %v", err)
		}
		if !bytes.Equal(again, data) {
			t.Errorf("reads %q, writes %q", data, again)
		}
	})
}

// TestDocumentedEvidence: the example of the documentation is what this code writes.
func TestDocumentedEvidence(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/fork.md")
	if err != nil {
		t.Fatal(err)
	}
	if example := "\n    " + string(files(t)[fork.Prefix]) + "\n"; !strings.Contains(string(text), example) {
		t.Errorf("docs/formats/fork.md does not show, as a line of its own:%s", example)
	}
}
