package register

import (
	"testing"

	"github.com/muster-log/muster/release"
)

func reinstating(withdrawals ...release.Digest) func(*release.Release) {
	return func(r *release.Release) { r.Reinstates = withdrawals }
}

func TestL8WithdrawalOfNothing(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	_, authority := l.Authority()
	l.refuse(CodeTargetNotLogged, l.withdrawal(release.Digest{1}))
	l.refuse(CodeTargetNotLogged, l.withdrawal(authority))
	w := l.admit(l.withdrawal(os))
	l.refuse(CodeTargetNotLogged, l.withdrawal(w))
	l.refuse(CodeTargetNotLogged, l.withdrawal(l.admit(l.roll())))
	l.refuse(CodeTargetOfOtherProduct, l.withdrawal(os, func(w *release.Withdrawal) { w.Product = "acme/other" }))
	// A void target is none.
	void := l.image()
	l.refuse(CodeSignerOutsideRole, void, "wd")
	statement, _ := release.NewImage(void)
	payload, _ := statement.Marshal()
	l.refuse(CodeTargetNotLogged, l.withdrawal((&release.Envelope{Payload: payload}).PayloadDigest()))
}

func TestWithdrawalOfAnImageCoversEveryReleaseNamingIt(t *testing.T) {
	l := newLog(t)
	os, model, other := l.admit(l.osImage()), l.admit(l.image()), l.admit(l.image())
	a := l.release([]release.Digest{os, model})
	l.admit(a)
	l.admit(l.release([]release.Digest{os, model, other}))
	untouched := l.admit(l.release([]release.Digest{os, other}))
	w := l.admit(l.withdrawal(model))
	l.wantLive(untouched)
	l.wantWord(model, "withdrawn by 7")

	// Later entries alike: only who reinstates all withdrawals of the image.
	l.refuse(CodeImageWithdrawn, l.renewal(a))
	l.refuse(CodeImageWithdrawn, l.release([]release.Digest{os, model}, func(r *release.Release) { r.Channel = "lab" }))
	again := l.admit(l.withdrawal(model))
	l.refuse(CodeImageWithdrawn, l.renewal(a, reinstating(w)))
	l.refuse(CodeImageWithdrawn, l.renewal(a, reinstating(again)))
	back := l.admit(l.renewal(a, reinstating(w, again)))
	l.wantLive(untouched, back)
}

func TestWithdrawalOfAReleaseCoversItsWholeIdentity(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	first := l.release([]release.Digest{os})
	a := l.admit(first)
	second := l.renewal(first)
	l.admit(second)
	other := l.admit(l.release([]release.Digest{os}, func(r *release.Release) { r.Channel = "lab" }))
	w := l.admit(l.withdrawal(a)) // the older entry; the newer goes with it
	l.wantLive(other)

	// C11: renewed without reinstating it is admitted, and not live.
	third := l.renewal(second)
	c := l.admit(third)
	l.wantLive(other)
	l.wantWord(c, "withdrawn by 5")
	fourth := l.renewal(third, reinstating(w))
	d := l.admit(fourth)
	l.wantLive(other, d)

	// A reinstatement is for that entry alone: the next lists it again.
	e := l.admit(l.renewal(fourth, func(r *release.Release) { r.Reinstates = nil }))
	l.wantLive(other)
	l.wantWord(e, "withdrawn by 5")
}

func TestReinstatesMustCoverTheEntry(t *testing.T) {
	l := newLog(t)
	os, model, other := l.admit(l.osImage()), l.admit(l.image()), l.admit(l.image())
	a := l.release([]release.Digest{os, model})
	r := l.admit(a)
	ofOther := l.admit(l.withdrawal(other))
	l.refuse(CodeReinstatesOther, l.renewal(a, reinstating(ofOther)))
	l.refuse(CodeReinstatesNoWithdrawal, l.renewal(a, reinstating(release.Digest{7})))
	l.refuse(CodeReinstatesNoWithdrawal, l.renewal(a, reinstating(r)))

	// Of an identity: only that one's entries.
	b := l.release([]release.Digest{os})
	ofB := l.admit(l.withdrawal(l.admit(b)))
	l.refuse(CodeReinstatesOther, l.renewal(a, reinstating(ofB)))
	l.refuse(CodeReinstatesOther, l.release([]release.Digest{os}, reinstating(ofB), func(r *release.Release) { r.Channel = "lab" }))
	l.admit(l.renewal(b, reinstating(ofB)))

	// Not live any more if it is withdrawn once more after that.
	l.admit(l.withdrawal(l.admit(l.renewal(a))))
	if got := len(l.live()); got != 1 {
		t.Fatalf("live: %d, want 1", got)
	}
}

// TestL10AdmissionRacesWithdrawal: decided by the index.
func TestL10AdmissionRacesWithdrawal(t *testing.T) {
	l := newLog(t)
	os, model := l.admit(l.osImage()), l.admit(l.image())
	p, err := Prepare(l.entry(l.release([]release.Digest{os, model})), mustAuthority(l))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Admit(p, t0); err != nil {
		t.Fatal(err)
	}
	l.admit(l.withdrawal(model))
	if got := release.CodeOf(l.Admit(p, t0)); got != CodeImageWithdrawn {
		t.Fatalf("after the withdrawal: code %q", got)
	}
}
