package verify_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

// accusation is what evidence is made of: a log's entries and a roll of it.
type accusation struct {
	*site
	indices []uint64 // of the evidence's entries
	size    uint64   // that the roll names
}

// accuse makes evidence of entries of the log; the roll is proven to be of size.
func (a accusation) accuse() (*verify.FalseRoll, error) {
	a.Helper()
	b := a.bundle(a.indices...)
	checkpoint, err := tlog.ParseCheckpoint([]byte(b.Checkpoint))
	if err != nil {
		a.Fatal(err)
	}
	return verify.NewFalseRoll(checkpoint, b.Entries, a.log.Consistency(a.size, a.log.Size()))
}

// falseRoll logs a release (3), a withdrawal (4) and a roll (5) of size 5 that
// lists the release all the same.
func falseRoll(tb testing.TB, target func(*site) release.Digest, changes ...func(*release.Roll)) accusation {
	tb.Helper()
	s := newSite(tb).standard()
	s.clock = s.clock.Add(time.Hour)
	s.withdraw(target(s))
	s.roll(append([]func(*release.Roll){func(r *release.Roll) { r.Live = []release.Digest{s.digestOf(3)} }}, changes...)...)
	return accusation{site: s, indices: []uint64{0, 3, 4, 5}, size: 5}
}

func theRelease(s *site) release.Digest { return s.digestOf(3) }

// wantEvidence returns evidence after a round through its file.
func wantEvidence(tb testing.TB, a accusation) *verify.FalseRoll {
	tb.Helper()
	e, err := a.accuse()
	if err != nil {
		tb.Fatal(err)
	}
	data, err := e.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	read, err := verify.ParseEvidence(data)
	if err != nil {
		tb.Fatal(err)
	}
	if err := read.Verify(a.log.Key.Verifier()); err != nil {
		tb.Error(err)
	}
	return read.(*verify.FalseRoll)
}

func TestC7FalseRoll(t *testing.T) {
	t.Run("of the release", func(t *testing.T) {
		a := falseRoll(t, theRelease)
		shown, err := wantEvidence(t, a).Shown()
		if err != nil {
			t.Fatal(err)
		}
		if shown.Pin != a.pin || shown.ReleaseIndex != 3 || shown.WithdrawalIndex != 4 || shown.RollIndex != 5 || shown.Roll.Size != 5 || shown.Size != 6 ||
			len(shown.Accused) != 1 || shown.Accused[0] != siteRole(release.RoleRoll, 1, "roll").Keys[0] {
			t.Errorf("shown %+v", shown)
		}
		if s := a.state(); s.Void() != 1 { // the roll
			t.Errorf("the log holds %d void entries", s.Void())
		}
	})
	t.Run("of an image of it", func(t *testing.T) {
		a := falseRoll(t, func(s *site) release.Digest { return s.digestOf(2) })
		a.indices = []uint64{0, 2, 3, 4, 5}
		wantEvidence(t, a)
	})
	t.Run("of an older entry of its identity", func(t *testing.T) {
		s := newSite(t).standard()
		s.clock = s.clock.Add(time.Hour)
		s.release(s.imagesOf(3), func(r *release.Release) { r.NotAfter = s.clock.Add(70 * day) })
		s.withdraw(s.digestOf(3))
		s.roll(func(r *release.Roll) { r.Live = []release.Digest{s.digestOf(4)} })
		wantEvidence(t, accusation{s, []uint64{0, 3, 4, 5, 6}, 6})
	})
	t.Run("by the root, after a rotation, of a log that has grown", func(t *testing.T) {
		s := newSite(t).standard()
		s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
		statement, err := release.NewWithdrawal(&release.Withdrawal{Issued: s.clock, Authority: s.inForce, Product: siteProduct, Target: s.digestOf(3), Reason: "defect"})
		s.add(statement, err, "root1", "root2")
		s.padded(9)
		s.roll(func(r *release.Roll) { r.Size, r.Live = 9, []release.Digest{s.digestOf(3)} })
		s.padded(30)
		wantEvidence(t, accusation{s, []uint64{0, 3, 4, 5, 9}, 9})
	})
}

