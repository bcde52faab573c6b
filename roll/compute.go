package roll

import (
	"slices"
	"strconv"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
)

// CodeUndecided: the log holds entries that cannot be judged here, so what is live is
// not certain (register.State.Undecided).
const CodeUndecided release.Code = "undecided-entries"

// Compute states what is live of a product at the size of a checkpoint, by a state
// that holds at least its entries. issued is cut to whole seconds. The error is a
// *release.Refusal that says why there is no roll to sign.
func Compute(state *register.State, checkpoint tlog.Checkpoint, product string, issued time.Time) (*release.Roll, error) {
	if undecided := state.Undecided(); len(undecided) > 0 {
		return nil, release.Refuse(CodeUndecided, "", "entry "+strconv.FormatUint(undecided[0], 10), "entries that can all be judged: what is live is not certain")
	}
	authority, digest := state.AuthorityAt(checkpoint.Size)
	if authority == nil {
		return nil, release.Refuse(register.CodeNoAuthority, "", "a log without an authority", "an authority at entry 0")
	}
	if index, retired := state.Retired(); retired {
		return nil, release.Refuse(register.CodeLogRetired, "", "retired by entry "+strconv.FormatUint(index, 10), "a log in use: go on at its successor "+authority.Origin)
	}
	live, ok := state.LiveAt(product, checkpoint.Size)
	if !ok {
		return nil, release.Refuse(register.CodeRollSizeAhead, "predicate.size", strconv.FormatUint(checkpoint.Size, 10), "at most "+strconv.FormatUint(state.Size(), 10))
	}
	return &release.Roll{
		Issued:    issued.UTC().Truncate(time.Second),
		Authority: digest,
		Product:   product,
		Origin:    checkpoint.Origin,
		Size:      checkpoint.Size,
		Root:      release.Digest(checkpoint.Root),
		Live:      digests(live),
		Rules:     release.RollRules,
	}, nil
}

func digests(live []register.LiveRelease) []release.Digest {
	list := make([]release.Digest, 0, len(live))
	for _, one := range live {
		list = append(list, one.Digest)
	}
	return list
}

// CodeRootWrong: a roll's root is not the root that the log has at the roll's size.
const CodeRootWrong release.Code = "roll-root"

// Difference is one thing that a roll states and that is otherwise.
type Difference struct {
	// Code is the register's where it has one.
	Code   release.Code `json:"code"`
	Member string       `json:"member"`
	Got    string       `json:"got"`
	Want   string       `json:"want"`
}

// Compare recomputes a roll that stands, or would stand, at an index of a log, and
// returns everything in which it differs from what is so; nothing for a true roll.
// root is the root of the log at the roll's size, which nobody need have asked for if
// the size is ahead of the index. Signatures and dates are the register's to judge.
func Compare(state *register.State, index uint64, stated *release.Roll, root tlog.Hash) []Difference {
	var found []Difference
	add := func(code release.Code, member, got, want string) {
		found = append(found, Difference{code, member, got, want})
	}
	if stated.Origin != state.Origin() {
		add(register.CodeRollOrigin, "subject[0].name", stated.Origin, state.Origin())
	}
	if stated.Rules != release.RollRules {
		add(register.CodeRollRules, "predicate.rules", strconv.Itoa(stated.Rules), strconv.Itoa(release.RollRules))
	}
	if stated.Size > index || stated.Size > state.Size() {
		add(register.CodeRollSizeAhead, "predicate.size", strconv.FormatUint(stated.Size, 10), "at most "+strconv.FormatUint(min(index, state.Size()), 10))
		return found
	}
	_, inForce := state.AuthorityAt(index)
	if stated.Authority != inForce {
		add(register.CodeAuthorityNotInForce, "predicate.authority", stated.Authority.String(), inForce.String())
	}
	if _, before := state.AuthorityAt(stated.Size); before != inForce {
		add(register.CodeRollAuthority, "predicate.size", strconv.FormatUint(stated.Size, 10), "a size at which the authority was in force that is so at entry "+strconv.FormatUint(index, 10))
	}
	if stated.Root != release.Digest(root) {
		add(CodeRootWrong, "predicate.root", stated.Root.String(), release.Digest(root).String())
	}
	releases, _ := state.LiveAt(stated.Product, stated.Size)
	live := digests(releases)
	for _, digest := range stated.Live {
		if !slices.Contains(live, digest) {
			add(register.CodeRollLive, "predicate.live", digest.String(), "a list without it: "+why(state, digest, stated.Size))
		}
	}
	for _, digest := range live {
		if !slices.Contains(stated.Live, digest) {
			add(register.CodeRollLive, "predicate.live", "a list without "+digest.String(), "it, which was live at size "+strconv.FormatUint(stated.Size, 10))
		}
	}
	return found
}

// why says how something that is listed and not live stood.
func why(state *register.State, digest release.Digest, size uint64) string {
	index, ok := state.Lookup(digest)
	if !ok || index >= size {
		return "the log held no such release at size " + strconv.FormatUint(size, 10)
	}
	standing, _ := state.WhyAt(index, size)
	return "entry " + strconv.FormatUint(index, 10) + " was " + standing.String()
}
