package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
)

// judge is what a draft is judged by.
type judge struct {
	// authority is nil for the first version of an authority, which judges itself.
	authority *release.Authority
	// target is what a withdrawal names.
	target *release.Statement
	// history is the log, where a draft is held to all of it; else nil.
	history *history
}

// judgeFor finds what judges a document.
func (a *app) judgeFor(cmd *cobra.Command, doc *document, source *authoritySource, target string) (*judge, error) {
	own, isAuthority := doc.statement.Predicate.(*release.Authority)
	if isAuthority && own.Previous == nil {
		return &judge{}, nil
	}
	found := &judge{}
	var digest release.Digest
	var err error
	if source.authority == "" && heldToLog[doc.statement.Type] {
		found.history, found.authority, digest, err = a.replayFor(cmd, source.log)
	} else {
		found.authority, digest, err = a.findAuthority(cmd, source)
	}
	if err != nil {
		return nil, err
	}
	if found.history != nil {
		if err := found.history.refuseRetired(doc); err != nil {
			return nil, err
		}
	}
	wanted := doc.statement.Authority()
	if isAuthority {
		wanted = *own.Previous
	}
	if found.authority == nil {
		return nil, usage(cmd, fmt.Errorf("--authority %s is a digest: want the authority's file, or --log", digest))
	}
	if isAuthority && digest == doc.digest() {
		return nil, fail(exitcode.Refused, "in-force", "nothing is left to sign: the next version is drafted with muster authority rotate", fmt.Errorf("%s is the version in force", doc.path))
	}
	if digest != wanted {
		return nil, fail(exitcode.Refused, "authority-not-in-force", "make the draft again under the authority in force, or give the one that it names",
			fmt.Errorf("%s names the authority %s, got %s", doc.path, wanted, digest))
	}
	if stated, ok := doc.statement.Predicate.(*release.Withdrawal); ok {
		found.target, err = a.targetOf(cmd, stated, target, found.history, source.log)
	}
	return found, err
}

// heldToLog are the types that status holds to all that is in a log. Of an authority
// muster authority check does that, of a roll muster roll check.
var heldToLog = map[release.Type]bool{release.TypeImage: true, release.TypeRelease: true, release.TypeWithdrawal: true}

// replayFor replays the log that a draft is judged by, and returns its authority.
func (a *app) replayFor(cmd *cobra.Command, source logSource) (*history, *release.Authority, release.Digest, error) {
	if source.url == "" && source.policy == "" {
		return nil, nil, release.Digest{}, usage(cmd, errors.New("missing --authority, or --log to ask for the one in force"))
	}
	h, s, err := a.historyOf(cmd, source)
	if err != nil {
		return nil, nil, release.Digest{}, err
	}
	defer s.client.Close()
	authority, digest := h.state.Authority()
	if authority == nil {
		return nil, nil, digest, fail(exitcode.Refused, string(register.CodeNoAuthority), "", fmt.Errorf("the log %s has no authority", quote(h.checkpoint.Origin)))
	}
	a.say("authority in force at %s: %s version %d, %s", s.client.URL(), authority.Origin, authority.Version, digest)
	return h, authority, digest, nil
}

// refuseRetired refuses to judge a document by a log that has ended: it admits nothing
// any more, and what it holds does not pass, whatever its standing is.
func (h *history) refuseRetired(doc *document) error {
	retired := retiredIn(h.state)
	if retired == nil {
		return nil
	}
	stands := "does not stand in it"
	if index, logged := h.state.Lookup(doc.digest()); logged {
		stands = fmt.Sprintf("stands in it at index %d, and does not pass any more", index)
	}
	return fail(exitcode.Refused, string(register.CodeLogRetired), "go on at the log "+quote(retired.Successor)+", under its authority: what is signed for the old one is drafted and signed again",
		fmt.Errorf("the log %s is retired in favour of %s, by entry %d; %s %s", quote(h.checkpoint.Origin), quote(retired.Successor), retired.Index, doc.path, stands))
}

// targetOf finds what a withdrawal names: in a file, in a log that was replayed, or
// at a log.
func (a *app) targetOf(cmd *cobra.Command, stated *release.Withdrawal, path string, h *history, source logSource) (*release.Statement, error) {
	if path != "" {
		doc, err := a.readDocument(path, "")
		if err != nil {
			return nil, fmt.Errorf("--target: %w", err)
		}
		if doc.digest() != stated.Target {
			return nil, fail(exitcode.Refused, "target-of-other-payload", "", fmt.Errorf("--target %s has payload %s, the withdrawal names %s", path, doc.digest(), stated.Target))
		}
		return doc.statement, nil
	}
	if h != nil {
		index, err := h.find(stated.Target)
		if err != nil {
			return nil, fmt.Errorf("what it withdraws: %w", err)
		}
		if found := h.entries[index].statement; found != nil {
			return found, nil
		}
		return nil, fail(exitcode.Refused, string(register.CodeTargetNotLogged), "", fmt.Errorf("what it withdraws is %s: want an image or a release", h.say(index)))
	}
	if source.url == "" && source.policy == "" {
		return nil, usage(cmd, errors.New("missing --target, the file of what is withdrawn, or --log to ask for it"))
	}
	s, err := a.open(cmd, source)
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	return s.statementOf(cmd.Context(), stated.Target)
}

// statementOf fetches what an entry states. That it is that entry, its digest says.
func (s *session) statementOf(ctx context.Context, digest release.Digest) (*release.Statement, error) {
	entry, err := s.client.Entry(ctx, digest.String())
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", digest, err)
	}
	doc, err := parseDocument(entry)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", digest, err)
	}
	if doc.digest() != digest {
		return nil, fail(exitcode.Refused, "entry-of-other-payload", "", fmt.Errorf("the log answers with an entry of payload %s, want %s", doc.digest(), digest))
	}
	return doc.statement, nil
}

// statusOf judges a document: its signatures by roles, and its statement by the
// authority's terms and by what the log holds.
func (a *app) statusOf(doc *document, by *judge) signingStatus {
	s := doc.signingStatus(by)
	err := a.checkTerms(doc.statement, by.authority)
	if err == nil && by.history != nil {
		err = s.judgeInLog(doc, by.history, a.now())
	}
	if err != nil {
		s.Complete = false
		s.Refused = problemOf(err)
	}
	return s
}

// judgeInLog holds a draft to what the log has; of a release it notes what withdraws
// it.
func (s *signingStatus) judgeInLog(doc *document, h *history, now time.Time) error {
	if stated, ok := doc.statement.Predicate.(*release.Release); ok {
		missing := h.notReinstated(stated)
		s.Reinstate = h.digestsOf(missing)
		if len(missing) > 0 {
			s.hint = h.reinstateHint(missing)
		}
	}
	if index, logged := h.state.Lookup(doc.digest()); logged {
		standing, _ := h.state.Why(index)
		s.Logged = &loggedAt{index, standing.Word, standing.String()}
		return nil
	}
	// Admission reads the log's clock: a draft of tomorrow is judged tomorrow.
	_, err := h.suppose(doc.statement, latestOf(now, doc.statement.Issued()))
	return err
}
