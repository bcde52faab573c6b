package register

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
)

// TestLiveAtAnySize looks back over many more changes than are kept between two
// whole lists.
func TestLiveAtAnySize(t *testing.T) {
	s := New(testOrigin)
	p := s.product(testProduct)
	random := rand.New(rand.NewPCG(1, 1))
	history := []map[release.Digest]*releaseEntry{{}}
	var all []*releaseEntry
	for size := range 3*snapshotEvery + 100 {
		s.records = append(s.records, record{})
		entry := &releaseEntry{index: uint64(size), digest: release.Digest{byte(random.IntN(40))}, identity: &identity{}}
		if gone := p.live[entry.digest]; gone != nil {
			s.change(p, gone, false)
		} else {
			s.change(p, entry, true)
			all = append(all, entry)
		}
		if random.IntN(3) == 0 { // two changes at one size
			if other := (release.Digest{99}); p.live[other] == nil {
				s.change(p, &releaseEntry{digest: other, identity: &identity{}}, true)
			} else {
				s.change(p, p.live[other], false)
			}
		}
		history = append(history, maps.Clone(p.live))
	}
	for size, want := range history {
		if got := p.at(uint64(size)); !maps.Equal(got, want) {
			t.Fatalf("at size %d: got %d, want %d", size, len(got), len(want))
		}
		for range 20 {
			entry := all[random.IntN(len(all))]
			if got := p.liveAt(entry, uint64(size)); got != (want[entry.digest] == entry) {
				t.Fatalf("at size %d: entry %d is live: %t", size, entry.index, got)
			}
		}
	}
}

func TestLiveAtASizeThatTheLogNeverHad(t *testing.T) {
	l := newLog(t)
	if _, ok := l.LiveAt(testProduct, l.Size()+1); ok {
		t.Error("the future is known")
	}
	if live, ok := l.LiveAt("acme/none", l.Size()); !ok || live != nil {
		t.Errorf("a product without entries: %v, %v", live, ok)
	}
	if live := l.Live("acme/none"); live != nil {
		t.Errorf("a product without entries: %v", live)
	}
}

func TestLiveReleaseSaysWhatIsLive(t *testing.T) {
	l := newLog(t)
	os, model := l.admit(l.osImage()), l.admit(l.image())
	r := l.release([]release.Digest{os, model})
	digest := l.admit(r)
	live := l.Live(testProduct)
	if len(live) != 1 {
		t.Fatalf("live: %v", live)
	}
	got := live[0]
	if got.Index != 3 || got.Digest != digest || got.Identity != r.Identity() || got.Channel != "stable" || got.Version != r.Version ||
		!got.Issued.Equal(r.Issued) || !got.NotAfter.Equal(r.NotAfter) || !slices.Equal(got.Images, r.Images) {
		t.Fatalf("got %+v of %+v", got, r)
	}
	if got := l.Products(); !slices.Equal(got, []string{testProduct}) {
		t.Errorf("products: %v", got)
	}
}

// TestLiveEndsAtNotAfter: live while notAfter is after log time, to the second.
func TestLiveEndsAtNotAfter(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	r := l.admit(l.release([]release.Digest{os}, func(r *release.Release) { r.NotAfter = t0.Add(oneDay) }))
	l.now = t0.Add(oneDay - time.Second)
	l.admit(l.image())
	l.wantLive(r)
	l.now = t0.Add(oneDay)
	l.admit(l.image())
	l.wantLive()
	l.wantWord(r, "expired")
}

