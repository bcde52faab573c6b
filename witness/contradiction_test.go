package witness_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// counted are the kinds that the hooks were told of.
type counted struct{ found, lost []fork.Kind }

func (c *counted) hook(config *witness.Config) {
	config.Hooks = witness.Hooks{
		EvidenceFound: func(kind fork.Kind) { c.found = append(c.found, kind) },
		EvidenceLost:  func(kind fork.Kind) { c.lost = append(c.lost, kind) },
	}
}

// TestW8Evidence: the state holds size 5 (or 4) of the honest log; its fork
// shares the first two leaves.
func TestW8Evidence(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 12)
	forked := log.Fork(2)
	garbage := forked.Request(5, 9)
	garbage.Proof[1] = tlog.Hash{1}
	for name, c := range map[string]struct {
		latest  int
		request *witness.AddCheckpoint
		answer  witness.Kind
		kind    fork.Kind
	}{
		"another root at the size":                 {5, forked.Request(5, 5), witness.KindSameSize, fork.SameSize},
		"the same with another old size":           {5, forked.Request(3, 5), witness.KindOldSize, fork.SameSize},
		"the same with old 0":                      {5, forked.Request(0, 5), witness.KindOldSize, fork.SameSize},
		"the same with an old size above":          {5, &witness.AddCheckpoint{OldSize: 9, Checkpoint: forked.Checkpoint(5)}, witness.KindOldAboveSize, fork.SameSize},
		"the same with a needless proof":           {5, &witness.AddCheckpoint{OldSize: 5, Proof: log.Consistency(5, 9), Checkpoint: forked.Checkpoint(5)}, witness.KindSameSize, fork.SameSize},
		"another root at a power of two":           {4, forked.Request(4, 4), witness.KindSameSize, fork.SameSize},
		"a made-up root at size 0":                 {0, &witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Root: tlog.Hash{7}})}, witness.KindEmptyRoot, fork.SameSize},
		"a proof from another root":                {5, forked.Request(5, 9), witness.KindInconsistent, fork.Prefix},
		"a proof from another root, power of two":  {4, forked.Request(4, 9), witness.KindInconsistent, ""},
		"a proof that leads nowhere":               {5, garbage, witness.KindInconsistent, ""},
		"no proof":                                 {5, &witness.AddCheckpoint{OldSize: 5, Checkpoint: forked.Checkpoint(9)}, witness.KindInconsistent, ""},
		"the honest proof to the fork":             {5, &witness.AddCheckpoint{OldSize: 5, Proof: log.Consistency(5, 9), Checkpoint: forked.Checkpoint(9)}, witness.KindInconsistent, ""},
		"the fork from another old size":           {5, forked.Request(6, 9), witness.KindOldSize, ""},
		"a smaller size of the fork":               {5, forked.Request(3, 4), witness.KindOldSize, ""},
		"a smaller size of the log":                {5, log.Request(3, 4), witness.KindOldSize, ""},
		"the latest with another old size":         {5, log.Request(3, 5), witness.KindOldSize, ""},
		"the latest with an old size above":        {5, &witness.AddCheckpoint{OldSize: 9, Checkpoint: log.Checkpoint(5)}, witness.KindOldAboveSize, ""},
		"the latest with another extension":        {5, &witness.AddCheckpoint{OldSize: 5, Checkpoint: log.Checkpoint(5, "x")}, "accepted", ""},
		"what extends it":                          {5, log.Request(5, 9), "accepted", ""},
		"a size-0 root where nothing was cosigned": {-1, &witness.AddCheckpoint{Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Root: tlog.Hash{7}})}, witness.KindEmptyRoot, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var told counted
			w, state, at := newWitness(t, log, told.hook)
			if c.latest >= 0 {
				times(t, w, log.Request(0, c.latest))
			}
			body := c.request.Marshal()
			answer, err := w.AddCheckpoint(t.Context(), body)
			if kindOf(err) != c.answer || (err != nil && answer != nil) {
				t.Fatalf("got %v, want %s", err, c.answer)
			}
			if c.kind == "" {
				if len(state.evidence) > 0 || len(told.found)+len(told.lost) > 0 {
					t.Fatalf("kept %d evidence, said %+v", len(state.evidence), told)
				}
				return
			}
			if len(state.evidence) != 1 || state.evidence[0].Kind != c.kind || len(told.found) != 1 || told.found[0] != c.kind {
				t.Fatalf("kept %d evidence, said %+v, want one of kind %s", len(state.evidence), told, c.kind)
			}
			if err := state.evidence[0].Verify(log.Key.Verifier()); err != nil {
				t.Error(err)
			}
			file, err := state.evidence[0].Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if read, err := fork.Parse(file); err != nil || !read.Equal(state.evidence[0]) {
				t.Errorf("the file does not read back: %v", err)
			}

			// The same once more, with foreign lines, another time of the latest
			// and lines under our name: the same answer and the same file.
			at.now = at.now.Add(time.Minute)
			times(t, w, log.Request(c.latest, c.latest))
			stranger := witnesstest.NewKey(t, "stranger.example", tlog.TypeCosignatureEd25519)
			foreign, err := stranger.Cosign(c.request.Checkpoint.Checkpoint, 1800000000)
			if err != nil {
				t.Fatal(err)
			}
			forged := foreign
			forged.Name, forged.KeyID = w.Keys()[0].Name, w.Keys()[0].KeyID
			again := *c.request
			again.Checkpoint = &tlog.SignedCheckpoint{Checkpoint: c.request.Checkpoint.Checkpoint, Note: &tlog.Note{Text: c.request.Checkpoint.Note.Text,
				Signatures: append(c.request.Checkpoint.Note.Signatures[:1:1], foreign, forged)}}
			if _, err := w.AddCheckpoint(t.Context(), again.Marshal()); kindOf(err) != c.answer {
				t.Errorf("again: got %v, want %s", err, c.answer)
			}
			if len(state.evidence) != 1 || len(told.found) != 1 || len(told.lost) != 0 {
				t.Errorf("again: kept %d evidence, said %+v", len(state.evidence), told)
			}
			if strings.Contains(string(file), w.Keys()[0].Name) {
				t.Errorf("the evidence holds lines under our own name:\n%s", file)
			}
		})
	}
}

