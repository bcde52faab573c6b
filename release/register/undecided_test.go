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
func profileNotAdmitted(t *testing.T, l *testLog) []byte {
	statement, err := release.NewImage(l.osImage())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := statement.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	payload = bytes.Replace(payload, []byte(`"measurements":{"tpm2-uki/v1"`), []byte(`"measurements":{"tdx-uki/v1":{},"tpm2-uki/v1"`), 1)
	return releasetest.Sign(t, payload, "ci")
}

func TestProfileNotAdmittedIsUndecided(t *testing.T) {
	l := newLog(t)
	entry := profileNotAdmitted(t, l)
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
