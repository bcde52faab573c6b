package register

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
)

// A log with two images withdrawn, one release withdrawn, and one that came back.
func TestWhatWithdrawalsCover(t *testing.T) {
	l := newLog(t)
	os, model, other := l.admit(l.osImage()), l.admit(l.image()), l.admit(l.image()) // 1, 2, 3
	both := l.release([]release.Digest{os, model})
	first := l.admit(both)                                       // 4
	untouched := l.admit(l.release([]release.Digest{os, other})) // 5
	wModel := l.admit(l.withdrawal(model))                       // 6
	wFirst := l.admit(l.withdrawal(first))                       // 7
	half := l.renewal(both, reinstating(wModel))                 // admitted, and not live
	second := l.admit(half)                                      // 8
	whole := l.renewal(half, reinstating(wModel, wFirst))        // live again
	third := l.admit(whole)                                      // 9
	lab := l.release([]release.Digest{os, model}, reinstating(wModel), func(r *release.Release) { r.Channel = "lab" })
	l.admit(lab)                           // 10
	wAgain := l.admit(l.withdrawal(model)) // 11
	roll := l.admit(l.roll())              // 12
	size := l.Size()

	is := func(what string, got []uint64, want ...uint64) {
		t.Helper()
		if diff := cmp.Diff(want, slices.Clip(got)); diff != "" && len(got)+len(want) > 0 {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	is("covered, of an image", l.Covered(model, size), 2, 4, 8, 9, 10)
	is("covered, of an image, once", l.Covered(model, 9), 2, 4, 8)
	is("covered, of an image that no release names yet", l.Covered(model, 4), 2)
	is("covered, of an image that is not there yet", l.Covered(model, 2))
	is("covered, of another image", l.Covered(other, size), 3, 5)
	is("covered, of a release", l.Covered(first, size), 4, 8, 9)
	is("covered, of a later entry of it", l.Covered(third, size), 4, 8, 9)
	is("covered, of a later entry of it, once", l.Covered(second, 9), 4, 8)
	is("covered, of a roll", l.Covered(roll, size))
	is("covered, of a withdrawal", l.Covered(wModel, size))
	is("covered, of nothing", l.Covered(release.Digest{1}, size))

	is("reinstating, an image", l.Reinstating(6, size), 8, 9, 10)
	is("reinstating, an image, once", l.Reinstating(6, 9), 8)
	is("reinstating, a release", l.Reinstating(7, size), 9)
	is("reinstating, by nobody", l.Reinstating(11, size))
	is("reinstating, what is no withdrawal", l.Reinstating(4, size))
	is("reinstating, beyond the end", l.Reinstating(size, size))

	is("withdrawals, of a release and an image of it", l.Withdrawals(both), 6, 7, 11)
	is("withdrawals, of what is not logged", l.Withdrawals(l.release([]release.Digest{model, {1}})), 6, 11)
	is("withdrawals, of what is not withdrawn", l.Withdrawals(l.release([]release.Digest{os, other})))
	is("withdrawals, of what names no image", l.Withdrawals(l.release([]release.Digest{os, wAgain})))

	is("withdrawn by, an image", l.WithdrawnBy(2, size), 6, 11)
	is("withdrawn by, an image, once", l.WithdrawnBy(2, 11), 6)
	is("withdrawn by, what lifts nothing", l.WithdrawnBy(4, size), 6, 7, 11)
	is("withdrawn by, what lifts one of them", l.WithdrawnBy(8, size), 7, 11)
	is("withdrawn by, what lifted all there were", l.WithdrawnBy(9, 11))
	is("withdrawn by, what lifted all there were, later", l.WithdrawnBy(9, size), 11)
	is("withdrawn by, what is not covered", l.WithdrawnBy(5, size))
	is("withdrawn by, a withdrawal", l.WithdrawnBy(6, size))
	is("withdrawn by, beyond the end", l.WithdrawnBy(size, size))
	l.wantLive(untouched)

	// What is struck stays covered.
	l.admit(l.authority(func(a *release.Authority) { strikeKey(a, "rel1", 0) }))
	is("covered, of an image, struck", l.Covered(model, l.Size()), 2, 4, 8, 9, 10)
	is("withdrawn by, what is struck", l.WithdrawnBy(4, l.Size()), 6, 7, 11)
}
