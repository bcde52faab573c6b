package register

import (
	"slices"
	"testing"

	"github.com/muster-log/muster/release"
)

func (l *testLog) wantStruck(want bool, digest release.Digest) {
	l.Helper()
	index, _ := l.Lookup(digest)
	record, _ := l.Entry(index)
	if record.Struck != want {
		l.Fatalf("index %d: struck %v, want %v", index, record.Struck, want)
	}
}

// strikes applies a next authority that lists keys as compromised.
func (l *testLog) strikes(from uint64, names ...string) {
	l.Helper()
	l.admit(l.authority(func(a *release.Authority) {
		for _, name := range names {
			strikeKey(a, name, from)
		}
	}))
}

func TestC11CompromisedKeyBeforeAndAfterFrom(t *testing.T) {
	l := newLog(t)
	os, model := l.admit(l.osImage()), l.admit(l.image())
	before := l.admit(l.release([]release.Digest{os})) // index 3
	after := l.admit(l.release([]release.Digest{os, model}))
	without := l.admit(l.release([]release.Digest{os}, func(r *release.Release) { r.Channel = "lab" }), "rel2", "rel3")
	enough := l.admit(l.release([]release.Digest{os, model}, func(r *release.Release) { r.Channel = "lab" }), "rel1", "rel2", "rel3")
	l.wantLive(before, after, without, enough)
	l.strikes(4, "rel1")
	l.wantLive(before, without, enough)
	l.wantStruck(false, before)
	l.wantStruck(true, after)
	l.wantStruck(false, without)
	l.wantStruck(false, enough) // rel2 and rel3 meet the threshold without it
	l.wantWord(after, "struck by 7")

	// Acting from the index of the authority that lists it: before it, it was live.
	at7, _ := l.LiveAt(testProduct, 7)
	at8, _ := l.LiveAt(testProduct, 8)
	if len(at7) != 4 || len(at8) != 3 {
		t.Fatalf("live at size 7: %d, at size 8: %d", len(at7), len(at8))
	}
	// Still in the role, the key is struck at birth where it is needed.
	born := l.release([]release.Digest{os, model}, func(r *release.Release) {
		r.Product = testProduct
		r.Version = "r2"
		r.NotAfter = r.NotAfter.Add(oneDay)
	})
	digest := l.admit(born)
	l.wantStruck(true, digest)
	l.wantLive(before, without, enough)

	for _, want := range []struct {
		authority, size uint64
		struck          []uint64
	}{{7, 7, nil}, {7, 8, []uint64{4}}, {7, 9, []uint64{4, 8}}, {0, 9, nil}} {
		if got := l.StruckBy(want.authority, want.size); !slices.Equal(got, want.struck) {
			t.Errorf("struck by %d at size %d: got %v, want %v", want.authority, want.size, got, want.struck)
		}
	}
}

func TestStruckIsForGoodAndJudgedWithoutAllKeysListed(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	a := l.admit(l.release([]release.Digest{os}), "rel1", "rel2", "rel3") // index 2
	l.strikes(0, "rel1")
	l.wantStruck(false, a)
	l.strikes(3, "rel2") // listed, but from an index after the entry
	l.wantStruck(false, a)
	l.strikes(2, "rel2") // an earlier index takes over; rel1, no longer listed, still counts
	l.wantStruck(true, a)
	l.admit(l.authority())
	l.wantStruck(true, a)
	l.wantLive()
	// A later from does not give back.
	b := l.admit(l.release([]release.Digest{os}, func(r *release.Release) { r.Channel = "lab" }), "rel1", "rel3")
	l.strikes(100, "rel1")
	l.wantStruck(true, b)
}

func TestC11ThiefsRenewalStruck(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	first := l.release([]release.Digest{os})
	good := l.admit(first, "rel2", "rel3")
	thief := l.renewal(first, func(r *release.Release) { r.NotAfter = r.Issued.Add(90 * oneDay) })
	stolen := l.admit(thief, "rel1", "rel2")
	l.wantLive(stolen)
	l.strikes(3, "rel1")
	l.wantLive(good)
	// Struck, its notAfter need not be outlasted.
	l.admit(l.renewal(first), "rel2", "rel3")
}

