package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

type renewOptions struct {
	log                    logSource
	reinstates             []string
	issued, notAfter, note string
	out                    string
	force                  bool
}

func (a *app) releaseRenewCommand() *cobra.Command {
	var o renewOptions
	cmd := &cobra.Command{
		Use:   "renew DIGEST|INDEX|FILE --log URL [--policy FILE] [--not-after TIME] [--reinstates DIGEST...] --out FILE",
		Short: "draft the next entry of a logged release: a renewal, or a reinstatement",
		Long: `Drafts the next entry of a release that is logged: the same product, channel, version
and images, so that it stays the same release and its age counts on; a later
--not-after; and the withdrawals that the entry before it lifted, which every later
entry lists again. The log is replayed for that, and the draft held to all its rules.

A release that was withdrawn is reinstated with --reinstates, once for each
withdrawal that covers it; without them the command says which those are.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "out"); err != nil {
				return err
			}
			if err := checkFree(o.out, o.force); err != nil {
				return err
			}
			return a.renew(cmd, args[0], &o)
		},
	}
	flags := cmd.Flags()
	o.log.flags(cmd)
	flags.StringVar(&o.notAfter, "not-after", "", "until when it holds: RFC 3339, a date, or days such as 30d (default: as long as the authority allows)")
	flags.StringArrayVar(&o.reinstates, "reinstates", nil, "the payload `DIGEST` of a withdrawal that this entry lifts, or its index; may be repeated")
	flags.StringVar(&o.issued, "issued", "", "when it is made, RFC 3339 (default: now)")
	flags.StringVar(&o.note, "note", "", "free text for people")
	outFlags(cmd, &o.out, &o.force)
	return cmd
}

func (a *app) renew(cmd *cobra.Command, which string, o *renewOptions) error {
	h, authority, digest, err := a.replayFor(cmd, o.log)
	if err != nil {
		return err
	}
	index, err := a.entryOf(h, which, release.TypeRelease)
	if err != nil {
		return err
	}
	latest := h.latest(index)
	stated := *h.entries[latest].statement.Predicate.(*release.Release)
	if latest != index {
		a.say("the newest entry of this release is %d: that is renewed", latest)
	}
	stated.Authority, stated.Note = digest, o.note
	if stated.Issued, err = a.parseWhen(cmd, "issued", o.issued, a.now()); err != nil {
		return err
	}
	longest := stated.Issued.AddDate(0, 0, authority.Limits.ReleaseDays)
	if stated.NotAfter, err = a.parseWhen(cmd, "not-after", o.notAfter, longest); err != nil {
		return err
	}
	lifted, err := parseReinstates(cmd, h, o.reinstates)
	if err != nil {
		return err
	}
	// A withdrawal that was lifted before and names itself again counts once.
	stated.Reinstates = slices.Clone(stated.Reinstates)
	for _, withdrawal := range lifted {
		if !slices.Contains(stated.Reinstates, withdrawal) {
			stated.Reinstates = append(stated.Reinstates, withdrawal)
		}
	}
	if missing := h.notReinstated(&stated); len(missing) > 0 {
		return a.withdrawnError(h, missing)
	}
	statement, err := release.NewRelease(&stated)
	if err != nil {
		return flagValue(cmd, err)
	}
	return a.createInLog(h, authority, statement, o.out, o.force)
}

// withdrawnError says that a release would not be live, and shows why.
func (a *app) withdrawnError(h *history, missing []uint64) error {
	if err := a.announce(func(p *page) { h.describeWithdrawn(p, missing) }); err != nil {
		return err
	}
	return fail(exitcode.Refused, string(register.CodeImageWithdrawn), h.reinstateHint(missing),
		fmt.Errorf("the release is withdrawn by %s: without reinstating that it is not live", entriesWord(missing)))
}

func entriesWord(indices []uint64) string {
	word := "entry"
	if len(indices) > 1 {
		word = "entries"
	}
	for i, index := range indices {
		if i > 0 {
			word += ","
		}
		word += " " + strconv.FormatUint(index, 10)
	}
	return word
}

// createInLog writes the draft of a release that the log would admit now, and says
// what that does there.
func (a *app) createInLog(h *history, authority *release.Authority, statement *release.Statement, out string, force bool) error {
	stated := statement.Predicate.(*release.Release)
	a.nameImages(h, stated.Images)
	if err := a.checkTerms(statement, authority); err != nil {
		code := release.CodeOf(err)
		return fail(exitcode.Refused, string(code), termsHint(code, authority), err)
	}
	missing := h.notReinstated(stated)
	effect, err := h.suppose(statement, latestOf(a.now(), stated.Issued))
	if err != nil {
		code := release.CodeOf(err)
		hint := logHint(code)
		if len(missing) > 0 {
			hint = h.reinstateHint(missing)
		}
		return fail(exitcode.Refused, string(code), hint, fmt.Errorf("the log would refuse it, whoever signs: %w", err))
	}
	if err := a.announce(func(p *page) {
		effect.describe(p, "release")
		if len(missing) > 0 {
			h.describeWithdrawn(p, missing)
			p.line("warning: it is admitted and not live; %s", h.reinstateHint(missing))
		}
	}); err != nil {
		return err
	}
	return a.createDraft(statement, out, force)
}

// logHint says what to do about a release that a log refuses.
func logHint(code release.Code) string {
	switch code {
	case register.CodeImageNotLogged:
		return "submit its images first: muster image submit"
	case register.CodeNotAfterNotLater:
		return "give a later --not-after, or leave it out: then it is as late as the authority allows"
	case register.CodeReleaseTaken:
		return "give it another --version"
	case register.CodeIdentityVersion:
		return "to renew that release keep its version: muster release renew; another release needs another --version, or other images"
	case register.CodeImageStruck:
		return "the image was signed with a stolen key: state it anew under another version, and have it signed"
	}
	return ""
}

// latestOf returns the later of two times. Admission reads the log's clock, and a
// draft waits for its signatures.
func latestOf(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}

// latest returns the newest entry of a release's identity that is not struck; of
// one whose entries are all struck, the entry itself.
func (h *history) latest(index uint64) uint64 {
	record, _ := h.state.Entry(index)
	for _, other := range slices.Backward(h.state.Identity(record.Identity)) {
		if one, _ := h.state.Entry(other); !one.Struck {
			return other
		}
	}
	return index
}

// entryOf finds an entry by its digest, its index or a file of it.
func (a *app) entryOf(h *history, which string, want release.Type) (uint64, error) {
	var index uint64
	if digest, err := release.ParseDigest(which); err == nil {
		if index, err = h.find(digest); err != nil {
			return 0, err
		}
	} else if number, err := strconv.ParseUint(which, 10, 53); err == nil {
		if number >= uint64(len(h.entries)) {
			return 0, fail(exitcode.Refused, "not-logged", "", fmt.Errorf("the log has no entry %d: it has size %d", number, len(h.entries)))
		}
		index = number
	} else {
		doc, err := a.readDocument(which, want)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, fail(exitcode.Usage, "no-such-file", "", fmt.Errorf("%s: no such file, no index, and no digest of 64 digits", quote(which)))
		}
		if err != nil {
			return 0, err
		}
		if index, err = h.find(doc.digest()); err != nil {
			return 0, err
		}
	}
	if record, _ := h.state.Entry(index); record.Type != want || record.Status != register.StatusAdmitted {
		return 0, fail(exitcode.Usage, "entry-of-other-type", "", fmt.Errorf("%s is %s: want %s that stands", which, h.say(index), article(want)))
	}
	return index, nil
}

// parseReinstates reads the withdrawals that a release lifts: their digests, or with a
// log that was read their indices, by which messages name them.
func parseReinstates(cmd *cobra.Command, h *history, texts []string) (digests []release.Digest, err error) {
	for _, text := range texts {
		withdrawal, err := release.ParseDigest(text)
		if err == nil {
			digests = append(digests, withdrawal)
			continue
		}
		index, notIndex := strconv.ParseUint(text, 10, 53)
		if notIndex != nil {
			return nil, usage(cmd, fmt.Errorf("--reinstates: %w", err))
		}
		if h == nil {
			return nil, usage(cmd, fmt.Errorf("--reinstates %s: an index needs --log; without it give the withdrawal's payload digest", text))
		}
		if record, ok := h.state.Entry(index); !ok || record.Type != release.TypeWithdrawal || record.Status != register.StatusAdmitted {
			return nil, fail(exitcode.Usage, "entry-of-other-type", "see what withdraws it: muster release show", fmt.Errorf("--reinstates %d: want the index of a withdrawal that stands", index))
		}
		digests = append(digests, h.entries[index].digest)
	}
	return digests, nil
}
