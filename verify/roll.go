package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// What a roll says is live counts only as far as these checks go: a roll role
// signed it under the authority of its place, nothing strikes it, a cosigned
// checkpoint is of exactly its size and root, and it lists the very release that
// is judged. That the list is what the log's entries come to is the roll's word.

const noRoll = "no roll in the bundle"

func (e *entry) roll() *release.Roll { return e.prepared.Statement.Predicate.(*release.Roll) }

// oneRoll asks for a roll where the requirements bound its age. One that is there
// is judged whether it was asked for or not: what stands in a bundle holds.
func (j *judgement) oneRoll() finding {
	limit := j.trust.requirements.RollMaxAge
	switch {
	case len(j.rolls) > 0:
		roll := j.rolls[0]
		return pass("", fmt.Sprintf("%s, of size %d, issued %s", indexed(roll.index), roll.roll().Size, release.FormatTime(roll.roll().Issued)))
	case limit.None():
		return waived(noRoll)
	}
	return fail("a roll younger than "+limit.String(), noRoll)
}

// ofRoll makes a check of the bundle's roll. Without one it is waived with the
// check that asks for one.
func ofRoll(make func(*judgement, *entry) finding) func(*judgement) finding {
	return func(j *judgement) finding {
		if len(j.rolls) == 0 {
			return waived(noRoll)
		}
		return make(j, j.rolls[0])
	}
}

func (j *judgement) rollProduct(roll *entry) finding {
	product := j.judged.release().Product
	expected := "a roll of product " + product
	if roll.roll().Product != product {
		return fail(expected, roll.roll().Product)
	}
	return pass(expected, product)
}

// rollRules judges the roll's origin, its rules, and that the log had its size.
func (j *judgement) rollRules(roll *entry) finding {
	err := j.chain.CheckRoll(roll.index, roll.roll())
	if err != nil && release.CodeOf(err) != register.CodeRollAuthority {
		return refused("", indexed(roll.index), err)
	}
	return pass("", fmt.Sprintf("rules %d, size %d", roll.roll().Rules, roll.roll().Size))
}

// rollAuthority judges that the authority the roll names was in force at its
// index and at its size, and that it had not expired when the roll was issued.
func (j *judgement) rollAuthority(roll *entry) finding {
	if err := j.chain.CheckRoll(roll.index, roll.roll()); err != nil {
		return refused("", indexed(roll.index), err)
	}
	link := j.chain.At(roll.index)
	if link == nil {
		return fail("", "no authority before the roll")
	}
	if named := roll.prepared.Statement.Authority(); named != link.Digest {
		return fail(fmt.Sprintf("version %d, %s", link.Authority.Version, link.Digest), named.String())
	}
	if issued := roll.roll().Issued; !issued.Before(link.Authority.Expires) {
		return fail("issued before "+release.FormatTime(link.Authority.Expires)+", when its authority expires", release.FormatTime(issued))
	}
	return pass("", fmt.Sprintf("version %d", link.Authority.Version))
}

func (j *judgement) rollSignatures(roll *entry) finding { return j.signed([]*entry{roll}) }

func (j *judgement) rollStruck(roll *entry) finding {
	if by, struck := j.chain.Struck(roll.index, roll.prepared); struck {
		return fail("", fmt.Sprintf("%s is struck by the authority at index %d", indexed(roll.index), by))
	}
	return pass("", "not struck")
}

// rollSize judges that the roll can know the release at all.
func (j *judgement) rollSize(roll *entry) finding {
	expected := fmt.Sprintf("a size above %d, the index of the release", j.judged.index)
	found := fmt.Sprintf("size %d", roll.roll().Size)
	if roll.roll().Size <= j.judged.index {
		return fail(expected, found)
	}
	return pass(expected, found)
}

// rollLive judges the one thing that the roll is for.
func (j *judgement) rollLive(roll *entry) finding {
	expected := "a roll that lists " + j.judged.prepared.Digest.String()
	found := fmt.Sprintf("%d live", len(roll.roll().Live))
	if !slices.Contains(roll.roll().Live, j.judged.prepared.Digest) {
		return fail(expected, found+", this release is not among them")
	}
	return pass(expected, found)
}

// rollAnchor finds the anchor of exactly the roll's size and root. Each anchor
// has to meet the quorum by itself. Of several the greatest fresh time counts:
// when a quorum saw the log at that size, nothing was after it.
func (j *judgement) rollAnchor(roll *entry) finding {
	statement := roll.roll()
	expected := fmt.Sprintf("an anchor of size %d and root %s that meets the quorum", statement.Size, statement.Root)
	var fresh time.Time
	found := "no anchor of that size"
	for _, a := range j.anchors {
		switch {
		case a.size != statement.Size:
		case release.Digest(a.root) != statement.Root:
			found = fmt.Sprintf("an anchor of root %s", release.Digest(a.root))
		case !a.tally.Met:
			found = describeVotes(a.tally)
		case fresh.IsZero() || fresh.Before(stamp(a.tally.Fresh)):
			fresh = stamp(a.tally.Fresh)
		}
	}
	if fresh.IsZero() {
		return fail(expected, found)
	}
	j.rollSince = fresh
	if statement.Issued.Before(fresh) {
		j.rollSince = statement.Issued
	}
	return pass(expected, "fresh time "+release.FormatTime(fresh))
}

// rollAge counts from the earlier of the roll's own time and the fresh time of
// its anchor: the signer's clock makes a roll older, never younger, and one that
// was held back does not stay young.
func (j *judgement) rollAge(roll *entry) finding {
	found := fmt.Sprintf("issued %s, age counts from %s, now %s",
		release.FormatTime(roll.roll().Issued), release.FormatTime(j.rollSince), release.FormatTime(j.now))
	limit := j.trust.requirements.RollMaxAge
	if limit.None() {
		return waived(found)
	}
	expected := "younger than " + limit.String()
	return j.before(j.rollSince.Add(limit.Value()), expected, found)
}
