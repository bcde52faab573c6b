package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/client/memory"
	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

// remembering is a person who verifies with a memory.
type remembering struct {
	*testing.T
	l     *testLog
	dir   string
	flags []string
}

func newRemembering(t *testing.T) *remembering {
	l := newTestLog(t)
	dir := t.TempDir()
	return &remembering{t, l, dir, append(l.files(t, l.requirements(t)), "--memory", filepath.Join(dir, "memory.json"))}
}

// verify judges the release under a checkpoint of a log.
func (r *remembering) verify(checkpoint *tlog.SignedCheckpoint, log *tlogtest.Log, more ...string) result {
	r.Helper()
	data, err := log.Bundle(checkpoint, nil, 0, 1, 2, 3).Marshal()
	if err != nil {
		r.Fatal(err)
	}
	file := filepath.Join(r.dir, "release.muster")
	put(r.T, file, data)
	return muster(r.T, append(append([]string{"verify", file}, r.flags...), more...)...)
}

func (r *remembering) cosigned(log *tlogtest.Log, size uint64, minutes int) *tlog.SignedCheckpoint {
	at := testTime.Add(time.Duration(minutes) * time.Minute)
	return log.Checkpoint(size, r.l.witnesses[0].At(at), r.l.witnesses[1].At(at))
}

// evidence returns the evidence files beside the memory.
func (r *remembering) evidence() []string {
	r.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "*.fork"))
	if err != nil {
		r.Fatal(err)
	}
	return files
}

// TestVerifyRemembers: the first use makes the file, and a log that shows another
// history ends with 4 and a file that anybody can check.
func TestVerifyRemembers(t *testing.T) {
	r := newRemembering(t)
	other := r.l.Fork(4)
	r.l.Add([]byte("5"), []byte("6"))
	other.Add([]byte("x"), []byte("y"))

	first := r.verify(r.cosigned(r.l.Log, 5, 1), r.l.Log)
	if first.code != exitcode.Verified || !matches(first.out, "^  pass +consistency +first-seen") || !matches(first.errOut, "memory.json is new: nothing was remembered before$") {
		t.Fatalf("got %d\n%s%s", first.code, first.out, first.errOut)
	}
	again := r.verify(r.cosigned(r.l.Log, 5, 1), r.l.Log)
	if again.code != exitcode.Verified || again.errOut != "" || !matches(again.out, "^  pass +consistency +of one history") {
		t.Fatalf("got %d\n%s%s", again.code, again.out, again.errOut)
	}
	grown := r.verify(r.cosigned(r.l.Log, 6, 2), r.l.Log)
	if grown.code != exitcode.Verified || !matches(grown.out, "^  not-checked +consistency .*no proof at hand from size 5 to 6$") {
		t.Fatalf("got %d\n%s%s", grown.code, grown.out, grown.errOut)
	}
	for range 2 {
		forked := r.verify(r.cosigned(other, 6, 3), other, "--json")
		if forked.code != exitcode.Misbehaved || len(r.evidence()) != 1 || !strings.Contains(forked.errOut, r.evidence()[0]) {
			t.Fatalf("got %d, %v\n%s%s", forked.code, r.evidence(), forked.out, forked.errOut)
		}
		var verdict struct{ Result string }
		if err := json.Unmarshal([]byte(forked.out), &verdict); err != nil || verdict.Result != "fail" {
			t.Errorf("got %s", forked.out)
		}
	}
	shown := muster(t, "verify", "fork", r.evidence()[0], "--policy", r.flags[1])
	if shown.code != exitcode.Verified || !matches(shown.out, "^  shows +the log signed two trees of size 6, with roots ") || !matches(shown.out, "^result: evidence") {
		t.Errorf("got %d\n%s%s", shown.code, shown.out, shown.errOut)
	}
	// For good, whatever it shows.
	if good := r.verify(r.cosigned(r.l.Log, 6, 4), r.l.Log); good.code != exitcode.Misbehaved {
		t.Errorf("got %d\n%s", good.code, good.out)
	}
	memory := muster(t, "memory", "show", r.flags[5])
	if memory.code != exitcode.Verified || !matches(memory.out, "^  largest +size 6, root ") || !matches(memory.out, "^  evidence +of kind same-size$") ||
		!matches(memory.out, "^pinned authority "+r.l.pin.String()+"$") || !matches(memory.out, "^  highest +version 1, ") {
		t.Errorf("got %d\n%s%s", memory.code, memory.out, memory.errOut)
	}
}

