package register

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
)

func TestReleaseNamesLoggedImagesOfItsProduct(t *testing.T) {
	l := newLog(t)
	os, model := l.admit(l.osImage()), l.admit(l.image())
	foreign := l.admit(l.image(func(i *release.Image) { i.Product = "acme/other" }))
	r := l.admit(l.release([]release.Digest{os, model}))

	l.refuse(CodeImageNotLogged, l.release([]release.Digest{os, {1, 2, 3}}))
	l.refuse(CodeImageNotLogged, l.release([]release.Digest{os, r}))
	_, authority := l.Authority()
	l.refuse(CodeImageNotLogged, l.release([]release.Digest{os, authority}))
	l.refuse(CodeImageOfOtherProduct, l.release([]release.Digest{os, foreign}))
	l.refuse(CodeNoOSImage, l.release([]release.Digest{model}))
	l.admit(l.release([]release.Digest{os}))

	// A void image is not a logged one.
	void := l.osImage()
	l.refuse(CodeSignerOutsideRole, void, "rel1")
	statement, _ := release.NewImage(void)
	payload, _ := statement.Marshal()
	l.refuse(CodeImageNotLogged, l.release([]release.Digest{os, (&release.Envelope{Payload: payload}).PayloadDigest()}))
}

func TestChannels(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	research := l.admit(l.image(func(i *release.Image) { i.Mode = release.ModeResearch }))
	debug := l.admit(l.image(func(i *release.Image) { i.Mode = release.ModeDebug }))
	in := func(channel string) func(*release.Release) { return func(r *release.Release) { r.Channel = channel } }
	l.refuse(CodeChannelNotListed, l.release([]release.Digest{os}, in("beta")))
	l.refuse(CodeImageNotProduction, l.release([]release.Digest{os, research}))
	l.refuse(CodeImageNotProduction, l.release([]release.Digest{os, debug}))
	l.admit(l.release([]release.Digest{os, research, debug}, in("lab")))
	l.admit(l.release([]release.Digest{os}))

	// The mode is that of the authority in force at the entry.
	l.admit(l.authority(func(a *release.Authority) { a.Channels[0].Mode = release.ModeProduction }))
	l.refuse(CodeImageNotProduction, l.release([]release.Digest{os, research}, in("lab")))
}

func TestOneIdentityPerVersion(t *testing.T) {
	l := newLog(t)
	os, model := l.admit(l.osImage()), l.admit(l.image())
	version := func(r *release.Release) { r.Version = "2026.11" }
	l.admit(l.release([]release.Digest{os, model}, version))
	l.refuse(CodeReleaseTaken, l.release([]release.Digest{os}, version))
	// Another channel is another version.
	l.admit(l.release([]release.Digest{os}, version, func(r *release.Release) { r.Channel = "lab" }))
}

func TestRenewalKeepsItsVersionAndLasts(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	first := l.release([]release.Digest{os})
	a := l.admit(first)
	l.wantLive(a)

	l.refuse(CodeIdentityVersion, l.renewal(first, func(r *release.Release) { r.Version = "other" }))
	l.refuse(CodeNotAfterNotLater, l.renewal(first, func(r *release.Release) { r.NotAfter = first.NotAfter; r.Note = "again" }))
	l.refuse(CodeNotAfterNotLater, l.renewal(first, func(r *release.Release) { r.NotAfter = first.NotAfter.Add(-time.Second) }))
	b := l.admit(l.renewal(first, func(r *release.Release) { r.NotAfter = first.NotAfter.Add(time.Second) }))
	l.wantLive(b)
	l.wantWord(a, "superseded by 6")

	identity := first.Identity()
	if index, ok := l.OldestAt(identity, l.Size()); !ok || index != 2 {
		t.Errorf("oldest: %d, %v", index, ok)
	}
	if got := l.Identity(identity); len(got) != 2 {
		t.Errorf("entries of the identity: %v", got)
	}
}

func TestExpiredIsNotAbsent(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	first := l.release([]release.Digest{os}, func(r *release.Release) { r.NotAfter = t0.Add(10 * oneDay) })
	a := l.admit(first)
	l.now = t0.Add(20 * oneDay)
	l.admit(l.image())
	l.wantLive()
	l.wantWord(a, "expired")
	// Its version is still taken, and a renewal keeps it.
	other := l.admit(l.osImage())
	l.refuse(CodeReleaseTaken, l.release([]release.Digest{other}, func(r *release.Release) { r.Version = first.Version }))
	l.refuse(CodeIdentityVersion, l.renewal(first, func(r *release.Release) { r.Version = "2"; r.NotAfter = l.now.Add(oneDay) }))
	l.wantLive(l.admit(l.renewal(first, func(r *release.Release) { r.NotAfter = l.now.Add(oneDay) })))
}

func TestL8The513thLiveRelease(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	var first *release.Release
	var firstDigest release.Digest
	for i := range release.MaxLive {
		model := l.admit(l.image())
		r := l.release([]release.Digest{os, model}, func(r *release.Release) {
			if i == 0 {
				r.NotAfter = t0.Add(10 * oneDay)
			}
		})
		digest := l.admit(r)
		if i == 0 {
			first, firstDigest = r, digest
		}
	}
	l.refuse(CodeTooManyLive, l.release([]release.Digest{os}))
	// A renewal makes no more of them.
	renewal := l.renewal(first)
	renewed := l.admit(renewal)
	// Of another product there is room.
	elsewhere := func(i *release.Image) { i.Product = "acme/other" }
	otherOS := l.admit(l.osImage(elsewhere))
	l.admit(l.release([]release.Digest{otherOS}, func(r *release.Release) { r.Product = "acme/other" }))
	// A withdrawal makes room, and one entry that is not live takes none.
	l.admit(l.withdrawal(firstDigest))
	l.wantWord(renewed, fmt.Sprintf("withdrawn by %d", l.Size()-1))
	r := l.release([]release.Digest{os})
	l.admit(r)
	l.refuse(CodeTooManyLive, l.release([]release.Digest{os}, func(r *release.Release) { r.Channel = "lab" }))
	l.admit(l.renewal(renewal))
	// So does time.
	if got := len(l.live()); got != release.MaxLive {
		t.Fatalf("live: %d", got)
	}
}
