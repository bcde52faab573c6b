package verify_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/verify"
)

// addOrder adds the order of the Ed25519 group to the scalar of a signature: a
// lax verifier takes the sum as well.
func addOrder(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	scalar := slices.Clone(sig[32:])
	slices.Reverse(scalar)
	sum := new(big.Int).Add(new(big.Int).SetBytes(scalar), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(slices.Clone(sig[:32]), sum...)
}

// TestC6NonCanonicalScalar in the log's signature, a cosignature and an entry's.
func TestC6NonCanonicalScalar(t *testing.T) {
	s := newSite(t).standard()
	for line, code := range map[int]verify.Code{0: verify.CodeLogSignature, 1: verify.CodeQuorum} {
		signed := s.checkpoint(4)
		lines := slices.Clone(signed.Note.Signatures)
		head := len(lines[line].Sig) - 64
		lines[line].Sig = append(slices.Clone(lines[line].Sig[:head]), addOrder(lines[line].Sig[head:])...)
		forged, err := tlog.NewSignedCheckpoint(signed.Checkpoint, lines...)
		if err != nil {
			t.Fatal(err)
		}
		b := s.bundle()
		b.Checkpoint = string(forged.Marshal())
		wantFail(t, s.judge(marshal(t, b)), code)
	}

	s = newSite(t)
	s.system()
	envelope, err := release.ParseEnvelope(s.log.Entry(1))
	if err != nil {
		t.Fatal(err)
	}
	signature := envelope.Signatures[0]
	signature.Sig = addOrder(signature.Sig)
	_, system := s.resign(signature)
	s.release([]release.Digest{system})
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeImageSignatures)
}

// TestPinnedAuthorityWithForgedSignatures: the pin is of the payload, and the
// signatures are not believed for it.
func TestPinnedAuthorityWithForgedSignatures(t *testing.T) {
	s := newSite(t)
	root := siteRole("", 0, "root1", "root2").Keys
	envelope, err := release.ParseEnvelope(s.log.Entry(0))
	if err != nil {
		t.Fatal(err)
	}
	for i := range envelope.Signatures {
		envelope.Signatures[i] = release.Signature{KeyID: root[i], Sig: make([]byte, 64)}
	}
	entry, err := envelope.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	*s.log = *s.log.Fork(0)
	s.log.Add(entry)
	s.standard()
	v := s.judge(marshal(t, s.bundle()))
	wantStatus(t, v, verify.Fail, verify.CodeAuthorityPin, verify.StatusPass)
	wantFail(t, v, verify.CodeAuthorityChain)
}

// TestPinnedAuthorityElsewhere: the pin is of entry 0, not of a copy of it that a
// faulty log let in.
func TestPinnedAuthorityElsewhere(t *testing.T) {
	s := newSite(t)
	s.log.Add(s.log.Entry(0))
	s.standard()
	wantFail(t, s.judge(marshal(t, s.bundle(1, 2, 3, 4))), verify.CodeAuthorityPin)
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeAuthorityChain)
	wantPass(t, s.judge(marshal(t, s.bundle(0, 2, 3, 4))))
}

// TestImageTwice: a copy of an image that a faulty log let in is refused.
func TestImageTwice(t *testing.T) {
	s := newSite(t)
	_, system := s.system()
	s.log.Add(s.log.Entry(1))
	s.release([]release.Digest{system})
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeImages)
	wantPass(t, s.judge(marshal(t, s.bundle(0, 1, 3))))
}

// TestChannelOfItsTime: a channel's mode is the one of the authority in force at
// the release.
func TestChannelOfItsTime(t *testing.T) {
	s := newSite(t)
	_, system := s.system(func(i *release.Image) { i.Mode = release.ModeResearch })
	s.release([]release.Digest{system}, func(r *release.Release) { r.Channel = "lab" })
	s.rotate(func(a *release.Authority) {
		a.Channels = []release.Channel{{Name: "lab", Mode: release.ModeProduction}, {Name: "stable", Mode: release.ModeProduction}}
	})
	s.requirements.Channels, s.requirements.Modes = []string{"lab"}, []release.Mode{release.ModeResearch}
	wantPass(t, s.judge(marshal(t, s.bundle())))
	s.release([]release.Digest{system}, func(r *release.Release) { r.Channel, r.NotAfter = "lab", r.NotAfter.Add(day) })
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeChannelMode)
}

