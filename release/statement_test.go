package release

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exampleDigests are the payload digests of the example log, by index.
var exampleDigests = []string{
	"8a6d92395c9ccc5f6eeea3e97e14b7d45029df0cb11ed18daa523267fca50fc8",
	"f1f5c45cc0e4c4c632a76b7e2c0a38d9454fea37b1a34f2f380f65983807c77f",
	"1941f25beb3f37d42fd5d13538acb0e0a95d3874af9b1bd1cdf11d583d96b1ce",
	"c4293fc86e42fb94b822dd6552aa1516d2be6828eb19895dc6a6f1d7b3598c1f",
	"ba9999f461e3fd47f8bf49253b0c748dc97f385ac30763926fe74ba6bc5d8b95",
	"66e3070402c1ea0b429f104049b51fc2486148df824e205d60befab7b1d93880",
	"310f1c8310806dcd1a8c84c7f1dc1957e7f3e434fe59801ab0ad5430264e829f",
	"9246e16a3a59fe2ee4f6b46e2e4bf9356e4a835204d96bd2ccfb19c7cb7bca1f",
	"636192899e34e262281205bf86c847e2c11d96278f0eddcfbcefcc9ce294f5e5",
	"12a7d1593f7e3895a85bc822456d8bf4445ef80a5275e729ba9cf33bfadf5bbf",
	"837f709c7ca7e8915eee8810b4c6fe6715ec53edfaebe156d2c1d847df38d462",
}

