package verify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

func TestBundlePasses(t *testing.T) {
	s := newSite(t).standard()
	v := s.judge(marshal(t, s.bundle()))
	wantPass(t, v)
	if v.About != verify.AboutRelease || v.Assurance != verify.AssuranceNone {
		t.Errorf("about %s, assurance %s", v.About, v.Assurance)
	}
	// The checkpoint's age is the nearest of all deadlines.
	if want := s.clock.Add(day); !v.Deadline.Equal(want) {
		t.Errorf("deadline %s, want %s", v.Deadline, want)
	}
	for code, status := range map[verify.Code]verify.Status{
		verify.CodeRollAge: verify.StatusWaived, verify.CodeMinimumAge: verify.StatusWaived, verify.CodeConsistency: verify.StatusNotChecked,
		verify.CodeRuntimeState: verify.StatusNotChecked, verify.CodeGPU: verify.StatusNotChecked,
	} {
		wantStatus(t, v, verify.Pass, code, status)
	}
	if v.Judged.Release == nil || v.Judged.Index != 3 || v.Judged.Size != 4 || len(v.Judged.Images) != 2 || v.Judged.Authority.Version != 1 {
		t.Errorf("judged %+v", v.Judged)
	}
}

// TestEveryCheckCanFail changes one thing at a time.
func TestEveryCheckCanFail(t *testing.T) {
	standard := func(t *testing.T) (*site, *bundle.Bundle) {
		s := newSite(t).standard()
		return s, s.bundle()
	}
	tests := []struct {
		name string
		code verify.Code
		make func(t *testing.T) (*site, *bundle.Bundle)
	}{
		{"a log that the policy does not know", verify.CodeOrigin, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			s.policy = tlogtest.Policy(t, 2, s.witnesses, tlogtest.NewLog(t, "log.example/other"))
			return s, b
		}},
		{"the log's key of another", verify.CodeLogSignature, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			s.log.Key = tlogtest.Key(t, "mallory", tlog.TypeEd25519)
			other, err := tlog.NewVerifierKey(siteOrigin, tlog.TypeEd25519, s.log.Key.Verifier().Public)
			if err != nil {
				t.Fatal(err)
			}
			b := s.bundle()
			b.Checkpoint = strings.Replace(b.Checkpoint, "— mallory ", "— "+siteOrigin+" ", 1)
			s.policy.Logs[0].Key = other
			return s, b
		}},
		{"one witness of two", verify.CodeQuorum, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			b.Checkpoint = string(s.checkpoint(s.log.Size(), 1).Marshal())
			return s, b
		}},
		{"cosigned long ago", verify.CodeCheckpointAge, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			s.clock = s.clock.Add(2 * day)
			return s, b
		}},
		{"an anchor of another history", verify.CodeAnchors, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			fork := s.log.Fork(1)
			fork.Add([]byte("x"))
			b.Anchors = []bundle.Anchor{{Checkpoint: string(fork.Checkpoint(2, s.witnesses[0].At(s.clock)).Marshal()), Consistency: s.log.Consistency(2, 4)}}
			return s, b
		}},
		{"an inclusion proof of another entry", verify.CodeInclusion, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			b.Entries[2].Inclusion = b.Entries[3].Inclusion
			return s, b
		}},
		{"something that is no entry", verify.CodeEntries, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			s.log.Add([]byte("no envelope"))
			return s, s.bundle()
		}},
		{"a withdrawal among the entries", verify.CodeEntries, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			statement, err := release.NewWithdrawal(&release.Withdrawal{Issued: s.clock, Authority: s.inForce, Product: siteProduct, Target: s.pin, Reason: release.ReasonMistake})
			s.add(statement, err, "root1", "root2")
			return s, s.bundle()
		}},
		{"two rolls", verify.CodeEntries, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			for size := range uint64(2) {
				statement, err := release.NewRoll(&release.Roll{Issued: s.clock, Authority: s.inForce, Product: siteProduct, Origin: siteOrigin, Size: 4 + size, Rules: release.RollRules})
				s.add(statement, err, "rel1")
			}
			return s, s.bundle()
		}},
		{"another authority than the pinned", verify.CodeAuthorityPin, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			s.requirements.Authority[0] ^= 1
			return s, b
		}},
		{"no authority", verify.CodeAuthorityPin, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			return s, s.bundle(1, 2, 3)
		}},
		{"an authority that its predecessor did not sign", verify.CodeAuthorityChain, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			s.rotate(func(a *release.Authority) {
				a.Keys = siteKeys("root1", "root2", "root3", "ci", "rel1", "rel2", "rel3", "wd", "roll", "new1", "new2")
				a.Roles[slices.IndexFunc(a.Roles, func(r release.Role) bool { return r.Name == release.RoleRoot })] = siteRole(release.RoleRoot, 2, "new1", "new2")
			}, "new1", "new2")
			s.standard()
			return s, s.bundle()
		}},
		{"a version left out", verify.CodeAuthorityChain, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 89 })
			s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 88 })
			s.standard()
			return s, s.bundle(0, 2, 3, 4, 5)
		}},
		{"a rotation left out", verify.CodeAuthorityComplete, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 89 })
			s.standard()
			return s, s.bundle(0, 2, 3, 4)
		}},
		{"the log of another authority", verify.CodeAuthorityOrigin, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t, func(a *release.Authority) { a.Origin = "log.example/other" }).standard()
			return s, s.bundle()
		}},
		{"a retired log", verify.CodeLogRetired, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			s.rotate(func(a *release.Authority) { a.Origin = "log.example/next" })
			return s, s.bundle()
		}},
		{"an authority that has expired", verify.CodeAuthorityExpires, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t, func(a *release.Authority) { a.Expires = a.Issued.Add(30 * time.Minute) }).standard()
			return s, s.bundle()
		}},
		{"no release", verify.CodeRelease, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			return s, s.bundle(0, 1, 2)
		}},
		{"releases of two identities", verify.CodeRelease, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system()
			_, model := s.model()
			s.release([]release.Digest{system})
			s.release([]release.Digest{system, model}, func(r *release.Release) { r.Version = "2" })
			return s, s.bundle()
		}},
		{"a release by one of two", verify.CodeReleaseSignatures, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system()
			s.releaseBy([]string{"rel1"}, []release.Digest{system})
			return s, s.bundle()
		}},
		{"a release by the image role", verify.CodeReleaseSignatures, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system()
			s.releaseBy([]string{"rel1", "ci"}, []release.Digest{system})
			return s, s.bundle()
		}},
		{"a release under the authority before", verify.CodeReleaseSignatures, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system()
			s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 89 })
			s.release([]release.Digest{system}, func(r *release.Release) { r.Authority = s.pin })
			return s, s.bundle()
		}},
		{"an image left out", verify.CodeImages, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			return s, s.bundle(0, 1, 3)
		}},
		{"an image of another release", verify.CodeImages, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system()
			s.model()
			s.release([]release.Digest{system})
			return s, s.bundle()
		}},
		{"an image logged after its release", verify.CodeImages, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			other := newSite(t)
			_, system := other.system()
			s.release([]release.Digest{system})
			s.system()
			return s, s.bundle()
		}},
		{"an image signed by a release key", verify.CodeImageSignatures, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t, func(a *release.Authority) {
				a.Roles[slices.IndexFunc(a.Roles, func(r release.Role) bool { return r.Name == release.RoleImage })] = siteRole(release.RoleImage, 1, "rel3")
			})
			_, system := s.system() // by ci, which has no role any more
			s.release([]release.Digest{system})
			return s, s.bundle()
		}},
		{"a debug word on a production command line", verify.CodeImageStatements, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system(withWord("systemd.debug_shell"))
			s.release([]release.Digest{system})
			return s, s.bundle()
		}},
		{"a release without an OS", verify.CodeOSImage, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, model := s.model()
			s.release([]release.Digest{model})
			return s, s.bundle()
		}},
		{"a product that is not accepted", verify.CodeProduct, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			s.requirements.Products = []string{"acme/other"}
			return s, b
		}},
		{"an image of another product", verify.CodeProduct, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system(func(i *release.Image) { i.Product = "acme/other" })
			s.release([]release.Digest{system})
			return s, s.bundle()
		}},
		{"a channel that is not accepted", verify.CodeChannel, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			s.requirements.Channels = []string{"lab"}
			return s, b
		}},
		{"a channel that the authority lacks", verify.CodeChannelMode, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system()
			s.release([]release.Digest{system}, func(r *release.Release) { r.Channel = "beta" })
			s.requirements.Channels = []string{"beta"}
			return s, s.bundle()
		}},
		{"a research image in a production channel", verify.CodeChannelMode, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system(func(i *release.Image) { i.Mode = release.ModeResearch })
			s.release([]release.Digest{system})
			s.requirements.Modes = []release.Mode{release.ModeResearch}
			return s, s.bundle()
		}},
		{"a research image in a research channel", verify.CodeModes, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system(func(i *release.Image) { i.Mode = release.ModeResearch })
			s.release([]release.Digest{system}, func(r *release.Release) { r.Channel = "lab" })
			s.requirements.Channels = []string{"lab"}
			return s, s.bundle()
		}},
		{"a stolen release key", verify.CodeStruck, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			s.rotate(compromise("rel1", 3))
			return s, s.bundle()
		}},
		{"a stolen image key", verify.CodeStruck, func(t *testing.T) (*site, *bundle.Bundle) {
			s, _ := standard(t)
			s.rotate(compromise("ci", 2))
			return s, s.bundle()
		}},
		{"a release that has expired", verify.CodeNotAfter, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			_, system := s.system()
			s.release([]release.Digest{system}, func(r *release.Release) { r.NotAfter = s.clock.Add(time.Hour) })
			return s, s.bundle()
		}},
		{"a release younger than the minimum age", verify.CodeMinimumAge, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			s.requirements.MinimumAge = siteDuration(t, "61m")
			return s, b
		}},
		{"an image below its minimum", verify.CodeMinimumSecurityVersion, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			s.requirements.MinimumSecurityVersion = map[string]uint64{"model/llama": 2}
			return s, b
		}},
		{"no roll where an age is asked", verify.CodeRoll, func(t *testing.T) (*site, *bundle.Bundle) {
			s, b := standard(t)
			s.requirements.RollMaxAge = siteDuration(t, "1d")
			return s, b
		}},
		{"a roll of another product", verify.CodeRollProduct, rolled(func(s *site) { s.roll(func(r *release.Roll) { r.Product = "acme/other" }) })},
		{"a roll by rules that are not built", verify.CodeRollRules, rolled(func(s *site) { s.roll(func(r *release.Roll) { r.Rules = 2 }) })},
		{"a roll across a rotation", verify.CodeRollAuthority, rolled(func(s *site) {
			roll := s.stateRoll()
			s.rotate(func(a *release.Authority) { a.Limits.ReleaseDays = 89 })
			roll.Authority = s.inForce
			s.logRoll(roll, "roll")
		})},
		{"a roll signed by a release key", verify.CodeRollSignatures, rolled(func(s *site) { s.logRoll(s.stateRoll(), "rel1") })},
		{"a stolen roll key", verify.CodeRollStruck, rolled(func(s *site) {
			s.roll()
			s.rotate(compromise("roll", 4))
		})},
		{"a roll older than the release", verify.CodeRollSize, rolled(func(s *site) { s.roll(func(r *release.Roll) { r.Size = 3 }) })},
		{"a roll without the release", verify.CodeRollLive, rolled(func(s *site) { s.roll(func(r *release.Roll) { r.Live = nil }) })},
		{"a roll without its anchor", verify.CodeRollAnchor, rolled(func(s *site) { s.roll() })},
		{"a roll too old", verify.CodeRollAge, func(t *testing.T) (*site, *bundle.Bundle) {
			s := newSite(t)
			anchor := s.live()
			s.clock = s.clock.Add(day)
			return s, s.log.Bundle(s.checkpoint(5), []*tlog.SignedCheckpoint{anchor}, 0, 1, 2, 3, 4)
		}},
	}
	tested := make(map[verify.Code]bool)
	for _, tt := range tests {
		tested[tt.code] = true
		t.Run(tt.name, func(t *testing.T) {
			s, b := tt.make(t)
			v := s.judge(marshal(t, b))
			wantFail(t, v, tt.code)
			if v.ExitCode() != 1 {
				t.Errorf("exit code %d", v.ExitCode())
			}
		})
	}
	s, b := standard(t)
	for _, c := range s.judge(marshal(t, b)).Checks {
		switch c.Code {
		case verify.CodeBundleForm: // TestC2BundlesOfAnotherForm
		case verify.CodeAuthorityVersion, verify.CodeNewerRoll, verify.CodeConsistency: // TestMemory...
		case verify.CodeRuntimeState, verify.CodeGPU: // cannot fail yet
		default:
			if !tested[c.Code] {
				t.Errorf("no test makes %s fail", c.Code)
			}
		}
	}
}

