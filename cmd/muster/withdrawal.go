package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	rollremote "github.com/muster-log/muster/roll/remote"
)

func (a *app) withdrawalCommand() *cobra.Command {
	return a.namingKeys(group("withdrawal", "sign and submit the withdrawal of an image or a release",
		a.signCommand(release.TypeWithdrawal),
		a.paeCommand(release.TypeWithdrawal),
		a.attachCommand(release.TypeWithdrawal),
		a.statusCommand(release.TypeWithdrawal),
		a.submitCommand(release.TypeWithdrawal),
		a.showCommand(release.TypeWithdrawal)))
}

// handedIn is what a roll signer said of a withdrawal.
type handedIn struct {
	URL   string           `json:"url"`
	State rollremote.State `json:"state"`
	// Deadline is from when on no roll is signed without it; absent where it is in
	// the log.
	Deadline string `json:"deadline,omitempty"`
}

// sentWithdrawal is where a withdrawal has gone.
type sentWithdrawal struct {
	digest    release.Digest
	submitted *submitted
	basis     string
	roll      *handedIn
}

// sendWithdrawal hands a withdrawal to the roll signer, if there is one, and then
// submits it to the log, if there is one. With a log, a roll signer that is away
// does not hold it up.
func (a *app) sendWithdrawal(cmd *cobra.Command, doc *document, o submitOptions) (*sentWithdrawal, error) {
	sent := &sentWithdrawal{digest: doc.digest()}
	toLog := o.source.url != "" || o.source.policy != ""
	if o.roll == "" && !toLog {
		return nil, usage(cmd, errors.New("missing --log, the log's URL, or --roll, that of the roll signer"))
	}
	if len(doc.envelope.Signatures) > 0 && o.roll != "" {
		var err error
		if sent.roll, err = a.handIn(cmd.Context(), doc, o); err != nil {
			if !toLog {
				return nil, err
			}
			a.say("warning: the roll signer does not have it: %s", oneLine(err.Error()))
		}
	}
	if toLog {
		var err error
		if sent.submitted, sent.basis, err = a.submitEntry(cmd, doc, o); err != nil {
			return nil, err
		}
	}
	return sent, nil
}

// handIn hands a withdrawal to the roll signer.
func (a *app) handIn(ctx context.Context, doc *document, o submitOptions) (*handedIn, error) {
	entry, err := doc.envelope.Marshal()
	if err != nil {
		return nil, err
	}
	client, err := rollremote.New(o.roll)
	if err != nil {
		return nil, fail(exitcode.Usage, "usage", "", fmt.Errorf("--roll: %w", err))
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	answer, err := client.Hand(ctx, entry)
	if status, ok := errors.AsType[*rollremote.StatusError](err); ok && status.Refused() {
		return nil, fail(exitcode.Refused, status.Code, fmt.Sprintf("see who must sign: muster withdrawal status %s", doc.path), fmt.Errorf("roll signer at %s: %w", o.roll, err))
	}
	if err != nil {
		return nil, fail(exitcode.Unknown, "failed", "submit it to the log yourself: --log", fmt.Errorf("roll signer at %s: %w", o.roll, err))
	}
	if answer.State == rollremote.StateRefused {
		return nil, fail(exitcode.Refused, string(answer.Code), "draft and sign it again under the authority in force", fmt.Errorf("roll signer at %s: the log does not admit it: %s", o.roll, answer.Detail))
	}
	handed := &handedIn{URL: o.roll, State: answer.State}
	if !answer.Deadline.IsZero() { // it is not in the log yet
		handed.Deadline = release.FormatTime(answer.Deadline)
	}
	return handed, nil
}

func (s *sentWithdrawal) describe(p *page) {
	if s.submitted != nil {
		word := "submitted"
		if s.roll != nil {
			word = "logged" // by the roll signer or from here: whoever was first
		}
		s.submitted.describeAs(p, word, s.basis)
	} else {
		p.line("handed in: withdrawal %s", s.digest)
	}
	if s.roll != nil {
		if s.roll.Deadline == "" {
			p.field("roll signer", "%s sees it in the log", s.roll.URL)
			return
		}
		p.field("roll signer", "%s has it (%s), and signs no roll without it from %s on", s.roll.URL, s.roll.State, s.roll.Deadline)
	}
}

// submittedWithdrawal is what withdrawal submit prints.
type submittedWithdrawal struct {
	Digest release.Digest `json:"digest"`
	*submitted
	Roll *handedIn `json:"roll,omitempty"`
	// Covers are the entries that it covers, as they stand now; absent where the log
	// could not be read.
	Covers []affected `json:"covers,omitempty"`
}

func (a *app) submitWithdrawal(cmd *cobra.Command, doc *document, o submitOptions) error {
	if len(doc.envelope.Signatures) == 0 {
		return fail(exitcode.Refused, string(release.CodeSignatureNone), fmt.Sprintf("sign it first: muster withdrawal sign %s --key KEY", doc.path),
			fmt.Errorf("%s has no signatures", doc.path))
	}
	sent, err := a.sendWithdrawal(cmd, doc, o)
	if err != nil {
		return err
	}
	result := submittedWithdrawal{Digest: doc.digest(), submitted: sent.submitted, Roll: sent.roll}
	stated := doc.statement.Predicate.(*release.Withdrawal)
	var target *release.Statement
	if sent.submitted != nil {
		// It is logged: that it cannot be said what it covers is no failure.
		h, s, err := a.historyOf(cmd, o.source)
		if err != nil {
			a.say("note: what it covers is not known: %s", oneLine(err.Error()))
		} else {
			s.client.Close()
			if index, ok := h.state.Lookup(stated.Target); ok {
				result.Covers, target = h.covered(index), h.entries[index].statement
			}
		}
	}
	return a.print(result, func(p *page) {
		sent.describe(p)
		if target != nil {
			describeCovered(p, stated.Target, target, result.Covers)
		}
	})
}

// covered lists the releases that a withdrawal of the entry at an index covers, and
// of an image the image itself, as they stand.
func (h *history) covered(index uint64) []affected {
	target, _ := h.state.Entry(index)
	var indices []uint64
	for i, entry := range h.entries {
		if uint64(i) == index && target.Type == release.TypeImage {
			indices = append(indices, index)
		}
		if entry.statement == nil {
			continue
		}
		stated, ok := entry.statement.Predicate.(*release.Release)
		record, _ := h.state.Entry(uint64(i))
		if !ok || record.Identity.IsZero() {
			continue
		}
		if target.Type == release.TypeRelease && record.Identity == target.Identity || slices.Contains(stated.Images, target.Digest) {
			indices = append(indices, uint64(i))
		}
	}
	return h.affected(indices)
}

// describeCovered says what a withdrawal covers.
func describeCovered(p *page, digest release.Digest, target *release.Statement, covers []affected) {
	doc := &document{statement: target}
	switch stated := target.Predicate.(type) {
	case *release.Image:
		p.line("it covers %s, and every release that names it, logged before or after:", doc.summary())
	case *release.Release:
		p.line("it covers all entries of identity %s, logged before or after:", stated.Identity())
	}
	for _, entry := range covers {
		word := string(entry.Standing)
		if entry.Digest == digest {
			word += ", the one it names"
		}
		p.field("entry "+fmt.Sprint(entry.Index), "%s\t%s", entry.Summary, word)
	}
}
