package verify

import (
	"fmt"
	"slices"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/tlog/memory"
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

// consistency judges how the checkpoint stands to those of the log that are
// remembered, by the proofs at hand: the anchors', and equality.
func (j *judgement) consistency() finding {
	required := j.trust.requirements.Consistency == ConsistencyRequired
	if j.memory == nil {
		return finding{status: StatusNotChecked, found: noMemory + ": keep one, and give it every time, to notice a log that shows two histories", required: required}
	}
	for _, evidence := range slices.Backward(j.comparison.Evidence) {
		if evidence.Kind != fork.WitnessTime {
			j.evidence = slices.Insert(j.evidence, 0, evidence)
		}
	}
	found := ""
	switch j.comparison.Relation {
	case memory.FirstSeen:
		found = "first-seen: nothing is remembered of this log"
		if _, known := j.memory.Logs.Largest(j.bundle.Origin); known {
			found = "first-seen: what is remembered of this log was too old to begin with, and is not contradicted"
		}
	case memory.Consistent:
		largest, _ := j.memory.Logs.Largest(j.bundle.Origin)
		proven, _ := j.memory.Logs.Proven(j.bundle.Origin)
		found = fmt.Sprintf("of one history with the largest checkpoint remembered, of size %d", proven.Checkpoint.Size)
		if proven.Checkpoint.Size < largest.Checkpoint.Size {
			found = fmt.Sprintf("of one history with the largest checkpoint that is proven, of size %d", proven.Checkpoint.Size)
		}
	case memory.Contradiction:
		return fail("", j.contradiction())
	case memory.NotChecked:
		found = fmt.Sprintf("contradicts nothing remembered; no proof at hand from size %d to %d", j.comparison.From, j.comparison.To)
		if required {
			found += ": have the log prove it (muster memory reconcile)"
		}
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
	for i, index := range known.places(j.bundle.Origin) {
		// An authority's bytes in a second place are void there, in the first in
		// force. Who shows the second alone has keys count that were taken away.
		if link := links[i+1]; link.Index > index {
			return fail(fmt.Sprintf("version %d at index %d", link.Authority.Version, index), fmt.Sprintf("at index %d: a later copy", link.Index))
		}
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
	expected := fmt.Sprintf("a roll not older than that of size %d, issued %s, or a release that it lists", known.size, release.FormatTime(known.issued))
	if len(j.rolls) == 0 {
		if j.cannotKnow(known) {
			return pass(expected, "no roll, and a release that the one remembered cannot know")
		}
	} else {
		place := j.placeOf(j.rolls[0])
		found := fmt.Sprintf("the roll of size %d at index %d", place.size, place.index)
		switch {
		case place.version == known.version && place.index == known.index && place.digest != known.digest:
			return fail(expected, fmt.Sprintf("another roll at index %d, %s", place.index, place.digest))
		case place.compare(*known) >= 0:
			return pass(expected, found)
		}
	}
	if slices.Contains(known.live, j.judged.prepared.Digest) {
		return pass(expected, "an older roll or none, and a release that the newest lists")
	}
	return undecided(expected, "an older roll or none, and a release that the newest does not list: ask the node for a new bundle")
}

// cannotKnow reports a release that is newer than a roll. A place after all that
// the roll is of is not enough: a log can append an entry again, which is void
// there. But whoever signed it stated when, and under which authority.
func (j *judgement) cannotKnow(roll *remembered) bool {
	if link := j.chain.At(j.judged.index); link != nil && link.Authority.Version > roll.version {
		return true
	}
	return j.judged.index >= roll.size && j.judged.release().Issued.After(roll.issued)
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
	place := remembered{product: statement.Product, index: e.index, size: statement.Size,
		issued: statement.Issued, digest: e.prepared.Digest, live: statement.Live}
	if link := j.chain.At(e.index); link != nil {
		place.version = link.Authority.Version
	}
	return place
}
