package register

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/releasetest"
)

// limited is a role for some products, kinds and channels.
func limited(name release.RoleName, products, kinds, channels []string, key string) release.Role {
	r := role(name, 1, key)
	r.Products, r.Kinds, r.Channels = products, kinds, channels
	return r
}

func toldRoles(roles []release.Role) (told []string) {
	for _, r := range roles {
		told = append(told, fmt.Sprint(r.Name, r.Products, r.Kinds, r.Channels))
	}
	return told
}

func TestNeeded(t *testing.T) {
	authority := &release.Authority{Roles: []release.Role{
		role(release.RoleRoot, 1, "root1"),
		limited(release.RoleImage, []string{"acme/ai"}, []string{"os"}, nil, "a"),
		limited(release.RoleImage, []string{"acme/ai"}, []string{"model"}, nil, "b"),
		limited(release.RoleRelease, []string{"acme/ai"}, nil, []string{"stable"}, "c"),
		limited(release.RoleRelease, []string{"acme/edge"}, nil, nil, "d"),
		limited(release.RoleRelease, nil, []string{"os"}, nil, "e"),
		limited(release.RoleWithdraw, []string{"acme/ai"}, nil, []string{"stable"}, "f"),
		limited(release.RoleWithdraw, []string{"acme/ai"}, []string{"os"}, nil, "g"),
		limited(release.RoleRoll, []string{"acme/edge"}, nil, nil, "h"),
	}}
	statement := func(t release.Type, predicate release.Predicate) *release.Statement {
		return &release.Statement{Type: t, Predicate: predicate}
	}
	image := statement(release.TypeImage, &release.Image{Product: "acme/ai", Kind: release.KindOS})
	stable := statement(release.TypeRelease, &release.Release{Product: "acme/ai", Channel: "stable"})
	lab := statement(release.TypeRelease, &release.Release{Product: "acme/ai", Channel: "lab"})
	roll := statement(release.TypeRoll, &release.Roll{Product: "acme/ai"})
	withdrawal := statement(release.TypeWithdrawal, &release.Withdrawal{Product: "acme/ai"})
	for name, test := range map[string]struct {
		statement, target *release.Statement
		want              []string
	}{
		"an authority":                {statement(release.TypeAuthority, authority), nil, []string{"root[] [] []"}},
		"an image of one kind":        {image, nil, []string{"image[acme/ai] [os] []"}},
		"a release in its channel":    {stable, nil, []string{"release[acme/ai] [] [stable]"}},
		"a release in no channel":     {lab, nil, nil},
		"a roll of another product":   {roll, nil, nil},
		"a withdrawal of an image":    {withdrawal, image, []string{"withdraw[acme/ai] [os] []", "root[] [] []"}},
		"a withdrawal of a release":   {withdrawal, stable, []string{"withdraw[acme/ai] [] [stable]", "root[] [] []"}},
		"a withdrawal by root alone":  {withdrawal, lab, []string{"root[] [] []"}},
		"a withdrawal of a roll":      {withdrawal, roll, nil},
		"a withdrawal of who knows":   {withdrawal, nil, nil},
		"a finding, which has no way": {statement(release.TypeFinding, &release.Finding{}), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, toldRoles(Needed(authority, test.statement, test.target))); diff != "" {
				t.Errorf("roles (-want +got):\n%s", diff)
			}
		})
	}
}

// The log knows what a withdrawal names, and which authority was in force.
func TestNeededAtAnIndexOfTheLog(t *testing.T) {
	l := newLog(t, func(a *release.Authority) {
		setRole(a, release.RoleWithdraw, limited(release.RoleWithdraw, nil, []string{"model"}, nil, "wd"))
	})
	os, model := l.admit(l.osImage()), l.admit(l.image())
	stated := l.release([]release.Digest{os})
	l.admit(stated)
	roll := l.admit(l.roll())
	statement := func(predicate release.Predicate) *release.Statement {
		parsed, err := Prepare(l.entry(predicate), nil)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.Statement
	}
	want := func(what string, index uint64, predicate release.Predicate, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, toldRoles(l.NeededAt(index, statement(predicate)))); diff != "" {
			t.Errorf("%s at %d (-want +got):\n%s", what, index, diff)
		}
	}
	want("a withdrawal of a model", 5, l.withdrawal(model), "withdraw[] [model] []", "root[] [] []")
	want("a withdrawal of an os image", 5, l.withdrawal(os), "root[] [] []")
	want("a withdrawal before its target", 2, l.withdrawal(model))
	want("a withdrawal of a roll", 5, l.withdrawal(roll))
	want("a withdrawal of nothing", 5, l.withdrawal(release.Digest{1}))
	want("a release", 3, stated, "release[] [] []")
	want("a release before an authority", 0, stated)
	l.admit(l.authority(func(a *release.Authority) {
		setRole(a, release.RoleRelease, limited(release.RoleRelease, []string{"acme/other"}, nil, nil, "rel1"))
	}))
	want("the release under the next authority", 6, stated)
	want("the release where it stands", 3, stated, "release[] [] []")
}

func TestSignedCountsKeysNotIDs(t *testing.T) {
	authority := &release.Authority{Keys: map[release.KeyID]release.Key{}}
	ids := map[string]release.KeyID{}
	for name, key := range map[string]release.Key{"eva": releasetest.KeyFromName("eva").Key(), "eva ssh": releasetest.SSHKeyFromName("eva"), "finn": releasetest.KeyFromName("finn").Key()} {
		ids[name] = key.ID()
		authority.Keys[key.ID()] = key
	}
	of := &release.Role{Name: release.RoleRelease, Keys: []release.KeyID{ids["eva"], ids["eva ssh"]}, Threshold: 1}
	for name, test := range map[string]struct {
		signers []release.KeyID
		want    int
	}{
		"nobody":                     {nil, 0},
		"one":                        {[]release.KeyID{ids["eva"]}, 1},
		"one key under two ids":      {[]release.KeyID{ids["eva"], ids["eva ssh"]}, 1},
		"one outside the role":       {[]release.KeyID{ids["finn"]}, 0},
		"one of it and one outside":  {[]release.KeyID{ids["finn"], ids["eva ssh"]}, 1},
		"one that nobody has listed": {[]release.KeyID{{1}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Signed(authority, of, test.signers); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}
