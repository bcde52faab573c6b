package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
)

type measureOSOptions struct {
	uki, root, phases, mode string
	verity                  verityFlags
	out                     measureOut
}

func (a *app) measureOSCommand() *cobra.Command {
	var o measureOSOptions
	cmd := &cobra.Command{
		Use:   "os --uki FILE --root IMAGE",
		Short: "measure a unified kernel image and its root file system",
		Long: `Takes the reference values of profile tpm2-uki/v1: what firmware and systemd-stub
measure of a unified kernel image, and the verity values of its root file system,
computed from all its data. Measure the image as it will lie on the boot partition;
a signature for Secure Boot does not change the values.

In mode production the command line must hold what closes the ways around the
measured system; in research and debug that is reported only.

--phases are the words that systemd-pcrphase extends PCR 11 by before the node
serves, joined by colons. None is right where its units are masked or libtss2 is
missing; sysinit:ready where they run in the root file system alone;
enter-initrd:leave-initrd:sysinit:ready where they run in the initrd, too. A wrong
list makes every node fail, never a wrong one pass.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "uki", "root"); err != nil {
				return err
			}
			return a.measureOS(cmd, &o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.uki, "uki", "", "the unified kernel image, an EFI program")
	flags.StringVar(&o.root, "root", "", "the image of the root file system under dm-verity")
	o.verity.flags(cmd)
	flags.StringVar(&o.phases, "phases", "", "the boot phases measured into PCR 11 before the node serves (default: none)")
	flags.StringVar(&o.mode, "mode", string(release.ModeProduction), "production, research or debug")
	o.out.flags(cmd)
	return cmd
}

func (a *app) measureOS(cmd *cobra.Command, o *measureOSOptions) error {
	mode, err := modeFlag(cmd, o.mode)
	if err != nil {
		return err
	}
	if err := checkFree(o.out.path, o.out.force); err != nil {
		return err
	}
	result, err := measure.OS(cmd.Context(), measure.OSOptions{
		UKI: o.uki, Root: o.verity.of(o.root), Phases: splitPhases(o.phases), Mode: mode,
	}, a.progress())
	if err != nil {
		return explainCmdline(measured(err))
	}
	m := &result.Measurement
	taken := &measurement{kind: release.KindOS, artifacts: result.Artifacts, measurements: release.Measurements{TPM2UKI: m}}
	return a.printMeasurement(taken, mode, o.out, func(p *page) {
		p.line("os, profile %s:", release.ProfileTPM2UKI)
		p.field("stub", "%s", m.Stub)
		p.field("authenticode", "%s", m.Authenticode)
		p.field("of the kernel", "%s, measured %s", m.KernelAuthenticode, strings.ReplaceAll(m.KernelMeasured, "-", " "))
		for _, section := range m.Sections {
			p.field(section.Name, "%s", section.Digest)
		}
		phases := "none"
		if len(m.Phases) > 0 {
			phases = strings.Join(m.Phases, ":")
		}
		p.field("phases", "%s", phases)
		p.field("PCR 11", "%s, computed", measure.PCR11(m.Sections, m.Phases))
		p.verityFields(&m.Root)
		p.field("command line", "%s", m.Cmdline)
		if result.Cmdline == nil {
			p.field("", "passes the rules of mode production, version %d", m.CmdlineRules)
		} else {
			p.field("", "would be refused in mode production: %s", oneLine(result.Cmdline.Error()))
		}
		if result.Unaligned {
			p.line("note: sign the unified kernel image first: signing pads it to 8 bytes, which changes its authenticode digest")
		}
	})
}

// explainCmdline adds what to do about a command line that production refuses.
func explainCmdline(err error) error {
	refusal, ok := errors.AsType[*release.Refusal](err)
	if !ok {
		return err
	}
	hint := ""
	switch refusal.Code {
	case release.CodeCmdlineRequired, release.CodeCmdlineForbidden, release.CodeCmdlineQuote, release.CodeCmdlineLength:
		hint = "correct the command line and join the image again, or measure it with --mode research, which no production channel takes"
	case release.CodeCmdlineRoot, release.CodeRootHash:
		hint = "join the image again with roothash= of this root file system: muster measure verity prints it"
	default:
		return err
	}
	return fail(exitcode.Refused, string(refusal.Code), hint, err)
}
