package verify_test

import (
	"testing"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// succeeded is a log that has just taken over from one with a live release; version 1
// of the old log is pinned.
func succeeded(t *testing.T) (s, old *site) {
	s = newSite(t)
	s.live()
	before := *s
	s.successor()
	return s, &before
}

// TestSuccessorLogUnderTheOldPin: the pin of version 1 leads to the new origin.
func TestSuccessorLogUnderTheOldPin(t *testing.T) {
	s, _ := succeeded(t)
	_, system := s.system()
	s.release([]release.Digest{system})
	anchor := s.roll()
	v := s.judge(s.staple(anchor, 0, 1, 2, 3, 4))
	wantPass(t, v)
	if v.Judged.Origin != s.log.Origin || v.Judged.Authority.Version != 2 {
		t.Errorf("judged %s under version %d", v.Judged.Origin, v.Judged.Authority.Version)
	}
	// A third version of the new log changes nothing of that.
	s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 80 })
	wantPass(t, s.judge(s.staple(anchor, 0, 1, 2, 3, 4, 5)))
}

// TestSuccessorLogThatCarriesOn: what was signed for the old log is nothing in the
// new one, wherever it stands.
func TestSuccessorLogThatCarriesOn(t *testing.T) {
	// After the chain: version 2 is in force, version 1 is named.
	s, old := succeeded(t)
	for index := range uint64(4) {
		s.log.Add(old.log.Entry(1 + index))
	}
	wantFail(t, s.judge(s.staple(s.checkpoint(5), 0, 1, 2, 3, 4, 5)), verify.CodeReleaseSignatures)

	// Within the chain: version 1 is in force, the log has not begun.
	s, old = succeeded(t)
	rotation := s.log.Entry(1)
	*s.log = *s.log.Fork(1)
	for index := range uint64(3) {
		s.log.Add(old.log.Entry(1 + index))
	}
	s.log.Add(rotation)
	anchor := s.roll(func(r *release.Roll) { r.Live = []release.Digest{s.digestAt(3)} })
	wantFail(t, s.judge(s.staple(anchor, 0, 1, 2, 3, 4, 5)), verify.CodeReleaseSignatures)

	// Void entries between the versions are void, and break nothing, as in the register.
	_, system := s.system()
	at, _ := s.release([]release.Digest{system})
	anchor = s.roll()
	wantPass(t, s.judge(s.staple(anchor, 0, 4, at-1, at, at+1)))
	if got := s.void(); len(got) != 4 { // three of the old log, and the roll of them
		t.Errorf("void entries %v", got)
	}
}

// TestSuccessorLogThatHasNotBegun: the version that names the new origin is missing.
func TestSuccessorLogThatHasNotBegun(t *testing.T) {
	s, _ := succeeded(t)
	_, system := s.system()
	s.release([]release.Digest{system})
	anchor := s.roll()
	v := s.judge(s.staple(anchor, 0, 2, 3, 4))
	wantFail(t, v, verify.CodeAuthorityComplete)
	wantStatus(t, v, verify.Fail, verify.CodeAuthorityOrigin, verify.StatusFail)
}

// TestStrikesAreByOrigin: what was stolen in the old log is said of the old log.
func TestStrikesAreByOrigin(t *testing.T) {
	s := newSite(t)
	s.live()
	s.rotate(compromise("rel1", 0))
	s.successor()
	_, system := s.system()
	s.release([]release.Digest{system})
	anchor := s.roll()
	wantPass(t, s.judge(s.staple(anchor, 0, 1, 2, 3, 4, 5)))
}

// TestSuccessorMayRetireToo: a log in the middle of a line of three.
func TestSuccessorMayRetireToo(t *testing.T) {
	s, _ := succeeded(t)
	_, system := s.system()
	s.release([]release.Digest{system})
	anchor := s.roll()
	s.rotate(func(a *release.Authority) { a.Origin = "log.example/third" })
	wantFail(t, s.judge(s.staple(anchor, 0, 1, 2, 3, 4, 5)), verify.CodeLogRetired)
}

// digestAt returns the payload digest of an entry.
func (s *site) digestAt(index uint64) release.Digest {
	s.Helper()
	envelope, err := release.ParseEnvelope(s.log.Entry(index))
	if err != nil {
		s.Fatal(err)
	}
	return envelope.PayloadDigest()
}
