package register

import (
	"testing"

	"github.com/muster-log/muster/release"
)

func TestRollListsExactlyWhatIsLiveAtItsSize(t *testing.T) {
	l := newLog(t)
	os, model := l.admit(l.osImage()), l.admit(l.image())
	a := l.admit(l.release([]release.Digest{os}))        // 3
	b := l.admit(l.release([]release.Digest{os, model})) // 4
	l.admit(l.withdrawal(model))                         // 5: b is not live from size 6 on
	roll := func(size uint64, live ...release.Digest) *release.Roll {
		return l.roll(func(r *release.Roll) { r.Size, r.Live = size, live })
	}
	l.refuse(CodeRollLive, roll(6))
	l.refuse(CodeRollLive, roll(6, a, b))
	l.refuse(CodeRollLive, roll(6, a, release.Digest{1}))
	l.refuse(CodeRollLive, roll(5, a))
	l.refuse(CodeRollLive, roll(4, a, b))
	l.admit(roll(3))
	l.admit(roll(4, a))
	l.admit(roll(5, a, b))
	l.admit(roll(6, a))
	// Of a product that has nothing the list is empty.
	l.admit(l.roll(func(r *release.Roll) { r.Product, r.Live = "acme/none", nil }))
	l.refuse(CodeRollLive, l.roll(func(r *release.Roll) { r.Product = "acme/none" }))
}

func TestRollSize(t *testing.T) {
	l := newLog(t)
	at := func(size uint64) *release.Roll { return l.roll(func(r *release.Roll) { r.Size = size }) }
	l.admit(l.image())
	l.refuse(CodeRollSizeAhead, at(l.Size()+1))
	l.admit(at(l.Size()))
	newest, _ := l.Entry(l.Size() - 1)
	l.refuse(CodeRollSizeBack, at(2))
	l.admit(at(3)) // the same size again is not back
	l.wantWord(newest.Digest, "superseded by 5")
	// Each product has a size of its own.
	l.admit(l.roll(func(r *release.Roll) { r.Product, r.Size = "acme/other", 1 }))
}

func TestRollAuthorityIsInForceAtItsSizeAndIndex(t *testing.T) {
	l := newLog(t)
	before := l.roll()
	l.refuse(CodeRollAuthority, l.roll(func(r *release.Roll) { r.Size = 0 }))
	l.admit(l.authority()) // index 2
	size := l.Size()
	l.refuse(CodeAuthorityNotInForce, before)
	l.refuse(CodeRollAuthority, l.roll(func(r *release.Roll) { r.Size = size - 1 }))
	l.admit(l.roll(func(r *release.Roll) { r.Size = size }))
}

func TestRollOfAnotherOrigin(t *testing.T) {
	l := newLog(t)
	l.refuse(CodeRollOrigin, l.roll(func(r *release.Roll) { r.Origin = "log.example/other" }))
}

// NewestRoll is that of any size the log has had, passes over what is struck
// there, and knows one product from another.
func TestNewestRoll(t *testing.T) {
	l := newLog(t)
	want := func(product string, size, index uint64, there bool) {
		t.Helper()
		if got, ok := l.NewestRoll(product, size); got != index || ok != there {
			t.Errorf("%s at size %d: got %d, %t, want %d, %t", product, size, got, ok, index, there)
		}
	}
	want(testProduct, 1, 0, false)
	l.admit(l.roll())                                                                // 1
	l.admit(l.roll(func(r *release.Roll) { r.Product, r.Live = "acme/other", nil })) // 2
	l.admit(l.roll(func(r *release.Roll) { r.Size = 3 }))                            // 3
	want(testProduct, 1, 0, false)
	want(testProduct, 2, 1, true)
	want(testProduct, 3, 1, true)
	want(testProduct, 4, 3, true)
	want("acme/other", 4, 2, true)
	want("acme/none", 4, 0, false)
	want(testProduct, 5, 0, false) // a size that the log has not had
	l.admit(l.authority(func(a *release.Authority) {
		hold(a, "roll2")
		setRole(a, release.RoleRoll, role(release.RoleRoll, 1, "roll2"))
		delete(a.Keys, keyID("roll"))
		a.Compromised = []release.Compromised{{KeyID: keyID("roll"), Origin: testOrigin, From: 2}}
	})) // 4
	want(testProduct, 4, 3, true)
	want(testProduct, 5, 1, true) // 3 is struck from here on
	want("acme/other", 5, 0, false)
}
