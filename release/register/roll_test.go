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