// TestC7FalseRollNearMisses: an honest signer may have signed each of these.
func TestC7FalseRollNearMisses(t *testing.T) {
	tests := map[string]struct {
		why  string
		make func(t *testing.T) accusation
	}{
		"a withdrawal between the roll's size and its index": {"is not in the 4 entries", func(t *testing.T) accusation {
			a := falseRoll(t, theRelease, func(r *release.Roll) { r.Size = 4 })
			a.size = 4
			return a
		}},
		"one reinstated": {"it may lift it", func(t *testing.T) accusation {
			s := newSite(t).standard()
			withdrawal := s.withdraw(s.digestOf(3))
			s.release(s.imagesOf(3), func(r *release.Release) {
				r.NotAfter, r.Reinstates = s.clock.Add(70*day), []release.Digest{withdrawal}
			})
			s.roll()
			return accusation{s, []uint64{0, 3, 4, 5, 6}, 6}
		}},
		"one that the release names before it is logged": {"reinstates the withdrawal", func(t *testing.T) accusation {
			s := newSite(t).standard()
			ahead := s.forkAt(4, 4)
			_, digest := ahead.release(s.imagesOf(3), func(r *release.Release) { r.NotAfter = s.clock.Add(65 * day) })
			withdrawal := ahead.withdraw(s.digestOf(3))
			s.release(s.imagesOf(3), func(r *release.Release) {
				r.NotAfter, r.Reinstates = s.clock.Add(70*day), []release.Digest{withdrawal}
			})
			if digest == s.digestOf(4) {
				t.Fatal("one release twice")
			}
			s.withdraw(s.digestOf(3))
			s.roll(func(r *release.Roll) { r.Live = []release.Digest{s.digestOf(4)} })
			return accusation{s, []uint64{0, 3, 4, 5, 6}, 6}
		}},
		"a release after the withdrawal": {"it may lift it", func(t *testing.T) accusation {
			s := newSite(t).standard()
			s.withdraw(s.digestOf(3))
			s.release(s.imagesOf(3), func(r *release.Release) { r.NotAfter = s.clock.Add(70 * day) })
			s.roll(func(r *release.Roll) { r.Live = []release.Digest{s.digestOf(5)} })
			return accusation{s, []uint64{0, 3, 4, 5, 6}, 6}
		}},
		"a roll that does not list the release": {"lists no release", func(t *testing.T) accusation {
			return falseRoll(t, theRelease, func(r *release.Roll) { r.Live = nil })
		}},
		"a withdrawal of another release": {"covers neither", func(t *testing.T) accusation {
			s := newSite(t).standard()
			s.release(s.imagesOf(3)[:1], func(r *release.Release) { r.Version = "2" })
			s.withdraw(s.digestOf(4))
			s.roll(func(r *release.Roll) { r.Live = []release.Digest{s.digestOf(3)} })
			return accusation{s, []uint64{0, 3, 4, 5, 6}, 6}
		}},
		"a withdrawal of an image that is not in it": {"covers neither", func(t *testing.T) accusation {
			s := newSite(t).standard()
			_, other := s.system(func(i *release.Image) { i.Name = "other-os" })
			s.withdraw(other)
			s.roll()
			return accusation{s, []uint64{0, 3, 4, 5, 6}, 6}
		}},
		"a roll of another tree, which the log showed its signer": {"of another tree", func(t *testing.T) accusation {
			s := newSite(t).standard()
			shown := s.forkAt(4, 5)
			s.withdraw(s.digestOf(3))
			s.roll(func(r *release.Roll) {
				r.Root, r.Live = release.Digest(shown.log.Root(5)), []release.Digest{s.digestOf(3)}
			})
			return accusation{s, []uint64{0, 3, 4, 5}, 5}
		}},
		"a withdrawal that was held back until it was void": {"it is void", func(t *testing.T) accusation {
			s := newSite(t).standard()
			then := s.clock
			s.clock = s.clock.Add(8 * day)
			s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
			statement, err := release.NewWithdrawal(&release.Withdrawal{Issued: then, Authority: s.inForce, Product: siteProduct, Target: s.digestOf(3), Reason: "defect"})
			s.add(statement, err, "wd")
			s.roll()
			return accusation{s, []uint64{0, 3, 4, 5, 6}, 6}
		}},
		"a withdrawal logged before what it names": {"stands before what it names", func(t *testing.T) accusation {
			s := newSite(t).standard()
			ahead := s.forkAt(4, 4)
			later := func(r *release.Release) { r.NotAfter = s.clock.Add(70 * day) }
			_, digest := ahead.release(s.imagesOf(3), later)
			s.withdraw(digest)
			s.release(s.imagesOf(3), later)
			s.roll(func(r *release.Roll) { r.Live = []release.Digest{s.digestOf(3)} })
			return accusation{s, []uint64{0, 3, 4, 5, 6}, 6}
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.make(t).accuse()
			if !errors.Is(err, fork.ErrNoContradiction) || !strings.Contains(err.Error(), test.why) {
				t.Errorf("got %v, want %v: %s", err, fork.ErrNoContradiction, test.why)
			}
		})
	}
}