// TestEvidenceThatCannotBeKept changes no answer, and is said.
func TestEvidenceThatCannotBeKept(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 12)
	forked := log.Fork(2)
	for name, spoil := range map[string]func(*memory){
		"the disk is full":        func(m *memory) { m.evidenceFailure = errors.New("disk full") },
		"no note since a restore": func(m *memory) { m.note = nil },
		"a note of another size":  func(m *memory) { m.note = log.Checkpoint(7).Marshal() },
		"a note that is none":     func(m *memory) { m.note = []byte("x") },
	} {
		t.Run(name, func(t *testing.T) {
			var told counted
			w, state, _ := newWitness(t, log, told.hook)
			times(t, w, log.Request(0, 5))
			spoil(state)
			for _, c := range []struct {
				request *witness.AddCheckpoint
				want    witness.Kind
			}{{forked.Request(5, 5), witness.KindSameSize}, {forked.Request(3, 5), witness.KindOldSize}, {forked.Request(5, 9), witness.KindInconsistent}} {
				if answer, err := w.AddCheckpoint(t.Context(), c.request.Marshal()); kindOf(err) != c.want || answer != nil {
					t.Errorf("got %q, %v, want %s", answer, err, c.want)
				}
			}
			if len(told.lost) != 3 || len(told.found) != 0 {
				t.Errorf("said %+v, want three lost", told)
			}
			times(t, w, log.Request(5, 9))
		})
	}
}

// TestNobodyElseMakesEvidence: a fork that the log has not signed is none.
func TestNobodyElseMakesEvidence(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	w, state, _ := newWitness(t, log)
	times(t, w, log.Request(0, 5))
	forked := log.Fork(2)
	forked.Key = witnesstest.NewKey(t, log.Origin, tlog.TypeEd25519)
	for _, request := range []*witness.AddCheckpoint{forked.Request(5, 5), forked.Request(5, 9)} {
		if _, err := w.AddCheckpoint(t.Context(), request.Marshal()); kindOf(err) != witness.KindNotSigned {
			t.Errorf("got %v", err)
		}
	}
	if len(state.evidence) != 0 {
		t.Errorf("kept %d evidence", len(state.evidence))
	}
}
