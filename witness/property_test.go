package witness_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// memories is a state of several logs.
type memories map[string]*memory

func (m memories) Log(ctx context.Context, origin string) (witness.Log, witness.Latest, error) {
	if m[origin] == nil {
		return witness.Log{}, witness.Latest{}, witness.ErrUnknownOrigin
	}
	return m[origin].Log(ctx, origin)
}

func (m memories) Note(ctx context.Context, hash [sha256.Size]byte) ([]byte, error) {
	for origin, one := range m {
		if sha256.Sum256([]byte(origin)) == hash {
			return one.Note(ctx, hash)
		}
	}
	return nil, witness.ErrUnknownOrigin
}

func (m memories) Advance(ctx context.Context, log witness.Log, from, to witness.Latest, note []byte) error {
	if m.Halted() {
		return witness.ErrHalted
	}
	return m[log.Origin].Advance(ctx, log, from, to, note)
}

func (m memories) KeepEvidence(ctx context.Context, evidence *fork.Evidence) (bool, error) {
	return m[evidence.Origin].KeepEvidence(ctx, evidence)
}

func (m memories) Halt(ctx context.Context, found witness.Unremembered) error {
	return m[found.Origin].Halt(ctx, found)
}

func (m memories) Halted() bool {
	for _, one := range m {
		if one.Halted() {
			return true
		}
	}
	return false
}

func (m memories) Followed(context.Context, string, int) ([]witness.Followed, error) { return nil, nil }

// cosigned is what the model knows of one log.
type cosigned struct {
	ever bool
	size int
	root tlog.Hash
	time uint64
}

// modelLog is a log with its forks, histories[0] among them.
type modelLog struct {
	histories []*witnesstest.Log
	cosigned
	evidence int // least count of contradictions shown so far
}

const most = 17 // leaves of each history

// answer is what the rules say of a request of a history, signed by the log.
// The proof is the history's own, unless spoiled.
func (m *modelLog) answer(history *witnesstest.Log, old, size int, spoiled bool) witness.Kind {
	root := history.Root(size)
	switch {
	case old > size:
		return witness.KindOldAboveSize
	case old != m.size:
		return witness.KindOldSize
	case old == 0 && spoiled:
		return witness.KindNeedlessProof
	case old == 0:
		return "accepted"
	case old == size && root != m.root:
		return witness.KindSameSize
	case old == size && spoiled:
		return witness.KindNeedlessProof
	case old == size:
		return "accepted"
	case spoiled || history.Root(old) != m.root:
		return witness.KindInconsistent
	}
	return "accepted"
}

// contradicts reports whether the request proves that the log shows two
// histories.
func (m *modelLog) contradicts(history *witnesstest.Log, old, size int, spoiled bool) bool {
	if !m.ever {
		return false
	}
	sameSize := size == m.size && history.Root(size) != m.root
	derivable := old == m.size && size > old && old&(old-1) != 0 && !spoiled
	return sameSize || derivable && history.Root(old) != m.root
}

// TestAnySequenceAgainstAModel: whatever honest and forking logs send in
// whatever order, the answers, the time stamps, the evidence and the halt are
// those of the rules, and all that was ever cosigned of a log is one history.
func TestAnySequenceAgainstAModel(t *testing.T) {
	seen := map[witness.Kind]int{}
	evidence := map[fork.Kind]int{}
	for seed := range uint64(12) {
		playSequence(t, rand.New(rand.NewPCG(seed, 4)), 150, seen, evidence)
	}
	for _, kind := range []witness.Kind{"accepted", witness.KindOldAboveSize, witness.KindOldSize, witness.KindNeedlessProof, witness.KindSameSize, witness.KindInconsistent, witness.KindRolledBack} {
		if seen[kind] < 5 {
			t.Errorf("%s was answered %d times: the sequences show too little", kind, seen[kind])
		}
	}
	if evidence[fork.SameSize] < 5 || evidence[fork.Prefix] < 5 {
		t.Errorf("kept evidence %v: the sequences show too little", evidence)
	}
}