// rolled makes the standard log with a roll of a test, and a bundle of all of it
// without anchors. No age is asked of the roll.
func rolled(add func(*site)) func(t *testing.T) (*site, *bundle.Bundle) {
	return func(t *testing.T) (*site, *bundle.Bundle) {
		s := newSite(t).standard()
		add(s)
		return s, s.bundle()
	}
}

// withWord adds a word to the command line, and makes its section's digest anew.
func withWord(word string) func(*release.Image) {
	return func(i *release.Image) {
		uki := i.Measurements.TPM2UKI
		uki.Cmdline += " " + word
		for n := range uki.Sections {
			if uki.Sections[n].Name == release.SectionCmdline {
				uki.Sections[n].Digest = digestOf(uki.Cmdline)
			}
		}
	}
}

// compromise lists a key of a test from an index on.
func compromise(name string, from uint64) func(*release.Authority) {
	return func(a *release.Authority) {
		a.Compromised = []release.Compromised{{KeyID: siteRole("", 0, name).Keys[0], Origin: siteOrigin, From: from}}
	}
}

func TestUnknownWhereARequiredCheckIsNotMade(t *testing.T) {
	s := newSite(t).standard()
	data := marshal(t, s.bundle())
	s.requirements.Consistency = verify.ConsistencyRequired
	v := s.judge(data)
	wantStatus(t, v, verify.Unknown, verify.CodeConsistency, verify.StatusNotChecked)
	if v.ExitCode() != 3 {
		t.Errorf("exit code %d, want 3", v.ExitCode())
	}
	// A check that failed decides, whatever was not made.
	s.requirements.Channels = []string{"lab"}
	wantFail(t, s.judge(data), verify.CodeChannel)
}
