package state_test

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/state/anchor"
	"github.com/muster-log/muster/witness/witnesstest"
)

// copyDatabase copies a closed database's directory.
func copyDatabase(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// grown is a witness of two logs, of sizes 5 and 3, that has stopped. backup
// holds its database as it was when the first log had size 4.
func grown(t *testing.T) (directory, backup string, first, second *witnesstest.Log) {
	t.Helper()
	directory, backup = filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup")
	first, second = witnesstest.NewLog(t, "log.example/first", 9), witnesstest.NewLog(t, "log.example/second", 9)
	db := serve(t, directory)
	for _, log := range []*witnesstest.Log{first, second} {
		add(t, db, log.Origin, log.Key.Verifier())
	}
	steps := []struct {
		log      *witnesstest.Log
		from, to int
	}{{first, -1, 4}, {second, -1, 3}, {first, 4, 5}}
	for i, step := range steps {
		if i == len(steps)-1 {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			copyDatabase(t, directory, backup)
			db = serve(t, directory)
		}
		from := witness.Latest{}
		if step.from >= 0 {
			from = made(step.log, step.from)
		}
		if err := advance(t, db, step.log.Origin, from, made(step.log, step.to)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return directory, backup, first, second
}

// future is a time that no clock shows that runs these tests: what an operator
// accepts gets the clock's time where that is later.
const future = 1 << 40

// made is the latest checkpoint of a real log at a size, at a time that is the
// later the larger.
func made(log *witnesstest.Log, size int) witness.Latest {
	return witness.Latest{Size: uint64(size), Root: log.Root(size), Time: future + uint64(size)}
}

// doubted wants a refusal to serve, about these logs.
func doubted(t *testing.T, directory, cause string, all bool, want ...state.Doubt) {
	t.Helper()
	db, err := state.Serve(t.Context(), options(directory))
	if err == nil {
		db.Close()
	}
	doubts, ok := errors.AsType[*state.DoubtError](err)
	if !ok {
		t.Fatalf("served, or not for doubt: %v", err)
	}
	if !strings.Contains(doubts.Error(), cause) || doubts.All != all {
		t.Errorf("got %v, all %v, want %q, all %v", doubts, doubts.All, cause, all)
	}
	if diff := cmp.Diff(want, doubts.Doubts); diff != "" {
		t.Error(diff)
	}
}

// accept wants an acceptance that leaves doubt about so many logs.
func accept(t *testing.T, directory string, remaining int, accepted ...state.Accepted) {
	t.Helper()
	left, err := state.Accept(t.Context(), options(directory), accepted)
	if err != nil {
		t.Fatal(err)
	}
	if left == nil && remaining > 0 || left != nil && len(left.Doubts) != remaining {
		t.Fatalf("left in doubt: %v, want %d", left, remaining)
	}
}

func pointer(latest witness.Latest) *witness.Latest { return &latest }

func TestW5OlderDatabase(t *testing.T) {
	directory, backup, first, second := grown(t)
	copyDatabase(t, backup, directory)
	doubted(t, directory, "older than the anchor", false,
		state.Doubt{Origin: first.Origin, Database: pointer(made(first, 4)), Anchor: pointer(made(first, 5))})
	for name, one := range map[string]state.Accepted{
		"below what was cosigned":     {Origin: first.Origin, Size: 4},
		"a size of which no root is":  {Origin: first.Origin, Size: 6},
		"not in doubt":                {Origin: second.Origin, Size: 3},
		"never followed":              {Origin: "log.example/other", Size: 5},
		"checkpoint of another log":   {Origin: first.Origin, Size: 6, Checkpoint: second.Checkpoint(6)},
		"checkpoint of another size":  {Origin: first.Origin, Size: 6, Checkpoint: first.Checkpoint(7)},
		"checkpoint of a strange key": {Origin: first.Origin, Size: 6, Checkpoint: witnesstest.NewLog(t, first.Origin, 6).Checkpoint(6)},
		"another root at that size":   {Origin: first.Origin, Size: 5, Checkpoint: first.Fork(4).Checkpoint(5)},
	} {
		_, err := state.Accept(t.Context(), options(directory), []state.Accepted{one})
		if _, ok := errors.AsType[*state.AcceptError](err); !ok {
			t.Errorf("%s: got %v, want an AcceptError", name, err)
		}
	}
	accept(t, directory, 0, state.Accepted{Origin: first.Origin, Size: 5})
	db := serve(t, directory)
	if got := latestOf(t, db, first.Origin); got != made(first, 5) {
		t.Errorf("got %v, want what the anchor said", got)
	}
	if note, err := db.Note(t.Context(), sha256.Sum256([]byte(first.Origin))); note != nil || err != nil {
		t.Errorf("the note of the older checkpoint is shown: %q, %v", note, err)
	}
	if got := latestOf(t, db, second.Origin); got != made(second, 3) {
		t.Errorf("the other log: got %v", got)
	}
	if err := advance(t, db, first.Origin, made(first, 5), made(first, 7)); err != nil {
		t.Error(err)
	}
}

func latestOf(t *testing.T, db *state.Serving, origin string) witness.Latest {
	t.Helper()
	_, latest, err := db.Log(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	return latest
}

func TestW5DatabaseGone(t *testing.T) {
	directory, _, first, second := grown(t)
	if err := os.RemoveAll(directory); err != nil {
		t.Fatal(err)
	}
	both := []state.Doubt{{Origin: first.Origin, Anchor: pointer(made(first, 5))}, {Origin: second.Origin, Anchor: pointer(made(second, 3))}}
	doubted(t, directory, "the database is gone", false, both...)
	// To follow the logs again does not make it forget.
	operator := operate(t, directory)
	add(t, operator, first.Origin, first.Key.Verifier())
	operator.Close()
	doubted(t, directory, "the database is gone", false, both...)
	accept(t, directory, 1, state.Accepted{Origin: first.Origin, Size: 8, Checkpoint: first.Checkpoint(8)})
	doubted(t, directory, "older than the anchor", false, both[1])
	accept(t, directory, 0, state.Accepted{Origin: second.Origin, Size: 3})
	db := serve(t, directory)
	if got := latestOf(t, db, first.Origin); got.Size != 8 || got.Root != first.Root(8) || got.Time < made(first, 5).Time {
		t.Errorf("got %v", got)
	}
	// A log that was not added again is not followed, and goes on where it was.
	if _, _, err := db.Log(t.Context(), second.Origin); !errors.Is(err, witness.ErrUnknownOrigin) {
		t.Errorf("got %v", err)
	}
	add(t, db, second.Origin, second.Key.Verifier())
	if got := latestOf(t, db, second.Origin); got != made(second, 3) {
		t.Errorf("got %v", got)
	}
}

func TestW5AnchorGone(t *testing.T) {
	directory, _, first, second := grown(t)
	anchor := options(directory).Anchor
	if err := os.Remove(anchor); err != nil {
		t.Fatal(err)
	}
	all := []state.Doubt{{Origin: first.Origin, Database: pointer(made(first, 5))}, {Origin: second.Origin, Database: pointer(made(second, 3))}}
	doubted(t, directory, "there is no anchor", true, all...)
	// All at once, or nothing: what is decided must not depend on the order.
	accept(t, directory, 1, state.Accepted{Origin: first.Origin, Size: 5})
	doubted(t, directory, "there is no anchor", true, all...)
	accept(t, directory, 0, state.Accepted{Origin: first.Origin, Size: 5}, state.Accepted{Origin: second.Origin, Size: 9, Checkpoint: second.Checkpoint(9)})
	db := serve(t, directory)
	if note, err := db.Note(t.Context(), sha256.Sum256([]byte(first.Origin))); string(note) != "note at 5" {
		t.Errorf("the note of the checkpoint that stands: %q, %v", note, err)
	}
	if got := latestOf(t, db, second.Origin); got.Size != 9 || got.Root != second.Root(9) {
		t.Errorf("got %v", got)
	}
}

func TestAnchorOfAnother(t *testing.T) {
	directory, _, _, _ := grown(t)
	other := options(directory)
	other.Witness = []tlog.VerifierKey{{Name: "witness.example/w2", KeyID: 1}}
	for name, use := range map[string]func() error{
		"serve":  func() error { _, err := state.Serve(t.Context(), other); return err },
		"accept": func() error { _, err := state.Accept(t.Context(), other, nil); return err },
	} {
		err := use()
		if _, doubt := errors.AsType[*state.DoubtError](err); err == nil || doubt || !strings.Contains(err.Error(), "another witness") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestOlderAnchor: an anchor that was restored says nothing against a database
// that holds more, and is brought up to it.
func TestOlderAnchor(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "data")
	log := witnesstest.NewLog(t, "log.example/first", 9)
	db := serve(t, directory)
	add(t, db, log.Origin, log.Key.Verifier())
	if err := advance(t, db, log.Origin, witness.Latest{}, made(log, 4)); err != nil {
		t.Fatal(err)
	}
	path := options(directory).Anchor
	older, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := advance(t, db, log.Origin, made(log, 4), made(log, 5)); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	mended := options(directory)
	mended.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	db, err = state.Serve(t.Context(), mended)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if !strings.Contains(logged.String(), "logs=1") {
		t.Errorf("it is not said: %s", logged.String())
	}
	// From here on it holds against the database again.
	if err := os.RemoveAll(directory); err != nil {
		t.Fatal(err)
	}
	doubted(t, directory, "the database is gone", false, state.Doubt{Origin: log.Origin, Anchor: pointer(made(log, 5))})
}

// TestW9Halted: what halts a witness outlives it, and an operator ends it.
func TestW9Halted(t *testing.T) {
	directory, backup, first, second := grown(t)
	// Database and anchor are both of yesterday.
	copyDatabase(t, backup, directory)
	if err := os.Remove(options(directory).Anchor); err != nil {
		t.Fatal(err)
	}
	accept(t, directory, 0, state.Accepted{Origin: first.Origin, Size: 4}, state.Accepted{Origin: second.Origin, Size: 3})
	db := serve(t, directory)
	found := witness.Unremembered{Origin: first.Origin, Size: 5, Root: first.Root(5), Time: made(first, 5).Time, Note: []byte("the note, whole")}
	for range 2 {
		if err := db.Halt(t.Context(), found); err != nil {
			t.Fatal(err)
		}
	}
	if !db.Halted() {
		t.Error("not halted")
	}
	for _, log := range []*witnesstest.Log{first, second} {
		log, from, err := db.Log(t.Context(), log.Origin)
		if err != nil {
			t.Fatal(err)
		}
		to := from
		to.Time++
		if err := db.Advance(t.Context(), log, from, to, nil); !errors.Is(err, witness.ErrHalted) {
			t.Errorf("%s: got %v, want %v", log.Origin, err, witness.ErrHalted)
		}
	}
	db.Close()
	doubted(t, directory, "it does not remember", true,
		state.Doubt{Origin: first.Origin, Database: pointer(made(first, 4)), Anchor: pointer(made(first, 4)), Unremembered: pointer(made(first, 5)), Note: found.Note},
		state.Doubt{Origin: second.Origin, Database: pointer(made(second, 3)), Anchor: pointer(made(second, 3))})
	if _, err := state.Accept(t.Context(), options(directory), []state.Accepted{{Origin: first.Origin, Size: 4}, {Origin: second.Origin, Size: 3}}); err == nil {
		t.Error("a size below a cosignature's was accepted")
	}
	accept(t, directory, 1, state.Accepted{Origin: first.Origin, Size: 5})
	// All are to be named at once: nothing was changed.
	if doubts, err := state.Doubts(t.Context(), options(directory)); err != nil || len(doubts.Doubts) != 2 || doubts.Doubts[0].Database.Size != 4 || doubts.Doubts[0].Unremembered == nil {
		t.Errorf("got %v, %v, want both logs in doubt as before", doubts, err)
	}
	accept(t, directory, 0, state.Accepted{Origin: first.Origin, Size: 5}, state.Accepted{Origin: second.Origin, Size: 3})
	db = serve(t, directory)
	if got := latestOf(t, db, first.Origin); got != made(first, 5) || db.Halted() {
		t.Errorf("got %v, halted %v", got, db.Halted())
	}
}

// TestTwoRoots: the witness has cosigned two roots of one size; the log's
// checkpoint says which is to count.
func TestTwoRoots(t *testing.T) {
	directory, _, first, second := grown(t)
	db := serve(t, directory)
	other := first.Fork(4)
	found := witness.Unremembered{Origin: first.Origin, Size: 5, Root: other.Root(5), Time: future + 100, Note: []byte("note")}
	if err := db.Halt(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	db.Close()
	rest := state.Accepted{Origin: second.Origin, Size: 3}
	if _, err := state.Accept(t.Context(), options(directory), []state.Accepted{{Origin: first.Origin, Size: 5}, rest}); err == nil || !strings.Contains(err.Error(), "two roots") {
		t.Errorf("got %v", err)
	}
	accept(t, directory, 0, state.Accepted{Origin: first.Origin, Size: 5, Checkpoint: other.Checkpoint(5)}, rest)
	if got := latestOf(t, serve(t, directory), first.Origin); got.Root != other.Root(5) || got.Time != found.Time {
		t.Errorf("got %v", got)
	}
}

// TestSeveralCosignatures: of several that are not remembered none is passed
// over, neither another root at the largest size nor a later time at a smaller.
func TestSeveralCosignatures(t *testing.T) {
	directory, _, first, second := grown(t)
	db := serve(t, directory)
	other := first.Fork(4)
	largest := witness.Latest{Size: 7, Root: first.Root(7), Time: future + 100}
	further := []witness.Latest{
		{Size: 6, Root: first.Root(6), Time: future + 300},
		{Size: 7, Root: other.Root(7), Time: future + 200},
	}
	for _, found := range []witness.Latest{further[0], largest, further[1]} {
		if err := db.Halt(t.Context(), witness.Unremembered{Origin: first.Origin, Size: found.Size, Root: found.Root, Time: found.Time, Note: []byte(found.Root.String())}); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	doubts, err := state.Doubts(t.Context(), options(directory))
	if err != nil || len(doubts.Doubts) != 2 {
		t.Fatalf("got %v, %v, want both logs in doubt", doubts, err)
	}
	// They were found within a second or two: which of one size was the first
	// is not what matters.
	doubt := doubts.Doubts[0]
	if len(doubt.Further) != 2 || doubt.Unremembered.Size != 7 || string(doubt.Note) != doubt.Unremembered.Root.String() {
		t.Errorf("got %v, want the larger one and two more", doubt)
	}
	if least, two := doubt.Least(); least.Size != 7 || least.Time != future+300 || !two {
		t.Errorf("got %v, two %v, want size 7, the latest time and two roots", least, two)
	}
	rest := state.Accepted{Origin: second.Origin, Size: 3}
	if _, err := state.Accept(t.Context(), options(directory), []state.Accepted{{Origin: first.Origin, Size: 7}, rest}); err == nil || !strings.Contains(err.Error(), "two roots") {
		t.Errorf("got %v", err)
	}
	accept(t, directory, 0, state.Accepted{Origin: first.Origin, Size: 7, Checkpoint: first.Checkpoint(7)}, rest)
	if got, want := latestOf(t, serve(t, directory), first.Origin), (witness.Latest{Size: 7, Root: first.Root(7), Time: future + 300}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestNeverCosigned: where all logs are in doubt, so is one that the database has
// no checkpoint of: it may have been cosigned since.
func TestNeverCosigned(t *testing.T) {
	directory, _, first, second := grown(t)
	third := witnesstest.NewLog(t, "log.example/third", 9)
	operator := operate(t, directory)
	add(t, operator, third.Origin, third.Key.Verifier())
	operator.Close()
	if err := os.Remove(options(directory).Anchor); err != nil {
		t.Fatal(err)
	}
	doubted(t, directory, "there is no anchor", true, state.Doubt{Origin: first.Origin, Database: pointer(made(first, 5))},
		state.Doubt{Origin: second.Origin, Database: pointer(made(second, 3))}, state.Doubt{Origin: third.Origin})
	others := []state.Accepted{{Origin: first.Origin, Size: 5}, {Origin: second.Origin, Size: 3}}
	accept(t, directory, 1, others...)
	for name, tt := range map[string]struct {
		accepted state.Accepted
		want     witness.Latest
	}{
		"never":     {state.Accepted{Origin: third.Origin}, witness.Latest{Root: tlog.EmptyRoot}},
		"up to now": {state.Accepted{Origin: third.Origin, Size: 9, Checkpoint: third.Checkpoint(9)}, witness.Latest{Size: 9, Root: third.Root(9)}},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "data")
			copyDatabase(t, directory, copied)
			accept(t, copied, 0, append(others, tt.accepted)...)
			got := latestOf(t, serve(t, copied), third.Origin)
			if got.Time == 0 {
				t.Error("it is as if nothing had been accepted")
			}
			if got.Time = 0; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestNothingInDoubt: a log that is not in doubt begins at a checkpoint that the
// operator gives if it was never cosigned as far as is known. One that was grows
// by consistency proofs alone, whatever somebody tells its operator to type.
func TestNothingInDoubt(t *testing.T) {
	directory, _, first, _ := grown(t)
	third := witnesstest.NewLog(t, "log.example/third", 9)
	operator := operate(t, directory)
	add(t, operator, third.Origin, third.Key.Verifier())
	operator.Close()
	for name, one := range map[string]state.Accepted{
		"a fork of it":         {Origin: first.Origin, Size: 9, Checkpoint: first.Fork(4).Checkpoint(9)},
		"its own growth":       {Origin: first.Origin, Size: 9, Checkpoint: first.Checkpoint(9)},
		"without a checkpoint": {Origin: third.Origin, Size: 5},
		"another's key":        {Origin: third.Origin, Size: 5, Checkpoint: witnesstest.NewLog(t, third.Origin, 5).Checkpoint(5)},
		"not followed":         {Origin: "log.example/other", Size: 1, Checkpoint: witnesstest.NewLog(t, "log.example/other", 1).Checkpoint(1)},
	} {
		_, err := state.Accept(t.Context(), options(directory), []state.Accepted{one})
		if _, ok := errors.AsType[*state.AcceptError](err); !ok {
			t.Errorf("%s: got %v, want an AcceptError", name, err)
		}
	}
	accept(t, directory, 0, state.Accepted{Origin: third.Origin, Size: 9, Checkpoint: third.Checkpoint(9)})
	db := serve(t, directory)
	if got := latestOf(t, db, third.Origin); got.Size != 9 || got.Root != third.Root(9) {
		t.Errorf("got %v", got)
	}
	if got := latestOf(t, db, first.Origin); got != made(first, 5) {
		t.Errorf("the other log: got %v", got)
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	if doubts, err := state.Doubts(t.Context(), options(fresh)); doubts != nil || err != nil {
		t.Errorf("a new witness: %v, %v", doubts, err)
	}
}

// TestAcceptedCoversThePast: where nothing says how far logs were cosigned, what
// is not known was cosigned before the operator decided. A cosignature of that
// time is remembered from then on; where the anchor says all, nothing is added.
func TestAcceptedCoversThePast(t *testing.T) {
	for name, c := range map[string]struct {
		lose   func(directory string) error
		covers bool
	}{
		"the anchor is gone":   {func(directory string) error { return os.Remove(options(directory).Anchor) }, true},
		"the database is gone": {os.RemoveAll, false},
	} {
		directory := filepath.Join(t.TempDir(), "data")
		db := serve(t, directory)
		log := witnesstest.NewLog(t, origin, 5)
		add(t, db, origin, log.Key.Verifier())
		cosigned := witness.Latest{Size: 5, Root: log.Root(5), Time: 1_700_000_000}
		if err := advance(t, db, origin, witness.Latest{}, cosigned); err != nil {
			t.Fatal(err)
		}
		db.Close()
		if err := c.lose(directory); err != nil {
			t.Fatal(err)
		}
		before := uint64(time.Now().Unix())
		accept(t, directory, 0, state.Accepted{Origin: origin, Size: 5})
		db = serve(t, directory)
		if _, err := db.AddLog(t.Context(), origin, log.Key.Verifier()); err != nil {
			t.Fatal(err)
		}
		if got := latestOf(t, db, origin); got.Size != 5 || got.Root != cosigned.Root || c.covers != (got.Time >= before) || !c.covers && got.Time != cosigned.Time {
			t.Errorf("%s: got %v, accepted at %d", name, got, before)
		}
	}
}

// TestBehind: what is kept must be what the anchor says, or later.
func TestBehind(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "data")
	db := serve(t, directory)
	add(t, db, origin, newKey(t, origin))
	kept := at(5)
	if err := advance(t, db, origin, witness.Latest{}, kept); err != nil {
		t.Fatal(err)
	}
	db.Close()
	later, earlier, other := kept, kept, kept
	later.Time++
	earlier.Time--
	other.Root, other.Time = at(6).Root, kept.Time-1
	for name, c := range map[string]struct {
		anchored witness.Latest
		behind   bool
	}{
		"the same":                {kept, false},
		"an earlier time":         {earlier, false},
		"a smaller size, earlier": {at(4), false},
		"a smaller size, later":   {witness.Latest{Size: 4, Root: at(4).Root, Time: later.Time}, true},
		"a later time":            {later, true},
		"another root, earlier":   {other, true},
		"a larger size, earlier":  {witness.Latest{Size: 6, Root: at(6).Root, Time: earlier.Time}, true},
	} {
		settings := options(directory)
		file, err := anchor.Replace(anchor.System, settings.Anchor, settings.Witness, []anchor.Record{{Origin: origin, Latest: c.anchored}})
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		if doubts, err := state.Doubts(t.Context(), settings); err != nil || (doubts != nil) != c.behind {
			t.Errorf("the anchor says %s: got %v, %v, in doubt %v wanted", name, doubts, err, c.behind)
		}
	}
}
