package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/client/record"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/verify"
)

func (a *app) verifyRecordCommand() *cobra.Command {
	var trust rollTrust
	cmd := &cobra.Command{
		Use:   "record FILE --policy FILE --requirements FILE [--log URL]",
		Short: "judge again what a node showed somebody",
		Long: `Judges a record of muster verify node --save by what you trust, as of the time that the
witnesses say it is of: what had expired since is no fault of it. The answer is the
node's; nonce, connection and time are the word of whoever saved it.

With --log the log is replayed, entry by entry, and the record's checkpoint must be one
of that very log: so a node that showed somebody another log is found out.

A key that only an activated credential binds to its TPM cannot be judged by anybody
who was not there: the result is unknown then.

` + verdictCodes,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			trusted, err := trust.files.read(a, cmd)
			if err != nil {
				return err
			}
			data, err := a.readFile(args[0], "record", record.MaxSize)
			if err != nil {
				return err
			}
			r, err := record.Parse(data)
			if err != nil {
				return wrongFile(args[0], data, "a record", fail(exitcode.Refused, "record-form", "", fmt.Errorf("%s: %w", args[0], err)))
			}
			judgement, err := record.Judge(r, trusted, a.clock())
			if err != nil {
				return err
			}
			a.say("node %s, as of %s", quote(r.Address), release.FormatTime(judgement.Time))
			if !judgement.Witnessed {
				a.say("note: no quorum says a time: it is that of whoever saved the record")
			}
			if trust.url != "" {
				if err := a.compareRecord(cmd, &trust, judgement); err != nil {
					return err
				}
			}
			return a.printVerdict(judgement.Verdict, judgement.Verdict.ExitCode())
		},
	}
	trust.files.flags(cmd)
	cmd.Flags().StringVar(&trust.url, "log", "", "replay the log of this `URL`, and compare")
	return cmd
}

// compareRecord holds a record's checkpoint against a log that is replayed here.
func (a *app) compareRecord(cmd *cobra.Command, trust *rollTrust, judgement *record.Judgement) error {
	quorum, _ := judgement.Verdict.Check(verify.CodeQuorum)
	if quorum.Status != verify.StatusPass {
		return nil // the verdict says that nobody vouches for the checkpoint
	}
	s, err := a.open(cmd, logSource{url: trust.url, policy: trust.files.policy})
	if err != nil {
		return err
	}
	defer s.client.Close()
	follower, err := s.follow(cmd.Context(), s.policy, audit.Options{Register: a.registerOptions(), Progress: a.progress(), Now: a.clock})
	if err != nil {
		return err
	}
	if size := follower.Checkpoint().Size; size < judgement.Size {
		return fail(exitcode.Unknown, "log-behind", "ask again later, or ask a mirror that is ahead", fmt.Errorf("the log is at size %d, the record's checkpoint at %d", size, judgement.Size))
	}
	err = judgement.Compare(func(size uint64) (tlog.Hash, error) { return follower.RootAt(cmd.Context(), size) })
	if _, ok := errors.AsType[*record.ForkError](err); ok {
		return fail(exitcode.Misbehaved, "record-fork", "keep the record: with it and the log's checkpoint anybody can see it; tell the log's witnesses and monitors", err)
	}
	if err == nil {
		a.say("the record's checkpoint of size %d is one of log %s, replayed", judgement.Size, quote(follower.Checkpoint().Origin))
	}
	return err
}