func readExample(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("register", "testdata", "example", name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func examplePayload(tb testing.TB, index int) []byte {
	tb.Helper()
	return readExample(tb, fmt.Sprintf("%02d.json", index))
}

func mustParse(tb testing.TB, payload []byte) *Statement {
	tb.Helper()
	statement, err := ParseStatement(payload)
	if err != nil {
		tb.Fatalf("%s: %v", payload, err)
	}
	return statement
}

func mustMarshal(tb testing.TB, statement *Statement) []byte {
	tb.Helper()
	payload, err := statement.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return payload
}

// newOf makes the statement of a predicate by the function of its type.
func newOf(p Predicate) (*Statement, error) {
	switch p := p.(type) {
	case *Authority:
		return NewAuthority(p)
	case *Image:
		return NewImage(p)
	case *Release:
		return NewRelease(p)
	case *Withdrawal:
		return NewWithdrawal(p)
	case *Roll:
		return NewRoll(p)
	case *Finding:
		return NewFinding(p)
	}
	return nil, fmt.Errorf("no statement of %T", p)
}

func mustNew(tb testing.TB, p Predicate) *Statement {
	tb.Helper()
	statement, err := newOf(p)
	if err != nil {
		tb.Fatal(err)
	}
	return statement
}

func TestExampleLogIsReadAndWrittenByteForByte(t *testing.T) {
	for index, digest := range exampleDigests {
		payload := examplePayload(t, index)
		if got := (&Envelope{Payload: payload}).PayloadDigest().String(); got != digest {
			t.Errorf("%d: digest %s, want %s", index, got, digest)
		}
		statement := mustParse(t, payload)
		if got := mustMarshal(t, statement); !bytes.Equal(got, payload) {
			t.Errorf("%d: got\n%s\nwant\n%s", index, got, payload)
		}
		made := mustNew(t, statement.Predicate)
		if diff := cmp.Diff(statement, made); diff != "" {
			t.Errorf("%d: made anew (-read +made):\n%s", index, diff)
		}
	}
}

func TestExampleLogSaysWhatItSays(t *testing.T) {
	digest := func(index int) Digest { return mustDigest(t, exampleDigests[index]) }
	at := func(text string) time.Time {
		when, err := ParseTime(text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	origin := Subject{Name: "log.example/acme", Digest: sha256.Sum256([]byte("log.example/acme"))}
	for index, want := range map[int]*Statement{
		6: {
			Type: TypeRelease, URI: "https://github.com/muster-log/muster/release/v1", Subjects: []Subject{{Digest: digest(2)}, {Digest: digest(1)}},
			Predicate: &Release{Issued: at("2026-11-12T09:00:00Z"), Authority: digest(0), Product: "acme/ai", Channel: "stable", Version: "2026.11",
				NotAfter: at("2027-01-20T00:00:00Z"), Reinstates: []Digest{digest(5)}, Images: []Digest{digest(2), digest(1)}},
		},
		5: {
			Type: TypeWithdrawal, URI: TypeWithdrawal.URI(), Subjects: []Subject{{Digest: digest(2)}},
			Predicate: &Withdrawal{Issued: at("2026-11-10T08:00:00Z"), Authority: digest(0), Product: "acme/ai", Target: digest(2),
				Reason: ReasonVulnerability, Note: "prompt leak under load"},
		},
		4: {
			Type: TypeRoll, URI: TypeRoll.URI(), Subjects: []Subject{origin},
			Predicate: &Roll{Issued: at("2026-11-03T12:00:10Z"), Authority: digest(0), Product: "acme/ai", Origin: origin.Name, Size: 4,
				Root: mustDigest(t, "aca17907c545d49a6f17db1f2f0498423dd109ab3450b3cca6464c5993108043"), Live: []Digest{digest(3)}, Rules: 1},
		},
	} {
		if diff := cmp.Diff(want, mustParse(t, examplePayload(t, index))); diff != "" {
			t.Errorf("%d (-want +got):\n%s", index, diff)
		}
	}
	a := mustParse(t, examplePayload(t, 8)).Predicate.(*Authority)
	if a.Version != 2 || *a.Previous != digest(0) || len(a.Keys) != 9 || len(a.Roles) != 5 || a.Roles[2].Threshold != 2 ||
		len(a.Roles[2].Keys) != 3 || a.Limits != (Limits{30, 90}) || a.Channels[0] != (Channel{"stable", ModeProduction}) ||
		len(a.Compromised) != 1 || a.Compromised[0].From != 6 || a.Compromised[0].Origin != origin.Name {
		t.Errorf("authority: %+v", a)
	}
	i := mustParse(t, examplePayload(t, 1)).Predicate.(*Image)
	if i.Measurements.TPM2UKI.Sections[2].Name != SectionCmdline || i.Measurements.TPM2UKI.Root.DataBlocks != 25600 ||
		i.SecurityVersion != 7 || i.Artifacts[1].Size != 123456789 || i.Artifacts[0].URLs[0] != "https://dl.example/node-os-1.4.0.efi" {
		t.Errorf("image: %+v", i)
	}
}

func TestIdentityOfTheExample(t *testing.T) {
	const want = "570c7c59fc624e8656f45f81441543898940906b1acb6c960d1b3289c02c2ba6"
	for _, index := range []int{3, 6, 9} {
		if got := mustParse(t, examplePayload(t, index)).Predicate.(*Release).Identity().String(); got != want {
			t.Errorf("%d: got %s, want %s", index, got, want)
		}
	}
	images := []Digest{mustDigest(t, exampleDigests[1]), mustDigest(t, exampleDigests[2])}
	if got := Identity("acme/ai", "stable", images).String(); got != want || images[0].String() != exampleDigests[1] {
		t.Errorf("images in another order: got %s, want %s, and the order kept", got, want)
	}
	text := `{"channel":"stable","images":[{"sha256":"` + exampleDigests[2] + `"},{"sha256":"` + exampleDigests[1] + `"}],"product":"acme/ai"}`
	if got := Digest(sha256.Sum256([]byte(text))).String(); got != want {
		t.Errorf("the text of the identity hashes to %s", got)
	}
}

func mustDigest(tb testing.TB, text string) Digest {
	tb.Helper()
	digest, err := ParseDigest(text)
	if err != nil {
		tb.Fatal(err)
	}
	return digest
}

// word returns the digest of a word.
func word(text string) Digest { return sha256.Sum256([]byte(text)) }

// testKey returns the public key of a name as example keys are made, and the
// same key in the format ssh.
func testKey(tb testing.TB, name string) (Key, Key) {
	tb.Helper()
	seed := sha256.Sum256([]byte(name))
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		tb.Fatal(err)
	}
	wire := "\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + string(public)
	return Key{FormatEd25519, der}, Key{FormatSSH, []byte(wire)}
}

// fullAuthority holds every member that an authority can have.
func fullAuthority(tb testing.TB) *Authority {
	issued := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	previous := word("previous")
	a := &Authority{
		Version: 2, Issued: issued, Origin: "log.example/acme", Previous: &previous, Expires: issued.AddDate(1, 0, 0),
		Keys:     map[KeyID]Key{},
		Channels: []Channel{{"stable", ModeProduction}, {"debug", ModeDebug}, {"lab", ModeResearch}},
		Limits:   Limits{30, 90},
		Compromised: []Compromised{
			{word("gone"), "log.example/old", 4},
			{word("gone"), "log.example/acme", 6},
		},
	}
	id := func(key Key) KeyID { a.Keys[key.ID()] = key; return key.ID() }
	plain1, ssh1 := testKey(tb, "one")
	plain2, _ := testKey(tb, "two")
	foreign := Key{FormatOpenPGP, []byte("the bytes of an OpenPGP key")}
	a.Roles = []Role{
		{Name: RoleRoot, Keys: []KeyID{id(plain1), id(plain2)}, Threshold: 2},
		{Name: RoleImage, Keys: []KeyID{id(plain2)}, Threshold: 1, Products: []string{"b", "a/x"}, Kinds: []string{"os", "firmware"}},
		{Name: RoleRelease, Keys: []KeyID{id(ssh1), id(plain2)}, Threshold: 2, Channels: []string{"stable", "lab"}},
		{Name: RoleRelease, Keys: []KeyID{id(plain1), id(ssh1)}, Threshold: 1},
		{Name: RoleWithdraw, Keys: []KeyID{id(foreign), id(plain2)}, Threshold: 1},
		{Name: RoleAuditor, Keys: []KeyID{id(foreign)}, Threshold: 1},
	}
	return a
}

// fullImage holds every member that an image can have.
func fullImage() *Image {
	issued := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	verity := Verity{word("root").String(), "00ff", 4096, 512, 25600, 104857600, VeritySHA256, "erofs"}
	return &Image{
		Issued: issued, Authority: word("authority"), Product: "acme/ai", Kind: KindOS, Name: "node-os", Version: "1.4.0", SecurityVersion: 7,
		Mode: ModeProduction, PublishBy: issued.AddDate(0, 0, 9), Note: "naïve “note” 日本 \U0001f600 <&> \"\\", Provenance: []Digest{word("b"), word("a"), word("c")},
		Artifacts: []Artifact{
			{"B-os.efi", word("efi"), 5, "application/octet-stream", []string{"https://b.example/x?y=%20z", "https://[2001:db8::1]:8443/"}},
			{"sub/a.root", word("root"), 1<<53 - 1, "application/vnd.muster+json", nil},
			{"a.json", word("json"), 0, "application/json", nil},
		},
		Measurements: Measurements{
			TPM2UKI: &TPM2UKI{
				Authenticode: word("uki"), KernelAuthenticode: word("kernel"), Stub: "systemd-stub 252",
				Sections: []Section{{".linux", word("l")}, {".osrel", word("o")}, {".cmdline", word("c")}, {".initrd", word("i")}},
				Cmdline:  `roothash="x" \y`, CmdlineRules: 1, Initrd: word("i"), PCR9: []string{PCR9Initrd, PCR9Cmdline},
				KernelMeasured: KernelMeasuredAlways, Phases: []string{"sysinit", "ready"}, Root: verity,
			},
			Verity:       &verity,
			OMS:          &OMS{Root: word("root"), Resources: []Resource{{"tokenizer.json", word("t")}, {"Model 1/a b.bin", word("m")}}},
			FirmwarePCRs: &FirmwarePCRs{map[int][]Digest{7: {word("7")}, 0: {word("0"), word("0b")}, 2: {word("2")}, 3: {word("3")}, 6: {word("6")}}, BasisObserved},
		},
	}
}

func fullRelease() *Release {
	issued := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	return &Release{Issued: issued, Authority: word("authority"), Product: "acme/ai", Channel: "stable", Version: "2026.11+b~1", NotAfter: issued.AddDate(0, 1, 0),
		Reinstates: []Digest{word("w2"), word("w1"), word("w3")}, Images: []Digest{word("os"), word("model"), word("config")}, Note: "é"}
}

func fullWithdrawal() *Withdrawal {
	replacement := word("better")
	return &Withdrawal{Issued: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC), Authority: word("authority"), Product: "acme/ai", Target: word("os"),
		Reason: ReasonDefect, Replacement: &replacement, Note: ""}
}

func fullRoll() *Roll {
	return &Roll{Issued: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC), Authority: word("authority"), Product: "acme/ai", Origin: "log.example/acme",
		Size: 12, Root: word("tree"), Live: []Digest{word("r2"), word("r1")}, Rules: RollRules}
}

func fullFinding() *Finding {
	return &Finding{Issued: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC), Authority: word("authority"), Product: "acme/ai", Entry: word("os"),
		Auditor: "Audit & Co.", Result: "reproduced", Reference: "https://auditor.example/1"}
}

