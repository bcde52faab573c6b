package verify_test

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/verify"
)

const (
	siteOrigin  = "log.example/acme"
	siteProduct = "acme/ai"
	day         = 24 * time.Hour
)

// siteStart is when the authority of a site is issued.
var siteStart = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

// site is a log with its witnesses, and a relying party that trusts them. It logs
// whatever a test wants: the rules of the register are asked for a roll alone.
type site struct {
	testing.TB
	log       *tlogtest.Log
	witnesses []tlogtest.Witness
	clock     time.Time // when what is made next is issued and cosigned

	pin       release.Digest // payload digest of entry 0
	authority *release.Authority
	inForce   release.Digest // payload digest of authority

	requirements *verify.Requirements
	policy       *policy.Policy
}

// newSite returns a log with authority version 1 as entry 0.
func newSite(tb testing.TB, changes ...func(*release.Authority)) *site {
	tb.Helper()
	s := &site{TB: tb, log: tlogtest.NewLog(tb, siteOrigin), clock: siteStart}
	for _, name := range []string{"w1", "w2", "w3"} {
		s.witnesses = append(s.witnesses, tlogtest.NewWitness(tb, name, "operator of "+name, tlog.TypeCosignatureEd25519))
	}
	first := &release.Authority{
		Version: 1, Issued: s.clock, Origin: siteOrigin, Expires: s.clock.Add(365 * day),
		Roles: []release.Role{
			siteRole(release.RoleRoot, 2, "root1", "root2", "root3"),
			siteRole(release.RoleImage, 1, "ci"),
			siteRole(release.RoleRelease, 2, "rel1", "rel2", "rel3"),
			siteRole(release.RoleWithdraw, 1, "wd"),
			siteRole(release.RoleRoll, 1, "roll"),
		},
		Channels: []release.Channel{{Name: "lab", Mode: release.ModeResearch}, {Name: "stable", Mode: release.ModeProduction}},
		Limits:   release.Limits{PublishWithinDays: 30, ReleaseDays: 90},
		Keys:     siteKeys("root1", "root2", "root3", "ci", "rel1", "rel2", "rel3", "wd", "roll"),
	}
	for _, change := range changes {
		change(first)
	}
	_, s.pin = s.addAuthority(first, "root1", "root2")
	s.policy = tlogtest.Policy(tb, 2, s.witnesses, s.log)
	s.requirements = &verify.Requirements{
		Authority: s.pin, Products: []string{siteProduct}, Channels: []string{"stable"},
		RollMaxAge: siteDuration(tb, "none"), CheckpointMaxAge: siteDuration(tb, "1d"), MinimumAge: siteDuration(tb, "none"),
		Operators: tlogtest.Operators(s.witnesses...), LogOperator: "Acme",
	}
	return s
}

func siteKeys(names ...string) map[release.KeyID]release.Key {
	keys := make(map[release.KeyID]release.Key)
	for _, name := range names {
		key := releasetest.KeyFromName(name).Key()
		keys[key.ID()] = key
	}
	return keys
}

func siteRole(name release.RoleName, threshold int, keys ...string) release.Role {
	role := release.Role{Name: name, Threshold: threshold}
	for _, key := range keys {
		role.Keys = append(role.Keys, releasetest.KeyFromName(key).Key().ID())
	}
	slices.SortFunc(role.Keys, release.KeyID.Compare)
	return role
}

func siteDuration(tb testing.TB, text string) verify.Duration {
	tb.Helper()
	d, err := verify.ParseDuration(text)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// add logs a statement with these signers; it returns index and payload digest.
func (s *site) add(statement *release.Statement, err error, signers ...string) (uint64, release.Digest) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	entry, digest := releasetest.SignStatement(s, statement, signers...)
	return s.log.Add(entry), digest
}

func (s *site) addAuthority(a *release.Authority, signers ...string) (uint64, release.Digest) {
	s.Helper()
	statement, err := release.NewAuthority(a)
	index, digest := s.add(statement, err, signers...)
	s.authority, s.inForce = a, digest
	return index, digest
}

