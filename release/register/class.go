package register

import "github.com/muster-log/muster/release"

// Class is what kind of no a refusal is, for those who answer with it: each protocol
// has its own word for a class, and no table of codes of its own.
type Class int

const (
	// ClassForm: what was handed in is no entry, and no log and no time change that.
	// It is the class of every code that stands in no other one.
	ClassForm Class = iota
	// ClassForbidden: who signed it may not do this.
	ClassForbidden
	// ClassConflict: it contradicts an entry that stands, or what is in force.
	ClassConflict
	// ClassUnprocessable: it is an entry, and a rule of the log does not admit it.
	ClassUnprocessable
)

// classes holds the codes of this package, all of them, and those of package release
// that are not about an entry's form.
var classes = map[release.Code]Class{
	release.CodeSignatureInvalid: ClassForbidden,
	CodeRoleDoesNotCover:         ClassForbidden,
	CodeSignerUnknown:            ClassForbidden,
	CodeSignerOutsideRole:        ClassForbidden,
	CodeThresholdMissed:          ClassForbidden,
	CodePreviousRootMissed:       ClassForbidden,
	CodeOwnRootMissed:            ClassForbidden,

	CodeAlreadyLogged:        ClassConflict,
	CodeAuthorityNotInForce:  ClassConflict,
	CodeVersionNotNext:       ClassConflict,
	CodePreviousNotInForce:   ClassConflict,
	CodeImageTaken:           ClassConflict,
	CodeReleaseTaken:         ClassConflict,
	CodeIdentityVersion:      ClassConflict,
	CodeNotAfterNotLater:     ClassConflict,
	CodeSecurityVersionFalls: ClassConflict,
	CodeImageStruck:          ClassConflict,
	CodeImageWithdrawn:       ClassConflict,
	CodeTooManyLive:          ClassConflict,
	CodeRollSizeBack:         ClassConflict,
	CodeRollLive:             ClassConflict,
	CodeRollAuthority:        ClassConflict,
	CodeLogRetired:           ClassConflict,
	CodeFirstEntry:           ClassConflict,
	CodeNoAuthority:          ClassConflict,
	CodeSuccessorChain:       ClassConflict,
	CodeAuthorityExpired:     ClassConflict,

	release.CodeCannotJudge:    ClassUnprocessable,
	release.CodeManifestRoot:   ClassUnprocessable,
	CodeTypeNotAdmitted:        ClassUnprocessable,
	CodeIssuedBehindLogTime:    ClassUnprocessable,
	CodeIssuedAheadOfLogTime:   ClassUnprocessable,
	CodeIssuedBehindClock:      ClassUnprocessable,
	CodeIssuedAheadOfClock:     ClassUnprocessable,
	CodeSecurityVersionLeaps:   ClassUnprocessable,
	CodePublishByPassed:        ClassUnprocessable,
	CodePublishByTooFar:        ClassUnprocessable,
	CodeChannelNotListed:       ClassUnprocessable,
	CodeNotAfterPassed:         ClassUnprocessable,
	CodeNotAfterTooFar:         ClassUnprocessable,
	CodeImageNotLogged:         ClassUnprocessable,
	CodeImageOfOtherProduct:    ClassUnprocessable,
	CodeNoOSImage:              ClassUnprocessable,
	CodeImageNotProduction:     ClassUnprocessable,
	CodeReinstatesNoWithdrawal: ClassUnprocessable,
	CodeReinstatesOther:        ClassUnprocessable,
	CodeTargetNotLogged:        ClassUnprocessable,
	CodeTargetOfOtherProduct:   ClassUnprocessable,
	CodeRollOrigin:             ClassUnprocessable,
	CodeRollRules:              ClassUnprocessable,
	CodeRollSizeAhead:          ClassUnprocessable,
}

// ClassOf returns the class of a refusal's code. A code that neither this package nor
// package release gives is of ClassForm: who gives it knows better.
func ClassOf(code release.Code) Class { return classes[code] }
