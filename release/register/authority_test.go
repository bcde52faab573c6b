package register

import (
	"testing"

	"github.com/muster-log/muster/release"
)

func TestEntry0IsAuthorityVersion1(t *testing.T) {
	empty := func() *testLog { return &testLog{TB: t, State: New(testOrigin), now: t0} }

	l := empty()
	l.refuse(CodeFirstEntry, l.image())
	// Then the log is dead: no later entry can be entry 0.
	l.refuse(CodeNoAuthority, l.authority())
	l.refuse(CodeNoAuthority, l.image())

	l = empty()
	l.refuse(CodeFirstEntry, newLog(t).authority())

	l = newLog(t)
	l.refuse(CodeVersionNotNext, empty().authority(func(a *release.Authority) { a.Channels = nil }))
}

func TestFirstAuthorityIsSignedByItsOwnRoot(t *testing.T) {
	for name, c := range map[string]struct {
		signers []string
		code    release.Code
	}{
		"two of three":          {[]string{"root1", "root3"}, ""},
		"three of three":        {[]string{"root1", "root2", "root3"}, ""},
		"one":                   {[]string{"root1"}, CodeOwnRootMissed},
		"a key of another role": {[]string{"root1", "root2", "ci"}, CodeSignerOutsideRole},
		"a strange key":         {[]string{"root1", "root2", "mallory"}, CodeSignerUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			l := &testLog{TB: t, State: New(testOrigin), now: t0}
			if c.code == "" {
				l.admit(l.authority(), c.signers...)
			} else {
				l.refuse(c.code, l.authority(), c.signers...)
			}
		})
	}
}

func TestAuthorityFollowsTheOneInForce(t *testing.T) {
	l := newLog(t)
	l.refuse(CodeVersionNotNext, l.authority(func(a *release.Authority) { a.Version = 3 }))
	l.refuse(CodePreviousNotInForce, l.authority(func(a *release.Authority) { a.Previous = &release.Digest{1} }))
	first, firstDigest := l.Authority()
	second := l.admit(l.authority())
	l.refuse(CodeVersionNotNext, l.authority(func(a *release.Authority) {
		a.Version = 2
		a.Previous = &firstDigest
		a.Expires = a.Expires.Add(oneDay)
	}))
	l.refuse(CodePreviousNotInForce, l.authority(func(a *release.Authority) { a.Previous = &firstDigest }))
	third := l.admit(l.authority())

	if got := l.AuthorityChain(); len(got) != 3 || got[0] != 0 {
		t.Fatalf("chain: %v", got)
	}
	for index, want := range map[uint64]release.Digest{0: {}, 1: firstDigest, l.Size(): third} {
		if _, got := l.AuthorityAt(index); got != want {
			t.Errorf("in force at %d: got %s, want %s", index, got, want)
		}
	}
	index, _ := l.Lookup(second)
	if _, got := l.AuthorityAt(index); got != firstDigest {
		t.Error("an authority is in force at its own index")
	}
	if _, got := l.AuthorityAt(index + 1); got != second {
		t.Error("an authority is not in force after its index")
	}
	if first.Version != 1 {
		t.Error("the first authority changed")
	}
}

func TestAuthorityNeedsBothRoots(t *testing.T) {
	// The new root is new1 and root3, both of them.
	rotate := func(a *release.Authority) {
		hold(a, "new1")
		setRole(a, release.RoleRoot, role(release.RoleRoot, 2, "new1", "root3"))
	}
	for name, c := range map[string]struct {
		signers []string
		code    release.Code
	}{
		"previous alone":                 {[]string{"root1", "root2"}, CodeOwnRootMissed},
		"own alone":                      {[]string{"new1", "root3"}, CodePreviousRootMissed},
		"both":                           {[]string{"new1", "root1", "root3"}, ""},
		"both, no key shared":            {[]string{"new1", "root1", "root2", "root3"}, ""},
		"own and one of the previous":    {[]string{"new1", "root1"}, CodePreviousRootMissed},
		"both and a key of neither root": {[]string{"new1", "root1", "root3", "rel1"}, CodeSignerOutsideRole},
		"both and a strange key":         {[]string{"new1", "root1", "root3", "mallory"}, CodeSignerUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			if c.code == "" {
				l.admit(l.authority(rotate), c.signers...)
			} else {
				l.refuse(c.code, l.authority(rotate), c.signers...)
			}
		})
	}
}

func TestOnlyTheAuthorityInForceCounts(t *testing.T) {
	l := newLog(t)
	late := l.image()
	l.admit(l.authority(func(a *release.Authority) {
		hold(a, "ci2")
		setRole(a, release.RoleImage, role(release.RoleImage, 1, "ci2"))
		delete(a.Keys, keyID("ci"))
	}))
	l.refuse(CodeAuthorityNotInForce, late)
	l.refuse(CodeSignerUnknown, l.image(), "ci")
	l.admit(l.image(), "ci2")
}

// TestL10AdmissionRacesRotation: what was prepared, and found admissible, under
// one authority is judged by its index.
func TestL10AdmissionRacesRotation(t *testing.T) {
	l := newLog(t)
	p, err := Prepare(l.entry(l.image()), mustAuthority(l))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Admit(p, t0); err != nil {
		t.Fatal(err)
	}
	l.admit(l.authority())
	if got := release.CodeOf(l.Admit(p, t0)); got != CodeAuthorityNotInForce {
		t.Fatalf("after the rotation: code %q", got)
	}
	if outcome := l.ApplyPrepared(p); outcome.Status != StatusVoid {
		t.Fatalf("applied after the rotation: %s", outcome.Status)
	}
}

// TestL10TwoReleasesRaceForOneVersion: the lower index wins.
func TestL10TwoReleasesRaceForOneVersion(t *testing.T) {
	l := newLog(t)
	first, second := l.admit(l.osImage()), l.admit(l.osImage())
	named := func(r *release.Release) { r.Version = "1.0" }
	a := l.entry(l.release([]release.Digest{first}, named))
	b := l.entry(l.release([]release.Digest{second}, named))
	pa, _ := Prepare(a, mustAuthority(l))
	pb, _ := Prepare(b, mustAuthority(l))
	if l.Admit(pa, t0) != nil || l.Admit(pb, t0) != nil {
		t.Fatal("alone, either is admissible")
	}
	if outcome := l.ApplyPrepared(pb); outcome.Status != StatusAdmitted {
		t.Fatal(outcome.Refusal)
	}
	if got := release.CodeOf(l.Admit(pa, t0)); got != CodeReleaseTaken {
		t.Fatalf("the second: code %q", got)
	}
}

func mustAuthority(l *testLog) *release.Authority {
	authority, _ := l.Authority()
	return authority
}
