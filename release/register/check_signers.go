package register

import "github.com/muster-log/muster/release"

// CheckSigners judges by key ids alone whether an authority lets these keys together
// sign an image, a release, a roll or a withdrawal, whose target is what it withdraws:
// before anything is signed. Nil: an entry with good signatures by all of them, and by
// nobody else, is admitted as far as its signers go. The error is a *[release.Refusal];
// [CodeThresholdMissed] says that more of the same role must sign, every other code
// that no further signature helps.
func CheckSigners(authority *release.Authority, statement, target *release.Statement, signers []release.KeyID) error {
	asked, ok := needsOf(statement, target)
	if !ok {
		return release.Refuse(CodeTypeNotAdmitted, "predicateType", string(statement.Type), "an image, a release, a roll, or a withdrawal of an image or a release")
	}
	if refusal := newLink(0, release.Digest{}, authority).admits(asked, signers); refusal != nil {
		return refusal
	}
	return nil
}
