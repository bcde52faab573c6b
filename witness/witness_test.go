package witness_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// memory is a state for one log whose next changes can be made to fail.
type memory struct {
	mu     sync.Mutex
	log    witness.Log
	latest witness.Latest
	note   []byte
	// evidence and unremembered are what was kept of others' faults and of its own.
	evidence     []*fork.Evidence
	unremembered []witness.Unremembered
	halted       bool
	// evidenceFailure and haltFailure are why neither can be kept.
	evidenceFailure, haltFailure error
	// before runs ahead of each change, in place of another process.
	before func(*memory)
	// failure is the next change's error; kept says whether it is made anyhow.
	failure error
	kept    bool
}

func (m *memory) Log(_ context.Context, origin string) (witness.Log, witness.Latest, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if origin != m.log.Origin {
		return witness.Log{}, witness.Latest{}, witness.ErrUnknownOrigin
	}
	return m.log, m.latest, nil
}

func (m *memory) Note(_ context.Context, hash [sha256.Size]byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if hash != sha256.Sum256([]byte(m.log.Origin)) {
		return nil, witness.ErrUnknownOrigin
	}
	return m.note, nil
}

func (m *memory) Advance(_ context.Context, _ witness.Log, from, to witness.Latest, note []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.before != nil {
		m.before(m)
	}
	if m.halted {
		return witness.ErrHalted
	}
	if m.latest != from {
		return witness.ErrConflict
	}
	failure := m.failure
	m.failure = nil
	if failure == nil || m.kept {
		m.latest, m.note = to, note
	}
	return failure
}

func (m *memory) KeepEvidence(_ context.Context, evidence *fork.Evidence) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.evidenceFailure != nil {
		return false, m.evidenceFailure
	}
	if slices.ContainsFunc(m.evidence, evidence.Equal) {
		return false, nil
	}
	m.evidence = append(m.evidence, evidence)
	return true, nil
}

func (m *memory) Halt(_ context.Context, found witness.Unremembered) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.halted = true
	if m.haltFailure == nil {
		m.unremembered = append(m.unremembered, found)
	}
	return m.haltFailure
}

func (m *memory) Halted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.halted
}

func (m *memory) Followed(context.Context, string, int) ([]witness.Followed, error) {
	return []witness.Followed{{Log: m.log, Latest: m.latest}}, nil
}

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// newWitness returns a witness that follows log. Changes are made to its
// configuration first.
func newWitness(tb testing.TB, log *witnesstest.Log, changes ...func(*witness.Config)) (*witness.Witness, *memory, *clock) {
	tb.Helper()
	state := &memory{log: witness.Log{Origin: log.Origin, Keys: []tlog.VerifierKey{log.Key.Verifier()}}}
	at := &clock{start}
	config := witness.Config{Keys: newKeys(tb), State: state, Now: at.read, Logger: slog.New(slog.DiscardHandler)}
	for _, change := range changes {
		change(&config)
	}
	w, err := witness.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return w, state, at
}

