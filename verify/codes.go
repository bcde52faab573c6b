package verify

// Code is the stable name of a check: lower case words joined by hyphens. A
// code never changes its meaning.
type Code string

// The checks of a verdict about a release, in the order in which they stand.
const (
	// CodeBundleForm: the bytes are a proof bundle in its one encoding.
	CodeBundleForm Code = "bundle-form"
	// CodeOrigin: the policy has a log of the bundle's origin.
	CodeOrigin Code = "origin"
	// CodeLogSignature: that log signed the checkpoint.
	CodeLogSignature Code = "log-signature"
	// CodeQuorum: cosignatures meet the quorum, one vote for each operator and
	// none for the log's.
	CodeQuorum Code = "quorum"
	// CodeAnchors: the log signed every anchor, and each leads to the checkpoint.
	CodeAnchors Code = "anchors"
	// CodeCheckpointAge: the checkpoint is no older than checkpointMaxAge.
	CodeCheckpointAge Code = "checkpoint-age"
	// CodeInclusion: every entry stands at its index of the checkpoint's tree.
	CodeInclusion Code = "inclusion"
	// CodeEntries: every entry is well formed, of a type that a bundle holds.
	CodeEntries Code = "entries"
	// CodeAuthorityPin: entry 0 is the authority that the requirements pin.
	CodeAuthorityPin Code = "authority-pin"
	// CodeAuthorityChain: the authorities are one chain of versions without gap,
	// each signed by the roots of the one before and by its own.
	CodeAuthorityChain Code = "authority-chain"
	// CodeAuthorityComplete: every release, image and roll in the bundle names an
	// authority of the chain; else a rotation was left out of the bundle.
	CodeAuthorityComplete Code = "authority-complete"
	// CodeLogRetired: no authority of the chain retired the log by naming another
	// origin after the log's own.
	CodeLogRetired Code = "log-retired"
	// CodeAuthorityOrigin: the newest authority declares the bundle's origin;
	// else the log belongs to somebody else, or is a successor that has not begun.
	CodeAuthorityOrigin Code = "authority-origin"
	// CodeAuthorityVersion: no higher version of the authority is remembered, and
	// no other of the same version.
	CodeAuthorityVersion Code = "authority-version"
	// CodeAuthorityExpires: the newest authority has not expired.
	CodeAuthorityExpires Code = "authority-expires"
	// CodeRelease: the bundle holds a release, and all in it are of one identity.
	CodeRelease Code = "release"
	// CodeReleaseSignatures: the release role signed every release entry under
	// the authority in force at its index, which the entry names.
	CodeReleaseSignatures Code = "release-signatures"
	// CodeImages: the images in the bundle are exactly those of the release, each
	// once, and logged before it.
	CodeImages Code = "images"
	// CodeImageSignatures: the image role signed every image likewise.
	CodeImageSignatures Code = "image-signatures"
	// CodeImageStatements: every image's statement holds together.
	CodeImageStatements Code = "image-statements"
	// CodeOSImage: the release has an image of kind os.
	CodeOSImage Code = "os-image"
	// CodeProduct: release and images are of one product, which is accepted.
	CodeProduct Code = "product"
	// CodeChannel: the release's channel is accepted.
	CodeChannel Code = "channel"
	// CodeChannelMode: the authority lists the channel, and in a production
	// channel every image is one of production.
	CodeChannelMode Code = "channel-mode"
	// CodeModes: the mode of every image is accepted.
	CodeModes Code = "modes"
	// CodeStruck: no authority strikes the release or an image of it for a key
	// that was compromised.
	CodeStruck Code = "struck"
	// CodeNotAfter: the release has not expired.
	CodeNotAfter Code = "not-after"
	// CodeMinimumAge: the release was witnessed at least minimumAge ago.
	CodeMinimumAge Code = "minimum-age"
	// CodeMinimumSecurityVersion: no image is below its minimumSecurityVersion, and no
	// command line stated by older rules than cmdlineRules.
	CodeMinimumSecurityVersion Code = "minimum-security-version"
	// CodeRoll: the bundle holds a roll. The checks of the roll are waived together
	// where it holds none and rollMaxAge is none.
	CodeRoll Code = "roll"
	// CodeRollProduct: the roll is of the release's product.
	CodeRollProduct Code = "roll-product"
	// CodeRollRules: the roll is of the bundle's origin, made by rules that are
	// built, at a size that the log had before it.
	CodeRollRules Code = "roll-rules"
	// CodeRollAuthority: the authority that the roll names was in force at its
	// index and at its size, and had not expired when it was issued.
	CodeRollAuthority Code = "roll-authority"
	// CodeRollSignatures: the roll role of that authority signed it.
	CodeRollSignatures Code = "roll-signatures"
	// CodeRollStruck: no authority strikes the roll for a compromised key.
	CodeRollStruck Code = "roll-struck"
	// CodeRollSize: the roll is of a size above the release's index.
	CodeRollSize Code = "roll-size"
	// CodeRollLive: the roll lists the release that is judged.
	CodeRollLive Code = "roll-live"
	// CodeRollAnchor: an anchor of exactly the roll's size and root meets the quorum.
	CodeRollAnchor Code = "roll-anchor"
	// CodeRollAge: the roll is no older than rollMaxAge.
	CodeRollAge Code = "roll-age"
	// CodeNewerRoll: no newer roll is remembered, or the newest remembered lists
	// the release.
	CodeNewerRoll Code = "newer-roll"
	// CodeConsistency: the checkpoint contradicts nothing remembered.
	CodeConsistency Code = "consistency"

	// The checks of a verdict about a node or a boot besides, which stand before the
	// last two: those of package attest, under their codes there, and these.

	// CodeAssurance: the evidence's level of hardware assurance is accepted.
	CodeAssurance Code = "assurance"
	// CodeImage: every model, adapter and config image is one that the node opens
	// by the measurements of its statement (verity/v1).
	CodeImage Code = "image"

	// CodeRuntimeState: what the software does after boot. Nothing checks it.
	CodeRuntimeState Code = "runtime-state"
	// CodeGPU: accelerators and their firmware. Nothing checks them.
	CodeGPU Code = "gpu"
)
