package verify

import (
	"slices"

	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/memory"
	"github.com/muster-log/muster/tlog/policy"
)

// learn collects what is worth remembering, each as soon as it is certain,
// whatever the result: a checkpoint with its anchors once their quorums are met,
// for what was shown binds who showed it; a version of the authority once the
// chain is proven under the pin and somebody has signed under that version; a roll
// once it is proven to be one of the pinned authority at a published size, of a
// product that the requirements accept. A node cannot plant anything that no
// quorum has cosigned.
func (j *judgement) learn() *Memory {
	learned := &Memory{}
	if j.memory == nil {
		return learned
	}
	if !j.passed(CodeQuorum) || j.checkpoint.Size == 0 {
		j.learnLiars(learned)
		return learned
	}
	learned.Logs.Trust(j.trustedKeys()...)
	var proven []memory.Kept
	if j.passed(CodeAnchors) {
		for _, a := range j.anchors {
			if a.tally.Met {
				proven = append(proven, j.keep(a.note, a.tally.Fresh))
			}
		}
	}
	if _, err := learned.Logs.Add(j.keep(j.checkpoint, j.tally.Fresh), proven...); err != nil {
		return &Memory{} // cannot be: the bundle's form has one origin, and room is for one log
	}
	// What the links do not prove, nothing does; but the first that is fresh is where
	// to begin. A stale one would be in the way of all that are not proven to extend it.
	if _, stale := j.missing([]Code{CodeCheckpointAge}); stale || j.comparison.Relation != memory.FirstSeen {
		learned.Logs.Disclaim()
	}
	for _, evidence := range j.evidence {
		learned.Logs.Accuse(evidence) // cannot fail: its log is remembered now
	}
	if j.passed(CodeAuthorityChain, CodeAuthorityVersion) {
		learned.pins = []pinned{j.learnAuthority()}
	}
	return learned
}

// learnLiars has witnesses that are proven to lie remembered though the quorum is
// not met without them: what is proven by their own cosignatures takes no quorum.
// A log that nothing is remembered of has no place for it.
func (j *judgement) learnLiars(learned *Memory) {
	if len(j.evidence) == 0 {
		return
	}
	largest, known := j.memory.Logs.Largest(j.bundle.Origin)
	if !known {
		return
	}
	learned.Logs.Trust(j.trustedKeys()...)
	if _, err := learned.Logs.Add(largest); err != nil {
		return // cannot be: it comes from a memory
	}
	learned.Logs.Disclaim()
	for _, evidence := range j.evidence {
		learned.Logs.Accuse(evidence) // cannot fail: its log is remembered now
	}
}

// learnAuthority is what the bundle shows of the pinned authority: versions as far
// as they are borne out, with their places in this log, and the roll.
func (j *judgement) learnAuthority() pinned {
	newest := j.borneOut()
	under := pinned{pin: j.trust.requirements.Authority, version: newest.Authority.Version, digest: newest.Digest}
	var indices []uint64
	for _, link := range j.chain.Links()[1:newest.Authority.Version] {
		indices = append(indices, link.Index)
	}
	if len(indices) > 0 {
		under.chains = []chainPlaces{{origin: j.bundle.Origin, indices: indices}}
	}
	if len(j.rolls) == 1 && j.passed(CodeAuthorityOrigin, CodeProduct, CodeRollProduct, CodeRollSignatures, CodeRollStruck, CodeRollAnchor) {
		under.rolls = []remembered{j.placeOf(j.rolls[0])}
	}
	return under
}

// borneOut returns the newest version of the authority that the roll or the release
// that is judged was signed under. That the root signed a version does not say that
// it was ever in force: a log can append one that was given up, and it is void
// there. But nobody signs anything under a void version. Version 1 is the pin.
// Images precede their release, and so bear out no later version.
func (j *judgement) borneOut() *register.Link {
	newest := j.chain.Links()[0]
	consider := func(e *entry, codes ...Code) {
		if !j.passed(codes...) {
			return
		}
		if _, struck := j.chain.Struck(e.index, e.prepared); struck {
			return
		}
		if link := j.chain.At(e.index); link.Authority.Version > newest.Authority.Version {
			newest = link
		}
	}
	consider(j.judged, CodeReleaseSignatures)
	if len(j.rolls) == 1 {
		consider(j.rolls[0], CodeRollSignatures)
	}
	return newest
}

// keep is a checkpoint as it is remembered: without the lines of strangers, which
// anyone can add, and no fresher than the caller's own clock allows. Else those
// who cosign ahead of time could push now further with every verdict.
func (j *judgement) keep(checkpoint *tlog.SignedCheckpoint, fresh uint64) memory.Kept {
	var lines []tlog.NoteSignature
	for _, line := range checkpoint.Note.Signatures {
		if slices.ContainsFunc(j.trustedKeys(), func(key tlog.VerifierKey) bool { return key.Made(line) }) {
			lines = append(lines, line)
		}
	}
	if own, err := tlog.NewSignedCheckpoint(checkpoint.Checkpoint, lines...); err == nil {
		checkpoint = own
	}
	latest := max(0, j.wall.Add(policy.MaxAhead).Unix())
	return memory.Kept{Checkpoint: checkpoint, Fresh: min(fresh, uint64(latest))}
}