// TestFalseRollNeedsItsSignatures: what nobody in charge has signed accuses nobody.
func TestFalseRollNeedsItsSignatures(t *testing.T) {
	by := func(s *site, index uint64, signers ...string) func() {
		envelope, err := release.ParseEnvelope(s.log.Entry(index))
		if err != nil {
			t.Fatal(err)
		}
		statement, err := release.ParseStatement(envelope.Payload)
		return func() { s.add(statement, err, signers...) }
	}
	tests := map[string]struct {
		make func() accusation
		code release.Code
	}{
		"a roll signed by a release key": {func() accusation {
			a := falseRoll(t, theRelease)
			relog := by(a.site, 5, "rel1")
			a.log = a.log.Fork(5)
			relog()
			return a
		}, register.CodeSignerOutsideRole},
		"a withdrawal signed by the roll's key": {func() accusation {
			a := falseRoll(t, theRelease)
			withdrawal, roll := by(a.site, 4, "roll"), by(a.site, 5, "roll")
			a.log = a.log.Fork(4)
			withdrawal()
			roll()
			return a
		}, register.CodeSignerOutsideRole},
		"a release signed by one of two": {func() accusation {
			s := newSite(t).standard()
			s.releaseBy([]string{"rel1"}, s.imagesOf(3), func(r *release.Release) { r.NotAfter = s.clock.Add(70 * day) })
			s.withdraw(s.digestOf(3))
			s.roll(func(r *release.Roll) { r.Live = []release.Digest{sitePayload(s, 4)} })
			return accusation{s, []uint64{0, 3, 4, 5, 6}, 6}
		}, register.CodeThresholdMissed},
		"a rotation left out": {func() accusation {
			s := newSite(t).standard()
			s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
			s.withdraw(s.digestOf(3))
			s.roll(func(r *release.Roll) { r.Live = []release.Digest{s.digestOf(3)} })
			return accusation{s, []uint64{0, 3, 5, 6}, 6}
		}, register.CodeAuthorityNotInForce},
		"a roll across a rotation": {func() accusation {
			s := newSite(t).standard()
			s.withdraw(s.digestOf(3))
			roll := s.stateRoll()
			s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
			roll.Authority, roll.Live = s.inForce, []release.Digest{s.digestOf(3)}
			s.logRoll(roll, "roll")
			return accusation{s, []uint64{0, 3, 4, 5, 6}, 5}
		}, register.CodeRollAuthority},
	}
	for name, test := range tests {
		if _, err := test.make().accuse(); release.CodeOf(err) != test.code {
			t.Errorf("%s: got %v, want %s", name, err, test.code)
		}
	}
}