// fullPredicates returns one of each type, with sets out of order.
func fullPredicates(tb testing.TB) []Predicate {
	manifest := word("manifest")
	model := fullImage()
	model.Kind, model.Measurements = KindModel, Measurements{OMS: &OMS{Root: word("root"), Manifest: &manifest}}
	return []Predicate{fullAuthority(tb), fullImage(), model, fullRelease(), fullWithdrawal(), fullRoll(), fullFinding()}
}

func TestMarshalSortsWhatIsASet(t *testing.T) {
	for _, predicate := range fullPredicates(t) {
		statement := mustNew(t, predicate)
		payload := mustMarshal(t, statement)
		if diff := cmp.Diff(statement, mustParse(t, payload)); diff != "" {
			t.Errorf("%T: read back (-made +read):\n%s", predicate, diff)
		}
		again := &Statement{Type: statement.Type, URI: statement.URI, Subjects: slices.Clone(statement.Subjects), Predicate: predicate}
		slices.Reverse(again.Subjects)
		if got := mustMarshal(t, again); !bytes.Equal(got, payload) {
			t.Errorf("%T: of the unsorted one:\n%s\nwant\n%s", predicate, got, payload)
		}
	}
	i := fullImage()
	made := mustNew(t, i).Predicate.(*Image)
	if i.Artifacts[0].Name != "B-os.efi" || i.Provenance[0] != word("b") {
		t.Error("the image given was changed")
	}
	var order []string
	for _, artifact := range made.Artifacts {
		order = append(order, artifact.Name)
	}
	// By the canonical bytes, which begin with the media type.
	if want := []string{"a.json", "B-os.efi", "sub/a.root"}; !slices.Equal(order, want) {
		t.Errorf("artifacts: got %v, want %v", order, want)
	}
	if u := made.Measurements.TPM2UKI; !slices.Equal(u.PCR9, i.Measurements.TPM2UKI.PCR9) || !slices.Equal(u.Phases, []string{"sysinit", "ready"}) ||
		u.Sections[0].Name != ".linux" || !slices.Equal(made.Artifacts[1].URLs, i.Artifacts[0].URLs) {
		t.Error("a list with an order of its own was sorted")
	}
	if made.Note != i.Note {
		t.Errorf("note: got %q, want %q", made.Note, i.Note)
	}
}

