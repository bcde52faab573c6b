package pages

import (
	"cmp"
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
		view.Needed = needed(register.Needed(own, statement, nil))
	case isAuthority:
		authorities = append(authorities, own)
		view.Authority = fmt.Sprintf("by the root keys of version %d, which was in force, and by its own", inForce.Version)
		view.Needed = needed(register.Needed(inForce, statement, nil)) + " of version " + fmt.Sprint(inForce.Version) + ", and " + needed(register.Needed(own, statement, nil)) + " of its own"
	case inForce == nil:
		authorities = nil
		view.Authority = "with no authority in force"
	default:
		view.Authority = fmt.Sprintf("under authority version %d, in force at this entry", inForce.Version)
		view.Needed = needed(state.NeededAt(record.Index, statement))
		switch statement.Type {
		case release.TypeImage, release.TypeRelease, release.TypeRoll:
			view.Needed = cmp.Or(view.Needed, "a role that covers it, and that authority had none")
		}
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
			if name := roleName(role); slices.Contains(role.Keys, id) && !slices.Contains(signer.Roles, name) {
				signer.Roles = append(signer.Roles, name)
			}
		}
	}
	return signer
}

// needed says what the roles ask for, of which one must be met.
func needed(roles []release.Role) string {
	var parts []string
	for _, role := range roles {
		of := fmt.Sprintf("%d of the %d keys", role.Threshold, len(role.Keys))
		if len(role.Keys) == 1 {
			of = "the one key"
		}
		parts = append(parts, of+" of role "+roleName(role))
	}
	return strings.Join(parts, ", or ")
}

// roleName names a role, and to what it is limited.
func roleName(role release.Role) string {
	if text := strings.TrimPrefix(scope(role), "; "); text != "" {
		return string(role.Name) + " (" + text + ")"
	}
	return string(role.Name)
}
