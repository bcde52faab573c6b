package register

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

const (
	testOrigin  = "log.example/acme"
	testProduct = "acme/ai"
)

// t0 is when authority version 1 of the test logs is issued.
var t0 = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

const oneDay = 24 * time.Hour

// testLog is a log under test, with the signers of the recipe: roots 2 of 3, ci
// for images, releases 2 of 3, wd for withdrawals, roll for rolls.
type testLog struct {
	testing.TB
	*State
	now     time.Time // issued of what is made next
	entries [][]byte
	made    int
	version int
}

// newLog returns a log that has admitted authority version 1.
func newLog(tb testing.TB, changes ...func(*release.Authority)) *testLog {
	l := &testLog{TB: tb, State: New(testOrigin), now: t0}
	l.admit(l.authority(changes...))
	return l
}

// keyID returns the id of a named test key.
func keyID(name string) release.KeyID { return releasetest.KeyFromName(name).Key().ID() }

func keyIDs(names ...string) []release.KeyID {
	ids := make([]release.KeyID, len(names))
	for i, name := range names {
		ids[i] = keyID(name)
	}
	slices.SortFunc(ids, release.KeyID.Compare)
	return ids
}

// role returns a role that covers everything.
func role(name release.RoleName, threshold int, keys ...string) release.Role {
	return release.Role{Name: name, Keys: keyIDs(keys...), Threshold: threshold}
}

// hold puts the public halves of named keys into an authority.
func hold(a *release.Authority, names ...string) {
	if a.Keys == nil {
		a.Keys = make(map[release.KeyID]release.Key)
	}
	for _, name := range names {
		key := releasetest.KeyFromName(name).Key()
		a.Keys[key.ID()] = key
	}
}

// setRole replaces the roles of that name by those given.
func setRole(a *release.Authority, name release.RoleName, roles ...release.Role) {
	a.Roles = slices.DeleteFunc(a.Roles, func(r release.Role) bool { return r.Name == name })
	a.Roles = append(a.Roles, roles...)
}

// authority states the next version of the recipe's authority.
func (l *testLog) authority(changes ...func(*release.Authority)) *release.Authority {
	a := &release.Authority{
		Version: 1,
		Issued:  l.now,
		Origin:  testOrigin,
		Expires: l.now.Add(365 * oneDay),
		Roles: []release.Role{
			role(release.RoleRoot, 2, "root1", "root2", "root3"),
			role(release.RoleImage, 1, "ci"),
			role(release.RoleRelease, 2, "rel1", "rel2", "rel3"),
			role(release.RoleWithdraw, 1, "wd"),
			role(release.RoleRoll, 1, "roll"),
		},
		Channels: []release.Channel{
			{Name: "lab", Mode: release.ModeResearch},
			{Name: "stable", Mode: release.ModeProduction},
		},
		Limits: release.Limits{PublishWithinDays: 30, ReleaseDays: 90},
	}
	hold(a, "root1", "root2", "root3", "ci", "rel1", "rel2", "rel3", "wd", "roll")
	if current, digest := l.Authority(); current != nil {
		a.Version = current.Version + 1
		a.Previous = &digest
	}
	for _, change := range changes {
		change(a)
	}
	return a
}

// image states a production model image with a name and version of its own.
func (l *testLog) image(changes ...func(*release.Image)) *release.Image {
	l.made++
	_, authority := l.Authority()
	file := sha256.Sum256(fmt.Append(nil, "file", l.made))
	i := &release.Image{
		Issued:          l.now,
		Authority:       authority,
		Product:         testProduct,
		Kind:            release.KindModel,
		Name:            fmt.Sprintf("model-%d", l.made),
		Version:         "1",
		SecurityVersion: 1,
		Mode:            release.ModeProduction,
		Measurements:    release.Measurements{Verity: releasetest.Verity("model")},
		Artifacts:       []release.Artifact{{Name: "model.erofs", Digest: file, Size: 4096, MediaType: "application/octet-stream", URLs: []string{"https://dl.example/model.erofs"}}},
		PublishBy:       l.now.Add(10 * oneDay),
	}
	for _, change := range changes {
		change(i)
	}
	return i
}