func TestFractionsOfASecondAreCut(t *testing.T) {
	w := fullWithdrawal()
	w.Issued = w.Issued.Add(999 * time.Millisecond).In(time.FixedZone("", 3600))
	if got := mustNew(t, w).Issued(); !got.Equal(fullWithdrawal().Issued) || got.Location() != time.UTC {
		t.Errorf("issued: got %v", got)
	}
}

func TestMarshalRefuses(t *testing.T) {
	whole := func(p Predicate) *Statement { return mustNew(t, p) }
	for name, c := range map[string]struct {
		statement *Statement
		code      Code
		member    string
	}{
		"no predicate":         {&Statement{}, CodePredicateType, "predicate"},
		"a type of another":    {func() *Statement { s := whole(fullRoll()); s.Type = TypeFinding; return s }(), CodePredicateType, "predicateType"},
		"a URI of another":     {func() *Statement { s := whole(fullRoll()); s.URI = TypeFinding.URI(); return s }(), CodePredicateType, "predicateType"},
		"no subjects":          {func() *Statement { s := whole(fullImage()); s.Subjects = nil; return s }(), CodeSubject, "subject"},
		"another target":       {func() *Statement { s := whole(fullWithdrawal()); s.Subjects[0].Digest = word("x"); return s }(), CodeSubject, "subject"},
		"another origin":       {func() *Statement { s := whole(fullRoll()); s.Subjects[0].Name = "x"; return s }(), CodeSubject, "subject"},
		"an unknown of ours":   {&Statement{Type: TypeRoll, URI: TypeRoll.URI(), Predicate: &Unknown{examplePayload(t, 4)}}, CodePredicateType, "predicateType"},
		"an unknown, not JSON": {&Statement{Predicate: &Unknown{[]byte("x")}}, CodeJSONSyntax, ""},
		"invalid UTF-8":        {&Statement{Predicate: func() *Release { r := fullRelease(); r.Note = "\xff"; return r }()}, CodeJSONUTF8, "predicate.note"},
		"a negative":           {&Statement{Predicate: func() *Authority { a := fullAuthority(t); a.Version = -2; return a }()}, CodeJSONNumber, "predicate.version"},
		"2^53":                 {&Statement{Predicate: func() *Image { i := fullImage(); i.SecurityVersion = 1 << 53; return i }()}, CodeJSONNumber, "predicate.securityVersion"},
		"the year 10000":       {&Statement{Predicate: func() *Roll { r := fullRoll(); r.Issued = r.Issued.AddDate(8000, 0, 0); return r }()}, CodeTime, "predicate.issued"},
		"an image twice":       {&Statement{Predicate: func() *Release { r := fullRelease(); r.Images[0] = r.Images[1]; return r }()}, CodeListRepeated, "subject[1]"},
		"a PCR we do not have": {&Statement{Predicate: func() *Image { i := fullImage(); i.Measurements.FirmwarePCRs.PCRs[10] = nil; return i }()}, CodeMemberUnknown, "predicate.measurements.firmware-pcrs/v1.pcrs.10"},
		"no keys":              {&Statement{Predicate: func() *Authority { a := fullAuthority(t); a.Keys = nil; return a }()}, CodeListSize, "predicate.keys"},
		"no roles":             {&Statement{Predicate: func() *Authority { a := fullAuthority(t); a.Roles = nil; return a }()}, CodeListSize, "predicate.roles"},
		"no artifacts":         {&Statement{Predicate: func() *Image { i := fullImage(); i.Artifacts = nil; return i }()}, CodeListSize, "predicate.artifacts"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.statement.Marshal()
			wantRefusal(t, err, c.code, c.member)
		})
	}
	if _, err := NewRelease(&Release{}); CodeOf(err) == "" {
		t.Errorf("an empty release: %v", err)
	}
}