func TestRecordsAndStandings(t *testing.T) {
	l := newLog(t)
	os, model := l.admit(l.osImage()), l.admit(l.image())
	statement := l.release([]release.Digest{os})
	r := l.admit(statement)
	ofImage, ofRelease := l.admit(l.withdrawal(model)), l.admit(l.withdrawal(r))
	roll := l.admit(l.roll())
	unreleased := l.admit(l.image())
	_, authority := l.Authority()
	l.refuse(CodeAlreadyLogged, statement)
	for digest, want := range map[release.Digest]string{
		authority: "in-force", os: "not-released", model: "withdrawn by 4", r: "withdrawn by 5",
		ofImage: "in-force", ofRelease: "in-force", roll: "newest", unreleased: "not-released",
	} {
		l.wantWord(digest, want)
	}
	if standing, _ := l.Why(8); standing.Word != WordVoid {
		t.Errorf("the void entry stands %q", standing)
	}
	type summary struct {
		Type     release.Type
		Product  string
		Identity release.Digest
		Target   uint64
		Status   Status
	}
	for index, want := range []summary{
		{release.TypeAuthority, "", release.Digest{}, 0, StatusAdmitted},
		{release.TypeImage, testProduct, release.Digest{}, 0, StatusAdmitted},
		{release.TypeImage, testProduct, release.Digest{}, 0, StatusAdmitted},
		{release.TypeRelease, testProduct, statement.Identity(), 0, StatusAdmitted},
		{release.TypeWithdrawal, testProduct, release.Digest{}, 2, StatusAdmitted},
		{release.TypeWithdrawal, testProduct, release.Digest{}, 3, StatusAdmitted},
		{release.TypeRoll, testProduct, release.Digest{}, 0, StatusAdmitted},
		{release.TypeImage, testProduct, release.Digest{}, 0, StatusAdmitted},
		{release.TypeRelease, "", release.Digest{}, 0, StatusVoid},
	} {
		record, ok := l.Entry(uint64(index))
		got := summary{record.Type, record.Product, record.Identity, record.Target, record.Status}
		if !ok || got != want || record.Index != uint64(index) {
			t.Errorf("index %d: got %+v, want %+v", index, got, want)
		}
		if (want.Status == StatusAdmitted) != record.Issued.Equal(t0) {
			t.Errorf("index %d: issued %s", index, record.Issued)
		}
	}
	if l.Identity(release.Digest{5}) != nil {
		t.Error("entries of an identity that is not logged")
	}
	if _, ok := l.OldestAt(release.Digest{5}, l.Size()); ok {
		t.Error("the oldest entry of an identity that is not logged")
	}
	for status, want := range map[Status]string{StatusAdmitted: "admitted", StatusVoid: "void", StatusUnknown: "unknown", 0: "invalid"} {
		if status.String() != want {
			t.Errorf("status %d: %s", status, status)
		}
	}
}

func TestBeforeEntry0(t *testing.T) {
	s := New(testOrigin)
	if authority, digest := s.Authority(); authority != nil || !digest.IsZero() || !s.LogTime().IsZero() || len(s.AuthorityChain()) != 0 {
		t.Error("an empty log has an authority or a time")
	}
	c := NewChain(testOrigin)
	if c.Newest() != nil || c.At(100) != nil || c.Begun() {
		t.Error("an empty chain has a version")
	}
	l := newLog(t)
	p, err := Prepare(l.entry(l.image()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := release.CodeOf(c.CheckSigned(1, p, nil)); got != CodeNoAuthority {
		t.Errorf("signed under an empty chain: code %q", got)
	}
	if _, struck := c.Struck(1, p); struck {
		t.Error("struck under an empty chain")
	}
}

// TestChainRefusesWhatIsNotSigned: the parts of CheckSigned that say no.
func TestChainRefusesWhatIsNotSigned(t *testing.T) {
	l := newLog(t)
	c := NewChain(testOrigin)
	first, _ := Prepare(l.entries[0], nil)
	if err := c.Add(0, first); err != nil || !c.Begun() {
		t.Fatal(err)
	}
	if got := release.CodeOf(c.Add(1, first)); got != CodeVersionNotNext {
		t.Errorf("version 1 twice: code %q", got)
	}
	check := func(entry []byte) release.Code {
		t.Helper()
		p, err := Prepare(entry, nil)
		if err != nil {
			t.Fatal(err)
		}
		return release.CodeOf(c.CheckSigned(1, p, nil))
	}
	good := l.entry(l.image())
	if got := check(good); got != "" {
		t.Errorf("an image by ci: code %q", got)
	}
	if got := check(l.entry(l.image(), "rel1")); got != CodeSignerOutsideRole {
		t.Errorf("an image by rel1: code %q", got)
	}
	envelope, _ := release.ParseEnvelope(good)
	envelope.Signatures[0].Sig[0] ^= 1
	forged, _ := envelope.Marshal()
	if got := check(forged); got != release.CodeSignatureInvalid {
		t.Errorf("a forged signature: code %q", got)
	}
	if got := check(unknownTypeEntry(t)); got != CodeAuthorityNotInForce {
		t.Errorf("an unknown type: code %q", got)
	}
}

func TestVerifierThatFailsWithoutACodeSaysSignatureInvalid(t *testing.T) {
	p := &Prepared{
		Envelope: &release.Envelope{Payload: []byte("x"), Signatures: []release.Signature{{Sig: []byte("y")}}},
		verified: make([]release.KeyFormat, 1),
	}
	plain := errors.New("not by this key")
	refusal := p.verify(0, release.Key{Format: release.FormatOpenPGP}, func(release.Key, []byte, []byte) error { return plain })
	if refusal == nil || refusal.Code != release.CodeSignatureInvalid || !errors.Is(refusal, plain) || refusal.Member != "signatures[0].keyid" {
		t.Fatalf("got %v", refusal)
	}
}
