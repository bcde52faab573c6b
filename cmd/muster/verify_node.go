package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/client"
	"github.com/muster-log/muster/internal/exitcode"
)

func (a *app) verifyNodeCommand() *cobra.Command {
	var n nodeClient
	var save string
	var force bool
	cmd := &cobra.Command{
		Use:   "node URL --policy FILE --requirements FILE [--memory FILE] [--save FILE]",
		Short: "ask a node for evidence, and judge the node",
		Long: `Asks the node at an https URL for evidence of what it runs, over a connection that
carries nothing else, and judges it by what you trust: its release by the proof bundle
that it staples, its boot by what its hardware signed, and that both are of this very
connection.

With --memory it also remembers what it has verified, as muster verify bundle does.
--save keeps all that the node showed in a file, which muster verify record judges again
later, here or anywhere.

` + verdictCodes,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			node, err := nodeURL(cmd, args[0])
			if err != nil {
				return err
			}
			transport, err := n.transport(a, cmd)
			if err != nil {
				return err
			}
			attestation, err := transport.Attest(cmd.Context(), node)
			if err != nil {
				return fail(exitcode.Unknown, "node", "", err)
			}
			if save != "" {
				if err := a.saveRecord(attestation, save, force); err != nil {
					return err
				}
			}
			return a.printVerdict(attestation.Verdict, exitOf(attestation.Verdict))
		},
	}
	n.flags(cmd)
	cmd.Flags().StringVar(&save, "save", "", "keep what the node showed in this FILE")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file of --save")
	return cmd
}

// saveRecord keeps what a node showed, with the trust files that it was asked with.
func (a *app) saveRecord(attestation *client.Attestation, path string, force bool) error {
	r, err := attestation.Record()
	if err != nil {
		return fmt.Errorf("the record: %w", err)
	}
	data, err := r.Marshal()
	if err != nil {
		return fmt.Errorf("the record: %w", err)
	}
	if err := writeNew(path, append(data, '\n'), publicMode, force); err != nil {
		return err
	}
	a.say("what the node showed is in %s", path)
	return nil
}
