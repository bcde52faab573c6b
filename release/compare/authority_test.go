package compare

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
)

// testAuthority is an authority with two release roles that differ by product.
func testAuthority() *release.Authority {
	a := &release.Authority{Version: 1, Issued: day, Origin: "log.example/acme", Expires: day.AddDate(1, 0, 0), Keys: map[release.KeyID]release.Key{},
		Channels: []release.Channel{{Name: "stable", Mode: release.ModeProduction}}, Limits: release.Limits{PublishWithinDays: 7, ReleaseDays: 30},
		Roles: []release.Role{
			{Name: release.RoleRelease, Products: []string{"acme/ai"}, Keys: keys("eva"), Threshold: 1},
			{Name: release.RoleRelease, Products: []string{"acme/edge"}, Keys: keys("finn"), Threshold: 1},
			{Name: release.RoleRoot, Keys: keys("ana", "ben"), Threshold: 2},
		},
		Compromised: []release.Compromised{{KeyID: sha("gone"), Origin: "log.example/acme", From: 7}},
	}
	for _, name := range []string{"ana", "ben", "eva", "finn", "spare"} {
		a.Keys[sha(name)] = release.Key{Format: release.FormatEd25519}
	}
	return a
}

func keys(names ...string) (ids []release.KeyID) {
	for _, name := range names {
		ids = append(ids, sha(name))
	}
	return ids
}

// told is a change in a line, with keys by the names that they are made of.
func told(c AuthorityChange) string {
	text := string(c.Code)
	if role := c.Role(); role != nil {
		text += fmt.Sprintf(" %s %v", role.Name, role.Products)
	}
	for _, name := range []string{"ana", "ben", "cleo", "eva", "finn", "gone", "spare"} {
		if c.KeyID == sha(name) {
			text += " " + name
		}
	}
	return text
}

func TestAuthorities(t *testing.T) {
	own := "log.example/acme"
	for name, test := range map[string]struct {
		change func(*release.Authority)
		want   []string
	}{
		"nothing": {func(*release.Authority) {}, nil},
		"what any two differ in": {func(a *release.Authority) {
			a.Version, a.Issued, a.Previous = 2, a.Issued.Add(time.Hour), new(release.Digest)
		}, nil},
		"another order": {func(a *release.Authority) {
			a.Roles[0], a.Roles[2] = a.Roles[2], a.Roles[0]
			a.Roles[0].Keys = keys("ben", "ana")
		}, nil},
		"keys swapped between roles of one name": {func(a *release.Authority) {
			a.Roles[0].Keys, a.Roles[1].Keys = a.Roles[1].Keys, a.Roles[0].Keys
		}, []string{"key-removed release [acme/ai] eva", "key-added release [acme/ai] finn", "key-removed release [acme/edge] finn", "key-added release [acme/edge] eva"}},
		"products swapped between roles of one name": {func(a *release.Authority) {
			a.Roles[0].Products, a.Roles[1].Products = a.Roles[1].Products, a.Roles[0].Products
		}, []string{"key-removed release [acme/edge] finn", "key-added release [acme/edge] eva", "key-removed release [acme/ai] eva", "key-added release [acme/ai] finn"}},
		"a role for more": {func(a *release.Authority) { a.Roles[1].Products = nil }, []string{"role-scope release []"}},
		"a role beside another of its scope": {func(a *release.Authority) {
			a.Roles = append([]release.Role{{Name: release.RoleRelease, Products: []string{"acme/ai"}, Keys: keys("finn"), Threshold: 1}}, a.Roles...)
		}, []string{"role-added release [acme/ai]", "key-added release [acme/ai] finn"}},
		"a role gone": {func(a *release.Authority) { a.Roles = a.Roles[1:] }, []string{"role-removed release [acme/ai]"}},
		"a threshold": {func(a *release.Authority) { a.Roles[2].Threshold = 1 }, []string{"threshold root []"}},
		"a key of another log listed": {func(a *release.Authority) {
			a.Compromised = append(a.Compromised, release.Compromised{KeyID: sha("gone"), Origin: "log.example/old", From: 7})
		}, []string{"key-compromised gone"}},
		"a compromised key not listed any more":   {func(a *release.Authority) { a.Compromised = nil }, []string{"compromised-unlisted gone"}},
		"a compromised key from another entry on": {func(a *release.Authority) { a.Compromised[0].From = 3 }, []string{"compromised-moved gone"}},
		"a compromised key from a second entry on": {func(a *release.Authority) {
			a.Compromised = append(a.Compromised, release.Compromised{KeyID: sha("gone"), Origin: own, From: 3})
		}, []string{"key-compromised gone"}},
		"one compromised key in place of another":    {func(a *release.Authority) { a.Compromised[0].KeyID = sha("eva") }, []string{"key-compromised eva", "compromised-unlisted gone"}},
		"a key in no role":                           {func(a *release.Authority) { a.Keys[sha("cleo")] = release.Key{} }, []string{"key-listed cleo"}},
		"a key that had no role":                     {func(a *release.Authority) { delete(a.Keys, sha("spare")) }, []string{"key-unlisted spare"}},
		"a key that its role loses, and keys do too": {func(a *release.Authority) { a.Roles[2].Keys = keys("ana"); delete(a.Keys, sha("ben")) }, []string{"key-removed root [] ben"}},
		"a channel of another mode":                  {func(a *release.Authority) { a.Channels[0].Mode = release.ModeDebug }, []string{"channel-mode"}},
		"one channel in place of another":            {func(a *release.Authority) { a.Channels[0].Name = "beta" }, []string{"channel-added", "channel-removed"}},
		"the log, the end and the limits": {func(a *release.Authority) {
			a.Origin, a.Expires, a.Limits.ReleaseDays = "log.example/new", a.Expires.Add(time.Hour), 31
		}, []string{"origin", "expires", "limits"}},
	} {
		t.Run(name, func(t *testing.T) {
			after := testAuthority()
			test.change(after)
			var got []string
			for _, change := range Authorities(testAuthority(), after) {
				got = append(got, told(change))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// What a change carries of the two versions is what somebody says it with.
func TestAuthoritiesCarryBothSides(t *testing.T) {
	before, after := testAuthority(), testAuthority()
	after.Origin, after.Channels[0].Mode, after.Compromised[0].From, after.Roles[2].Threshold = "log.example/new", release.ModeDebug, 3, 1
	want := []AuthorityChange{
		{Code: AuthorityOrigin, Before: AuthorityPart{Origin: before.Origin}, After: AuthorityPart{Origin: after.Origin}},
		{Code: ChannelMode, Before: AuthorityPart{Channel: before.Channels[0]}, After: AuthorityPart{Channel: after.Channels[0]}},
		{Code: RoleThreshold, Before: AuthorityPart{Role: &before.Roles[2]}, After: AuthorityPart{Role: &after.Roles[2]}},
		{Code: CompromisedMoved, KeyID: sha("gone"), Before: AuthorityPart{Compromised: before.Compromised[0]}, After: AuthorityPart{Compromised: after.Compromised[0]}},
	}
	if diff := cmp.Diff(want, Authorities(before, after)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
