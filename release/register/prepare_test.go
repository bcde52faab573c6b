package register

import (
	"bytes"
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// unknownTypeEntry returns an entry of a type that nobody knows.
func unknownTypeEntry(tb testing.TB) []byte {
	statement, err := release.NewImage((&testLog{TB: tb, State: New(testOrigin), now: t0}).image())
	if err != nil {
		tb.Fatal(err)
	}
	payload, err := statement.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	payload = bytes.Replace(payload, []byte("muster/image/v1"), []byte("muster/zebra/v9"), 1)
	return releasetest.Sign(tb, payload, "ci")
}

func TestUnknownTypeHasNoEffect(t *testing.T) {
	l := newLog(t)
	entry := unknownTypeEntry(t)
	for range 2 { // no effect: not even on being logged once
		outcome := l.apply(entry)
		if outcome.Status != StatusUnknown || outcome.Refusal.Code != CodeTypeNotAdmitted || outcome.Prepared == nil {
			t.Fatalf("%s, %v", outcome.Status, outcome.Refusal)
		}
		if _, logged := l.Lookup(outcome.Digest); logged {
			t.Fatal("it counts as logged")
		}
	}
	if l.Unknown() != 2 || l.Void() != 0 || len(l.Undecided()) != 0 {
		t.Fatalf("unknown %d, void %d, undecided %v", l.Unknown(), l.Void(), l.Undecided())
	}
	if standing, _ := l.Why(1); standing.Word != WordUnknown {
		t.Fatalf("stands %q", standing)
	}
}

func TestUndecodableEntryIsVoid(t *testing.T) {
	l := newLog(t)
	for _, entry := range [][]byte{nil, {}, []byte("{"), bytes.Repeat([]byte("["), release.MaxEntry+1), []byte(`{"payload":"","payloadType":"x","signatures":[]}`)} {
		outcome := l.Apply(entry)
		if outcome.Status != StatusVoid || outcome.Refusal == nil || outcome.Prepared != nil || !outcome.Digest.IsZero() {
			t.Errorf("%.20q: %+v", entry, outcome)
		}
	}
	// An envelope around something else still has its payload's digest.
	outcome := l.Apply(releasetest.Sign(t, []byte(`{"x":1}`), "ci"))
	if outcome.Status != StatusVoid || outcome.Digest.IsZero() {
		t.Errorf("%+v", outcome)
	}
	record, ok := l.Entry(outcome.Index)
	if !ok || record.Digest != outcome.Digest || record.Refusal == nil {
		t.Errorf("record: %+v", record)
	}
	if l.Void() != 6 {
		t.Errorf("void: %d", l.Void())
	}
	if _, ok := l.Entry(l.Size()); ok {
		t.Error("an entry beyond the size")
	}
	if _, ok := l.Why(l.Size()); ok {
		t.Error("a standing beyond the size")
	}
}

func TestPrepareVerifiesWhatCouldBeAdmitted(t *testing.T) {
	l := newLog(t)
	known := mustAuthority(l)
	count := func(entry []byte, known *release.Authority) int {
		t.Helper()
		p, err := Prepare(entry, known)
		if err != nil {
			t.Fatal(err)
		}
		return len(p.verified) - len(slices.DeleteFunc(slices.Clone(p.verified), func(f release.KeyFormat) bool { return f != "" }))
	}
	os := l.admit(l.osImage())
	r := l.release([]release.Digest{os})
	for name, c := range map[string]struct {
		entry []byte
		known *release.Authority
		want  int
	}{
		"all of a release":               {l.entry(r), known, 2},
		"nothing of one signed too few":  {l.entry(r, "rel1"), known, 0},
		"nothing without an authority":   {l.entry(r), nil, 0},
		"nothing of a stranger's":        {l.entry(r, "mallory"), known, 0},
		"a withdrawal by root":           {l.entry(l.withdrawal(os), "root1", "root2"), known, 2},
		"version 1 by its own root":      {l.entries[0], nil, 2},
		"the next version by both roots": {l.entry(l.authority()), known, 2},
		"the next version by a new root": {l.entry(l.authority(func(a *release.Authority) {
			hold(a, "new1")
			setRole(a, release.RoleRoot, role(release.RoleRoot, 2, "new1", "root3"))
		}), "new1", "root1", "root3"), known, 3},
		"nothing of one the roots missed": {l.entry(l.authority(func(a *release.Authority) {
			hold(a, "new1", "new2")
			setRole(a, release.RoleRoot, role(release.RoleRoot, 2, "new1", "new2"))
		}), "new1", "new2"), known, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := count(c.entry, c.known); got != c.want {
				t.Errorf("verified %d signatures, want %d", got, c.want)
			}
		})
	}
}

// TestApplyAllAcrossARotation: entries prepared under the authority before a
// rotation in their midst are judged under the one in force.
func TestApplyAllAcrossARotation(t *testing.T) {
	l := newLog(t)
	l.admit(l.image())
	l.admit(l.authority(func(a *release.Authority) {
		hold(a, "ci2")
		setRole(a, release.RoleImage, role(release.RoleImage, 1, "ci2"))
	}))
	l.admit(l.image(), "ci2")
	l.refuse(CodeSignerOutsideRole, l.image(), "ci")
	replayed := New(testOrigin)
	for i, outcome := range replayed.ApplyAll(l.entries) {
		record, _ := l.Entry(uint64(i))
		if outcome.Index != record.Index || outcome.Status != record.Status || outcome.Digest != record.Digest {
			t.Errorf("index %d: got %s, want %s", i, outcome.Status, record.Status)
		}
	}
}

// TestSignatureIsVerifiedOnceByEachKey: by the very key, format included, and
// not again.
func TestSignatureIsVerifiedOnceByEachKey(t *testing.T) {
	p := &Prepared{
		Envelope: &release.Envelope{Payload: []byte("x"), Signatures: []release.Signature{{Sig: []byte("y")}}},
		verified: make([]release.KeyFormat, 1),
	}
	asked := 0
	foreign := func(release.Key, []byte, []byte) error { asked++; return nil }
	for range 3 {
		if refusal := p.verify(0, release.Key{Format: release.FormatOpenPGP}, foreign); refusal != nil {
			t.Fatal(refusal)
		}
	}
	if asked != 1 {
		t.Errorf("verified %d times", asked)
	}
	if refusal := p.verify(0, release.Key{Format: release.FormatX509}, foreign); refusal != nil || asked != 2 {
		t.Errorf("by a key of another format: %v, verified %d times", refusal, asked)
	}
	if refusal := p.verify(0, releasetest.KeyFromName("ci").Key(), nil); refusal == nil {
		t.Error("by a third key, which did not sign")
	}
}