// TestVerifyOfALyingWitness: others suffice, so the result stands, and the evidence
// is written all the same.
func TestVerifyOfALyingWitness(t *testing.T) {
	r := newRemembering(t)
	r.l.Add([]byte("5"))
	if first := r.verify(r.cosigned(r.l.Log, 5, 10), r.l.Log); first.code != exitcode.Verified {
		t.Fatalf("got %d\n%s", first.code, first.out)
	}
	w := r.l.witnesses
	lied := r.l.Checkpoint(4, w[0].At(testTime.Add(11*time.Minute)), w[1].At(testTime.Add(9*time.Minute)), w[2].At(testTime.Add(9*time.Minute)))
	v := r.verify(lied, r.l.Log)
	if v.code != exitcode.Verified || len(r.evidence()) != 1 || !matches(v.out, "not counted, .*: w1$") || !strings.Contains(v.errOut, "witness-time") {
		t.Fatalf("got %d\n%s%s", v.code, v.out, v.errOut)
	}
	alone := r.l.Checkpoint(5, w[0].At(testTime.Add(20*time.Minute)), w[1].At(testTime.Add(20*time.Minute)))
	if v := r.verify(alone, r.l.Log); v.code != exitcode.Refused || !matches(v.out, "^  fail +quorum ") {
		t.Errorf("got %d\n%s%s", v.code, v.out, v.errOut)
	}
	shown := muster(t, "verify", "fork", r.evidence()[0], "--policy", r.flags[1], "--json")
	var fork shownFork
	if err := json.Unmarshal([]byte(shown.out), &fork); err != nil || fork.Result != isEvidence || !slices.Equal(fork.Accused, []string{w[0].Key.Verifier().String()}) {
		t.Errorf("got %s", shown.out)
	}
}

// TestVerifyWritesEvidenceWithoutAMemory: a witness that one bundle proves to lie is
// accused in a file where there is no memory yet, too, and where none is asked for,
// whether the others are a quorum or not.
func TestVerifyWritesEvidenceWithoutAMemory(t *testing.T) {
	for name, test := range map[string]struct {
		third, exit int // when the third witness cosigned, in minutes; 0: it did not
		learns      bool
	}{
		"others suffice": {9, exitcode.Verified, true},
		"no quorum":      {0, exitcode.Refused, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRemembering(t)
			r.l.Add([]byte("5"))
			at := func(witness, minutes int) tlogtest.At {
				return r.l.witnesses[witness].At(testTime.Add(time.Duration(minutes) * time.Minute))
			}
			// The first cosigned the smaller tree later.
			larger, smaller := []tlogtest.At{at(0, 5), at(1, 9)}, []tlogtest.At{at(0, 8), at(1, 4)}
			if test.third > 0 {
				larger, smaller = append(larger, at(2, test.third)), append(smaller, at(2, 4))
			}
			data, err := r.l.Bundle(r.l.Checkpoint(5, larger...), []*tlog.SignedCheckpoint{r.l.Checkpoint(4, smaller...)}, 0, 1, 2, 3).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(r.dir, "release.muster")
			put(t, file, data)
			with := append([]string{"verify", file}, r.flags...)

			first := muster(t, with...)
			if first.code != test.exit || len(r.evidence()) != 1 || !strings.Contains(first.errOut, r.evidence()[0]) {
				t.Fatalf("got %d, %v\n%s%s", first.code, r.evidence(), first.out, first.errOut)
			}
			if _, err := os.Stat(r.flags[5]); test.learns != (err == nil) {
				t.Errorf("the memory: %v", err)
			}
			shown := muster(t, "verify", "fork", r.evidence()[0], "--policy", r.flags[1])
			if shown.code != exitcode.Verified || !matches(shown.out, "^evidence of kind witness-time") {
				t.Errorf("got %d\n%s%s", shown.code, shown.out, shown.errOut)
			}

			work := t.TempDir()
			t.Chdir(work)
			alone := muster(t, with[:len(with)-2]...)
			files, err := filepath.Glob("*.fork")
			if err != nil || alone.code != test.exit || len(files) != 1 || files[0] != filepath.Base(r.evidence()[0]) || !strings.Contains(alone.errOut, " is in "+files[0]+": ") {
				t.Fatalf("got %d, %v, %v\n%s%s", alone.code, files, err, alone.out, alone.errOut)
			}
			// Where no file can be written the verdict stands, and that is said.
			if err := os.Remove(files[0]); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(files[0], 0o700); err != nil {
				t.Fatal(err)
			}
			if unwritten := muster(t, with[:len(with)-2]...); unwritten.code != test.exit || !matches(unwritten.errOut, "^warning: evidence of kind witness-time: ") {
				t.Errorf("got %d\n%s%s", unwritten.code, unwritten.out, unwritten.errOut)
			}
		})
	}
}

