package foreign

import (
	"fmt"

	"github.com/muster-log/muster/release"
)

// CheckRoles refuses an authority in which one key stands twice in a role, at least
// once inside an OpenPGP key: the register, which does not look into those, would
// count it twice. Its keys are taken as checked. The error is a *release.Refusal.
func CheckRoles(authority *release.Authority) error {
	for i, role := range authority.Roles {
		holders := map[release.Digest]release.KeyID{}
		for _, id := range role.Keys {
			key := authority.Keys[id]
			inner, err := SPKIs(key)
			if err != nil {
				return &release.Refusal{Code: release.CodeOf(err), Member: "predicate.keys." + id.String(), Err: err}
			}
			for _, spki := range inner {
				other, held := holders[spki]
				holders[spki] = id
				if !held || other == id || key.Format != release.FormatOpenPGP && authority.Keys[other].Format != release.FormatOpenPGP {
					continue // the register counts those once
				}
				return release.Refuse(release.CodeListRepeated, fmt.Sprintf("predicate.roles[%d].keys", i), "one key in both "+other.String()+" and "+id.String(),
					"each key once in a role: of an OpenPGP key, its newest export alone")
			}
		}
	}
	return nil
}
