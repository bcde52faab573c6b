package main

import (
	"context"
	"errors"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog/policy"
)

// replay reads every entry under the log's newest checkpoint, checks that they are
// the tree of that checkpoint, and has the register judge them. each is called for
// every entry, in order; it may be nil.
func (a *app) replay(ctx context.Context, s *session, each func(register.Outcome)) (*audit.Follower, error) {
	p, err := s.trust(ctx)
	if err != nil {
		return nil, err
	}
	return s.follow(ctx, p, audit.Options{Register: a.registerOptions(), Outcome: each, Progress: a.progress(), Now: a.clock})
}

// follow replays the session's log once, under a policy.
func (s *session) follow(ctx context.Context, p *policy.Policy, options audit.Options) (*audit.Follower, error) {
	follower, err := audit.New(s.client, p, options)
	if err != nil {
		return nil, err
	}
	if _, err := follower.Update(ctx); err != nil {
		return nil, replayFailure(err)
	}
	return follower, nil
}

// replayFailure gives an error of a replay its code, hint and exit code.
func replayFailure(err error) error {
	e, ok := errors.AsType[*audit.Error](err)
	if !ok {
		return err
	}
	exit, hint := exitcode.Refused, ""
	switch e.Code {
	case audit.CodeCheckpointSignature:
		hint = "compare the policy's log line with what the log's operator publishes"
	case audit.CodeQuorum:
		hint = "ask again later, or ask the operators of the missing witnesses"
	case audit.CodeTooLarge:
		exit, hint = exitcode.Unknown, "follow a log of this size with a monitor"
	case audit.CodeEntries:
		hint = "keep the checkpoint, and tell a monitor"
	case audit.CodeNoConsistency, audit.CodeOlderCheckpoint:
		exit, hint = exitcode.Unknown, "ask again later"
	}
	return fail(exit, string(e.Code), hint, err)
}
