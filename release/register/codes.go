package register

import "github.com/muster-log/muster/release"

// The refusals of the register, one for each rule. They are stable: they stand
// in problem documents, in outcomes and in the index.
const (
	// CodeFirstEntry: entry 0 is not authority version 1.
	CodeFirstEntry release.Code = "first-entry-not-authority"
	// CodeNoAuthority: entry 0 was void, so nothing is ever admitted.
	CodeNoAuthority release.Code = "no-authority"
	// CodeLogRetired: an earlier authority names another origin; what follows it is void.
	CodeLogRetired release.Code = "log-retired"
	// CodeSuccessorChain: in a successor log nothing but the authority chain is
	// admitted before the version that names the log's own origin.
	CodeSuccessorChain release.Code = "successor-chain-incomplete"
	// CodeTypeNotAdmitted: the rules of the statement's type are not built.
	CodeTypeNotAdmitted release.Code = "type-not-admitted"
	// CodeAlreadyLogged: the payload is logged already, and that entry is not void.
	CodeAlreadyLogged release.Code = "already-logged"

	// CodeIssuedBehindLogTime: issued lies more than 7 days behind log time.
	CodeIssuedBehindLogTime release.Code = "issued-behind-log-time"
	// CodeIssuedAheadOfLogTime: issued lies more than 92 days (an authority: 5 years) ahead of log time.
	CodeIssuedAheadOfLogTime release.Code = "issued-ahead-of-log-time"
	// CodeIssuedBehindClock: issued lies more than 7 days behind the log's clock (admission only).
	CodeIssuedBehindClock release.Code = "issued-behind-clock"
	// CodeIssuedAheadOfClock: issued lies more than 5 minutes ahead of the log's clock (admission only).
	CodeIssuedAheadOfClock release.Code = "issued-ahead-of-clock"

	// CodeAuthorityNotInForce: the entry names another authority than the one in force at its index.
	CodeAuthorityNotInForce release.Code = "authority-not-in-force"
	// CodeAuthorityExpired: after its expiry an authority admits only its successor and withdrawals.
	CodeAuthorityExpired release.Code = "authority-expired"
	// CodeVersionNotNext: a version that is not the previous one's plus 1.
	CodeVersionNotNext release.Code = "version-not-next"
	// CodePreviousNotInForce: previous is not the payload digest of the authority in force.
	CodePreviousNotInForce release.Code = "previous-not-in-force"

	// CodeRoleDoesNotCover: no role of the needed name covers product, kind and channel.
	CodeRoleDoesNotCover release.Code = "role-does-not-cover"
	// CodeSignerUnknown: a signature by a key that does not stand in the authority in force.
	CodeSignerUnknown release.Code = "signer-unknown"
	// CodeSignerOutsideRole: a signature by a key that is not of the role that admits the entry.
	CodeSignerOutsideRole release.Code = "signer-outside-role"
	// CodeThresholdMissed: fewer distinct keys of the role than its threshold.
	CodeThresholdMissed release.Code = "threshold-missed"
	// CodePreviousRootMissed: an authority that the root of the previous version did not sign.
	CodePreviousRootMissed release.Code = "previous-root-missed"
	// CodeOwnRootMissed: an authority that its own root did not sign.
	CodeOwnRootMissed release.Code = "own-root-missed"

	// CodeImageTaken: the product, kind, name and version already have an image.
	CodeImageTaken release.Code = "image-taken"
	// CodeSecurityVersionFalls: securityVersion below that of an image that a live release names.
	CodeSecurityVersionFalls release.Code = "security-version-falls"
	// CodeSecurityVersionLeaps: securityVersion more than 1,000 above the greatest admitted one.
	CodeSecurityVersionLeaps release.Code = "security-version-leaps"
	// CodePublishByPassed: publishBy is not after issued and log time.
	CodePublishByPassed release.Code = "publish-by-passed"
	// CodePublishByTooFar: publishBy is more than limits.publishWithinDays after issued.
	CodePublishByTooFar release.Code = "publish-by-too-far"

	// CodeChannelNotListed: the release's channel does not stand in the authority's channels.
	CodeChannelNotListed release.Code = "channel-not-listed"
	// CodeReleaseTaken: the product, channel and version already have another identity.
	CodeReleaseTaken release.Code = "release-taken"
	// CodeIdentityVersion: a further entry of an identity has another version than the first.
	CodeIdentityVersion release.Code = "identity-version"
	// CodeNotAfterNotLater: a further entry of an identity whose notAfter is not later than before.
	CodeNotAfterNotLater release.Code = "not-after-not-later"
	// CodeNotAfterPassed: notAfter is not after issued and log time.
	CodeNotAfterPassed release.Code = "not-after-passed"
	// CodeNotAfterTooFar: notAfter is more than limits.releaseDays after issued.
	CodeNotAfterTooFar release.Code = "not-after-too-far"
	// CodeImageNotLogged: a release names something that is not a logged image.
	CodeImageNotLogged release.Code = "image-not-logged"
	// CodeImageOfOtherProduct: a release names an image of another product.
	CodeImageOfOtherProduct release.Code = "image-of-other-product"
	// CodeNoOSImage: a release without an image of kind os.
	CodeNoOSImage release.Code = "no-os-image"
	// CodeImageNotProduction: a release in a production channel names an image of another mode.
	CodeImageNotProduction release.Code = "image-not-production"
	// CodeImageStruck: a release names a struck image.
	CodeImageStruck release.Code = "image-struck"
	// CodeImageWithdrawn: a release names a withdrawn image and does not reinstate all its withdrawals.
	CodeImageWithdrawn release.Code = "image-withdrawn"
	// CodeReinstatesNoWithdrawal: reinstates lists something that is not a logged withdrawal.
	CodeReinstatesNoWithdrawal release.Code = "reinstates-no-withdrawal"
	// CodeReinstatesOther: reinstates lists a withdrawal that does not cover the release.
	CodeReinstatesOther release.Code = "reinstates-other"
	// CodeTooManyLive: the product has its 512 live releases.
	CodeTooManyLive release.Code = "too-many-live"

	// CodeTargetNotLogged: a withdrawal of something that is not a logged image or release.
	CodeTargetNotLogged release.Code = "target-not-logged"
	// CodeTargetOfOtherProduct: a withdrawal under another product than its target's.
	CodeTargetOfOtherProduct release.Code = "target-of-other-product"

	// CodeRollOrigin: a roll of another origin.
	CodeRollOrigin release.Code = "roll-origin"
	// CodeRollRules: a roll made under rules that are not built.
	CodeRollRules release.Code = "roll-rules"
	// CodeRollSizeAhead: a roll of a size that the log did not have.
	CodeRollSizeAhead release.Code = "roll-size-ahead"
	// CodeRollSizeBack: a roll of a smaller size than an earlier roll of its product.
	CodeRollSizeBack release.Code = "roll-size-back"
	// CodeRollAuthority: the authority in force at the roll's size is not the one in force at its index.
	CodeRollAuthority release.Code = "roll-authority"
	// CodeRollLive: the roll's list is not what is live at its size.
	CodeRollLive release.Code = "roll-live"
)
