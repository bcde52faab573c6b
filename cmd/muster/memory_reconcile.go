package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/client/memory"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/fork"
)

func (a *app) memoryReconcileCommand() *cobra.Command {
	var source logSource
	cmd := &cobra.Command{
		Use:   "reconcile FILE --policy FILE [--log URL]",
		Short: "ask a log for the proofs that a memory lacks",
		Long: `Asks a log to prove that every checkpoint of it that a memory holds is of one history
with the largest, and remembers what is proven. If the log contradicts itself, the
evidence is written beside the memory, and the exit code is 4.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "policy"); err != nil {
				return err
			}
			s, err := a.open(cmd, source)
			if err != nil {
				return err
			}
			defer s.client.Close()
			return a.reconcile(cmd.Context(), s, args[0])
		},
	}
	source.flags(cmd)
	return cmd
}

// reconciled is the JSON of muster memory reconcile, for one log.
type reconciled struct {
	Origin  string `json:"origin"`
	Largest uint64 `json:"largest"`
	Proven  int    `json:"proven"`
}

func (a *app) reconcile(ctx context.Context, s *session, path string) error {
	m, err := memory.Read(path)
	if err != nil {
		return memoryFailure(err)
	}
	// What these keys bear out is remembered before what no trusted key does.
	m.Logs.Trust(policyKeys(s.policy)...)
	results := []reconciled{}
	var found []*fork.Evidence
	for _, log := range s.policy.Logs {
		origin := log.Key.Name
		largest, known := m.Logs.Largest(origin)
		if !known {
			continue
		}
		result := reconciled{Origin: origin, Largest: largest.Checkpoint.Size}
		prover := tlog.NewProverForRoot(largest.Checkpoint.Size, largest.Checkpoint.Root, s.client)
		for _, gap := range m.Logs.Gaps(origin) {
			root, proof, err := prover.RootAt(ctx, gap.From)
			if err != nil {
				return fail(exitcode.Unknown, "no-consistency", "ask again, and then tell a monitor: a log that cannot prove that it only grew has something to explain",
					fmt.Errorf("the log does not show whether size %d extends size %d: %w", gap.To, gap.From, err))
			}
			evidence, err := m.Logs.Reconcile(origin, gap.From, gap.To, root, proof)
			if err != nil {
				return err
			}
			if evidence != nil {
				found = append(found, evidence)
				continue
			}
			result.Proven++
		}
		results = append(results, result)
	}
	if len(results) == 0 {
		return fail(exitcode.Usage, "other-origin", "", errors.New("the memory holds no log of the policy"))
	}
	// Under the lock it is joined with what was learnt meanwhile.
	if _, err := memory.Learn(ctx, path, m, false); err != nil {
		return memoryFailure(err)
	}
	var accusation error
	for _, evidence := range found {
		if err := evidence.Verify(policyKeys(s.policy)...); err != nil {
			return fmt.Errorf("the checkpoints contradict each other, and the evidence does not hold: %w", err)
		}
		name, err := writeEvidence(filepath.Dir(path), evidence)
		if err != nil {
			return err
		}
		accusation = fail(exitcode.Misbehaved, "fork-"+string(evidence.Kind), "do not use this log; send the file to its witnesses, its monitors and its users, who can check it without you",
			fmt.Errorf("%s signed two histories (%s): the evidence is in %s", quote(evidence.Origin), evidence.Kind, name))
	}
	if accusation != nil {
		return accusation
	}
	return a.print(results, func(p *page) {
		for _, r := range results {
			p.line("log %s: %s proven to begin the one of size %d", quote(r.Origin), count(r.Proven, "checkpoint"), r.Largest)
		}
	})
}