// rotate logs the next version of the authority.
func (s *site) rotate(change func(*release.Authority), signers ...string) uint64 {
	s.Helper()
	next := *s.authority
	previous := s.inForce
	next.Version, next.Previous, next.Issued = next.Version+1, &previous, s.clock
	next.Roles = slices.Clone(next.Roles)
	change(&next)
	if len(signers) == 0 {
		signers = []string{"root1", "root2"}
	}
	index, _ := s.addAuthority(&next, signers...)
	return index
}

// model logs a production model image.
func (s *site) model(changes ...func(*release.Image)) (uint64, release.Digest) {
	s.Helper()
	image := &release.Image{
		Issued: s.clock, Authority: s.inForce, Product: siteProduct, Kind: release.KindModel, Name: "llama", Version: "1",
		SecurityVersion: 1, Mode: release.ModeProduction, PublishBy: s.clock.Add(10 * day),
		Measurements: release.Measurements{Verity: releasetest.Verity("model")},
		Artifacts: []release.Artifact{{Name: "llama.erofs", Digest: sha256.Sum256([]byte("llama")), Size: 4096,
			MediaType: "application/octet-stream", URLs: []string{"https://dl.example/llama.erofs"}}},
	}
	for _, change := range changes {
		change(image)
	}
	statement, err := release.NewImage(image)
	return s.add(statement, err, "ci")
}

// system logs a production OS image.
func (s *site) system(changes ...func(*release.Image)) (uint64, release.Digest) {
	s.Helper()
	return s.model(append([]func(*release.Image){func(i *release.Image) {
		i.Kind, i.Name = release.KindOS, "node-os"
		i.Measurements = release.Measurements{TPM2UKI: releasetest.UKI(releasetest.Verity("root"))}
	}}, changes...)...)
}

// release logs a release of images, signed by rel1 and rel2.
func (s *site) release(images []release.Digest, changes ...func(*release.Release)) (uint64, release.Digest) {
	s.Helper()
	return s.releaseBy([]string{"rel1", "rel2"}, images, changes...)
}

func (s *site) releaseBy(signers []string, images []release.Digest, changes ...func(*release.Release)) (uint64, release.Digest) {
	s.Helper()
	r := &release.Release{
		Issued: s.clock, Authority: s.inForce, Product: siteProduct, Channel: "stable", Version: "2026.11",
		NotAfter: s.clock.Add(60 * day), Images: slices.SortedFunc(slices.Values(images), release.Digest.Compare),
	}
	for _, change := range changes {
		change(r)
	}
	statement, err := release.NewRelease(r)
	return s.add(statement, err, signers...)
}

// standard logs an OS image, a model and their release, at indices 1 to 3.
func (s *site) standard() *site {
	s.Helper()
	_, system := s.system()
	_, model := s.model()
	s.release([]release.Digest{system, model})
	return s
}

// withdraw logs a withdrawal of an image or a release.
func (s *site) withdraw(target release.Digest) release.Digest {
	s.Helper()
	statement, err := release.NewWithdrawal(&release.Withdrawal{Issued: s.clock, Authority: s.inForce, Product: siteProduct, Target: target, Reason: release.ReasonVulnerability})
	_, digest := s.add(statement, err, "wd")
	return digest
}

// state is what the rules make of the log.
func (s *site) state() *register.State {
	s.Helper()
	var entries [][]byte
	for index := range s.log.Size() {
		entries = append(entries, s.log.Entry(index))
	}
	state := register.New(s.log.Origin)
	state.ApplyAll(entries)
	return state
}

// stateRoll states what is live now, which is what the register says.
func (s *site) stateRoll() *release.Roll {
	s.Helper()
	roll := &release.Roll{
		Issued: s.clock, Authority: s.inForce, Product: siteProduct, Origin: s.log.Origin,
		Size: s.log.Size(), Root: release.Digest(s.log.Root(s.log.Size())), Rules: release.RollRules,
	}
	for _, live := range s.state().Live(siteProduct) {
		roll.Live = append(roll.Live, live.Digest)
	}
	return roll
}

