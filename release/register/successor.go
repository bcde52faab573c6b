package register

import (
	"strconv"

	"github.com/muster-log/muster/release"
)

// checkPlace judges what may stand at an index at all: authority version 1 at
// entry 0, nothing in a log that has none, nothing after the authority that
// retires the log, and in a successor log nothing but the authority chain
// before the version that names the log's own origin.
func (c *Chain) checkPlace(index uint64, statement *release.Statement) *release.Refusal {
	authority, isAuthority := statement.Predicate.(*release.Authority)
	switch {
	case index == 0:
		if !isAuthority {
			return release.Refuse(CodeFirstEntry, "predicateType", string(statement.Type), "authority version 1 as entry 0")
		}
		if authority.Version != 1 {
			return release.Refuse(CodeFirstEntry, "predicate.version", strconv.Itoa(authority.Version), "1 at entry 0")
		}
	case len(c.links) == 0:
		return release.Refuse(CodeNoAuthority, "", "a log whose entry 0 is void", "authority version 1 as entry 0: this log can admit nothing; start another")
	case c.retired != nil && index > c.retired.Index:
		return release.Refuse(CodeLogRetired, "", "an entry after the authority at index "+strconv.FormatUint(c.retired.Index, 10),
			"none: the log was retired in favour of "+c.retired.Authority.Origin)
	case !isAuthority && (c.begun == nil || index < c.begun.Index):
		return release.Refuse(CodeSuccessorChain, "predicateType", string(statement.Type),
			"the authority chain up to the version that names "+c.origin)
	}
	return nil
}

// inherited reports whether an authority at an index is one of those to which
// date rules do not apply, because a successor log repeats them byte for byte:
// everything up to and with the version that names the log's own origin. An
// entry 0 that names the log's own origin is an ordinary first entry.
func (c *Chain) inherited(authority *release.Authority) bool {
	if c.begun != nil || c.origin == "" {
		return false
	}
	return len(c.links) > 0 || authority.Origin != c.origin
}
