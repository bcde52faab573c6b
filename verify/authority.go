package verify

import (
	"fmt"
	"slices"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// entries decodes what the bundle holds and sorts it by type. No signature is
// verified here: whoever made the bundle chose what stands in it.
func (j *judgement) entries() finding {
	for _, e := range j.bundle.Entries {
		prepared, err := register.Decode(e.Envelope)
		if prepared == nil {
			return refused("", indexed(e.Index), err)
		}
		decoded := &entry{index: e.Index, prepared: prepared, unread: err}
		switch prepared.Statement.Predicate.(type) {
		case *release.Authority:
			j.authorities = append(j.authorities, decoded)
		case *release.Release:
			j.releases = append(j.releases, decoded)
		case *release.Image:
			j.images = append(j.images, decoded)
		case *release.Roll:
			j.rolls = append(j.rolls, decoded)
		default:
			return fail("", indexed(e.Index)+": a statement of type "+prepared.Statement.URI)
		}
	}
	if len(j.rolls) > 1 {
		return fail("", fmt.Sprintf("%d rolls", len(j.rolls)))
	}
	return pass("", fmt.Sprintf("%d authorities, %d releases, %d images, %d rolls", len(j.authorities), len(j.releases), len(j.images), len(j.rolls)))
}

func (j *judgement) authorityPin() finding {
	expected := "entry 0 with payload digest " + j.trust.requirements.Authority.String()
	if len(j.authorities) == 0 || j.authorities[0].index != 0 {
		return fail(expected, "no authority as entry 0")
	}
	found := j.authorities[0].prepared.Digest
	if found != j.trust.requirements.Authority {
		return fail(expected, found.String())
	}
	return pass(expected, found.String())
}

func (j *judgement) authorityChain() finding {
	chain := register.NewChain(j.bundle.Origin)
	for _, e := range j.authorities {
		if err := chain.Add(e.index, e.prepared); err != nil {
			return refused("", indexed(e.index), err)
		}
	}
	j.chain = chain
	newest := chain.Newest()
	return pass("", fmt.Sprintf("version %d at index %d", newest.Authority.Version, newest.Index))
}

// authorityComplete finds a version that somebody left out by what names it.
// One that nothing in the bundle names is missed by a memory of it, or by the
// age of a roll.
func (j *judgement) authorityComplete() finding {
	links := j.chain.Links()
	for _, e := range slices.Concat(j.releases, j.images, j.rolls) {
		named := e.prepared.Statement.Authority()
		if !slices.ContainsFunc(links, func(l *register.Link) bool { return l.Digest == named }) {
			return fail("", fmt.Sprintf("%s names %s, which the bundle lacks", indexed(e.index), named))
		}
	}
	return pass("", fmt.Sprintf("%d versions", len(links)))
}

func (j *judgement) logRetired() finding {
	if at, retired := j.chain.Retired(); retired {
		return fail("", fmt.Sprintf("retired at index %d in favour of %s", at, j.chain.Newest().Authority.Origin))
	}
	return pass("", "no authority retires it")
}

func (j *judgement) authorityOrigin() finding {
	found := j.chain.Newest().Authority.Origin
	if found != j.bundle.Origin {
		return fail("an authority of "+j.bundle.Origin, found)
	}
	return pass("an authority of "+j.bundle.Origin, found)
}

func (j *judgement) authorityExpires() finding {
	expires := j.chain.Newest().Authority.Expires
	expected := "now before " + release.FormatTime(expires)
	found := "now " + release.FormatTime(j.now)
	return j.before(expires, expected, found)
}