// TestMinimumSecurityVersionIsInclusive: the least that is accepted.
func TestMinimumSecurityVersionIsInclusive(t *testing.T) {
	s := newSite(t).standard()
	s.requirements.MinimumSecurityVersion = map[string]uint64{"model/llama": 1, "os/another": 9}
	wantPass(t, s.judge(marshal(t, s.bundle())))
}

// TestC11ThiefsRenewal: a stolen key renews a release. What the key signed is
// struck; the good entry before it is live again.
func TestC11ThiefsRenewal(t *testing.T) {
	s := newSite(t)
	_, system := s.system()
	images := []release.Digest{system}
	s.release(images)
	s.clock = s.clock.Add(day)
	thief, _ := s.release(images, func(r *release.Release) { r.NotAfter = s.clock.Add(80 * day) })
	wantPass(t, s.judge(marshal(t, s.bundle())))
	s.rotate(compromise("rel1", thief))
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeStruck)
	v := s.judge(marshal(t, s.bundle(0, 1, 2, 4)))
	wantPass(t, v)
	if v.Judged.Index != 2 {
		t.Errorf("judged index %d, want 2", v.Judged.Index)
	}
}

// TestC11StruckEntryCountsForNoAge: the age counts from the oldest entry that is
// not struck.
func TestC11StruckEntryCountsForNoAge(t *testing.T) {
	s := newSite(t)
	_, system := s.system()
	images := []release.Digest{system}
	s.release(images)
	anchor := s.checkpoint(3)
	s.clock = s.clock.Add(10 * day)
	s.rotate(compromise("rel1", 2))
	s.releaseBy([]string{"rel2", "rel3"}, images, func(r *release.Release) { r.NotAfter = s.clock.Add(60 * day) })
	s.requirements.MinimumAge = siteDuration(t, "9d")
	b := s.log.Bundle(s.checkpoint(5), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)
	wantFail(t, s.judge(marshal(t, b)), verify.CodeMinimumAge)
	s.requirements.MinimumAge = siteDuration(t, "1h")
	wantPass(t, s.judge(marshal(t, b)))
}

// TestImageLoggedAfterTheOldestRelease: that entry is void, so no age counts from
// it; it does not belong in a bundle.
func TestImageLoggedAfterTheOldestRelease(t *testing.T) {
	s, other := newSite(t), newSite(t)
	_, system := other.system()
	images := []release.Digest{system}
	s.release(images)
	s.system()
	s.release(images, func(r *release.Release) { r.NotAfter = r.NotAfter.Add(day) })
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeImages)
	wantPass(t, s.judge(marshal(t, s.bundle(0, 2, 3))))
}

// TestC11ReleaseAfterRetirement: what follows the authority that retires a log is void.
func TestC11ReleaseAfterRetirement(t *testing.T) {
	s := newSite(t)
	_, system := s.system()
	s.rotate(func(a *release.Authority) { a.Origin = "log.example/next" })
	s.release([]release.Digest{system})
	v := s.judge(marshal(t, s.bundle()))
	wantFail(t, v, verify.CodeLogRetired)
	if c, _ := v.Check(verify.CodeLogRetired); !strings.Contains(c.Found, "retired at index 2") {
		t.Errorf("found %s", c.Found)
	}
	wantStatus(t, v, verify.Fail, verify.CodeReleaseSignatures, verify.StatusFail)
	if c, _ := v.Check(verify.CodeReleaseSignatures); !strings.Contains(c.Found, "log-retired") {
		t.Errorf("found %s", c.Found)
	}
}

// TestSuccessorLog: it begins with its predecessor's chain, and the pin holds.
func TestSuccessorLog(t *testing.T) {
	s := newSite(t, func(a *release.Authority) { a.Origin = "log.example/before" })
	s.rotate(func(a *release.Authority) { a.Origin = siteOrigin })
	s.standard()
	wantPass(t, s.judge(marshal(t, s.bundle())))
	// Images of the chain's own time are nobody's.
	s = newSite(t, func(a *release.Authority) { a.Origin = "log.example/before" })
	_, system := s.system()
	s.rotate(func(a *release.Authority) { a.Origin = siteOrigin })
	s.release([]release.Digest{system})
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeImageSignatures)
}
