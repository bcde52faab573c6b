package register

import (
	"bytes"
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

func TestFindingIsUnknown(t *testing.T) {
	l := newLog(t)
	_, authority := l.Authority()
	statement := &release.Statement{
		Type:     release.TypeFinding,
		URI:      release.TypeFinding.URI(),
		Subjects: []release.Subject{{Digest: authority}},
		Predicate: &release.Finding{
			Issued: t0.Add(oneDay), Authority: authority, Product: testProduct, Entry: authority,
			Auditor: "auditor.example", Result: "reproduced", Reference: "https://auditor.example/1",
		},
	}
	entry, _ := releasetest.SignStatement(t, statement, "ci")
	outcome := l.apply(entry)
	if outcome.Status != StatusUnknown || outcome.Refusal.Code != CodeTypeNotAdmitted {
		t.Fatalf("%s, %v", outcome.Status, outcome.Refusal)
	}
	if record, _ := l.Entry(outcome.Index); record.Type != release.TypeFinding || !record.Issued.IsZero() {
		t.Fatalf("record: %+v", record)
	}
}

// profileNotAdmitted returns an image entry with measurements for TDX.
func profileNotAdmitted(t *testing.T, image *release.Image, signers ...string) []byte {
	t.Helper()
	statement, err := release.NewImage(image)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := statement.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(payload, []byte(`"measurements":{"tpm2-uki/v1"`), []byte(`"measurements":{"tdx-uki/v1":{},"tpm2-uki/v1"`), 1)
	if bytes.Equal(changed, payload) {
		t.Fatalf("measurements: %s", payload)
	}
	return releasetest.Sign(t, changed, signers...)
}

func TestProfileNotAdmittedIsUndecided(t *testing.T) {
	l := newLog(t)
	entry := profileNotAdmitted(t, l.osImage(), "ci")
	outcome := l.apply(entry)
	if outcome.Status != StatusUnknown || outcome.Refusal.Code != release.CodeProfileNotAdmitted {
		t.Fatalf("%s, %v", outcome.Status, outcome.Refusal)
	}
	if got := l.Undecided(); !slices.Equal(got, []uint64{1}) {
		t.Fatalf("undecided: %v", got)
	}
	// Where nothing may stand it is void all the same.
	l.admit(l.authority(func(a *release.Authority) { a.Origin = successorOrigin }))
	if outcome := l.Apply(entry); outcome.Status != StatusVoid || outcome.Refusal.Code != CodeLogRetired {
		t.Fatalf("in a retired log: %s, %v", outcome.Status, outcome.Refusal)
	}
}

// TestOnlyWhoMaySignMakesUndecided: where anything fails that can be judged, an image
// with measurements for a profile that is not admitted is void, and nothing after it
// is uncertain.
func TestOnlyWhoMaySignMakesUndecided(t *testing.T) {
	l := newLog(t, func(a *release.Authority) {
		image := role(release.RoleImage, 1, "ci")
		image.Products = []string{testProduct}
		setRole(a, release.RoleImage, image)
	})
	taken := l.osImage()
	l.admit(taken)
	resigned := func(signatures ...release.Signature) []byte {
		envelope, err := release.ParseEnvelope(profileNotAdmitted(t, l.osImage(), "ci"))
		if err != nil {
			t.Fatal(err)
		}
		envelope.Signatures = signatures
		entry, err := envelope.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return entry
	}
	stranger := release.Key{Format: release.FormatOpenPGP, Public: []byte("the bytes of an OpenPGP key")}
	for name, c := range map[string]struct {
		code  release.Code
		entry []byte
	}{
		"a stranger":                   {CodeSignerUnknown, profileNotAdmitted(t, l.osImage(), "nobody")},
		"the role and a stranger":      {CodeSignerUnknown, profileNotAdmitted(t, l.osImage(), "ci", "nobody")},
		"another role":                 {CodeSignerOutsideRole, profileNotAdmitted(t, l.osImage(), "rel1", "rel2")},
		"a signature that is not good": {release.CodeSignatureInvalid, resigned(release.Signature{KeyID: keyID("ci"), Sig: make([]byte, 64)})},
		"a stranger's OpenPGP key":     {CodeSignerUnknown, resigned(release.Signature{KeyID: stranger.ID(), Sig: []byte("a foreign signature")})},
		"another authority":            {CodeAuthorityNotInForce, profileNotAdmitted(t, l.osImage(func(i *release.Image) { i.Authority = release.Digest{7} }), "ci")},
		"another product":              {CodeRoleDoesNotCover, profileNotAdmitted(t, l.osImage(func(i *release.Image) { i.Product = "other/product" }), "ci")},
		"a version that is taken":      {CodeImageTaken, profileNotAdmitted(t, l.osImage(func(i *release.Image) { i.Name, i.Version = taken.Name, taken.Version }), "ci")},
		"readable values that contradict each other": {release.CodeInitrdDigest, profileNotAdmitted(t, l.osImage(func(i *release.Image) {
			uki := *i.Measurements.TPM2UKI
			uki.Initrd = release.Digest{9}
			i.Measurements.TPM2UKI = &uki
		}), "ci")},
		"issued long ago": {CodeIssuedBehindLogTime, profileNotAdmitted(t, l.osImage(func(i *release.Image) {
			i.Issued = i.Issued.Add(-MaxBehind - 2*oneDay)
		}), "ci")},
	} {
		if outcome := l.Apply(c.entry); outcome.Status != StatusVoid || outcome.Refusal.Code != c.code {
			t.Errorf("%s: %s, %v; want void, %s", name, outcome.Status, outcome.Refusal, c.code)
		}
		// Prepared on all cores, it comes to the same.
		if outcome := l.ApplyAll([][]byte{c.entry})[0]; outcome.Status != StatusVoid || outcome.Refusal.Code != c.code {
			t.Errorf("%s, in a batch: %s, %v; want void, %s", name, outcome.Status, outcome.Refusal, c.code)
		}
	}
	if got := l.Undecided(); len(got) != 0 {
		t.Errorf("undecided: %v", got)
	}
	if _, err := Decode(profileNotAdmitted(t, l.osImage(), "nobody")); release.CodeOf(err) != release.CodeProfileNotAdmitted {
		t.Errorf("decoded: %v", err)
	}
}

// TestAStrangersForeignSignatureIsVoid: that nothing here judges signatures of its
// format is no matter where the key is nobody's, or one beside it is false.
func TestAStrangersForeignSignatureIsVoid(t *testing.T) {
	foreign := release.Key{Format: release.FormatOpenPGP, Public: []byte("the bytes of an OpenPGP key")}
	l := newLog(t, func(a *release.Authority) {
		a.Keys[foreign.ID()] = foreign
		withdraw := role(release.RoleWithdraw, 2, "wd")
		withdraw.Keys = slices.SortedFunc(slices.Values(append(withdraw.Keys, foreign.ID())), release.KeyID.Compare)
		setRole(a, release.RoleWithdraw, withdraw)
	})
	model := l.admit(l.image())
	signed := func(signatures ...release.Signature) []byte {
		envelope, err := release.ParseEnvelope(l.entry(l.withdrawal(model), "wd"))
		if err != nil {
			t.Fatal(err)
		}
		envelope.Signatures = slices.SortedFunc(slices.Values(signatures), func(a, b release.Signature) int { return a.KeyID.Compare(b.KeyID) })
		entry, err := envelope.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return entry
	}
	stranger := release.Key{Format: release.FormatOpenPGP, Public: []byte("another OpenPGP key")}
	junk := []byte("a foreign signature")
	ours, theirs, wrong := release.Signature{KeyID: foreign.ID(), Sig: junk}, release.Signature{KeyID: stranger.ID(), Sig: junk}, release.Signature{KeyID: keyID("wd"), Sig: make([]byte, 64)}
	for name, c := range map[string]struct {
		code  release.Code
		entry []byte
	}{
		"a stranger":                  {CodeSignerUnknown, signed(theirs)},
		"a stranger beside the role":  {CodeSignerUnknown, signed(ours, theirs)},
		"one of two":                  {CodeThresholdMissed, signed(ours)},
		"a false signature beside it": {release.CodeSignatureInvalid, signed(wrong, ours)},
	} {
		if outcome := l.Apply(c.entry); outcome.Status != StatusVoid || outcome.Refusal.Code != c.code {
			t.Errorf("%s: %s, %v; want void, %s", name, outcome.Status, outcome.Refusal, c.code)
		}
	}
	if got := l.Undecided(); len(got) != 0 {
		t.Errorf("undecided: %v", got)
	}
}

func TestReplacementIsNotJudged(t *testing.T) {
	l := newLog(t)
	model := l.admit(l.image())
	l.admit(l.withdrawal(model, func(w *release.Withdrawal) { w.Replacement = &release.Digest{1, 2} }))
}

// TestStruckIsJudgedByEveryRole: without the listed key's signature, another
// role may admit what is left.
func TestStruckIsJudgedByEveryRole(t *testing.T) {
	l := newLog(t, func(a *release.Authority) {
		setRole(a, release.RoleRelease, role(release.RoleRelease, 2, "rel1", "rel2"), role(release.RoleRelease, 1, "rel2"))
	})
	os := l.admit(l.osImage())
	r := l.admit(l.release([]release.Digest{os}), "rel1", "rel2")
	l.strikes(0, "rel1")
	l.wantStruck(false, r)
	l.strikes(0, "rel2")
	l.wantStruck(true, r)
}