func TestStruckCountsForNoAgeAndKeepsItsVersion(t *testing.T) {
	l := newLog(t)
	os, other := l.admit(l.osImage()), l.admit(l.osImage())
	first := l.release([]release.Digest{os})
	l.admit(first) // index 3
	l.strikes(3, "rel1")
	if index, ok := l.OldestAt(first.Identity(), l.Size()); ok {
		t.Fatalf("the struck entry at index %d counts for an age", index)
	}
	l.refuse(CodeReleaseTaken, l.release([]release.Digest{other}, func(r *release.Release) { r.Version = first.Version }), "rel2", "rel3")
	l.refuse(CodeIdentityVersion, l.renewal(first, func(r *release.Release) { r.Version = "new" }), "rel2", "rel3")
	l.wantLive(l.admit(l.renewal(first), "rel2", "rel3"))
	if index, ok := l.OldestAt(first.Identity(), l.Size()); !ok || index != l.Size()-1 {
		t.Fatalf("oldest: %d, %v", index, ok)
	}
}

func TestStruckImage(t *testing.T) {
	rotate := func(from uint64) func(*release.Authority) {
		return func(a *release.Authority) {
			hold(a, "ci2")
			setRole(a, release.RoleImage, role(release.RoleImage, 1, "ci2"))
			strikeKey(a, "ci", from)
		}
	}
	l := newLog(t)
	os := l.admit(l.osImage(named(release.KindOS, "node", "1", 1)))
	high := l.admit(l.image(named(release.KindModel, "llama", "1", 900)))
	first := l.admit(l.release([]release.Digest{os, high}))
	clean := l.admit(l.release([]release.Digest{os}))
	l.admit(l.authority(rotate(2)))
	l.wantLive(clean)
	l.wantStruck(true, high)
	l.wantStruck(false, first) // the release is not; its image is
	l.wantWord(first, "image-struck: image 2")
	l.refuse(CodeImageStruck, l.release([]release.Digest{os, high}, func(r *release.Release) { r.Channel = "lab" }))
	// Its name and version stay taken; it is no floor and no step.
	l.refuse(CodeImageTaken, l.image(named(release.KindModel, "llama", "1", 1)), "ci2")
	l.refuse(CodeSecurityVersionLeaps, l.image(named(release.KindModel, "llama", "2", 1001)), "ci2")
	l.admit(l.image(named(release.KindModel, "llama", "2", 1)), "ci2")
}

func TestCompromisedNeverStrikesAuthoritiesAndWithdrawals(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	r := l.admit(l.release([]release.Digest{os}))
	w := l.admit(l.withdrawal(r))
	roll := l.admit(l.roll())
	_, authority := l.Authority()
	l.strikes(0, "wd", "root1", "root2", "roll")
	l.wantStruck(false, w)
	l.wantStruck(false, authority)
	l.wantStruck(true, roll)
	l.wantLive()
	// The struck roll still keeps sizes from going back, which no roll can.
	l.admit(l.roll())
}

func TestCompromisedOfAnotherOriginDoesNothing(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	r := l.admit(l.release([]release.Digest{os}))
	l.admit(l.authority(func(a *release.Authority) {
		strikeKey(a, "rel1", 0)
		a.Compromised[0].Origin = "log.example/other"
	}))
	l.wantLive(r)
}

func TestCompromisedOfThisOriginActsBesideOthers(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	r := l.admit(l.release([]release.Digest{os}))
	l.admit(l.authority(func(a *release.Authority) {
		strikeKey(a, "rel2", 0)
		a.Compromised[0].Origin = "log.example/other"
		strikeKey(a, "rel1", 1)
	}))
	l.wantStruck(true, r)
	l.wantWord(r, "struck by 3")
	// It stays struck by the first authority that listed the key.
	l.strikes(0, "rel1", "rel2")
	l.wantWord(r, "struck by 3")
}

func TestCompromisedKeyOfALaterVersion(t *testing.T) {
	l := newLog(t)
	withRel4 := func(a *release.Authority) {
		hold(a, "rel4")
		setRole(a, release.RoleRelease, role(release.RoleRelease, 2, "rel1", "rel4"))
	}
	l.admit(l.authority(withRel4))
	os := l.admit(l.osImage())
	r := l.admit(l.release([]release.Digest{os}), "rel1", "rel4")
	l.strikes(0, "rel4") // which version 3 does not hold any more
	l.wantStruck(true, r)
}