func TestUnknownTypeIsKeptWhole(t *testing.T) {
	for _, payload := range []string{
		strings.Replace(string(examplePayload(t, 1)), "muster/image/v1", "muster/zebra/v9", 1),
		strings.Replace(string(examplePayload(t, 1)), "muster/image/v1", "muster/image/v2", 1),
		`{"_type":"https://in-toto.io/Statement/v1","predicate":{"é":[[[[true]]]]},"predicateType":"https://example.com/x","subject":[]}`,
	} {
		statement := mustParse(t, []byte(payload))
		unknown, ok := statement.Predicate.(*Unknown)
		if !ok || statement.Type != "" || string(unknown.Payload) != payload || !strings.Contains(payload, `"`+statement.URI+`"`) {
			t.Errorf("%+v", statement)
		}
		if got := mustMarshal(t, statement); string(got) != payload {
			t.Errorf("got %s, want %s", got, payload)
		}
		if !statement.Issued().IsZero() || statement.Product() != "" || statement.Note() != "" || !statement.Authority().IsZero() {
			t.Error("an unknown statement says something")
		}
	}
}

func wantRefusal(tb testing.TB, err error, code Code, member string) {
	tb.Helper()
	refusal, ok := err.(*Refusal)
	if !ok {
		tb.Fatalf("got %v, want a *Refusal", err)
	}
	if refusal.Code != code || refusal.Member != member {
		tb.Fatalf("got %s at %q (%v), want %s at %q", refusal.Code, refusal.Member, err, code, member)
	}
	if refusal.Want == "" {
		tb.Fatalf("%v does not say what it wants", err)
	}
}
