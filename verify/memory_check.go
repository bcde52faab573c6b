package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/memory"
	"github.com/muster-log/muster/tlog/policy"
)

// Option changes how a judgement is made.
type Option func(*judgement)

// WithMemory has a bundle compared with what is remembered, and now be no earlier
// than the newest fresh time in it. The memory is only read: what is learnt stands
// in Verdict.Learned. Nil is no memory.
func WithMemory(m *Memory) Option {
	return func(j *judgement) {
		if m == nil {
			return
		}
		j.memory = m
		if newest := m.Newest(); j.clock.Before(newest) {
			j.clock, j.now = newest, newest
		}
	}
}

const noMemory = "no memory was given"

// noMemoryYet is the finding of a check of the memory without one.
func noMemoryYet() finding { return finding{status: StatusNotChecked, found: noMemory} }

// trustedKeys are those of the bundle's log and of all witnesses.
func (j *judgement) trustedKeys() []tlog.VerifierKey {
	return slices.Concat(j.trust.policy.LogKeys(j.bundle.Origin), j.trust.policy.WitnessKeys())
}

// compare compares the checkpoint and these anchors with what is remembered.
func (j *judgement) compare(anchors []*tlog.SignedCheckpoint) memory.Comparison {
	return j.memory.Logs.Compare(j.checkpoint, anchors, j.trustedKeys())
}

// honest leaves out cosignatures by witnesses that are proven, by what is
// remembered and what the bundle holds, to have cosigned a smaller tree after a
// larger one. One lying witness does not stop a quorum of others, and counts for
// nothing.
func (j *judgement) honest(cosignatures []tlog.Cosignature) []tlog.Cosignature {
	if j.memory == nil {
		return cosignatures
	}
	// Lines that nobody has verified yet are not worth comparing.
	if j.liars == nil && j.cosignatures != nil {
		j.liars = map[string]bool{}
		j.accuse(j.compare(nil).Evidence)
	}
	return slices.DeleteFunc(slices.Clone(cosignatures), func(c tlog.Cosignature) bool { return j.liars[c.Key.String()] })
}

// accuse notes the witnesses that evidence is against, and tells whether one is new.
func (j *judgement) accuse(all []*fork.Evidence) bool {
	before := len(j.liars)
	for _, evidence := range all {
		if evidence.Kind == fork.WitnessTime {
			j.liars[evidence.Witness] = true
		}
	}
	return len(j.liars) > before
}

// anchorNotes are the bundle's anchors, parsed.
func (j *judgement) anchorNotes() []*tlog.SignedCheckpoint {
	var notes []*tlog.SignedCheckpoint
	for _, a := range j.bundle.Anchors {
		if checkpoint, err := tlog.ParseCheckpoint([]byte(a.Checkpoint)); err == nil {
			notes = append(notes, checkpoint)
		}
	}
	return notes
}

// consistency compares the checkpoint with those of the log that are remembered,
// by the proofs at hand: the anchors', and equality.
func (j *judgement) consistency() finding {
	required := j.trust.requirements.Consistency == ConsistencyRequired
	if j.memory == nil {
		return finding{status: StatusNotChecked, found: noMemory + ": keep one, and give it every time, to notice a log that shows two histories", required: required}
	}
	var anchors []*tlog.SignedCheckpoint
	if j.passed(CodeAnchors) {
		anchors = j.anchorNotes()
	}
	comparison := j.compare(anchors)
	j.evidence = comparison.Evidence
	// An anchor may show a witness to lie whose cosignature has been counted.
	if j.accuse(comparison.Evidence) && !j.count(j.cosignatures).Met {
		return fail("", "no quorum any more; "+j.lying())
	}
	found := ""
	switch comparison.Relation {
	case memory.FirstSeen:
		found = "first-seen: nothing is remembered of this log"
	case memory.Consistent:
		largest, _ := j.memory.Logs.Largest(j.bundle.Origin)
		found = fmt.Sprintf("of one history with the largest checkpoint remembered, of size %d", largest.Checkpoint.Size)
	case memory.Contradiction:
		return fail("", j.contradiction())
	case memory.NotChecked:
		found = fmt.Sprintf("contradicts nothing remembered; no proof at hand from size %d to %d", comparison.From, comparison.To)
	}
	if lying := j.lying(); lying != "" {
		found += "; " + lying
	}
	if comparison.Relation == memory.NotChecked {
		return finding{status: StatusNotChecked, found: found, required: required}
	}
	return pass("", found)
}

// contradiction says what contradicts what, if it can be proven to others.
func (j *judgement) contradiction() string {
	for _, evidence := range j.evidence {
		if evidence.Kind != fork.WitnessTime {
			return fmt.Sprintf("the log signed two histories: evidence of kind %s", evidence.Kind)
		}
	}
	return "another root than the one remembered, which a key signed that the policy does not have"
}

