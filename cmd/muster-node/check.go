package main

import (
	"github.com/spf13/cobra"

	"github.com/muster-log/muster/attest"
	"github.com/muster-log/muster/attest/tpm"
	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/node/gate"
	"github.com/muster-log/muster/verify"
)

func (a *app) checkCommand() *cobra.Command {
	var m machine
	cmd := &cobra.Command{
		Use:   "check",
		Short: "check, in the initrd, that this machine has booted a logged release",
		Long:  "check judges this machine by its TPM's registers and the release's proof bundle, before anything of the root file system is used. It needs no network, no right clock and no memory. A refusal is written into the ledger first, so that the machine can show nothing else until it reboots.",
		Args:  command.Arguments(cobra.NoArgs),
		RunE:  func(*cobra.Command, []string) error { return a.check(&m) },
	}
	m.flags(cmd)
	m.maximumFlag(cmd)
	return cmd
}

func (a *app) check(m *machine) error {
	o, device, err := m.open()
	if err != nil {
		return err
	}
	defer device.Close()
	pcrs, err := device.PCRs()
	if err != nil {
		return command.Fail(exitcode.Unknown, "tpm", "", err)
	}
	verdict := gate.Judge(o, pcrs, tpm.LedgerEmpty)
	if verdict.Result == verify.Fail {
		if err := device.ExtendLedger(attest.Refused); err != nil {
			return command.Fail(exitcode.Refused, "tpm", "", err)
		}
	}
	if err := a.show(m, verdict); err != nil {
		return err
	}
	return command.Verdict(verdict.ExitCode())
}
