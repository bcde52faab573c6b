package verify_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/verify"
)

// sshSite lets one ssh key sign images, and one other key too.
func sshSite(t *testing.T) (*site, release.KeyID) {
	key := releasetest.SSHKeyFromName("hardware")
	return newSite(t, func(a *release.Authority) {
		a.Keys[key.ID()] = key
		at := slices.IndexFunc(a.Roles, func(r release.Role) bool { return r.Name == release.RoleImage })
		a.Roles[at] = siteRole(release.RoleImage, 1, "ci")
		a.Roles[at].Keys = slices.SortedFunc(slices.Values(append(a.Roles[at].Keys, key.ID())), release.KeyID.Compare)
	}), key.ID()
}

// resign logs the newest entry's payload anew, with this signature alone.
func (s *site) resign(signature release.Signature) (uint64, release.Digest) {
	s.Helper()
	newest, err := release.ParseEnvelope(s.log.Entry(s.log.Size() - 1))
	if err != nil {
		s.Fatal(err)
	}
	newest.Signatures = []release.Signature{signature}
	entry, err := newest.Marshal()
	if err != nil {
		s.Fatal(err)
	}
	*s.log = *s.log.Fork(s.log.Size() - 1)
	return s.log.Add(entry), newest.PayloadDigest()
}

// TestSignatureBySSH: what ssh-keygen signs counts as any signature does.
func TestSignatureBySSH(t *testing.T) {
	s, ssh := sshSite(t)
	s.system()
	newest, err := release.ParseEnvelope(s.log.Entry(s.log.Size() - 1))
	if err != nil {
		t.Fatal(err)
	}
	good := releasetest.SignSSH(t, newest.Payload, "hardware")
	_, system := s.resign(good)
	s.release([]release.Digest{system})
	wantPass(t, s.judge(marshal(t, s.bundle())))

	s, _ = sshSite(t)
	s.system()
	good.Sig[len(good.Sig)-1] ^= 1
	_, system = s.resign(release.Signature{KeyID: ssh, Sig: good.Sig})
	s.release([]release.Digest{system})
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeImageSignatures)
}

// withProfile adds an evidence profile whose rules are not built to the newest entry.
func (s *site) withProfile(signers ...string) (uint64, release.Digest) {
	s.Helper()
	newest, err := release.ParseEnvelope(s.log.Entry(s.log.Size() - 1))
	if err != nil {
		s.Fatal(err)
	}
	payload := bytes.Replace(newest.Payload, []byte(`"measurements":{`), []byte(`"measurements":{"tdx-uki/v1":{},`), 1)
	entry := releasetest.Sign(s, payload, signers...)
	*s.log = *s.log.Fork(s.log.Size() - 1)
	return s.log.Add(entry), digestOf(string(payload))
}

// TestProfileThatIsNotBuilt: unknown, unless something else in the bundle is no
// entry at all, or nobody of the role signed that image.
func TestProfileThatIsNotBuilt(t *testing.T) {
	s := newSite(t)
	_, system := s.system()
	s.model()
	_, model := s.withProfile("ci")
	s.release([]release.Digest{system, model})
	wantStatus(t, s.judge(marshal(t, s.bundle())), verify.Unknown, verify.CodeImageStatements, verify.StatusNotChecked)
	wantStatus(t, s.judge(marshal(t, s.bundle())), verify.Unknown, verify.CodeImageSignatures, verify.StatusPass)
	s.log.Add([]byte("no envelope"))
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeEntries)

	// What can be read of it contradicts itself.
	s = newSite(t)
	s.system(func(i *release.Image) { i.Measurements.TPM2UKI.Initrd = digestOf("another initrd") })
	_, system = s.withProfile("ci")
	s.release([]release.Digest{system})
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeImageStatements)
}

// TestProfileThatIsNotBuiltOfAStranger: no other program would take it either.
func TestProfileThatIsNotBuiltOfAStranger(t *testing.T) {
	for _, signers := range [][]string{{"nobody"}, {"ci", "nobody"}, {"rel1", "rel2"}} {
		s := newSite(t)
		_, system := s.system()
		s.model()
		_, model := s.withProfile(signers...)
		s.release([]release.Digest{system, model})
		wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeImageSignatures)
	}
	// A signature that is named the role's key and is not its.
	s := newSite(t)
	_, system := s.system()
	s.model()
	s.withProfile("ci")
	_, model := s.resign(release.Signature{KeyID: releasetest.KeyFromName("ci").Key().ID(), Sig: make([]byte, 64)})
	s.release([]release.Digest{system, model})
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeImageSignatures)
	// Nor one that the bundle does not need.
	s = newSite(t).standard()
	s.model()
	s.withProfile("nobody")
	wantFail(t, s.judge(marshal(t, s.bundle())), verify.CodeImages)
}

// TestClockBehindTheWitnesses: now is the latest of the clock and what a quorum
// has signed, on the checkpoint or on an anchor.
func TestClockBehindTheWitnesses(t *testing.T) {
	s := newSite(t, func(a *release.Authority) { a.Expires = a.Issued.Add(30 * time.Minute) }).standard()
	data := marshal(t, s.bundle())
	before := s.clock.Add(28 * time.Minute)
	wantPass(t, s.judgeAt(data, before))

	later := s.clock.Add(31 * time.Minute)
	s.clock = later
	wantFail(t, s.judgeAt(marshal(t, s.bundle()), before), verify.CodeAuthorityExpires)

	anchored := func(numbers ...int) []byte {
		s.clock = later
		anchor := s.checkpoint(4, numbers...)
		s.clock = siteStart
		b := s.log.Bundle(s.checkpoint(4), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3)
		return marshal(t, b)
	}
	wantFail(t, s.judgeAt(anchored(1, 2), before), verify.CodeAuthorityExpires)
	// One witness is no quorum, and sets no clock.
	wantPass(t, s.judgeAt(anchored(1), before))
}

// TestAnchorThatIsTheCheckpoint is judged as any other.
func TestAnchorThatIsTheCheckpoint(t *testing.T) {
	s := newSite(t).standard()
	b := s.bundle()
	b.Anchors = []bundle.Anchor{{Checkpoint: b.Checkpoint}}
	s.requirements.MinimumAge = siteDuration(t, "1h")
	wantPass(t, s.judge(marshal(t, b)))
	wantFail(t, s.judgeAt(marshal(t, b), s.clock.Add(time.Hour-time.Second)), verify.CodeMinimumAge)

	// Of one size the earliest known time counts.
	s.clock = s.clock.Add(2 * time.Hour)
	later := s.log.Bundle(s.checkpoint(4), []*tlog.SignedCheckpoint{s.checkpoint(4)}, 0, 1, 2, 3)
	wantFail(t, s.judgeAt(marshal(t, later), s.clock), verify.CodeMinimumAge)
	later.Anchors[0].Checkpoint = b.Checkpoint
	wantPass(t, s.judgeAt(marshal(t, later), s.clock))

	signature := bytes.LastIndex([]byte(b.Checkpoint), []byte("w3.example")) + 40
	forged := []byte(b.Checkpoint)
	forged[signature] ^= 1
	b.Checkpoint = string(forged)
	b.Anchors[0].Checkpoint = b.Checkpoint
	v := s.judge(marshal(t, b))
	wantFail(t, v, verify.CodeQuorum)
	wantStatus(t, v, verify.Fail, verify.CodeAnchors, verify.StatusFail)
}