// TestVerifyWhileAnotherRemembers: between judging and remembering another process
// remembers the log's other history. The verdict knows of one piece of evidence, and
// one other is found: the bundle is judged anew.
func TestVerifyWhileAnotherRemembers(t *testing.T) {
	r := newRemembering(t)
	other := r.l.Fork(4)
	for _, entry := range []string{"5", "6", "7"} {
		r.l.Add([]byte(entry))
		other.Add([]byte("not " + entry))
	}
	by := func(log *tlogtest.Log, size uint64, minutes ...int) *tlog.SignedCheckpoint {
		var cosigned []tlogtest.At
		for i, at := range minutes {
			if at > 0 {
				cosigned = append(cosigned, r.l.witnesses[i].At(testTime.Add(time.Duration(at)*time.Minute)))
			}
		}
		return log.Checkpoint(size, cosigned...)
	}
	for _, checkpoint := range []*tlog.SignedCheckpoint{by(r.l.Log, 7, 10, 10, 10), by(r.l.Log, 4, 11, 7, 7)} { // w1 lies
		if v := r.verify(checkpoint, r.l.Log); v.code != exitcode.Verified {
			t.Fatalf("got %d\n%s%s", v.code, v.out, v.errOut)
		}
	}
	var out, errOut bytes.Buffer
	a := &app{Program: &command.Program{Name: "muster", Out: &out, ErrOut: &errOut}, clock: func() time.Time { return testTime.Add(20 * time.Minute) }}
	p, err := a.readPolicy(r.flags[1])
	if err != nil {
		t.Fatal(err)
	}
	requirements, err := verify.ParseRequirements([]byte(r.l.requirements(t)))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := verify.NewTrust(p, requirements)
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.l.Bundle(by(r.l.Log, 5, 0, 8, 8), nil, 0, 1, 2, 3).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	remembered, err := memory.Read(r.flags[5])
	if err != nil {
		t.Fatal(err)
	}
	verdict := verify.Bundle(data, trust, a.clock(), verify.WithMemory(remembered))
	if verdict.Result != verify.Pass || len(verdict.Evidence) != 1 {
		t.Fatalf("got %s, %d pieces of evidence", verdict.Result, len(verdict.Evidence))
	}
	if meanwhile := r.verify(by(other, 5, 0, 8, 8), other); meanwhile.code != exitcode.Verified {
		t.Fatalf("got %d\n%s%s", meanwhile.code, meanwhile.out, meanwhile.errOut)
	}
	anew, exit, err := a.remember(t.Context(), verdict, data, trust, r.flags[5], false)
	if err != nil || exit != exitcode.Misbehaved || anew.Result != verify.Fail || !strings.Contains(errOut.String(), "same-size") {
		t.Errorf("got exit code %d, %s, %v\n%s", exit, anew.Result, err, errOut.String())
	}
}