func newKeys(tb testing.TB) witness.Keys {
	tb.Helper()
	keys, err := witness.GenerateKeys("witness.example/w1")
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

// times submits a request and returns the time stamps of the cosignatures.
func times(t *testing.T, w *witness.Witness, request *witness.AddCheckpoint) []uint64 {
	t.Helper()
	answer, err := w.AddCheckpoint(t.Context(), request.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	lines, err := tlog.ParseSignatureLines(string(answer))
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := request.Checkpoint.With(lines...)
	if err != nil {
		t.Fatal(err)
	}
	cosignatures, err := cosigned.Cosignatures(w.Keys())
	if err != nil {
		t.Fatal(err)
	}
	var stamps []uint64
	for _, cosignature := range cosignatures {
		stamps = append(stamps, cosignature.Time)
	}
	return stamps
}

func TestW6ClockStepsBack(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	w, _, at := newWitness(t, log)
	first := uint64(start.Unix())
	for i, step := range []struct {
		clock    time.Duration
		from, to int
		want     uint64
	}{
		{0, 0, 3, first},
		{-time.Hour, 3, 5, first},
		{-time.Hour, 5, 5, first},
		{time.Minute, 5, 9, first + 60},
		{time.Second, 9, 9, first + 60},
	} {
		at.now = start.Add(step.clock)
		if got, want := times(t, w, log.Request(step.from, step.to)), []uint64{step.want, step.want}; !slices.Equal(got, want) {
			t.Errorf("step %d: got time stamps %d, want %d", i, got, want)
		}
	}
}

func TestW6ClockNeverSet(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	w, state, at := newWitness(t, log)
	for _, now := range []time.Time{time.Unix(0, 0), time.Unix(-1, 0), time.Unix(1000, 0)} {
		at.now = now
		_, err := w.AddCheckpoint(t.Context(), log.Request(0, 3).Marshal())
		if got := kindOf(err); got != witness.KindUnavailable || state.note != nil {
			t.Errorf("clock %v: got %s, kept %q", now, got, state.note)
		}
	}
}

// TestW4StateNotDurable: no cosignature leaves for a state that is not kept,
// and the witness goes on from what was kept.
func TestW4StateNotDurable(t *testing.T) {
	for name, kept := range map[string]bool{"failed and not kept": false, "failed and kept": true} {
		t.Run(name, func(t *testing.T) {
			log := witnesstest.NewLog(t, "log.example/a", 9)
			w, state, at := newWitness(t, log)
			times(t, w, log.Request(0, 3))
			at.now = start.Add(time.Second)

			state.failure, state.kept = errors.New("disk full"), kept
			answer, err := w.AddCheckpoint(t.Context(), log.Request(3, 5).Marshal())
			if got := kindOf(err); got != witness.KindUnavailable || answer != nil {
				t.Fatalf("got %s and answer %q", got, answer)
			}

			_, err = w.AddCheckpoint(t.Context(), log.Request(3, 5).Marshal())
			want := witness.Kind("accepted")
			if kept {
				want = witness.KindOldSize
			}
			if got := kindOf(err); got != want {
				t.Errorf("after it: got %s, want %s", got, want)
			}
		})
	}
}

// TestW3AnotherProcessMovesTheState: the compare-and-swap decides, not the
// lock inside this process.
func TestW3AnotherProcessMovesTheState(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	w, state, _ := newWitness(t, log)
	times(t, w, log.Request(0, 3))
	moved := witness.Latest{Size: 7, Root: log.Root(7), Time: uint64(start.Unix())}
	state.before = func(m *memory) { m.latest = moved }
	_, err := w.AddCheckpoint(t.Context(), log.Request(3, 5).Marshal())
	var refusal *witness.Error
	if !errors.As(err, &refusal) || refusal.Kind != witness.KindOldSize || refusal.Size != 7 {
		t.Errorf("got %v, want a conflict with size 7", err)
	}
	if state.latest.Size != 7 {
		t.Errorf("the state went back to %d", state.latest.Size)
	}
}

// TestW3Race: of many requests from one size one is cosigned, the others are
// told its size, and the losers cost no write.
func TestW3Race(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	w, state, _ := newWitness(t, log)
	times(t, w, log.Request(0, 3))
	writes := 0
	state.before = func(*memory) { writes++ }
	var kinds [24]witness.Kind
	var sizes [24]uint64
	var group sync.WaitGroup
	for i := range kinds {
		body := log.Request(3, 4+i%6).Marshal()
		group.Go(func() {
			_, err := w.AddCheckpoint(context.Background(), body)
			kinds[i] = kindOf(err)
			var refusal *witness.Error
			if errors.As(err, &refusal) {
				sizes[i] = refusal.Size
			}
		})
	}
	group.Wait()
	accepted := 0
	for i, kind := range kinds {
		switch {
		case kind == "accepted":
			accepted++
		case kind != witness.KindOldSize || sizes[i] != state.latest.Size:
			t.Errorf("request %d: got %s with size %d", i, kind, sizes[i])
		}
	}
	if accepted != 1 || writes != 1 || state.latest.Size < 4 {
		t.Errorf("%d were cosigned with %d writes, the state is at %d", accepted, writes, state.latest.Size)
	}
}

func TestW3StateThatNeverRests(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	w, state, _ := newWitness(t, log)
	times(t, w, log.Request(0, 3))
	state.before = func(m *memory) { m.latest.Time++ }
	_, err := w.AddCheckpoint(t.Context(), log.Request(3, 5).Marshal())
	if got := kindOf(err); got != witness.KindUnavailable {
		t.Errorf("got %s, want %s", got, witness.KindUnavailable)
	}
}

// TestRepeatOnlyWhatLeft: cosignatures that the state holds although it failed
// to say that it keeps them are never given out; new ones are, once it does.
func TestRepeatOnlyWhatLeft(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	w, state, _ := newWitness(t, log)
	times(t, w, log.Request(0, 3))
	state.failure, state.kept = errors.New("the anchor's disk is full"), true
	if _, err := w.AddCheckpoint(t.Context(), log.Request(3, 5).Marshal()); kindOf(err) != witness.KindUnavailable {
		t.Fatal(err)
	}
	state.failure = errors.New("still full")
	if answer, err := w.AddCheckpoint(t.Context(), log.Request(5, 5).Marshal()); kindOf(err) != witness.KindUnavailable {
		t.Errorf("in the same second: got %q, %v", answer, err)
	}
	writes := 0
	state.before = func(*memory) { writes++ }
	times(t, w, log.Request(5, 5))
	if writes != 1 {
		t.Errorf("the answer came with %d writes, want 1", writes)
	}
	// Nor is it repeated to a state that has gone back meanwhile.
	state.latest = witness.Latest{Size: 3, Root: log.Root(3), Time: uint64(start.Unix())}
	times(t, w, log.Request(3, 5))
	if writes != 2 {
		t.Errorf("to an older state it came with %d writes in all, want 2", writes)
	}
}

// TestRepeatWithinOneSecond: the answer is the same bytes, and not written
// again; but other extension lines make another text, which is signed anew.
func TestRepeatWithinOneSecond(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 3)
	w, state, at := newWitness(t, log)
	submit := func(request *witness.AddCheckpoint) string {
		t.Helper()
		answer, err := w.AddCheckpoint(t.Context(), request.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		return string(answer)
	}
	first := submit(log.Request(0, 3))
	writes := 0
	state.before = func(*memory) { writes++ }
	if again := submit(log.Request(3, 3)); again != first || writes != 0 {
		t.Errorf("the repeated request was signed again, with %d writes", writes)
	}
	extended := &witness.AddCheckpoint{OldSize: 3, Checkpoint: log.Checkpoint(3, "extension")}
	if got := times(t, w, extended); len(got) != 1 || writes != 1 {
		t.Errorf("with an extension line: %d cosignatures of this text, %d writes; want 1 and 1", len(got), writes)
	}
	at.now = start.Add(time.Second)
	if later := submit(log.Request(3, 3)); later == first {
		t.Error("a second later the cosignatures are still the old ones")
	}
}