// osImage states a production OS image.
func (l *testLog) osImage(changes ...func(*release.Image)) *release.Image {
	return l.image(append([]func(*release.Image){func(i *release.Image) {
		i.Kind = release.KindOS
		i.Name = strings.Replace(i.Name, "model", "os", 1)
		i.Measurements = release.Measurements{TPM2UKI: releasetest.UKI(releasetest.Verity("root"))}
	}}, changes...)...)
}

// release states a release of images in the channel stable, with a version of its own.
func (l *testLog) release(images []release.Digest, changes ...func(*release.Release)) *release.Release {
	l.version++
	_, authority := l.Authority()
	r := &release.Release{
		Issued:    l.now,
		Authority: authority,
		Product:   testProduct,
		Channel:   "stable",
		Version:   fmt.Sprintf("r%d", l.version),
		NotAfter:  l.now.Add(60 * oneDay),
		Images:    slices.SortedFunc(slices.Values(images), release.Digest.Compare),
	}
	for _, change := range changes {
		change(r)
	}
	return r
}

// renewal states a further entry of a release, a day longer.
func (l *testLog) renewal(of *release.Release, changes ...func(*release.Release)) *release.Release {
	r := *of
	_, r.Authority = l.Authority()
	r.Issued = l.now
	r.NotAfter = of.NotAfter.Add(oneDay)
	for _, change := range changes {
		change(&r)
	}
	return &r
}

// withdrawal states a withdrawal.
func (l *testLog) withdrawal(target release.Digest, changes ...func(*release.Withdrawal)) *release.Withdrawal {
	_, authority := l.Authority()
	l.made++
	w := &release.Withdrawal{Issued: l.now, Authority: authority, Product: testProduct, Target: target, Reason: release.ReasonVulnerability, Note: fmt.Sprint("no. ", l.made)}
	for _, change := range changes {
		change(w)
	}
	return w
}

// roll states what is live now.
func (l *testLog) roll(changes ...func(*release.Roll)) *release.Roll {
	_, authority := l.Authority()
	l.made++
	r := &release.Roll{Issued: l.now, Authority: authority, Product: testProduct, Origin: testOrigin, Size: l.Size(), Root: sha256.Sum256(fmt.Append(nil, l.made)), Live: l.live(), Rules: release.RollRules}
	for _, change := range changes {
		change(r)
	}
	return r
}

// live returns the digests of what is live of the test product.
func (l *testLog) live() []release.Digest { return digests(l.Live(testProduct)) }

func digests(live []LiveRelease) []release.Digest {
	list := make([]release.Digest, len(live))
	for i := range live {
		list[i] = live[i].Digest
	}
	return list
}

// entry signs a predicate: by the named keys, or by the recipe's.
func (l *testLog) entry(predicate release.Predicate, signers ...string) []byte {
	l.Helper()
	return signEntry(l, predicate, signers...)
}

func signEntry(tb testing.TB, predicate release.Predicate, signers ...string) []byte {
	tb.Helper()
	var statement *release.Statement
	var err error
	var usual []string
	switch p := predicate.(type) {
	case *release.Authority:
		statement, err = release.NewAuthority(p)
		usual = []string{"root1", "root2"}
	case *release.Image:
		statement, err = release.NewImage(p)
		usual = []string{"ci"}
	case *release.Release:
		statement, err = release.NewRelease(p)
		usual = []string{"rel1", "rel2"}
	case *release.Withdrawal:
		statement, err = release.NewWithdrawal(p)
		usual = []string{"wd"}
	case *release.Roll:
		statement, err = release.NewRoll(p)
		usual = []string{"roll"}
	default:
		tb.Fatalf("no entry for %T", predicate)
	}
	if err != nil {
		tb.Fatal(err)
	}
	if len(signers) == 0 {
		signers = usual
	}
	entry, _ := releasetest.SignStatement(tb, statement, signers...)
	return entry
}