// lying names the witnesses whose cosignatures do not count.
func (j *judgement) lying() string {
	var names []string
	for _, w := range j.trust.policy.Witnesses {
		if j.liars[w.Key.String()] {
			names = append(names, w.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "not counted, for it cosigned a smaller tree after a larger one: " + strings.Join(names, ", ")
}

// passed reports a check that was made and passed.
func (j *judgement) passed(codes ...Code) bool {
	for _, code := range codes {
		if !slices.ContainsFunc(j.made, func(c Check) bool { return c.Code == code && c.Status == StatusPass }) {
			return false
		}
	}
	return true
}

// authorityVersion compares the authority chain with the highest version that is
// remembered under the pin, whatever log it was seen in.
func (j *judgement) authorityVersion() finding {
	if j.memory == nil {
		return noMemoryYet()
	}
	known := j.memory.under(j.trust.requirements.Authority)
	links := j.chain.Links()
	newest := fmt.Sprintf("version %d", len(links))
	if known == nil {
		return pass("", newest+", first-seen")
	}
	expected := fmt.Sprintf("at least version %d, %s", known.version, known.digest)
	if len(links) < known.version {
		return fail(expected, newest+": the bundle is older than the newest rotation, or hides it")
	}
	if link := links[known.version-1]; link.Digest != known.digest {
		return fail(expected, fmt.Sprintf("another version %d, %s: the root signed two", known.version, link.Digest))
	}
	return pass(expected, newest)
}

// newerRoll asks the newest roll that is remembered of the product, where the
// bundle has an older one or none.
func (j *judgement) newerRoll() finding {
	if j.memory == nil {
		return noMemoryYet()
	}
	if !j.passed(CodeAuthorityVersion) {
		return finding{status: StatusNotChecked, found: "not made: " + string(CodeAuthorityVersion) + " did not pass"}
	}
	product := j.judged.release().Product
	known := j.rememberedRoll(product)
	if known == nil {
		return pass("", "no roll of "+product+" is remembered")
	}
	expected := fmt.Sprintf("a roll not older than index %d, or a release that it lists", known.index)
	if len(j.rolls) == 0 {
		if j.judged.index >= known.size || j.chain.Links()[known.version-1].Authority.Origin != j.bundle.Origin {
			return pass(expected, "no roll, and a release that the one remembered cannot know")
		}
	} else {
		place := j.placeOf(j.rolls[0])
		switch order := place.compare(*known); {
		case order == 0 && place.digest != known.digest:
			return fail(expected, fmt.Sprintf("another roll at index %d, %s", place.index, place.digest))
		case order >= 0:
			return pass(expected, fmt.Sprintf("the roll at index %d", place.index))
		}
	}
	if slices.Contains(known.live, j.judged.prepared.Digest) {
		return pass(expected, "an older roll or none, and a release that the newest lists")
	}
	return undecided(expected, "an older roll or none, and a release that the newest does not list: ask the node for a new bundle")
}

func (j *judgement) rememberedRoll(product string) *remembered {
	under := j.memory.under(j.trust.requirements.Authority)
	if under == nil {
		return nil
	}
	at, there := under.roll(product)
	if !there {
		return nil
	}
	return &under.rolls[at]
}

// placeOf is what would be remembered of a roll of the bundle.
func (j *judgement) placeOf(e *entry) remembered {
	statement := e.roll()
	place := remembered{product: statement.Product, index: e.index, size: statement.Size, digest: e.prepared.Digest, live: statement.Live}
	if link := j.chain.At(e.index); link != nil {
		place.version = link.Authority.Version
	}
	return place
}

// learn collects what is worth remembering, each as soon as it is certain,
// whatever the result: a checkpoint with its anchors once their quorums are met,
// for what was shown binds who showed it; a version of the authority once the
// chain is proven under the pin; a roll once it is proven to be one of the pinned
// authority at a published size, of a product that the requirements accept. A node
// cannot plant anything that no quorum has cosigned.
func (j *judgement) learn() *Memory {
	learned := &Memory{}
	if j.memory == nil || !j.passed(CodeQuorum) || j.checkpoint.Size == 0 {
		return learned
	}
	var proven []memory.Kept
	if j.passed(CodeAnchors) {
		for i, checkpoint := range j.anchorNotes() {
			if tally := j.anchors[i].tally; tally.Met {
				proven = append(proven, j.keep(checkpoint, tally.Fresh))
			}
		}
	}
	if _, err := learned.Logs.Add(j.keep(j.checkpoint, j.tally.Fresh), proven...); err != nil {
		return &Memory{} // cannot be: the bundle's form has one origin, and room is for one log
	}
	for _, evidence := range j.evidence {
		learned.Logs.Accuse(evidence) // cannot fail: its log is remembered now
	}
	if !j.passed(CodeAuthorityChain, CodeAuthorityVersion) {
		return learned
	}
	newest := j.chain.Newest()
	under := pinned{pin: j.trust.requirements.Authority, version: newest.Authority.Version, digest: newest.Digest}
	if len(j.rolls) == 1 && len(j.rolls[0].roll().Live) <= maxLive &&
		j.passed(CodeAuthorityOrigin, CodeProduct, CodeRollProduct, CodeRollSignatures, CodeRollStruck, CodeRollAnchor) {
		under.rolls = []remembered{j.placeOf(j.rolls[0])}
	}
	learned.pins = []pinned{under}
	return learned
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
