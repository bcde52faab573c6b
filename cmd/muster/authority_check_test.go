package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/authority"
	"github.com/muster-log/muster/release/releasetest"
)

// TestRotateTheLastVersion: nothing follows version 32.
func TestRotateTheLastVersion(t *testing.T) {
	root := releasetest.KeyFromName("root-a").Key()
	last := &release.Authority{Version: release.MaxAuthorityVersion, Previous: new(release.Digest), Issued: testTime, Origin: testOrigin, Expires: testTime.AddDate(1, 0, 0),
		Keys: map[release.KeyID]release.Key{root.ID(): root}, Roles: []release.Role{{Name: release.RoleRoot, Keys: []release.KeyID{root.ID()}, Threshold: 1}},
		Limits: release.Limits{PublishWithinDays: 30, ReleaseDays: 90}}
	statement, err := release.NewAuthority(last)
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := releasetest.SignStatement(t, statement, "root-a")
	directory := t.TempDir()
	file := filepath.Join(directory, "v32.json")
	put(t, file, entry)
	text := want(t, exitcode.Refused, string(release.CodeRange), "authority", "rotate", file, "--expires", "900d", "--out", filepath.Join(directory, "v33.json"))
	if !strings.Contains(text.errOut, "version 32 is the last one that an authority can have") {
		t.Errorf("got %s", text.errOut)
	}
}

// TestDangersInWords: every danger has words, in which stands what it is about.
func TestDangersInWords(t *testing.T) {
	key := releasetest.KeyFromName("ana").Key()
	of := &release.Authority{Expires: testTime, Keys: map[release.KeyID]release.Key{key.ID(): key}}
	role := &release.Role{Name: release.RoleRelease, Keys: []release.KeyID{key.ID()}, Threshold: 2, Products: []string{"acme/ai"}}
	keys := role.Keys
	a := &app{names: keyNames{key.ID(): "ana-laptop"}}
	for _, test := range []struct {
		danger authority.Danger
		want   string
	}{
		{authority.Danger{Code: authority.Expired}, "it expired 2026-11-03T12:00:00Z: only"},
		{authority.Danger{Code: authority.ExpiresSoon, Left: 3}, "in 3 days: then"},
		{authority.Danger{Code: authority.VersionsRunOut, Left: 1}, "1 version left: after version 32"},
		{authority.Danger{Code: authority.RoleCoversNothing, Role: role, Why: authority.ImageHasNoChannel}, "role release, products acme/ai only admits nothing: an image has no channel"},
		{authority.Danger{Code: authority.RoleCoversNothing, Role: role, Why: authority.ReleaseHasNoKind}, "a release has no kind"},
		{authority.Danger{Code: authority.RoleCoversNothing, Role: role, Why: authority.ChannelNotListed}, "none of its channels stands in channels"},
		{authority.Danger{Code: authority.RoleCoversNothing, Role: role, Why: authority.RollHasNeither}, "a roll has neither kind nor channel"},
		{authority.Danger{Code: authority.RoleCoversNothing, Role: role, Why: authority.WithdrawnHasNotBoth}, "an image has no channel, and a release no kind"},
		{authority.Danger{Code: authority.RootAlone, Role: role, Keys: keys}, "one root key alone changes everything here: ana-laptop"},
		{authority.Danger{Code: authority.RootLost, Role: role}, "all 2 root keys must sign"},
		{authority.Danger{Code: authority.RootKeyInUse, Role: role, Keys: keys}, "also in role release, and used, where a root key lies safe: ana-laptop"},
		{authority.Danger{Code: authority.ReleaseAlone, Role: role, Keys: keys}, "one key alone releases, products acme/ai only: ana-laptop"},
		{authority.Danger{Code: authority.OnePerson, Role: role, Person: a.person(key.ID())}, "ana alone meets role release"},
		{authority.Danger{Code: authority.KeyFormat, Role: role, Keys: keys}, "key ana-laptop of role release is of format ed25519"},
		{authority.Danger{Code: authority.RollKeyShared, Role: role, Keys: keys}, "key ana-laptop signs the roll, on a machine that is always on, and is in role release too"},
		{authority.Danger{Code: authority.OneKey, Keys: keys}, "both states images and releases them: ana-laptop"},
		{authority.Danger{Code: authority.RolesUnlimited, Names: []release.RoleName{release.RoleImage, release.RoleRoll}}, "not limited to a product: image, roll"},
		{authority.Danger{Code: authority.NoWithdrawRole}, "there is no withdraw role"},
		{authority.Danger{Code: authority.NoRollRole}, "there is no roll role"},
		{authority.Danger{Code: authority.NoImageRole}, "there is no image role"},
		{authority.Danger{Code: authority.NoReleaseRole}, "there is no release role"},
		{authority.Danger{Code: authority.CompromisedInRole, Role: role, Keys: keys}, "role release has key ana-laptop, which is listed as compromised"},
	} {
		if got := a.dangerWords(&test.danger, of); !strings.Contains(got, test.want) {
			t.Errorf("%s %s: got %q, want %q in it", test.danger.Code, test.danger.Why, got, test.want)
		}
	}
}
