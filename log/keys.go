package log

import (
	"errors"
	"slices"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/foreign"
	"github.com/muster-log/muster/release/register"
)

// foreignVerifier is how a log judges entries, unless it is told otherwise: with a
// verifier of OpenPGP and X.509, so that withdrawals so signed are admitted.
var foreignVerifier = []register.Option{register.WithForeignVerifier(foreign.Verify)}

// CheckKeys judges the OpenPGP keys that an authority lists. The register takes any
// bytes for such a key, and no verifier could ever use a malformed one: whoever signs
// with it would be refused for ever. And it counts one key in two of them twice: no
// role may have that. The error is a *release.Refusal.
func CheckKeys(authority *release.Authority) error {
	var ids []release.KeyID
	for id := range authority.Keys {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, release.KeyID.Compare)
	for _, id := range ids {
		err := foreign.Check(authority.Keys[id])
		if refusal, ok := errors.AsType[*release.Refusal](err); ok {
			named := *refusal
			named.Member = "predicate.keys." + id.String()
			return &named
		}
		if err != nil {
			return &release.Refusal{Code: release.CodeOf(err), Member: "predicate.keys." + id.String(), Err: err}
		}
	}
	return foreign.CheckRoles(authority)
}

// checkKeys judges the keys of an authority of this log. One that names another log
// is a version that a successor repeats, or that retires this log: it brings no keys
// that are used here from then on.
func (l *Log) checkKeys(p *register.Prepared) error {
	authority, ok := p.Statement.Predicate.(*release.Authority)
	if !ok || authority.Origin != l.config.Origin {
		return nil
	}
	return CheckKeys(authority)
}
