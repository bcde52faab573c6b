package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

type authorityLogOptions struct {
	source inForceSource
	at     int64
	key    string
}

func (a *app) authorityLogCommand() *cobra.Command {
	var o authorityLogOptions
	cmd := &cobra.Command{
		Use:   "log {--log URL [--policy FILE] | --bundle FILE.muster} [--at INDEX] [--key KEYID|FILE.pub]",
		Short: "show who could sign what, and when",
		Long: `Shows every version of a log's authority: where it stands, what it changed, and then,
role by role, which key was in it for which entries. Keys that are listed as
compromised come with what that struck.

With --log the whole log is replayed, and checked to be the tree of its checkpoint;
with --bundle only what the bundle holds is known, and newer versions may exist.
--at shows who could sign the entry at an index. --key shows what one key could sign,
and with --log what it did sign: so the index for rotate --compromised is found.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.source.check(cmd, false); err != nil {
				return err
			}
			if cmd.Flags().Changed("at") && o.at < 0 {
				return usage(cmd, fmt.Errorf("--at %d: want the index of an entry", o.at))
			}
			if cmd.Flags().Changed("at") && o.key != "" {
				return usage(cmd, fmt.Errorf("--at beside --key: give one of them"))
			}
			var key *release.KeyID
			if o.key != "" {
				id, _, err := a.keyOf("key", o.key)
				if err != nil {
					return err
				}
				key = &id
			}
			found, err := a.findInForce(cmd, &o.source)
			if err != nil {
				return err
			}
			switch {
			case cmd.Flags().Changed("at"):
				return a.printAuthorityAt(found, uint64(o.at))
			case key != nil:
				return a.printKeyHistory(found, *key)
			}
			return a.printAuthorityLog(found)
		},
	}
	o.source.flags(cmd)
	cmd.Flags().Int64Var(&o.at, "at", 0, "who could sign the entry at this `INDEX`")
	cmd.Flags().StringVar(&o.key, "key", "", "what this key could sign: `KEYID` or FILE.pub")
	return cmd
}

// loggedVersion is a version of an authority in its log.
type loggedVersion struct {
	Version int               `json:"version"`
	Index   uint64            `json:"index"`
	Digest  release.Digest    `json:"digest"`
	Issued  string            `json:"issued"`
	Expires string            `json:"expires"`
	Origin  string            `json:"origin"`
	Changes []authorityChange `json:"changes"`
	// Struck are the entries that it strikes; empty where the log was not read.
	Struck []affected `json:"struck"`
}

// holding says for which entries a key was in a role.
type holding struct {
	Role  string        `json:"role"`
	Scope string        `json:"scope,omitempty"`
	KeyID release.KeyID `json:"keyid"`
	// From and To are the first and the last entry; To is absent while it lasts.
	From uint64  `json:"from"`
	To   *uint64 `json:"to,omitempty"`
	// Threshold is how many keys of the role had to sign at last.
	Threshold int `json:"threshold"`
}

// versions lists the versions with what each changed and struck.
func (a *app) versions(found *inForce) []loggedVersion {
	list := []loggedVersion{}
	for i, link := range found.links {
		version := loggedVersion{Version: link.Authority.Version, Index: link.Index, Digest: link.Digest, Issued: release.FormatTime(link.Authority.Issued),
			Expires: release.FormatTime(link.Authority.Expires), Origin: link.Authority.Origin, Changes: []authorityChange{}, Struck: []affected{}}
		if i > 0 {
			version.Changes = a.compareAuthorities(found.links[i-1].Authority, link.Authority)
		}
		if found.history != nil {
			version.Struck = found.history.affected(found.history.state.StruckBy(link.Index, found.history.state.Size()))
		}
		list = append(list, version)
	}
	return list
}

// holdings lists who held which role for which entries, by role and key. A version
// counts from the entry after its own.
func (a *app) holdings(links []*register.Link) []holding {
	list := []holding{}
	open := map[string]int{} // of those that last, by role, scope and key
	for _, link := range links {
		seen := map[string]bool{}
		for _, role := range release.ByDuty(link.Authority.Roles) {
			for _, id := range a.names.sorted(role.Keys) {
				key := string(role.Name) + scope(role) + id.String()
				seen[key] = true
				if i, ok := open[key]; ok {
					list[i].Threshold = role.Threshold
					continue
				}
				open[key] = len(list)
				list = append(list, holding{Role: string(role.Name), Scope: strings.TrimPrefix(scope(role), ", "), KeyID: id, From: link.Index + 1, Threshold: role.Threshold})
			}
		}
		for key, i := range open {
			if !seen[key] {
				last := link.Index
				list[i].To = &last
				delete(open, key)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y holding) int { return dutyRank(x.Role) - dutyRank(y.Role) })
	return list
}

// span says for which entries.
func (h *holding) span() string {
	switch {
	case h.To == nil:
		return fmt.Sprintf("from entry %d on", h.From)
	case *h.To < h.From:
		return "for no entry"
	}
	return fmt.Sprintf("entries %d to %d", h.From, *h.To)
}

func (h *holding) describe(p *page, name string) {
	limited := ""
	if h.Scope != "" {
		limited = ", " + h.Scope
	}
	p.field(name, "%s\t%s%s", p.names.of(h.KeyID), h.span(), limited)
}

func (a *app) printAuthorityLog(found *inForce) error {
	result := struct {
		Basis    string          `json:"basis"`
		Versions []loggedVersion `json:"versions"`
		Holdings []holding       `json:"holdings"`
	}{found.basis, a.versions(found), a.holdings(found.links)}
	return a.print(result, func(p *page) {
		p.line("%s", result.Basis)
		for _, version := range result.Versions {
			p.line("version %d at entry %d, %s", version.Version, version.Index, version.Digest)
			p.field("issued", "%s", version.Issued)
			p.field("expires", "%s", version.Expires)
			for i, change := range version.Changes {
				p.field(first(i, "changes"), "%s", change.Text)
			}
			for i, entry := range version.Struck {
				p.field(first(i, "strikes"), "entry %d, %s", entry.Index, entry.Summary)
			}
		}
		p.line("who could sign")
		role := ""
		for _, one := range result.Holdings {
			name := one.Role
			if name == role {
				name = ""
			}
			one.describe(p, name)
			role = one.Role
		}
	})
}

// printAuthorityAt says who could sign the entry at an index.
func (a *app) printAuthorityAt(found *inForce, index uint64) error {
	var at *register.Link
	for _, link := range found.links {
		if link.Index < index {
			at = link
		}
	}
	if at == nil {
		return fail(exitcode.Usage, "no-authority", "entry 0 is the first authority, signed by its own root", fmt.Errorf("--at %d: no authority is in force there", index))
	}
	result := struct {
		Basis   string         `json:"basis"`
		Index   uint64         `json:"index"`
		Version int            `json:"version"`
		At      uint64         `json:"at"`
		Digest  release.Digest `json:"digest"`
		Duties  []duty         `json:"duties"`
	}{found.basis, index, at.Authority.Version, at.Index, at.Digest, a.duties(at.Authority)}
	return a.print(result, func(p *page) {
		p.line("%s", result.Basis)
		if found.history != nil && index >= found.history.state.Size() {
			p.line("the log has no entry %d yet: as things stand at size %d", index, found.history.state.Size())
		}
		p.line("entry %d is judged by version %d of the authority, from entry %d, %s", index, result.Version, result.At, result.Digest)
		for _, duty := range result.Duties {
			p.field(duty.Role, "%s: %s", duty.Who, duty.Does)
		}
	})
}

// listedKey says where, and by which version, a key is listed as compromised.
type listedKey struct {
	Origin  string `json:"origin"`
	From    uint64 `json:"from"`
	Version int    `json:"version"`
}

// signedEntry is an entry that a key signed.
type signedEntry struct {
	affected
	Issued string `json:"issued,omitempty"`
}

// printKeyHistory says what a key could sign, and what it did.
func (a *app) printKeyHistory(found *inForce, key release.KeyID) error {
	result := struct {
		Basis       string        `json:"basis"`
		KeyID       release.KeyID `json:"keyid"`
		Holdings    []holding     `json:"holdings"`
		Compromised []listedKey   `json:"compromised"`
		// Signed is absent where the log was not read.
		Signed []signedEntry `json:"signed,omitempty"`
	}{Basis: found.basis, KeyID: key, Compromised: []listedKey{}, Holdings: slices.DeleteFunc(a.holdings(found.links), func(h holding) bool { return h.KeyID != key })}
	if found.history != nil {
		result.Signed = found.history.signedBy(key)
	}
	for _, link := range found.links {
		for _, bad := range link.Authority.Compromised {
			if listed := (listedKey{bad.Origin, bad.From, link.Authority.Version}); bad.KeyID == key {
				result.Compromised = append(result.Compromised, listed)
			}
		}
	}
	return a.print(result, func(p *page) {
		p.line("%s", result.Basis)
		p.line("key %s", p.names.of(key))
		if len(result.Holdings) == 0 {
			p.line("no version of the authority gives it a role")
		}
		for _, one := range result.Holdings {
			limited := ""
			if one.Scope != "" {
				limited = ", " + one.Scope
			}
			p.field("role "+one.Role, "%s, %s needed%s", one.span(), count(one.Threshold, "key"), limited)
		}
		for i, listed := range result.Compromised {
			p.field(first(i, "compromised"), "in %s from entry %d on, says version %d", listed.Origin, listed.From, listed.Version)
		}
		if found.history == nil {
			p.line("what it signed only the log knows: give --log")
			return
		}
		if len(result.Signed) == 0 {
			p.line("it signed nothing that is in the log")
		}
		for i, entry := range result.Signed {
			p.field(first(i, "signed"), "entry %d\t%s\t%s\t%s", entry.Index, entry.Issued, entry.Summary, entry.Standing)
		}
	})
}

// signedBy lists the entries that carry a signature of a key; void ones too.
func (h *history) signedBy(key release.KeyID) []signedEntry {
	list := []signedEntry{}
	for index, entry := range h.entries {
		if !slices.Contains(entry.signers, key) {
			continue
		}
		signed := signedEntry{affected: h.affected([]uint64{uint64(index)})[0]}
		if record, _ := h.state.Entry(uint64(index)); !record.Issued.IsZero() {
			signed.Issued = release.FormatTime(record.Issued)
		}
		list = append(list, signed)
	}
	return list
}
