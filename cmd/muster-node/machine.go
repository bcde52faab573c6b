package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/node"
	"github.com/muster-log/muster/node/gate"
	nodetpm "github.com/muster-log/muster/node/tpm"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/verify"
)

// machine is what the flags of all commands say of this machine and of what it
// trusts. The defaults are where an initrd leaves them: docs/nodes.md.
type machine struct {
	policy, requirements, bundle string
	tpm, eventLog                string
	phases                       int
	maximum                      time.Duration
	verdict, kernelLog           string
}

const defaultMaximum = 30 * 24 * time.Hour

func (m *machine) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&m.policy, "policy", "/run/muster/trust/log.policy", "the trust policy, from the measured initrd")
	flags.StringVar(&m.requirements, "requirements", "/run/muster/trust/requirements.json", "the requirements, from the measured initrd")
	flags.StringVar(&m.bundle, "bundle", "/run/muster/release.muster", "the release's proof bundle, from anywhere")
	flags.StringVar(&m.tpm, "tpm", nodetpm.DefaultAddress, "the TPM: a device, or unix: and the socket of a software TPM")
	flags.StringVar(&m.eventLog, "event-log", nodetpm.DefaultEventLog, "the firmware's event log")
	flags.IntVar(&m.phases, "phases", -1, "how many of the image's boot phases have run; -1: any number")
	flags.StringVar(&m.verdict, "verdict", "/run/muster/verdict.json", "where the verdict is written; empty: nowhere")
	flags.StringVar(&m.kernelLog, "kernel-log", "/dev/kmsg", "the kernel's log, which shows the verdict; empty: nowhere")
}

func (m *machine) maximumFlag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&m.maximum, "maximum-age", defaultMaximum, "how long past its deadline a release, roll or checkpoint is reported and not refused: a machine that boots may have no network and a wrong clock")
}

func (m *machine) places(a *app) node.Places {
	return node.Places{Text: a.ErrOut, Kernel: m.kernelLog, File: m.verdict}
}

// open reads everything and opens the TPM, which the caller closes.
func (m *machine) open() (gate.Options, *nodetpm.TPM, error) {
	var o gate.Options
	policyFile, err := inputfile.Read(m.policy, policy.MaxPolicy)
	if err != nil {
		return o, nil, configuration("policy", err)
	}
	requirementsFile, err := inputfile.Read(m.requirements, verify.MaxRequirements)
	if err != nil {
		return o, nil, configuration("requirements", err)
	}
	if o.Trust, err = verify.ParseTrust(policyFile, requirementsFile); err != nil {
		return o, nil, configuration("trust", err)
	}
	if o.Bundle, err = inputfile.Read(m.bundle, bundle.MaxSize); err != nil {
		return o, nil, command.Fail(exitcode.Unknown, "bundle", "put the release's proof bundle there: muster proof fetches it", err)
	}
	if o.EventLog, err = nodetpm.EventLog(m.eventLog); err != nil {
		return o, nil, command.Fail(exitcode.Unknown, "event-log", "", err)
	}
	tpm, err := nodetpm.Open(m.tpm)
	if err != nil {
		return o, nil, command.Fail(exitcode.Unknown, "tpm", "", err)
	}
	o.Registers, o.Maximum, o.Phases, o.Now = tpm, m.maximum, m.phases, time.Now()
	return o, tpm, nil
}

func configuration(code string, err error) error {
	return command.Fail(exitcode.Usage, code, "it belongs into the measured initrd: docs/nodes.md", err)
}

// show writes a verdict to its places and, under --json, to standard output.
func (a *app) show(m *machine, v *verify.Verdict) error {
	if err := m.places(a).Write(a.Name, v); err != nil {
		// The verdict decides, whether everybody hears of it or not.
		fmt.Fprintf(a.ErrOut, "%s: warning: the verdict is not everywhere: %v\n", a.Name, err)
	}
	if !a.JSON {
		return nil
	}
	data, err := v.Marshal()
	if err != nil {
		return err
	}
	_, err = a.Out.Write(append(data, '\n'))
	return err
}

// refusal is an error of the gate with its exit code.
func refusal(err error) error {
	if _, ok := errors.AsType[*gate.RefusedError](err); ok {
		return command.Verdict(exitcode.Refused) // the verdict says why
	}
	if errors.Is(err, gate.ErrByHand) {
		return command.Fail(exitcode.Usage, "by-hand", "leave the command out, or release images of another mode", err)
	}
	return err
}
