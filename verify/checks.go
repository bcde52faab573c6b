package verify

import (
	"strconv"
	"strings"

	"github.com/muster-log/muster/release"
)

// check is one row of a table of checks.
type check struct {
	code     Code
	expected string // what passes, unless the finding says it more precisely
	needs    []Code // not made unless these have passed
	make     func(*judgement) finding
}

// releaseChecks are the checks of a verdict about a release, in the order in
// which they are made and listed. Cheap ones come before dear ones.
var releaseChecks = []check{
	{CodeBundleForm, "a proof bundle", nil, (*judgement).bundleForm},
	{CodeOrigin, "the origin of a log of the policy", []Code{CodeBundleForm}, (*judgement).origin},
	{CodeLogSignature, "the log's signature", []Code{CodeOrigin}, (*judgement).logSignature},
	{CodeQuorum, "cosignatures that meet the quorum", []Code{CodeLogSignature}, (*judgement).quorum},
	{CodeAnchors, "anchors that lead to the checkpoint", []Code{CodeOrigin}, (*judgement).checkAnchors},
	{CodeCheckpointAge, "a fresh checkpoint", []Code{CodeQuorum}, (*judgement).checkpointAge},
	{CodeInclusion, "every entry in the checkpoint's tree", []Code{CodeBundleForm}, (*judgement).inclusion},
	{CodeEntries, "authorities, releases, images and at most one roll", []Code{CodeBundleForm}, (*judgement).entries},

	{CodeAuthorityPin, "the pinned authority as entry 0", []Code{CodeEntries}, (*judgement).authorityPin},
	{CodeAuthorityChain, "every version, signed by the one before and by itself", []Code{CodeInclusion, CodeAuthorityPin}, (*judgement).authorityChain},
	{CodeAuthorityComplete, "authorities that stand in the bundle", []Code{CodeAuthorityChain}, (*judgement).authorityComplete},
	{CodeLogRetired, "a log in use", []Code{CodeAuthorityChain}, (*judgement).logRetired},
	{CodeAuthorityOrigin, "an authority of this log", []Code{CodeLogRetired}, (*judgement).authorityOrigin},
	{CodeAuthorityVersion, "no version below the one remembered", []Code{CodeAuthorityChain}, (*judgement).authorityVersion},
	{CodeAuthorityExpires, "an authority in force", []Code{CodeAuthorityChain}, (*judgement).authorityExpires},

	{CodeRelease, "one release", []Code{CodeEntries}, (*judgement).oneRelease},
	{CodeReleaseSignatures, "the release role's threshold", []Code{CodeRelease, CodeAuthorityChain}, (*judgement).releaseSignatures},
	{CodeImages, "the images of the release, each once", []Code{CodeRelease}, (*judgement).releaseImages},
	{CodeImageSignatures, "the image role's threshold", []Code{CodeImages, CodeAuthorityChain}, (*judgement).imageSignatures},
	{CodeImageStatements, "statements that hold together", []Code{CodeImages}, (*judgement).imageStatements},
	{CodeOSImage, "an image of kind os", []Code{CodeImages}, (*judgement).osImage},
	{CodeProduct, "an accepted product", []Code{CodeRelease}, (*judgement).product},
	{CodeChannel, "an accepted channel", []Code{CodeRelease}, (*judgement).channel},
	{CodeChannelMode, "a channel of the authority, its images of its mode", []Code{CodeImages, CodeReleaseSignatures}, (*judgement).channelMode},
	{CodeModes, "accepted modes", []Code{CodeImages}, (*judgement).modes},
	{CodeStruck, "no compromised key", []Code{CodeReleaseSignatures, CodeImageSignatures}, (*judgement).struck},
	{CodeNotAfter, "a release that has not expired", []Code{CodeRelease}, (*judgement).notAfter},
	{CodeMinimumAge, "a release witnessed long enough ago", []Code{CodeQuorum, CodeAnchors, CodeReleaseSignatures}, (*judgement).minimumAge},
	{CodeMinimumSecurityVersion, "images not below their minimum", []Code{CodeImages}, (*judgement).minimumSecurityVersion},

	{CodeRoll, "a roll of what is live", []Code{CodeEntries}, (*judgement).oneRoll},
	{CodeRollProduct, "a roll of the release's product", []Code{CodeRoll, CodeRelease}, ofRoll((*judgement).rollProduct)},
	{CodeRollRules, "a roll of this log by known rules", []Code{CodeRoll, CodeAuthorityChain}, ofRoll((*judgement).rollRules)},
	{CodeRollAuthority, "the authority in force at the roll and at its size", []Code{CodeRollRules}, ofRoll((*judgement).rollAuthority)},
	{CodeRollSignatures, "the roll role's threshold", []Code{CodeRollAuthority}, ofRoll((*judgement).rollSignatures)},
	{CodeRollStruck, "no compromised key", []Code{CodeRollSignatures}, ofRoll((*judgement).rollStruck)},
	{CodeRollSize, "a size above the release's index", []Code{CodeRoll, CodeRelease}, ofRoll((*judgement).rollSize)},
	{CodeRollLive, "a roll that lists the release", []Code{CodeRollProduct, CodeRollSize}, ofRoll((*judgement).rollLive)},
	{CodeRollAnchor, "the roll's anchor", []Code{CodeRoll, CodeAnchors}, ofRoll((*judgement).rollAnchor)},
	{CodeRollAge, "a roll young enough", []Code{CodeRollSignatures, CodeRollAnchor}, ofRoll((*judgement).rollAge)},
	{CodeNewerRoll, "no newer roll that does not list the release", []Code{CodeRelease, CodeAuthorityChain}, (*judgement).newerRoll},
	{CodeConsistency, "nothing remembered contradicted", []Code{CodeQuorum}, (*judgement).consistency},
}

