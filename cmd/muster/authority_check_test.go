package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// recipe is an authority with nothing dangerous in it, and the names of its keys.
func recipe() (*release.Authority, keyNames) {
	names := keyNames{}
	authority := &release.Authority{Version: 1, Issued: testTime, Origin: testOrigin, Expires: testTime.AddDate(1, 0, 0), Keys: map[release.KeyID]release.Key{},
		Channels: []release.Channel{{Name: "stable", Mode: release.ModeProduction}}, Limits: release.Limits{PublishWithinDays: 30, ReleaseDays: 90}}
	for _, role := range []struct {
		name      release.RoleName
		threshold int
		keys      []string
	}{
		{release.RoleRoot, 2, []string{"root-a", "second-b", "third-c"}}, {release.RoleImage, 1, []string{"ci"}}, {release.RoleRelease, 2, []string{"ana", "ben", "cleo"}},
		{release.RoleWithdraw, 1, []string{"wd"}}, {release.RoleRoll, 1, []string{"roll"}},
	} {
		stated := release.Role{Name: role.name, Threshold: role.threshold, Products: []string{"acme/ai"}}
		if role.name == release.RoleRoot {
			stated.Products = nil
		}
		for _, name := range role.keys {
			key := releasetest.KeyFromName(name).Key()
			authority.Keys[key.ID()], names[key.ID()] = key, name
			stated.Keys = append(stated.Keys, key.ID())
		}
		authority.Roles = append(authority.Roles, stated)
	}
	return authority, names
}

// role is the one of a name.
func roleIn(authority *release.Authority, name release.RoleName) *release.Role {
	return &authority.Roles[slices.IndexFunc(authority.Roles, func(role release.Role) bool { return role.Name == name })]
}

// TestDangers: each thing that is dangerous is found, by a change to an authority
// that has none.
func TestDangers(t *testing.T) {
	idOf := func(name string) release.KeyID { return releasetest.KeyFromName(name).Key().ID() }
	for code, change := range map[string]func(*release.Authority){
		"":                 func(*release.Authority) {},
		"expired":          func(a *release.Authority) { a.Expires = testTime },
		"expires-soon":     func(a *release.Authority) { a.Expires = testTime.AddDate(0, 0, 30) },
		"versions-run-out": func(a *release.Authority) { a.Version = 29 },
		"root-alone":       func(a *release.Authority) { roleIn(a, release.RoleRoot).Threshold = 1 },
		"root-lost":        func(a *release.Authority) { roleIn(a, release.RoleRoot).Threshold = 3 },
		"root-key-in-use": func(a *release.Authority) {
			role := roleIn(a, release.RoleRelease)
			role.Keys = append(role.Keys, idOf("root-a"))
		},
		"release-alone": func(a *release.Authority) { roleIn(a, release.RoleRelease).Threshold = 1 },
		"one-key": func(a *release.Authority) {
			role := roleIn(a, release.RoleRelease)
			role.Threshold, role.Keys = 1, []release.KeyID{idOf("ci")}
		},
		"one-person": func(a *release.Authority) {
			for _, name := range []string{"root-b"} {
				key := releasetest.KeyFromName(name).Key()
				a.Keys[key.ID()] = key
				role := roleIn(a, release.RoleRoot)
				role.Keys = append(role.Keys, key.ID())
			}
		},
		"key-format": func(a *release.Authority) {
			key := a.Keys[idOf("wd")]
			key.Format = release.FormatX509
			a.Keys[idOf("wd")] = key
		},
		"roll-key-shared": func(a *release.Authority) { roleIn(a, release.RoleRoll).Keys = []release.KeyID{idOf("ci")} },
		"roles-unlimited": func(a *release.Authority) { roleIn(a, release.RoleImage).Products = nil },
		"compromised-key-in-role": func(a *release.Authority) {
			a.Compromised = []release.Compromised{{KeyID: idOf("ci"), Origin: testOrigin}}
		},
		"role-covers-nothing": func(a *release.Authority) { roleIn(a, release.RoleRoll).Kinds = []string{"os"} },
		"no-withdraw-role":    func(a *release.Authority) { dropRole(a, release.RoleWithdraw) },
		"no-roll-role":        func(a *release.Authority) { dropRole(a, release.RoleRoll) },
		"no-image-role":       func(a *release.Authority) { dropRole(a, release.RoleImage) },
		"no-release-role":     func(a *release.Authority) { dropRole(a, release.RoleRelease) },
	} {
		authority, names := recipe()
		names[idOf("root-b")] = "root-b"
		change(authority)
		found := (&app{names: names}).dangers(authority, testTime)
		if code == "" && len(found) > 0 {
			t.Errorf("nothing is dangerous, and found: %v", found)
		}
		if code != "" && !slices.ContainsFunc(found, func(d danger) bool { return d.Code == code }) {
			t.Errorf("%s: not found among %v", code, found)
		}
	}
}

func dropRole(a *release.Authority, name release.RoleName) {
	a.Roles = slices.DeleteFunc(a.Roles, func(role release.Role) bool { return role.Name == name })
}

// TestUselessRoles: limits that no entry of a role's type can meet.
func TestUselessRoles(t *testing.T) {
	for text, change := range map[string]func(*release.Authority){
		"an image has no channel":                        func(a *release.Authority) { roleIn(a, release.RoleImage).Channels = []string{"stable"} },
		"a release has no kind":                          func(a *release.Authority) { roleIn(a, release.RoleRelease).Kinds = []string{"os"} },
		"none of its channels stands in channels":        func(a *release.Authority) { roleIn(a, release.RoleRelease).Channels = []string{"beta"} },
		"a roll has neither kind nor channel":            func(a *release.Authority) { roleIn(a, release.RoleRoll).Channels = []string{"stable"} },
		"an image has no channel, and a release no kind": func(a *release.Authority) { *roleIn(a, release.RoleWithdraw) = both(*roleIn(a, release.RoleWithdraw)) },
	} {
		authority, _ := recipe()
		change(authority)
		if found := uselessRoles(authority); len(found) != 1 || !strings.HasSuffix(found[0].Text, " admits nothing: "+text) {
			t.Errorf("got %v, want %s", found, text)
		}
	}
	authority, _ := recipe()
	roleIn(authority, release.RoleImage).Kinds = []string{"os"}
	roleIn(authority, release.RoleRelease).Channels = []string{"beta", "stable"}
	roleIn(authority, release.RoleWithdraw).Kinds = []string{"os"}
	if found := uselessRoles(authority); len(found) > 0 {
		t.Errorf("got %v, want nothing", found)
	}
}

func both(role release.Role) release.Role {
	role.Kinds, role.Channels = []string{"os"}, []string{"stable"}
	return role
}

// TestRotateTheLastVersion: nothing follows version 32.
func TestRotateTheLastVersion(t *testing.T) {
	authority, _ := recipe()
	authority.Version, authority.Previous = release.MaxAuthorityVersion, new(release.Digest)
	statement, err := release.NewAuthority(authority)
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := releasetest.SignStatement(t, statement, "root-a", "second-b")
	directory := t.TempDir()
	file := filepath.Join(directory, "v32.json")
	put(t, file, entry)
	text := want(t, exitcode.Refused, string(release.CodeRange), "authority", "rotate", file, "--expires", "900d", "--out", filepath.Join(directory, "v33.json"))
	if !strings.Contains(text.errOut, "version 32 is the last one that an authority can have") {
		t.Errorf("got %s", text.errOut)
	}
}