// TestMemoryReconcile: what no bundle proved the log proves, or is found out.
func TestMemoryReconcile(t *testing.T) {
	r := newRemembering(t)
	honest := r.l.Log
	other := r.l.Fork(4)
	for _, entry := range []string{"5", "6", "7"} {
		honest.Add([]byte(entry))
		other.Add([]byte("not " + entry))
	}
	path := r.flags[5]
	for _, size := range []uint64{5, 4, 6} { // each cosigned when the log had that size
		if v := r.verify(r.cosigned(honest, size, int(size)), honest); v.code != exitcode.Verified {
			t.Fatalf("got %d\n%s", v.code, v.out)
		}
	}
	if shown := muster(t, "memory", "show", path); !matches(shown.out, "^  unproven +2 checkpoints: ") {
		t.Errorf("got %s", shown.out)
	}
	url := r.l.site(honest, r.cosigned(honest, 7, 9).Marshal()).serve(t)
	asked := want(t, exitcode.Unknown, "no-consistency", "memory", "reconcile", path, "--policy", r.flags[1], "--log", r.l.site(other, r.cosigned(other, 7, 9).Marshal()).serve(t))
	if !strings.Contains(asked.errOut, "size 6 extends size 4") {
		t.Errorf("got %s", asked.errOut)
	}
	done := muster(t, "memory", "reconcile", path, "--policy", r.flags[1], "--log", url)
	if done.code != exitcode.Verified || !matches(done.out, `^log "log.example/acme": 2 checkpoints proven to begin the one of size 6$`) {
		t.Fatalf("got %d\n%s%s", done.code, done.out, done.errOut)
	}
	if shown := muster(t, "memory", "show", path); strings.Contains(shown.out, "unproven") {
		t.Errorf("got %s", shown.out)
	}
	// Another history, larger: nothing at hand contradicts it until the log is asked.
	if v := r.verify(r.cosigned(other, 7, 10), other); v.code != exitcode.Verified {
		t.Fatalf("got %d\n%s", v.code, v.out)
	}
	forked := r.l.site(other, r.cosigned(other, 7, 10).Marshal()).serve(t)
	found := muster(t, "memory", "reconcile", path, "--policy", r.flags[1], "--log", forked, "--json")
	if found.code != exitcode.Misbehaved || !strings.Contains(found.out, `"code":"fork-prefix"`) || len(r.evidence()) != 1 {
		t.Fatalf("got %d\n%s%s", found.code, found.out, found.errOut)
	}
	if judged := muster(t, "verify", "fork", r.evidence()[0], "--policy", r.flags[1]); judged.code != exitcode.Verified {
		t.Errorf("got %d\n%s%s", judged.code, judged.out, judged.errOut)
	}
	if v := r.verify(r.cosigned(honest, 6, 6), honest); v.code != exitcode.Misbehaved {
		t.Errorf("got %d\n%s%s", v.code, v.out, v.errOut)
	}
	// Of another log, of no log.
	want(t, exitcode.Usage, "usage", "memory", "reconcile", path)
	other2 := tlogtest.Policy(t, 2, r.l.witnesses, tlogtest.NewLog(t, "log.example/other"))
	put(t, r.flags[1], other2.Marshal())
	want(t, exitcode.Usage, "other-origin", "memory", "reconcile", path, "--policy", r.flags[1], "--log", url)
}