// uncheckedChecks end every verdict: what nothing here looks at.
var uncheckedChecks = []check{
	{CodeRuntimeState, "", nil, unchecked("nothing checks what runs after boot")},
	{CodeGPU, "", nil, unchecked("nothing checks accelerators")},
}

// finding is what making a check found.
type finding struct {
	status   Status
	expected string // empty: the table's
	found    string
	required bool
}

func pass(expected, found string) finding {
	return finding{status: StatusPass, expected: expected, found: found}
}

func fail(expected, found string) finding {
	return finding{status: StatusFail, expected: expected, found: found}
}

// waived is for what the requirements set to none.
func waived(found string) finding {
	return finding{status: StatusWaived, expected: none, found: found}
}

// undecided is for what is required and cannot be made: the result is unknown.
func undecided(expected, found string) finding {
	return finding{status: StatusNotChecked, expected: expected, found: found, required: true}
}

// refused is for an error about somebody's input. What this program has no
// rules for is undecided: another program may judge it.
func refused(expected, where string, err error) finding {
	found := err.Error()
	if where != "" {
		found = where + ": " + found
	}
	switch release.CodeOf(err) {
	case release.CodeCannotJudge, release.CodeProfileNotAdmitted:
		return undecided(expected, found)
	}
	return fail(expected, found)
}

func unchecked(found string) func(*judgement) finding {
	return func(*judgement) finding {
		return finding{status: StatusNotChecked, expected: "not checked", found: found}
	}
}

// maxText bounds a check's expected and found, in bytes: they repeat a peer's text.
const maxText = 400

// plain makes a text fit for every terminal and log: printable ASCII, bounded.
func plain(text string) string {
	if len(text) <= maxText && strings.IndexFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if b.Len() >= maxText {
			b.WriteString("...")
			break
		}
		if r >= 0x20 && r <= 0x7e {
			b.WriteRune(r)
			continue
		}
		escaped := strconv.QuoteRuneToASCII(r)
		b.WriteString(escaped[1 : len(escaped)-1])
	}
	return b.String()
}

func indexed(index uint64) string { return "index " + strconv.FormatUint(index, 10) }
