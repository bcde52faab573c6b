package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
)

// readyTimeout bounds the question why a submission took too long.
const readyTimeout = 5 * time.Second

// againHint is what to do where nobody knows whether the log has the entry. A roll that
// is in no file cannot be submitted again; another one takes its place.
func againHint(doc *document) string {
	if doc.path == "" {
		return "run the same command again: it signs another roll, and both may be logged"
	}
	return "run the same command again: if the log has the entry, it gets the same index"
}

// checkSameLog holds the caller's policy against what the log has published:
// under the policy of another log its answer would prove nothing, and an entry
// cannot be taken back. A log that has published nothing yet is compared by the
// policy it states.
func (s *session) checkSameLog(ctx context.Context, path string) error {
	if !s.pinned {
		return nil
	}
	data, err := s.client.Checkpoint(ctx)
	if _, answered := errors.AsType[*remote.StatusError](err); answered {
		return s.checkSameKey(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("the log's checkpoint: %w", err)
	}
	checkpoint, err := tlog.ParseCheckpoint(data)
	if err != nil {
		return fail(exitcode.Refused, "checkpoint-form", "", fmt.Errorf("nothing sent: the log's checkpoint: %w", err))
	}
	if _, err := s.policy.Verify(checkpoint); err != nil {
		return otherLog(path, s.client.URL(), err)
	}
	return nil
}

// checkSameKey looks for a log of the caller's policy in that of the log.
func (s *session) checkSameKey(ctx context.Context, path string) error {
	stated, err := (&session{client: s.client}).trust(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, its := range stated.Logs {
		for _, mine := range s.policy.Logs {
			if its.Key.String() == mine.Key.String() {
				return nil
			}
		}
		names = append(names, quote(its.Key.Name))
	}
	return otherLog(path, s.client.URL(), fmt.Errorf("the log states the key of %s, which the policy has not", list(names)))
}

func otherLog(path, log string, err error) error {
	return fail(exitcode.Refused, "policy-of-other-log", "give the policy of this log, which its operator publishes, or the --log of this policy",
		fmt.Errorf("nothing sent: %s is not the policy of the log at %s: %w", path, log, err))
}

// explainSubmission says what came of a submission that failed, and what to do.
func (s *session) explainSubmission(ctx context.Context, doc *document, waited time.Duration, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return s.explainTimeout(ctx, doc, waited, err)
	}
	if status, ok := errors.AsType[*remote.StatusError](err); ok && status.Refused() {
		return explainRefused(doc, s.client.URL(), status, err)
	}
	pending, accepted := errors.AsType[*remote.PendingError](err)
	if away, ok := errors.AsType[*url.Error](err); ok && !accepted {
		return fail(exitcode.Unknown, "", "the log may be away: check its URL, or try again later", fmt.Errorf("post to %s: %w", away.URL, away.Err))
	} else if accepted && ctx.Err() != nil {
		return fail(exitcode.Unknown, "", againHint(doc), fmt.Errorf("interrupted: the log has accepted the entry (%s)", pending.Location))
	}
	return err
}

// explainTimeout says what is known where the log did not publish in time: it
// accepts first and then waits for its witnesses, so that it may have the entry.
func (s *session) explainTimeout(ctx context.Context, doc *document, waited time.Duration, err error) error {
	has := "may have the entry"
	if _, accepted := errors.AsType[*remote.PendingError](err); accepted {
		has = "has the entry"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	ready, problem := s.client.Ready(ctx)
	said := fmt.Errorf("not published within %s: the log is up, and %s", waited, has)
	switch {
	case problem != nil:
		said = fmt.Errorf("no answer within %s: the log %s, and whether it is up cannot be told: %w", waited, has, problem)
	case !ready.Quorum && len(ready.Missing) > 0:
		said = fmt.Errorf("not published within %s: the log is up and %s, but its quorum of witnesses is missing: %s", waited, has, oneLine(strings.Join(ready.Missing, ", ")))
	case !ready.Quorum:
		said = fmt.Errorf("not published within %s: the log is up and %s, but its quorum of witnesses is missing", waited, has)
	}
	return fail(exitcode.Unknown, "not-published-yet", againHint(doc)+"; a longer --timeout waits longer", said)
}

// explainRefused adds what to do about a refusal. A document that was signed and
// submitted in one call is in no file: nothing can be said of it afterwards.
func explainRefused(doc *document, log string, status *remote.StatusError, err error) error {
	hint := ""
	inFile := func(format string) {
		if doc.path != "" {
			hint = fmt.Sprintf(format, doc.statement.Type, doc.path, log)
		}
	}
	switch status.Code {
	case "threshold-missed", "signer-unknown", "signer-outside-role":
		inFile("see who must sign: muster %s status %s --log %s")
	case "authority-not-in-force":
		hint = "make the draft again: the authority has changed since"
	case "image-withdrawn":
		inFile("see what it must reinstate: muster %s status %s --log %s")
	case "previous-root-missed", "own-root-missed":
		inFile("the roots of the old version and of the new one sign: muster %s status %s --log %s")
	case "version-not-next", "previous-not-in-force":
		hint = "draft it anew from the version in force: muster authority rotate --log " + log
	case "image-not-logged", "release-taken", "identity-version", "not-after-not-later", "image-struck":
		hint = logHint(release.Code(status.Code))
	case "issued-behind-clock", "issued-ahead-of-clock", "issued-behind-log-time":
		hint = "make the draft again with the time of today, and check this machine's clock"
	}
	return fail(exitcode.Refused, status.Code, hint, fmt.Errorf("%s: %w", cmp.Or(doc.path, "the "+string(doc.statement.Type)), err))
}
