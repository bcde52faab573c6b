package pages

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-log/muster/release"
)

func named(name string) release.KeyID { return sha256.Sum256([]byte(name)) }

func twoProducts() *release.Authority {
	key := release.Key{Format: release.FormatEd25519}
	return &release.Authority{Version: 1, Origin: "log.example/acme", Expires: time.Date(2027, 11, 1, 0, 0, 0, 0, time.UTC),
		Keys:     map[release.KeyID]release.Key{named("ana"): key, named("eva"): key, named("finn"): key},
		Channels: []release.Channel{{Name: "stable", Mode: release.ModeProduction}},
		Roles: []release.Role{
			{Name: release.RoleRoot, Keys: []release.KeyID{named("ana")}, Threshold: 1},
			{Name: release.RoleRelease, Products: []string{"acme/ai"}, Keys: []release.KeyID{named("eva")}, Threshold: 1},
			{Name: release.RoleRelease, Products: []string{"acme/edge"}, Keys: []release.KeyID{named("finn")}, Threshold: 1},
		},
		Compromised: []release.Compromised{{KeyID: named("gone"), Origin: "log.example/acme", From: 7}},
	}
}

func TestChangesInWords(t *testing.T) {
	key := func(name, key, text string, same bool) fact {
		return fact{Name: name, Digest: named(key).String(), Text: text, Same: same}
	}
	for name, test := range map[string]struct {
		change func(*release.Authority)
		want   []fact
	}{
		"two roles of one name swap their keys": {
			func(a *release.Authority) { a.Roles[1].Keys, a.Roles[2].Keys = a.Roles[2].Keys, a.Roles[1].Keys },
			[]fact{
				key("Key removed", "eva", "from role release; products acme/ai only, ed25519", false),
				key("Key added", "finn", "to role release; products acme/ai only, ed25519", false),
				key("Key removed", "finn", "from role release; products acme/edge only, ed25519", false),
				key("Key added", "eva", "to role release; products acme/edge only, ed25519", false),
			},
		},
		"a compromised key is not listed any more": {
			func(a *release.Authority) { a.Compromised = nil },
			[]fact{key("Listed no more", "gone", "as compromised in log.example/acme from entry 7 on; what that struck stays struck", false)},
		},
		"one compromised key is listed from a later entry on, and others are": {
			func(a *release.Authority) {
				a.Compromised = []release.Compromised{{KeyID: named("gone"), Origin: "log.example/acme", From: 9}, {KeyID: named("eva"), Origin: "log.example/old", From: 0}}
			},
			[]fact{
				key("Compromised", "gone", "in log.example/acme from entry 9 on; before, from entry 7 on; what that struck stays struck", false),
				key("Compromised", "eva", "in log.example/old from entry 0 on", true),
			},
		},
		"a role is limited no more": {
			func(a *release.Authority) { a.Roles[2].Products = nil },
			[]fact{{Name: "Role limited", Text: "release: not limited; before, products acme/edge only"}},
		},
		"a role takes a second key, of which both must sign": {
			func(a *release.Authority) {
				a.Roles[2].Keys, a.Roles[2].Threshold = []release.KeyID{named("finn"), named("eva")}, 2
			},
			[]fact{
				key("Key added", "eva", "to role release; products acme/edge only, ed25519", false),
				{Name: "Threshold", Text: "release: 2 of 2 keys; products acme/edge only; before, 1"},
			},
		},
		"a channel takes images of another mode": {
			func(a *release.Authority) { a.Channels = []release.Channel{{Name: "stable", Mode: release.ModeDebug}} },
			[]fact{{Name: "Channel changed", Text: "stable, for images of mode debug; before, of mode production"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := twoProducts()
			now.Roles = slices.Clone(now.Roles)
			test.change(now)
			if diff := cmp.Diff(test.want, changes(twoProducts(), now)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}
