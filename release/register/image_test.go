package register

import (
	"testing"
	"time"

	"github.com/muster-log/muster/release"
)

func named(kind release.Kind, name, version string, securityVersion uint64) func(*release.Image) {
	return func(i *release.Image) {
		i.Kind, i.Name, i.Version, i.SecurityVersion = kind, name, version, securityVersion
	}
}

func TestOneImagePerName(t *testing.T) {
	l := newLog(t)
	l.admit(l.image(named(release.KindModel, "llama", "3.1", 1)))
	l.refuse(CodeImageTaken, l.image(named(release.KindModel, "llama", "3.1", 1)))
	l.admit(l.image(named(release.KindModel, "llama", "3.2", 1)))
	l.admit(l.image(named(release.KindModel, "alpaca", "3.1", 1)))
	l.admit(l.image(named(release.KindAdapter, "llama", "3.1", 1)))
	l.admit(l.image(named(release.KindModel, "llama", "3.1", 1), func(i *release.Image) { i.Product = "acme/other" }))
	// Compared as bytes.
	l.admit(l.image(named(release.KindModel, "llama", "3.10", 1)))
	l.admit(l.image(named(release.KindModel, "llama", "3.1a", 1)))
}

func TestL8SamePayloadAgain(t *testing.T) {
	l := newLog(t)
	entry := l.entry(l.image())
	outcome := l.apply(entry)
	if index, ok := l.Lookup(outcome.Digest); !ok || index != 1 {
		t.Fatalf("look-up: %d, %v", index, ok)
	}
	l.refuseEntry(CodeAlreadyLogged, entry)

	// The payload is what counts, not the signatures.
	os := l.admit(l.osImage())
	r := l.release([]release.Digest{os})
	first := l.admit(r, "rel1", "rel2")
	l.refuse(CodeAlreadyLogged, r, "rel2", "rel3")
	l.wantLive(first)
}

func TestVoidEntriesDoNotCountAsLogged(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage())
	r := l.release([]release.Digest{os})
	l.refuse(CodeThresholdMissed, r, "rel1")
	l.wantLive()
	l.wantLive(l.admit(r, "rel1", "rel2"))
}

func TestSecurityVersionFloorIsWhatIsLive(t *testing.T) {
	l := newLog(t)
	os7 := l.admit(l.osImage(named(release.KindOS, "node", "7", 7)))
	// Nothing is live yet: any number will do.
	l.admit(l.osImage(named(release.KindOS, "node", "5", 5)))
	live := l.release([]release.Digest{os7}, func(r *release.Release) { r.NotAfter = t0.Add(10 * oneDay) })
	l.admit(live)
	l.refuse(CodeSecurityVersionFalls, l.osImage(named(release.KindOS, "node", "6", 6)))
	l.admit(l.osImage(named(release.KindOS, "node", "7b", 7)))
	l.admit(l.osImage(named(release.KindOS, "other", "1", 1)))
	l.admit(l.osImage(named(release.KindOS, "node", "6", 6), func(i *release.Image) { i.Product = "acme/other" }))

	// Log time reaches notAfter: it is expired, and no floor any more.
	l.now = t0.Add(10*oneDay - time.Second)
	l.admit(l.image())
	l.refuse(CodeSecurityVersionFalls, l.osImage(named(release.KindOS, "node", "6", 6)))
	l.now = t0.Add(10 * oneDay)
	l.admit(l.image())
	l.wantLive()
	l.admit(l.osImage(named(release.KindOS, "node", "6", 6)))
}

func TestSecurityVersionFloorEndsWithAWithdrawal(t *testing.T) {
	l := newLog(t)
	os := l.admit(l.osImage(named(release.KindOS, "node", "7", 7)))
	r := l.admit(l.release([]release.Digest{os}))
	l.refuse(CodeSecurityVersionFalls, l.osImage(named(release.KindOS, "node", "6", 6)))
	l.admit(l.withdrawal(r))
	l.admit(l.osImage(named(release.KindOS, "node", "6", 6)))
}

func TestSecurityVersionLeaps(t *testing.T) {
	l := newLog(t)
	l.refuse(CodeSecurityVersionLeaps, l.image(named(release.KindModel, "llama", "1", 1001)))
	l.admit(l.image(named(release.KindModel, "llama", "1", 1000)))
	l.refuse(CodeSecurityVersionLeaps, l.image(named(release.KindModel, "llama", "2", 2001)))
	l.admit(l.image(named(release.KindModel, "llama", "2", 2000)))
	l.refuse(CodeSecurityVersionLeaps, l.image(named(release.KindAdapter, "llama", "1", 1001)))
	// Withdrawn images count; only struck ones do not.
	withdrawn, _ := l.Entry(l.Size() - 2)
	l.admit(l.withdrawal(withdrawn.Digest))
	l.admit(l.image(named(release.KindModel, "llama", "3", 3000)))
}

func TestImageThatFailsItsOwnChecksIsVoid(t *testing.T) {
	l := newLog(t)
	outcome := l.apply(l.entry(l.osImage(func(i *release.Image) { i.Measurements.TPM2UKI.Initrd = release.Digest{1} })))
	if outcome.Status != StatusVoid || outcome.Refusal.Code != release.CodeInitrdDigest {
		t.Fatalf("%s, %v", outcome.Status, outcome.Refusal)
	}
}
