package register

import (
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
)

func TestL8Signers(t *testing.T) {
	for name, c := range map[string]struct {
		signers []string
		code    release.Code
	}{
		"the threshold":                  {[]string{"rel1", "rel3"}, ""},
		"more than the threshold":        {[]string{"rel1", "rel2", "rel3"}, ""},
		"too few":                        {[]string{"rel1"}, CodeThresholdMissed},
		"a key of another role":          {[]string{"ci"}, CodeSignerOutsideRole},
		"enough, and one of another":     {[]string{"rel1", "rel2", "ci"}, CodeSignerOutsideRole},
		"enough, and a key unheard of":   {[]string{"rel1", "rel2", "mallory"}, CodeSignerUnknown},
		"root does not sign releases":    {[]string{"root1", "root2"}, CodeSignerOutsideRole},
		"a key unheard of and too few":   {[]string{"mallory"}, CodeSignerUnknown},
		"withdraw does not sign them":    {[]string{"wd"}, CodeSignerOutsideRole},
		"the roll's key, and one of rel": {[]string{"rel1", "roll"}, CodeSignerOutsideRole},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			os := l.admit(l.osImage())
			stated := l.release([]release.Digest{os})
			authority, _ := l.Authority()
			if got := release.CodeOf(CheckSigners(authority, &release.Statement{Predicate: stated}, nil, keyIDs(c.signers...))); got != c.code {
				t.Errorf("before signing: got %q, want %q", got, c.code)
			}
			if c.code == "" {
				l.admit(stated, c.signers...)
			} else {
				l.refuse(c.code, stated, c.signers...)
			}
		})
	}
}

func TestL8SignatureThatDoesNotVerify(t *testing.T) {
	l := newLog(t)
	good, other := l.entry(l.image()), l.entry(l.image())
	envelope, err := release.ParseEnvelope(good)
	if err != nil {
		t.Fatal(err)
	}
	theirs, _ := release.ParseEnvelope(other)
	envelope.Signatures[0].Sig = theirs.Signatures[0].Sig
	forged, err := envelope.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	l.refuseEntry(release.CodeSignatureInvalid, forged)
	// Every signature is checked, not only as many as the threshold asks for.
	os := l.admit(l.osImage())
	r := l.release([]release.Digest{os})
	envelope, _ = release.ParseEnvelope(l.entry(r, "rel1", "rel2", "rel3"))
	envelope.Signatures[2].Sig = theirs.Signatures[0].Sig
	forged, _ = envelope.Marshal()
	l.refuseEntry(release.CodeSignatureInvalid, forged)
}

func TestRolesAreLimited(t *testing.T) {
	limited := func(a *release.Authority) {
		hold(a, "ci-os", "rel-lab", "wd-os", "roll-other")
		os := role(release.RoleImage, 1, "ci-os")
		os.Kinds = []string{"os"}
		rest := role(release.RoleImage, 1, "ci")
		rest.Products = []string{testProduct}
		rest.Kinds = []string{"model"}
		setRole(a, release.RoleImage, os, rest)

		lab := role(release.RoleRelease, 1, "rel-lab")
		lab.Channels = []string{"lab"}
		stable := role(release.RoleRelease, 2, "rel1", "rel2", "rel3")
		stable.Channels = []string{"stable"}
		kinds := role(release.RoleRelease, 1, "rel3")
		kinds.Kinds = []string{"os"} // covers no release at all
		setRole(a, release.RoleRelease, lab, stable, kinds)

		withdrawOS := role(release.RoleWithdraw, 1, "wd-os")
		withdrawOS.Kinds = []string{"os"}
		withdrawLab := role(release.RoleWithdraw, 1, "wd")
		withdrawLab.Channels = []string{"lab"}
		setRole(a, release.RoleWithdraw, withdrawOS, withdrawLab)

		rolls := role(release.RoleRoll, 1, "roll")
		rolls.Products = []string{testProduct}
		byChannel := role(release.RoleRoll, 1, "roll-other")
		byChannel.Channels = []string{"stable"} // covers no roll at all
		setRole(a, release.RoleRoll, rolls, byChannel)
	}
	l := newLog(t, limited)

	os := l.admit(l.osImage(), "ci-os")
	l.refuse(CodeSignerOutsideRole, l.osImage(), "ci")
	model := l.admit(l.image(), "ci")
	l.refuse(CodeSignerOutsideRole, l.image(), "ci-os")
	l.refuse(CodeRoleDoesNotCover, l.image(func(i *release.Image) { i.Product = "acme/other" }), "ci")
	l.refuse(CodeRoleDoesNotCover, l.image(func(i *release.Image) { i.Kind = release.KindConfig }), "ci")

	stable := l.admit(l.release([]release.Digest{os, model}))
	l.refuse(CodeSignerOutsideRole, l.release([]release.Digest{os}), "rel-lab")
	inLab := func(r *release.Release) { r.Channel = "lab" }
	lab := l.admit(l.release([]release.Digest{os, model}, inLab), "rel-lab")
	l.refuse(CodeSignerOutsideRole, l.release([]release.Digest{os}, inLab), "rel1", "rel2")
	l.refuse(CodeThresholdMissed, l.release([]release.Digest{os}), "rel3")

	// A withdrawal has its target's kind and channel.
	l.refuse(CodeSignerOutsideRole, l.withdrawal(model), "wd-os")
	l.refuse(CodeSignerOutsideRole, l.withdrawal(stable), "wd")
	l.refuse(CodeSignerOutsideRole, l.withdrawal(lab), "wd-os")
	l.admit(l.withdrawal(lab), "wd")
	l.admit(l.withdrawal(os), "wd-os")

	l.admit(l.roll())
	l.refuse(CodeSignerOutsideRole, l.roll(), "roll-other")
	l.refuse(CodeRoleDoesNotCover, l.roll(func(r *release.Roll) { r.Product, r.Live = "acme/other", nil }), "roll")
}

