package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
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
	URL string `json:"url"`
	// State is empty where the roll signer does not have it.
	State rollremote.State `json:"state,omitempty"`
	// Deadline is from when on no roll is signed without it; absent where it is in
	// the log.
	Deadline string `json:"deadline,omitempty"`
	// Code and Error say why the roll signer does not have it.
	Code  string `json:"code,omitempty"`
	Error string `json:"error,omitempty"`
}

// notLogged says why the log did not take from here what the roll signer has.
type notLogged struct {
	Code  string `json:"code"`
	Error string `json:"error"`

	exit int
}

// sentWithdrawal is where a withdrawal has gone: to the log, to the roll signer, or to
// one of them where the other one failed.
type sentWithdrawal struct {
	digest    release.Digest
	submitted *submitted
	basis     string
	roll      *handedIn
	log       *notLogged
}

// verdict ends with an exit code where the log did not take it from here.
func (s *sentWithdrawal) verdict() error {
	if s.log != nil {
		return command.Verdict(s.log.exit)
	}
	return nil
}

const (
	// handInTimeout bounds how long a roll signer is asked that is busy, or behind.
	handInTimeout = time.Minute
	// handInGrace is how long it is asked still when the log has the withdrawal: it finds
	// it there.
	handInGrace = 5 * time.Second
	// handInQuiet is after how long it is said that it is waited for.
	handInQuiet = 2 * time.Second
)

// sendWithdrawal hands a withdrawal to the roll signer, if there is one, and at the same
// time submits it to the log, if there is one. With a log, a roll signer that is away or
// busy does not hold it up; and what the roll signer has is not lost where the log is
// away. The error: nobody has it.
func (a *app) sendWithdrawal(cmd *cobra.Command, doc *document, o submitOptions) (*sentWithdrawal, error) {
	sent := &sentWithdrawal{digest: doc.digest()}
	toLog := o.source.url != "" || o.source.policy != ""
	if o.roll == "" && !toLog {
		return nil, usage(cmd, errors.New("missing --log, the log's URL, or --roll, that of the roll signer"))
	}
	toRoll := len(doc.envelope.Signatures) > 0 && o.roll != ""
	var rollErr, logErr error
	ctx, cancel := context.WithTimeout(cmd.Context(), min(o.timeout, handInTimeout))
	defer cancel()
	handing := make(chan struct{})
	go func() {
		defer close(handing)
		if toRoll {
			sent.roll, rollErr = a.handIn(ctx, doc, o)
		}
	}()
	if toLog {
		if sent.submitted, sent.basis, logErr = a.submitEntry(cmd, doc, o); logErr == nil {
			defer time.AfterFunc(handInGrace, cancel).Stop()
		}
	}
	select {
	case <-handing:
	case <-time.After(handInQuiet):
		a.say("the roll signer at %s has not taken it yet, and is asked again", o.roll)
		<-handing
	}
	if rollErr != nil {
		if !toLog {
			return nil, rollErr
		}
		_, code := failureOf(rollErr)
		sent.roll = &handedIn{URL: o.roll, Code: code, Error: oneLine(rollErr.Error())}
		a.say("warning: the roll signer does not have it: %s", oneLine(rollErr.Error()))
	}
	if logErr != nil {
		if sent.roll == nil || sent.roll.Error != "" {
			return nil, logErr
		}
		exit, code := failureOf(logErr)
		sent.log = &notLogged{Code: code, Error: oneLine(logErr.Error()), exit: exit}
	}
	return sent, nil
}

// failureOf returns the exit code and the stable code of an error.
func failureOf(err error) (exit int, code string) {
	e := command.Explained{Exit: exitcode.Unknown}
	e.Error.Code = "failed"
	explain(err, &e)
	if f, ok := errors.AsType[*command.Failure](err); ok {
		e.Exit = f.Exit
		e.Error.Code = cmp.Or(f.Code, e.Error.Code)
	}
	return e.Exit, e.Error.Code
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
	answer, err := client.Hand(ctx, entry)
	if status, ok := errors.AsType[*rollremote.StatusError](err); ok {
		exit, code := exitcode.Unknown, cmp.Or(status.Code, "roll-signer-away")
		if status.Refused() {
			exit, code = exitcode.Refused, status.Code
		}
		return nil, fail(exit, code, rollHint(status, doc.path), fmt.Errorf("roll signer at %s: %w", o.roll, err))
	}
	if err != nil {
		return nil, fail(exitcode.Unknown, "roll-signer-away", "submit it to the log yourself: --log", fmt.Errorf("roll signer at %s: %w", o.roll, err))
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

// rollHint is what to do about an answer of a roll signer.
func rollHint(status *rollremote.StatusError, path string) string {
	if status.Code == "" && status.Refused() {
		return "whoever answers there is no roll signer: give the URL of muster roll serve"
	}
	switch status.Code {
	case "not-found", "method", "content-type":
		return "give the URL of muster roll serve, without a path of its own"
	case string(register.CodeThresholdMissed), string(register.CodeSignerUnknown), string(register.CodeSignerOutsideRole):
		return fmt.Sprintf("see who must sign: muster withdrawal status %s --log URL", path)
	case string(register.CodeAuthorityNotInForce):
		return "the authority has changed since: draft and sign it again under the one in force"
	case string(register.CodeTargetNotLogged):
		return "see what is logged: muster release list --all"
	case "product-not-signed":
		return "give the roll signer of this product, or submit it to the log alone: --log"
	case "behind", "not-ready", "busy":
		return "hand it in again in a moment, and submit it to the log as well: --log"
	}
	if status.Refused() {
		return ""
	}
	return "submit it to the log yourself: --log"
}

func (s *sentWithdrawal) describe(p *page) {
	if s.submitted != nil {
		word := "submitted"
		if s.roll != nil && s.roll.Error == "" {
			word = "logged" // by the roll signer or from here: whoever was first
		}
		s.submitted.describeAs(p, word, s.basis)
	} else {
		p.line("handed in: withdrawal %s", s.digest)
	}
	switch {
	case s.roll == nil:
	case s.roll.Error != "":
		p.field("roll signer", "%s does not have it: %s", s.roll.URL, s.roll.Error)
	case s.roll.Deadline == "":
		p.field("roll signer", "%s sees it in the log", s.roll.URL)
	default:
		p.field("roll signer", "%s has it (%s), and signs no roll without it from %s on", s.roll.URL, s.roll.State, s.roll.Deadline)
	}
	if s.log != nil {
		p.field("log", "did not take it from here: %s", s.log.Error)
		p.line("nothing is lost: the roll signer submits it itself, again and again")
	}
}

// submittedWithdrawal is what withdrawal submit prints.
type submittedWithdrawal struct {
	Digest release.Digest `json:"digest"`
	*submitted
	Log  *notLogged `json:"log,omitempty"`
	Roll *handedIn  `json:"roll,omitempty"`
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
	result := submittedWithdrawal{Digest: doc.digest(), submitted: sent.submitted, Log: sent.log, Roll: sent.roll}
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
	if err := a.print(result, func(p *page) {
		sent.describe(p)
		if target != nil {
			describeCovered(p, stated.Target, target, result.Covers)
		}
	}); err != nil {
		return err
	}
	return sent.verdict()
}

// covered lists what a withdrawal of the entry at an index covers, as it stands.
func (h *history) covered(index uint64) []affected {
	target, _ := h.state.Entry(index)
	return h.affected(h.state.Covered(target.Digest, h.state.Size()))
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