// roll logs a roll of what is live now and returns its anchor, cosigned now.
func (s *site) roll(changes ...func(*release.Roll)) *tlog.SignedCheckpoint {
	s.Helper()
	anchor, roll := s.checkpoint(s.log.Size()), s.stateRoll()
	for _, change := range changes {
		change(roll)
	}
	s.logRoll(roll, "roll")
	return anchor
}

func (s *site) logRoll(roll *release.Roll, signers ...string) uint64 {
	s.Helper()
	statement, err := release.NewRoll(roll)
	index, _ := s.add(statement, err, signers...)
	return index
}

// live is standard with a roll, at index 4, of which an age is asked; it returns
// the roll's anchor.
func (s *site) live() *tlog.SignedCheckpoint {
	s.Helper()
	s.standard()
	s.requirements.RollMaxAge = siteDuration(s, "1d")
	return s.roll()
}

// staple returns the bytes of a bundle of these entries, under a checkpoint of the
// whole log, with an anchor.
func (s *site) staple(anchor *tlog.SignedCheckpoint, indices ...uint64) []byte {
	s.Helper()
	return marshal(s, s.log.Bundle(s.checkpoint(s.log.Size()), []*tlog.SignedCheckpoint{anchor}, indices...))
}

// checkpoint is cosigned now by the witnesses of these numbers; by all without any.
func (s *site) checkpoint(size uint64, numbers ...int) *tlog.SignedCheckpoint {
	s.Helper()
	var at []tlogtest.At
	for i, witness := range s.witnesses {
		if len(numbers) == 0 || slices.Contains(numbers, i+1) {
			at = append(at, witness.At(s.clock))
		}
	}
	return s.log.Checkpoint(size, at...)
}

// bundle holds these entries, or all, under a checkpoint of the whole log.
func (s *site) bundle(indices ...uint64) *bundle.Bundle {
	s.Helper()
	if len(indices) == 0 {
		for index := range s.log.Size() {
			indices = append(indices, index)
		}
	}
	return s.log.Bundle(s.checkpoint(s.log.Size()), nil, indices...)
}

// marshal returns the bytes of a bundle that is well formed.
func marshal(tb testing.TB, b *bundle.Bundle) []byte {
	tb.Helper()
	data, err := b.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// judge judges bytes an hour after the site's clock.
func (s *site) judge(data []byte) *verify.Verdict {
	s.Helper()
	return s.judgeAt(data, s.clock.Add(time.Hour))
}

func (s *site) judgeAt(data []byte, now time.Time) *verify.Verdict {
	s.Helper()
	trust, err := verify.NewTrust(s.policy, s.requirements)
	if err != nil {
		s.Fatal(err)
	}
	return verify.Bundle(data, trust, now)
}

// wantPass fails unless the verdict is pass.
func wantPass(tb testing.TB, v *verify.Verdict) {
	tb.Helper()
	if v.Result == verify.Pass {
		return
	}
	for _, c := range v.Checks {
		if c.Status == verify.StatusFail || c.Status == verify.StatusNotChecked {
			tb.Errorf("%s %s: expected %s, found %s", c.Status, c.Code, c.Expected, c.Found)
		}
	}
	tb.Fatalf("got %s, want pass", v.Result)
}

// wantFail fails unless the verdict is fail and this check is the first that failed.
func wantFail(tb testing.TB, v *verify.Verdict, code verify.Code) {
	tb.Helper()
	if v.Result != verify.Fail {
		tb.Errorf("got %s, want fail by %s", v.Result, code)
		return
	}
	for _, c := range v.Checks {
		if c.Status == verify.StatusFail {
			if c.Code != code {
				tb.Errorf("failed first by %s (expected %s, found %s), want %s", c.Code, c.Expected, c.Found, code)
			}
			return
		}
	}
	tb.Error("result fail without a check that failed")
}

// wantStatus fails unless result and status of a check are these.
func wantStatus(tb testing.TB, v *verify.Verdict, result verify.Result, code verify.Code, status verify.Status) {
	tb.Helper()
	c, ok := v.Check(code)
	if v.Result != result || !ok || c.Status != status {
		tb.Errorf("got %s, %s %s (%s), want %s, %s", v.Result, code, c.Status, c.Found, result, status)
	}
}
