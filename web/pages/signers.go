package pages

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// signersView compares who signed with who had to, under the authority that was
// in force at the entry's index.
type signersView struct {
	Authority string // which authority, in words
	// Verified: the register has checked every signature, which it does for an
	// entry that stands.
	Verified bool
	Signers  []signerView
	Needed   string // what had to be met, in words
}

type signerView struct {
	KeyID  string
	Format string // empty: the authority does not have the key
	Roles  []string
}

func signersOf(state *register.State, record register.Record, envelope *release.Envelope, statement *release.Statement) signersView {
	view := signersView{Verified: record.Status == register.StatusAdmitted}
	inForce, _ := state.AuthorityAt(record.Index)
	authorities := []*release.Authority{inForce}
	own, isAuthority := statement.Predicate.(*release.Authority)
	switch {
	case isAuthority && inForce == nil:
		authorities = []*release.Authority{own}
		view.Authority = "by its own root keys: it is the log's first authority"
		view.Needed = needed(own, release.RoleRoot)
	case isAuthority:
		authorities = append(authorities, own)
		view.Authority = fmt.Sprintf("by the root keys of version %d, which was in force, and by its own", inForce.Version)
		view.Needed = needed(inForce, release.RoleRoot) + " of version " + fmt.Sprint(inForce.Version) + ", and " + needed(own, release.RoleRoot) + " of its own"
	case inForce == nil:
		authorities = nil
		view.Authority = "with no authority in force"
	default:
		view.Authority = fmt.Sprintf("under authority version %d, in force at this entry", inForce.Version)
		view.Needed = needed(inForce, rolesFor(statement.Type)...)
	}
	for _, signature := range envelope.Signatures {
		view.Signers = append(view.Signers, signerOf(signature.KeyID, authorities))
	}
	return view
}

func signerOf(id release.KeyID, authorities []*release.Authority) signerView {
	signer := signerView{KeyID: id.String()}
	for _, authority := range authorities {
		key, ok := authority.Keys[id]
		if !ok {
			continue
		}
		signer.Format = string(key.Format)
		for _, role := range authority.Roles {
			if slices.Contains(role.Keys, id) && !slices.Contains(signer.Roles, string(role.Name)) {
				signer.Roles = append(signer.Roles, string(role.Name))
			}
		}
	}
	return signer
}

// rolesFor names the roles of which one admits an entry.
func rolesFor(t release.Type) []release.RoleName {
	switch t {
	case release.TypeImage:
		return []release.RoleName{release.RoleImage}
	case release.TypeRelease:
		return []release.RoleName{release.RoleRelease}
	case release.TypeWithdrawal:
		return []release.RoleName{release.RoleWithdraw, release.RoleRoot}
	case release.TypeRoll:
		return []release.RoleName{release.RoleRoll}
	}
	return nil
}

// needed says what the roles ask for.
func needed(authority *release.Authority, names ...release.RoleName) string {
	var parts []string
	for _, role := range authority.Roles {
		if slices.Contains(names, role.Name) {
			of := fmt.Sprintf("%d of the %d keys", role.Threshold, len(role.Keys))
			if len(role.Keys) == 1 {
				of = "the one key"
			}
			parts = append(parts, of+" of role "+string(role.Name))
		}
	}
	return strings.Join(parts, ", or ")
}
