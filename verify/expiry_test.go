package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/verify"
)

// TestIssuedAfterTheAuthorityExpired: such images and releases are void, whatever
// later version is in force when the bundle is judged.
func TestIssuedAfterTheAuthorityExpired(t *testing.T) {
	const lasts = 20 * day
	expiring := func(a *release.Authority) { a.Expires = a.Issued.Add(lasts) }
	for _, test := range []struct {
		name            string
		images, release time.Duration // issued, after the authority
		code            verify.Code
	}{
		{"a second before", lasts - time.Second, lasts - time.Second, ""},
		{"the release when it expires", 0, lasts, verify.CodeReleaseSignatures},
		{"the release after a year", 0, 365 * day, verify.CodeReleaseSignatures},
		{"the images, too", lasts, lasts, verify.CodeImageSignatures},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, expiring)
			begin := s.clock
			s.clock = begin.Add(test.images)
			_, system := s.system()
			s.clock = begin.Add(test.release)
			at, _ := s.release([]release.Digest{system})
			s.rotate(func(a *release.Authority) { a.Expires = s.clock.Add(365 * day) })
			entry, _ := s.state().Entry(at)
			v := s.judge(marshal(t, s.bundle()))
			if test.code == "" {
				if entry.Status != register.StatusAdmitted {
					t.Fatalf("the release is %s: %v", entry.Status, entry.Refusal)
				}
				wantPass(t, v)
				return
			}
			if entry.Status != register.StatusVoid {
				t.Fatalf("the release is %s", entry.Status)
			}
			wantStatus(t, v, verify.Fail, test.code, verify.StatusFail)
			if c, _ := v.Check(test.code); !strings.Contains(c.Found, "when its authority expires") {
				t.Errorf("found %s", c.Found)
			}
		})
	}
}