// apply applies an entry after asking whether it would be admitted at the very
// time it was issued: both must agree, and asking must change nothing.
func (l *testLog) apply(entry []byte) Outcome {
	l.Helper()
	size, logTime := l.Size(), l.LogTime()
	known, _ := l.Authority()
	p, err := Prepare(entry, known)
	var asked error = err
	if err == nil {
		asked = l.Admit(p, p.Statement.Issued())
		if l.Size() != size || !l.LogTime().Equal(logTime) {
			l.Fatal("Admit changed the state")
		}
	}
	l.entries = append(l.entries, entry)
	outcome := l.Apply(entry)
	if outcome.Index != size || l.Size() != size+1 {
		l.Fatalf("applied at index %d of size %d, size is now %d", outcome.Index, size, l.Size())
	}
	if (asked == nil) != (outcome.Status == StatusAdmitted) {
		l.Fatalf("Admit says %v, Apply %s: %v", asked, outcome.Status, outcome.Refusal)
	}
	if asked != nil && err == nil && release.CodeOf(asked) != outcome.Refusal.Code {
		l.Fatalf("Admit says %v, Apply %v", asked, outcome.Refusal)
	}
	if outcome.Status != StatusAdmitted && !l.LogTime().Equal(logTime) {
		l.Fatal("an entry without effect moved log time")
	}
	return outcome
}

// admit applies a predicate that must be admitted and returns its payload digest.
func (l *testLog) admit(predicate release.Predicate, signers ...string) release.Digest {
	l.Helper()
	outcome := l.apply(l.entry(predicate, signers...))
	if outcome.Status != StatusAdmitted {
		l.Fatalf("%s: %v", outcome.Status, outcome.Refusal)
	}
	return outcome.Digest
}

// refuse applies a predicate that must be void for one reason, with no effect
// on what is live.
func (l *testLog) refuse(code release.Code, predicate release.Predicate, signers ...string) {
	l.Helper()
	l.refuseEntry(code, l.entry(predicate, signers...))
}

func (l *testLog) refuseEntry(code release.Code, entry []byte) {
	l.Helper()
	before := l.live()
	outcome := l.apply(entry)
	if outcome.Status != StatusVoid || outcome.Refusal.Code != code {
		l.Fatalf("got %s (%v), want void with code %s", outcome.Status, outcome.Refusal, code)
	}
	if !slices.Equal(before, l.live()) {
		l.Fatal("a void entry changed what is live")
	}
}

// clockRefuses asks for admission at a time of the log's clock, without applying.
func (l *testLog) clockRefuses(code release.Code, now time.Time, entry []byte) {
	l.Helper()
	p, err := Prepare(entry, nil)
	if err != nil {
		l.Fatal(err)
	}
	if got := release.CodeOf(l.Admit(p, now)); got != code {
		l.Fatalf("at %s: got code %q, want %q", release.FormatTime(now), got, code)
	}
}

// wantLive compares what is live with the releases of those payload digests.
func (l *testLog) wantLive(want ...release.Digest) {
	l.Helper()
	want = slices.SortedFunc(slices.Values(want), release.Digest.Compare)
	if got := l.live(); !slices.Equal(got, want) {
		l.Fatalf("live: got %v, want %v", got, want)
	}
}

// wantWord compares how an entry stands.
func (l *testLog) wantWord(digest release.Digest, want string) {
	l.Helper()
	index, ok := l.Lookup(digest)
	if !ok {
		l.Fatalf("%s is not logged", digest)
	}
	standing, _ := l.Why(index)
	if standing.String() != want {
		l.Fatalf("index %d: got %q, want %q", index, standing, want)
	}
}

// strikeKey lists a named key as compromised in the test log.
func strikeKey(a *release.Authority, name string, from uint64) {
	a.Compromised = append(a.Compromised, release.Compromised{KeyID: keyID(name), Origin: testOrigin, From: from})
}
