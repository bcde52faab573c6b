package authority

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

const testOrigin = "log.example/acme"

var testTime = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// recipe is an authority with nothing dangerous in it, and the names of its keys.
func recipe() (*release.Authority, map[release.KeyID]string) {
	names := map[release.KeyID]string{}
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
// that has none, and says what it is about.
func TestDangers(t *testing.T) {
	idOf := func(name string) release.KeyID { return releasetest.KeyFromName(name).Key().ID() }
	add := func(role *release.Role, name string) { role.Keys = append(role.Keys, idOf(name)) }
	for code, test := range map[Code]struct {
		change func(*release.Authority)
		want   string // what it is about
	}{
		"":             {func(*release.Authority) {}, ""},
		Expired:        {func(a *release.Authority) { a.Expires = testTime }, ""},
		ExpiresSoon:    {func(a *release.Authority) { a.Expires = testTime.AddDate(0, 0, 30) }, "left 30"},
		VersionsRunOut: {func(a *release.Authority) { a.Version = 29 }, "left 3"},
		RootAlone:      {func(a *release.Authority) { roleIn(a, release.RoleRoot).Threshold = 1 }, "role root, keys root-a second-b third-c"},
		RootLost:       {func(a *release.Authority) { roleIn(a, release.RoleRoot).Threshold = 3 }, "role root"},
		RootKeyInUse:   {func(a *release.Authority) { add(roleIn(a, release.RoleRelease), "root-a") }, "role release, keys root-a"},
		ReleaseAlone:   {func(a *release.Authority) { roleIn(a, release.RoleRelease).Threshold = 1 }, "role release, keys ana ben cleo"},
		OneKey: {func(a *release.Authority) {
			role := roleIn(a, release.RoleRelease)
			role.Threshold, role.Keys = 1, []release.KeyID{idOf("ci")}
		}, "keys ci"},
		OnePerson: {func(a *release.Authority) {
			key := releasetest.KeyFromName("root-b").Key()
			a.Keys[key.ID()] = key
			add(roleIn(a, release.RoleRoot), "root-b")
		}, "role root, person root"},
		KeyFormat: {func(a *release.Authority) {
			key := a.Keys[idOf("wd")]
			key.Format = release.FormatX509
			a.Keys[idOf("wd")] = key
		}, "role withdraw, keys wd"},
		RollKeyShared:  {func(a *release.Authority) { roleIn(a, release.RoleRoll).Keys = []release.KeyID{idOf("ci")} }, "role image, keys ci"},
		RolesUnlimited: {func(a *release.Authority) { roleIn(a, release.RoleImage).Products = nil }, "names image"},
		CompromisedInRole: {func(a *release.Authority) {
			a.Compromised = []release.Compromised{{KeyID: idOf("ci"), Origin: testOrigin}}
		}, "role image, keys ci"},
		RoleCoversNothing: {func(a *release.Authority) { roleIn(a, release.RoleRoll).Kinds = []string{"os"} }, "role roll, why roll-has-neither-kind-nor-channel"},
		NoWithdrawRole:    {func(a *release.Authority) { dropRole(a, release.RoleWithdraw) }, ""},
		NoRollRole:        {func(a *release.Authority) { dropRole(a, release.RoleRoll) }, ""},
		NoImageRole:       {func(a *release.Authority) { dropRole(a, release.RoleImage) }, ""},
		NoReleaseRole:     {func(a *release.Authority) { dropRole(a, release.RoleRelease) }, ""},
	} {
		authority, names := recipe()
		names[idOf("root-b")] = "root-b"
		test.change(authority)
		person := func(id release.KeyID) string { who, _, _ := strings.Cut(names[id], "-"); return who }
		found := Dangers(authority, testTime, person)
		if code == "" {
			if len(found) > 0 {
				t.Errorf("nothing is dangerous, and found: %v", found)
			}
			continue
		}
		i := slices.IndexFunc(found, func(d Danger) bool { return d.Code == code })
		if i < 0 {
			t.Errorf("%s: not found among %v", code, found)
		} else if got := about(&found[i], names); got != test.want {
			t.Errorf("%s is about %q, want %q", code, got, test.want)
		}
	}
	authority, _ := recipe()
	if found := Dangers(authority, testTime, nil); len(found) > 0 {
		t.Errorf("whose the keys are is not known, and found: %v", found)
	}
}

// about says what a danger is about.
func about(d *Danger, names map[release.KeyID]string) string {
	var said []string
	if d.Role != nil {
		said = append(said, "role "+string(d.Role.Name))
	}
	if len(d.Keys) > 0 {
		var keys []string
		for _, id := range d.Keys {
			keys = append(keys, names[id])
		}
		slices.Sort(keys)
		said = append(said, "keys "+strings.Join(keys, " "))
	}
	if d.Left > 0 {
		said = append(said, fmt.Sprint("left ", d.Left))
	}
	if d.Why != "" {
		said = append(said, "why "+string(d.Why))
	}
	if d.Person != "" {
		said = append(said, "person "+d.Person)
	}
	for _, name := range d.Names {
		said = append(said, "names "+string(name))
	}
	return strings.Join(said, ", ")
}

func dropRole(a *release.Authority, name release.RoleName) {
	a.Roles = slices.DeleteFunc(a.Roles, func(role release.Role) bool { return role.Name == name })
}

// TestUseless: limits that no entry of a role's type can meet.
func TestUseless(t *testing.T) {
	for why, change := range map[Why]func(*release.Authority){
		ImageHasNoChannel:   func(a *release.Authority) { roleIn(a, release.RoleImage).Channels = []string{"stable"} },
		ReleaseHasNoKind:    func(a *release.Authority) { roleIn(a, release.RoleRelease).Kinds = []string{"os"} },
		ChannelNotListed:    func(a *release.Authority) { roleIn(a, release.RoleRelease).Channels = []string{"beta"} },
		RollHasNeither:      func(a *release.Authority) { roleIn(a, release.RoleRoll).Channels = []string{"stable"} },
		WithdrawnHasNotBoth: func(a *release.Authority) { *roleIn(a, release.RoleWithdraw) = both(*roleIn(a, release.RoleWithdraw)) },
	} {
		authority, _ := recipe()
		change(authority)
		if found := Useless(authority); len(found) != 1 || found[0].Code != RoleCoversNothing || found[0].Why != why {
			t.Errorf("got %v, want %s", found, why)
		}
	}
	authority, _ := recipe()
	roleIn(authority, release.RoleImage).Kinds = []string{"os"}
	roleIn(authority, release.RoleRelease).Channels = []string{"beta", "stable"}
	roleIn(authority, release.RoleWithdraw).Kinds = []string{"os"}
	if found := Useless(authority); len(found) > 0 {
		t.Errorf("got %v, want nothing", found)
	}
}

func both(role release.Role) release.Role {
	role.Kinds, role.Channels = []string{"os"}, []string{"stable"}
	return role
}

// TestNext: the next version is the same but for its number and what it follows, and
// shares nothing with the one before.
func TestNext(t *testing.T) {
	before, _ := recipe()
	before.Compromised = []release.Compromised{{Origin: testOrigin, From: 3}}
	untouched, _ := recipe()
	untouched.Compromised = []release.Compromised{{Origin: testOrigin, From: 3}}
	next, err := Next(before, release.Digest{1})
	if err != nil {
		t.Fatal(err)
	}
	want := *before
	want.Version, want.Previous = 2, &release.Digest{1}
	if diff := cmp.Diff(&want, next); diff != "" {
		t.Errorf("next version (-want +got):\n%s", diff)
	}
	clear(next.Keys)
	next.Channels[0].Name, next.Compromised[0].From = "beta", 0
	for i := range next.Roles {
		role := &next.Roles[i]
		role.Threshold, role.Keys[0] = 9, release.KeyID{}
		for j := range role.Products {
			role.Products[j] = "other"
		}
	}
	if diff := cmp.Diff(untouched, before); diff != "" {
		t.Errorf("a change to the next version changed the one before:\n%s", diff)
	}
	before.Version = release.MaxAuthorityVersion
	if next, err := Next(before, release.Digest{1}); err == nil {
		t.Errorf("got version %d after the last", next.Version)
	}
}

// TestSettle: keys without a role go, and roles that could never sign are told.
func TestSettle(t *testing.T) {
	idOf := func(name string) release.KeyID { return releasetest.KeyFromName(name).Key().ID() }
	a, _ := recipe()
	dropRole(a, release.RoleWithdraw)
	slices.SortFunc(a.Roles[0].Keys, func(x, y release.KeyID) int { return y.Compare(x) })
	if short := Settle(a); short != nil || !slices.IsSortedFunc(a.Roles[0].Keys, release.KeyID.Compare) {
		t.Errorf("got role %v short of keys, and the root's keys %v", short, a.Roles[0].Keys)
	}
	if _, held := a.Keys[idOf("wd")]; held || len(a.Keys) != 8 {
		t.Errorf("got %d keys, with that of no role: %t; want 8 without", len(a.Keys), held)
	}
	a.Roles[0].Threshold = 4
	if short := Settle(a); short != &a.Roles[0] {
		t.Errorf("got %v, want the root, which needs 4 of 3", short)
	}
	a, _ = recipe()
	roleIn(a, release.RoleRoll).Keys = nil
	if short := Settle(a); short != roleIn(a, release.RoleRoll) {
		t.Errorf("got %v, want the roll role, which has no keys", short)
	}
}