func sitePayload(s *site, index uint64) release.Digest {
	envelope, err := release.ParseEnvelope(s.log.Entry(index))
	if err != nil {
		s.Fatal(err)
	}
	return envelope.PayloadDigest()
}

// TestFalseRollForm: every entry has its part, and the log vouches for the order.
func TestFalseRollForm(t *testing.T) {
	a := falseRoll(t, theRelease)
	e := wantEvidence(t, a)
	if err := e.Verify(); !errors.Is(err, fork.ErrNotAccused) {
		t.Errorf("no key: got %v", err)
	}
	if err := e.Verify(a.witnesses[0].Key.Verifier()); !errors.Is(err, fork.ErrNotAccused) {
		t.Errorf("a witness's key: got %v", err)
	}
	thief := tlogtest.Key(t, "thief", tlog.TypeEd25519).Verifier()
	impostor, err := tlog.NewVerifierKey(siteOrigin, tlog.TypeEd25519, thief.Public)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Verify(impostor); !errors.Is(err, tlog.ErrNotSigned) {
		t.Errorf("another key of that name: got %v", err)
	}
	for name, indices := range map[string][]uint64{
		"no authority":          {3, 4, 5},
		"no release":            {0, 4, 5},
		"no withdrawal":         {0, 3, 5},
		"no roll":               {0, 3, 4},
		"an image left over":    {0, 1, 3, 4, 5},
		"only the first entry":  {0},
		"the roll before a gap": {0, 5},
	} {
		a.indices = indices
		if _, err := a.accuse(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	two := falseRoll(t, theRelease)
	two.roll(func(r *release.Roll) { r.Live = []release.Digest{two.digestOf(3)} })
	two.indices = []uint64{0, 3, 4, 5, 6}
	if _, err := two.accuse(); err == nil {
		t.Error("two rolls: accepted")
	}
	anchored := *e.Bundle
	anchored.Anchors = []bundle.Anchor{{Checkpoint: e.Bundle.Checkpoint}}
	if _, err := (&verify.FalseRoll{Bundle: &anchored, Consistency: e.Consistency}).Marshal(); err == nil {
		t.Error("an anchor: accepted")
	}
	moved := *e.Bundle
	moved.Entries = append([]bundle.Entry(nil), e.Bundle.Entries...)
	moved.Entries[1].Index = 2
	if err := (&verify.FalseRoll{Bundle: &moved, Consistency: e.Consistency}).Verify(a.log.Key.Verifier()); !errors.Is(err, tlog.ErrProof) {
		t.Errorf("an entry at another place: got %v", err)
	}
}

func evidenceText(tb testing.TB, e verify.Evidence) []byte {
	tb.Helper()
	data, err := e.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestEvidenceFileIsStrict(t *testing.T) {
	good := string(evidenceText(t, wantEvidence(t, falseRoll(t, theRelease))))
	for name, data := range map[string]string{
		"a line feed":          good + "\n",
		"cut":                  good[:len(good)-1],
		"white space":          "{ " + good[1:],
		"an unknown member":    strings.Replace(good, `"kind":`, `"hint":"","kind":`, 1),
		"no consistency":       strings.Replace(good, `"consistency":[`, `"consistence":[`, 1),
		"another kind":         strings.Replace(good, `false-roll`, `prefix`, 1),
		"no kind that is":      strings.Replace(good, `false-roll`, `true-roll`, 1),
		"another origin":       strings.Replace(good, `"kind":"false-roll","origin":"log.example/acme"`, `"kind":"false-roll","origin":"log.example/acmf"`, 1),
		"a bundle that is no":  strings.Replace(good, `{"bundle":{"anchors":[],`, `{"bundle":{`, 1),
		"a hash too many":      strings.Replace(good, `"consistency":[`, `"consistency":["NVPrNRraxwz1yqT++hyvjOxyZAP+SzTBTxu42YDCC5U=",`, 1),
		"nothing":              "",
		"too long":             strings.Repeat(" ", verify.MaxEvidence+1),
		"a kind that is a map": `{"kind":{}}`,
	} {
		if data == good {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := verify.ParseEvidence([]byte(data)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// The other kinds are read by the same reader.
	s := newSite(t).standard()
	other := s.forkAt(2, 4)
	e, err := fork.NewSameSize(s.checkpoint(4), other.checkpoint(4))
	if err != nil {
		t.Fatal(err)
	}
	read, err := verify.ParseEvidence(evidenceText(t, e))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := read.(*fork.Evidence); !ok || read.Verify(s.log.Key.Verifier()) != nil {
		t.Errorf("got %T", read)
	}
}

// evidenceExample is the file that the documentation shows the beginning of.
const evidenceExample = "../testdata/evidence/false-roll.fork"

func TestDocumentedFalseRoll(t *testing.T) {
	data := evidenceText(t, wantEvidence(t, falseRoll(t, theRelease)))
	if *update {
		if err := os.MkdirAll(filepath.Dir(evidenceExample), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(evidenceExample, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onDisk, err := os.ReadFile(evidenceExample)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(onDisk, data) {
		t.Errorf("%s is not what is made now; go test ./verify -run DocumentedFalseRoll -update", evidenceExample)
	}
	page, err := os.ReadFile("../docs/formats/fork.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{string(data[:200]), string(data[len(data)-150:])} {
		if !strings.Contains(string(page), "\n    "+shown+"\n") {
			t.Errorf("docs/formats/fork.md does not show, as a line of its own: %s", shown)
		}
	}
}

// FuzzParseEvidence: what parses has one encoding.
func FuzzParseEvidence(f *testing.F) {
	f.Add(evidenceText(f, wantEvidence(f, falseRoll(f, theRelease))))
	f.Add([]byte(`{"bundle":{},"consistency":[],"kind":"false-roll","origin":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := verify.ParseEvidence(data)
		if err != nil {
			return
		}
		if again := evidenceText(t, e); !bytes.Equal(again, data) {
			t.Errorf("reads %q, writes %q", data, again)
		}
	})
}

// TestFalseRollEntries: who replays a log finds what the evidence is made of.
func TestFalseRollEntries(t *testing.T) {
	find := func(s *site, index uint64) ([]uint64, error) {
		return verify.FalseRollEntries(s.state(), index, func(at uint64) ([]byte, error) { return s.log.Entry(at), nil })
	}
	for name, test := range map[string]struct {
		target  uint64
		indices []uint64
	}{"the release": {3, []uint64{0, 3, 4, 5}}, "its model": {2, []uint64{0, 2, 3, 4, 5}}} {
		a := falseRoll(t, func(s *site) release.Digest { return s.digestOf(test.target) })
		a.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 }) // afterwards
		indices, err := find(a.site, 5)
		if err != nil || !slices.Equal(indices, test.indices) {
			t.Fatalf("%s: got %v, %v", name, indices, err)
		}
		a.indices = indices
		wantEvidence(t, a)
	}
	honest := newSite(t)
	honest.live()
	honest.withdraw(honest.digestOf(3)) // after the roll
	void := falseRoll(t, theRelease, func(r *release.Roll) { r.Live = nil })
	void.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
	void.roll(func(r *release.Roll) { r.Size = 6 })
	for name, test := range map[string]struct {
		site  *site
		index uint64
	}{"an honest roll": {honest, 4}, "a roll that lists nothing": {void.site, 5}, "a roll across a rotation": {void.site, 7}} {
		if indices, err := find(test.site, test.index); !errors.Is(err, fork.ErrNoContradiction) {
			t.Errorf("%s: got %v, %v", name, indices, err)
		}
	}
	if _, err := find(honest, 3); err == nil || errors.Is(err, fork.ErrNoContradiction) {
		t.Errorf("no roll: got %v", err)
	}
	broken := errors.New("broken")
	if _, err := verify.FalseRollEntries(honest.state(), 4, func(uint64) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