func TestOneRoleOfTheNameMustBeMetAlone(t *testing.T) {
	l := newLog(t, func(a *release.Authority) {
		hold(a, "solo")
		setRole(a, release.RoleRelease, role(release.RoleRelease, 2, "rel1", "rel2"), role(release.RoleRelease, 2, "rel3", "solo"))
	})
	os := l.admit(l.osImage())
	l.refuse(CodeSignerOutsideRole, l.release([]release.Digest{os}), "rel1", "rel3")
	l.refuse(CodeSignerOutsideRole, l.release([]release.Digest{os}), "rel1", "rel2", "rel3")
	l.admit(l.release([]release.Digest{os}), "rel3", "solo")
}

func TestWithdrawalByWithdrawOrRoot(t *testing.T) {
	l := newLog(t)
	model := l.admit(l.image())
	l.admit(l.withdrawal(model), "wd")
	l.admit(l.withdrawal(model), "root1", "root3")
	l.refuse(CodeThresholdMissed, l.withdrawal(model), "root1")
	l.refuse(CodeSignerOutsideRole, l.withdrawal(model), "root1", "root3", "wd")
	l.refuse(CodeSignerOutsideRole, l.withdrawal(model), "rel1")
}

func TestDistinctKeysAreCountedBySPKI(t *testing.T) {
	key := func(id byte) release.KeyID { return release.KeyID{id} }
	link := &Link{
		Authority: &release.Authority{
			Version: 1,
			Keys:    map[release.KeyID]release.Key{key(1): {}, key(2): {}, key(3): {}},
			Roles:   []release.Role{{Name: release.RoleRelease, Keys: []release.KeyID{key(1), key(2), key(3)}, Threshold: 2}},
		},
		// 1 and 2 are one key in two formats.
		spki: map[release.KeyID]release.Digest{key(1): {9}, key(2): {9}, key(3): {8}},
	}
	n := needs{roles: releaseRoles, product: testProduct}
	if refusal := link.admits(n, []release.KeyID{key(1), key(2)}); refusal == nil || refusal.Code != CodeThresholdMissed {
		t.Errorf("one key under two ids: %v", refusal)
	}
	if refusal := link.admits(n, []release.KeyID{key(1), key(2), key(3)}); refusal != nil {
		t.Errorf("two keys under three ids: %v", refusal)
	}
}

func TestForeignSignatureCannotBeJudgedWithoutAVerifier(t *testing.T) {
	foreign := release.Key{Format: release.FormatOpenPGP, Public: []byte("the bytes of an OpenPGP key")}
	withForeign := func(a *release.Authority) {
		a.Keys[foreign.ID()] = foreign
		setRole(a, release.RoleWithdraw, release.Role{Name: release.RoleWithdraw, Keys: slices.SortedFunc(slices.Values(append(keyIDs("wd"), foreign.ID())), release.KeyID.Compare), Threshold: 1})
	}
	start := func(with ...Option) (*testLog, []byte) {
		l := &testLog{TB: t, State: New(testOrigin, with...), now: t0}
		l.admit(l.authority(withForeign))
		model := l.admit(l.image())
		envelope, err := release.ParseEnvelope(l.entry(l.withdrawal(model), "wd"))
		if err != nil {
			t.Fatal(err)
		}
		envelope.Signatures = []release.Signature{{KeyID: foreign.ID(), Sig: []byte("a foreign signature")}}
		entry, err := envelope.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return l, entry
	}

	l, entry := start()
	outcome := l.apply(entry)
	if outcome.Status != StatusUnknown || outcome.Refusal.Code != release.CodeCannotJudge {
		t.Fatalf("without a verifier: %s, %v", outcome.Status, outcome.Refusal)
	}
	if got := l.Undecided(); !slices.Equal(got, []uint64{outcome.Index}) {
		t.Fatalf("undecided: %v", got)
	}

	l, entry = start(WithForeignVerifier(func(key release.Key, _, sig []byte) error {
		if key.Format != release.FormatOpenPGP || string(sig) != "a foreign signature" {
			t.Errorf("asked about %s, %q", key.Format, sig)
		}
		return nil
	}))
	if outcome := l.apply(entry); outcome.Status != StatusAdmitted || len(l.Undecided()) != 0 {
		t.Fatalf("with a verifier: %s, %v", outcome.Status, outcome.Refusal)
	}

	l, entry = start(WithForeignVerifier(func(release.Key, []byte, []byte) error {
		return release.Refuse(release.CodeSignatureInvalid, "", "", "a signature by the key")
	}))
	if outcome := l.apply(entry); outcome.Status != StatusVoid || outcome.Refusal.Code != release.CodeSignatureInvalid {
		t.Fatalf("with a verifier that says no: %s, %v", outcome.Status, outcome.Refusal)
	}
}
