package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/node/gate"
	"github.com/muster-log/muster/node/images"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/verify"
)

// gating is what gate's flags say.
type gating struct {
	machine
	images    []string
	directory string
	root      string
	memory    bool
}

func (a *app) gateCommand() *cobra.Command {
	var g gating
	cmd := &cobra.Command{
		Use:   "gate [-- COMMAND [ARGUMENT...]]",
		Short: "judge this machine, open the release's images, lock the ledger, and run what the release says",
		Long: "gate judges this machine, writes the release and each of its model, adapter and config images into the ledger, PCR 15, opens the images by the measurements of their logged statements, locks the ledger, and becomes the command that the release's config image names.\n\n" +
			"A command by hand, after --, is for development: it is refused where an image of the release is one of production.\n\n" +
			"Run again after the command has ended, it finds its own ledger locked, opens the images again and runs the command again. Any other ledger needs a reboot.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && cmd.ArgsLenAtDash() != 0 {
				return command.Usage(cmd, fmt.Errorf("got %q, want the command behind --", args[0]))
			}
			return a.gate(cmd, &g, args)
		},
	}
	g.flags(cmd)
	g.maximumFlag(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&g.images, "image", nil, "where an image lies, as KIND/NAME=PATH: a block device, or with --memory a file; once for each image")
	flags.StringVar(&g.directory, "images", "", "a directory that holds the images, or links to them, as KIND/NAME")
	flags.StringVar(&g.root, "root", "/run/muster/images", "below which the images' files are to be, as KIND/NAME")
	flags.BoolVar(&g.memory, "memory", false, "for development: check whole images and copy their files, instead of dm-verity")
	return cmd
}

func (a *app) gate(cmd *cobra.Command, g *gating, byHand []string) error {
	o, device, err := g.open()
	if err != nil {
		return err
	}
	defer device.Close()
	o.Images = map[string]string{}
	for _, text := range g.images {
		name, path, ok := strings.Cut(text, "=")
		if _, twice := o.Images[name]; !ok || path == "" || twice {
			return command.Usage(cmd, fmt.Errorf("--image %s: want KIND/NAME=PATH, each once", text))
		}
		o.Images[name] = path
	}
	o.Directory, o.Root, o.ByHand = g.directory, g.root, len(byHand) > 0
	o.Opener = images.DeviceMapper{}
	if g.memory {
		o.Opener = images.Memory{}
	}
	result, err := gate.Pass(cmd.Context(), o)
	if result != nil {
		if err := a.show(&g.machine, result.Verdict); err != nil {
			return err
		}
	}
	if err != nil {
		return refusal(err)
	}
	if result.Verdict.Result != verify.Pass {
		return command.Verdict(result.Verdict.ExitCode())
	}
	run := result.Command
	if run == nil {
		if run, err = commandByHand(byHand); err != nil {
			return command.Fail(exitcode.Usage, "command", "", err)
		}
	}
	if err := device.Close(); err != nil {
		return err
	}
	return command.Fail(exitcode.Unknown, "command", "", gate.Execute(run))
}

// commandByHand runs as whoever runs the gate, in its environment.
func commandByHand(arguments []string) (*release.Command, error) {
	path, err := exec.LookPath(arguments[0])
	if err != nil {
		return nil, err
	}
	directory, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	c := &release.Command{Path: path, Arguments: arguments[1:], Environment: map[string]string{}, UserID: uint32(os.Geteuid()), GroupID: uint32(os.Getegid()), Directory: directory}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		c.Environment[name] = value
	}
	return c, nil
}