func playSequence(t *testing.T, random *rand.Rand, steps int, seen map[witness.Kind]int, kinds map[fork.Kind]int) {
	t.Helper()
	keys := newKeys(t)
	state := memories{}
	at := &clock{start}
	w, err := witness.New(witness.Config{Keys: keys, State: state, Now: at.read, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var logs []*modelLog
	for _, origin := range []string{"log.example/a", "log.example/b"} {
		honest := witnesstest.NewLog(t, origin, most)
		logs = append(logs, &modelLog{histories: []*witnesstest.Log{honest, honest.Fork(random.IntN(most)), honest.Fork(random.IntN(most))}})
		state[origin] = &memory{log: witness.Log{Origin: origin, Keys: []tlog.VerifierKey{honest.Key.Verifier()}}}
	}
	halted := false
	for range steps {
		at.now = at.now.Add(time.Duration(random.IntN(4)-1) * time.Second)
		log := logs[random.IntN(len(logs))]
		history := log.histories[0]
		if random.IntN(3) == 0 {
			history = log.histories[random.IntN(3)]
		}
		old := log.size
		if random.IntN(4) == 0 {
			old = random.IntN(most + 1)
		}
		size := min(old+random.IntN(4), most)
		if random.IntN(4) == 0 {
			size = random.IntN(most + 1)
		}
		request := &witness.AddCheckpoint{OldSize: uint64(old), Checkpoint: history.Checkpoint(size)}
		if old <= size {
			request.Proof = history.Consistency(old, size)
		}
		spoiled := random.IntN(8) == 0
		if spoiled {
			if request.Proof = slices.Clone(request.Proof); len(request.Proof) > 0 {
				request.Proof[random.IntN(len(request.Proof))][3] ^= 1
			} else {
				request.Proof = []tlog.Hash{{1}}
			}
		}
		want, contradiction := log.answer(history, old, size, spoiled), log.contradicts(history, old, size, spoiled)
		if random.IntN(5) == 0 {
			// A cosignature of the witness's own, nearly always one that was made.
			made := log.cosigned
			if random.IntN(6) == 0 {
				made.time += uint64(random.IntN(2))
			}
			stamp := max(made.time, uint64(start.Unix()))
			if random.IntN(30) > 0 && (size > made.size || size == made.size && history.Root(size) != made.root) {
				stamp = 0
			}
			if stamp > 0 {
				line := own(t, keys, keyTypes[random.IntN(2)], request.Checkpoint.Checkpoint, time.Unix(int64(stamp), 0))
				with(request, line)
				news := !log.ever || size > log.size || size == log.size && history.Root(size) != log.root || stamp > log.time
				halted = halted || news
			}
		}
		if halted {
			want = witness.KindRolledBack
		}

		before := *log
		answer, err := w.AddCheckpoint(t.Context(), request.Marshal())
		if got := kindOf(err); got != want {
			t.Fatalf("from %d to %d at %d: got %s (%v), want %s", old, size, log.size, got, err, want)
		}
		seen[want]++
		kept := state[history.Origin]
		if want == "accepted" {
			now := max(uint64(at.now.Unix()), log.time)
			log.cosigned = cosigned{true, size, history.Root(size), now}
			checkAnswer(t, w, request, answer, now)
			if history.Root(size) != log.root || before.size > 0 && history.Root(before.size) != before.root {
				t.Fatal("cosigned what does not extend the latest")
			}
		} else if answer != nil {
			t.Fatalf("refused, with an answer %q", answer)
		}
		var refusal *witness.Error
		if errors.As(err, &refusal) && refusal.Kind == witness.KindOldSize && refusal.Size != uint64(log.size) {
			t.Fatalf("told size %d, want %d", refusal.Size, log.size)
		}
		if (kept.latest != witness.Latest{Size: uint64(log.size), Root: log.root, Time: log.time}) {
			t.Fatalf("the state is at %+v, want %+v", kept.latest, log.cosigned)
		}
		if more := len(kept.evidence) - log.evidence; more < 0 || more > 1 || more == 1 && !contradiction || contradiction && len(kept.evidence) == 0 {
			t.Fatalf("%d more evidence, contradiction %v", more, contradiction)
		}
		log.evidence = len(kept.evidence)
		if w.Halted() != halted {
			t.Fatalf("halted %v, want %v", w.Halted(), halted)
		}
	}
	for _, log := range logs {
		for _, evidence := range state[log.histories[0].Origin].evidence {
			kinds[evidence.Kind]++
			if err := evidence.Verify(log.histories[0].Key.Verifier()); err != nil {
				t.Error(err)
			}
		}
	}
}

// checkAnswer verifies the cosignatures of an answer and their time.
func checkAnswer(t *testing.T, w *witness.Witness, request *witness.AddCheckpoint, answer []byte, want uint64) {
	t.Helper()
	lines, err := tlog.ParseSignatureLines(string(answer))
	if err != nil {
		t.Fatal(err)
	}
	alone, err := tlog.NewSignedCheckpoint(request.Checkpoint.Checkpoint, lines...)
	if err != nil {
		t.Fatal(err)
	}
	cosignatures, err := alone.Cosignatures(w.Keys())
	if err != nil || len(cosignatures) != 2 || cosignatures[0].Time != want || cosignatures[1].Time != want {
		t.Fatalf("got cosignatures %+v, %v, want two at %d", cosignatures, err, want)
	}
}

// FuzzAddCheckpoint: whatever the body, a witness does not fail, cosigns only
// what its log has signed and extends the latest, and answers refusals with a
// kind.
func FuzzAddCheckpoint(f *testing.F) {
	log := witnesstest.NewLog(f, "log.example/a", 9)
	forked := log.Fork(3)
	w, state, _ := newWitness(f, log)
	if _, err := w.AddCheckpoint(f.Context(), log.Request(0, 5).Marshal()); err != nil {
		f.Fatal(err)
	}
	latest, note := state.latest, state.note
	for _, request := range []*witness.AddCheckpoint{log.Request(5, 9), log.Request(5, 5), log.Request(3, 9), forked.Request(5, 5), forked.Request(5, 9), forked.Request(4, 9)} {
		f.Add(request.Marshal())
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		state.latest, state.note, state.evidence = latest, note, nil
		_, err := w.AddCheckpoint(t.Context(), body)
		var refusal *witness.Error
		if err != nil && !errors.As(err, &refusal) {
			t.Fatalf("untyped: %v", err)
		}
		if err == nil {
			if size := int(state.latest.Size); size < 5 || size > 9 || state.latest.Root != log.Root(size) {
				t.Fatalf("cosigned size %d and root %s", size, state.latest.Root)
			}
		}
		for _, evidence := range state.evidence {
			if err := evidence.Verify(log.Key.Verifier()); err != nil {
				t.Fatal(err)
			}
		}
		if w.Halted() {
			t.Fatal("halted")
		}
	})
}