// TestCompromisedBeforeItIsHeld: a key that is listed before any version holds
// it is struck from its first signature on.
func TestCompromisedBeforeItIsHeld(t *testing.T) {
	l := newLog(t)
	l.strikes(0, "ci2")
	l.admit(l.authority(func(a *release.Authority) {
		hold(a, "ci2")
		setRole(a, release.RoleImage, role(release.RoleImage, 1, "ci2"))
	}))
	l.wantStruck(true, l.admit(l.image(), "ci2"))
}

func TestChainStrikesNeitherWithdrawalsNorWhatNoVersionPrecedes(t *testing.T) {
	l := newLog(t)
	w := l.entry(l.withdrawal(l.admit(l.image())))
	l.strikes(0, "wd", "ci")
	c := NewChain(testOrigin)
	for _, index := range []uint64{0, 2} {
		p, _ := Prepare(l.entries[index], nil)
		if err := c.Add(index, p); err != nil {
			t.Fatal(err)
		}
	}
	p, _ := Prepare(w, nil)
	if _, struck := c.Struck(2, p); struck {
		t.Error("a withdrawal is struck")
	}
	image, _ := Prepare(l.entries[1], nil)
	if _, struck := c.Struck(0, image); struck {
		t.Error("struck at entry 0")
	}
	if by, struck := c.Struck(1, image); !struck || by != 2 {
		t.Errorf("the image: %d, %v", by, struck)
	}
}

func TestTwoListingsOfOneKey(t *testing.T) {
	id := func(b byte) release.KeyID { return release.KeyID{b} }
	for range 20 { // the order of a map must not decide
		c := NewChain(testOrigin)
		c.append(&Link{Authority: &release.Authority{
			Version:     1,
			Origin:      testOrigin,
			Compromised: []release.Compromised{{KeyID: id(1), Origin: testOrigin, From: 9}, {KeyID: id(2), Origin: testOrigin, From: 5}},
		}, spki: map[release.KeyID]release.Digest{id(1): {7}, id(2): {7}}})
		c.append(&Link{Index: 3, Authority: &release.Authority{
			Version:     2,
			Origin:      testOrigin,
			Compromised: []release.Compromised{{KeyID: id(1), Origin: testOrigin, From: 5}},
		}})
		if got := c.struck[release.Digest{7}]; got != (listing{from: 5, by: 0}) {
			t.Fatalf("got %+v", got)
		}
	}
}

func TestStruckByAKeyUnderAnotherID(t *testing.T) {
	c := NewChain(testOrigin)
	id := func(b byte) release.KeyID { return release.KeyID{b} }
	authority := &release.Authority{
		Version:     1,
		Origin:      testOrigin,
		Keys:        map[release.KeyID]release.Key{id(1): {}, id(2): {}},
		Roles:       []release.Role{{Name: release.RoleImage, Keys: []release.KeyID{id(1), id(2)}, Threshold: 1}},
		Compromised: []release.Compromised{{KeyID: id(1), Origin: testOrigin, From: 1}},
	}
	c.append(&Link{Authority: authority, spki: map[release.KeyID]release.Digest{id(1): {9}, id(2): {9}}})
	if _, struck := c.strikes(1, c.links[0], needs{roles: imageRoles}, []release.KeyID{id(2)}); !struck {
		t.Error("the listed key, in another format, still admits")
	}
}

func TestStrikingAWholeIdentityFreesNothing(t *testing.T) {
	// A struck renewal that listed no reinstatement hid a live entry; struck,
	// it gives it back.
	l := newLog(t)
	os := l.admit(l.osImage())
	first := l.release([]release.Digest{os})
	w := l.admit(l.withdrawal(l.admit(first, "rel2", "rel3")))
	second := l.renewal(first, reinstating(w))
	back := l.admit(second, "rel2", "rel3")
	l.wantLive(back)
	l.admit(l.renewal(second, reinstating()), "rel1", "rel2")
	l.wantLive()
	l.strikes(l.Size()-1, "rel1")
	l.wantLive(back)
}