// TestMemoryShowSaysAllThatIsRemembered: of the memory of docs/formats/memory.md with
// the places of two versions, and without anything proven.
func TestMemoryShowSaysAllThatIsRemembered(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/memory.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(page), "\n    {\"authorities\"")
	if !found {
		t.Fatal("docs/formats/memory.md has no example")
	}
	example = strings.TrimSpace("{\"authorities\"" + example)
	path := filepath.Join(t.TempDir(), "memory.json")
	put(t, path, []byte(example))
	shown := muster(t, "memory", "show", path)
	if shown.code != exitcode.Verified || !matches(shown.out, "^  proven +as far as size 5$") || strings.Contains(shown.out, "versions") ||
		!matches(shown.out, "^  roll +of acme/ai at index 4, of size 4, issued 2026-11-01T09:00:00Z under version 1, 1 live$") {
		t.Errorf("got %d\n%s%s", shown.code, shown.out, shown.errOut)
	}
	replaced := strings.NewReplacer(`"chains":[]`, `"chains":[{"indices":[2,3],"origin":"log.example/acme"}]`,
		`"version":1}],"logs"`, `"version":3}],"logs"`, `,"proven":1`, "").Replace(example)
	put(t, path, []byte(replaced))
	shown = muster(t, "memory", "show", path)
	if shown.code != exitcode.Verified || !matches(shown.out, "^  proven +none yet: ") || !matches(shown.out, `^  versions +version 2 at index 2 of log "log.example/acme"$`) ||
		!matches(shown.out, `^ +version 3 at index 3 of log "log.example/acme"$`) {
		t.Errorf("got %d\n%s%s", shown.code, shown.out, shown.errOut)
	}
	for _, test := range []struct {
		memory string
		want   []string
	}{
		{example, []string{`"proven":5`, `"chains":[]`, `"issued":"2026-11-01T09:00:00Z"`, `"product":"acme/ai","version":1,"index":4`, `"digest":"bd89ff47`}},
		{replaced, []string{`"proven":0`, `"chains":[{"origin":"log.example/acme","indices":[2,3]}]`}},
	} {
		put(t, path, []byte(test.memory))
		shown := muster(t, "memory", "show", path, "--json")
		for _, want := range test.want {
			if !strings.Contains(shown.out, want) {
				t.Errorf("lacks %s: %s", want, shown.out)
			}
		}
	}
}

// TestMemoryFileIsNeverBegunAnew: what is damaged or cannot be written is an error,
// and there is no verdict.
func TestMemoryFileIsNeverBegunAnew(t *testing.T) {
	r := newRemembering(t)
	path := r.flags[5]
	put(t, path, []byte(`{"authorities":[],"logs":[`))
	damaged := r.verify(r.cosigned(r.l.Log, 4, 1), r.l.Log, "--json")
	if damaged.code != exitcode.Unknown || !strings.Contains(damaged.out, `"code":"memory-damaged"`) || !strings.Contains(damaged.errOut, "hint: it is not begun anew by itself") {
		t.Errorf("got %d\n%s%s", damaged.code, damaged.out, damaged.errOut)
	}
	if left, err := os.ReadFile(path); err != nil || string(left) != `{"authorities":[],"logs":[` {
		t.Errorf("it was touched: %s", left)
	}
	want(t, exitcode.Unknown, "memory-damaged", "memory", "show", path)
	want(t, exitcode.Usage, "no-such-file", "memory", "show", path+".none")
	r.flags[5] = filepath.Join(r.dir, "none", "memory.json")
	if v := r.verify(r.cosigned(r.l.Log, 4, 1), r.l.Log); v.code != exitcode.Usage || v.out != "" {
		t.Errorf("got %d\n%s%s", v.code, v.out, v.errOut)
	}
	// What no quorum cosigned is not worth a file.
	r.flags[5] = filepath.Join(r.dir, "other.json")
	if v := r.verify(r.l.Checkpoint(4), r.l.Log); v.code != exitcode.Refused || !matches(v.out, "^  fail +quorum ") {
		t.Errorf("got %d\n%s%s", v.code, v.out, v.errOut)
	}
	if _, err := os.Stat(r.flags[5]); err == nil {
		t.Error("a memory of nothing was made")
	}
}
