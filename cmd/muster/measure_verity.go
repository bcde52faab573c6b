package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
)

type measureVerityOptions struct {
	verity           verityFlags
	format           bool
	salt, uuid, kind string
	out              measureOut
}

func (a *app) measureVerityCommand() *cobra.Command {
	var o measureVerityOptions
	cmd := &cobra.Command{
		Use:   "verity IMAGE",
		Short: "measure an image under dm-verity, or make its hash tree",
		Long: `Takes the verity values of a read-only image. The root hash is computed from all
data, and the stored hash tree must be theirs: of the superblock only sizes and salt
are taken.

With --format the image, a bare file system, first gets its superblock and hash tree,
the same bytes that veritysetup format makes with the same salt and UUID. They are
appended to the image, or written to the new file of --hash.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.measureVerity(cmd, args[0], &o) },
	}
	flags := cmd.Flags()
	o.verity.flags(cmd)
	flags.BoolVar(&o.format, "format", false, "make superblock and hash tree first")
	flags.StringVar(&o.salt, "salt", "", "with --format: the salt, as hexadecimal digits (default: none)")
	flags.StringVar(&o.uuid, "uuid", "", "with --format: the UUID of the superblock, which nothing measures (default: from the root hash)")
	flags.StringVar(&o.kind, "kind", string(release.KindModel), "what the image is: model, adapter or config")
	o.out.flags(cmd)
	return cmd
}

func (a *app) measureVerity(cmd *cobra.Command, image string, o *measureVerityOptions) error {
	kind, err := loadedKind(cmd, o.kind)
	if err != nil {
		return err
	}
	if err := checkFree(o.out.path, o.out.force); err != nil {
		return err
	}
	if o.format {
		if err := a.formatVerity(cmd, image, o); err != nil {
			return err
		}
	} else if cmd.Flags().Changed("salt") || cmd.Flags().Changed("uuid") {
		return usage(cmd, fmt.Errorf("--salt and --uuid are for --format: an image has its own"))
	}
	result, err := measure.Verity(cmd.Context(), o.verity.of(image), a.progress())
	if o.format && errors.Is(err, context.Canceled) {
		return fail(exitcode.Unknown, "interrupted", "measure it again without --format", fmt.Errorf("interrupted: the hash tree is written, the measurement is not"))
	}
	if err != nil {
		return measured(err)
	}
	m := &measurement{kind: kind, artifacts: result.Artifacts, measurements: release.Measurements{Verity: &result.Measurement}}
	return a.printMeasurement(m, release.ModeDebug, o.out, func(p *page) {
		p.line("%s, profile %s:", kind, release.ProfileVerity)
		p.verityFields(&result.Measurement)
		p.field("UUID", "%s, not measured", result.UUID)
	})
}

func (a *app) formatVerity(cmd *cobra.Command, image string, o *measureVerityOptions) error {
	options := measure.FormatOptions{Image: image, Hash: o.verity.hash}
	if o.verity.offset != measure.FindOffset {
		return usage(cmd, fmt.Errorf("--hash-offset beside --format: the hash tree goes behind the file system"))
	}
	var err error
	if options.Salt, err = saltFlag(cmd, o.salt); err != nil {
		return err
	}
	if o.uuid != "" {
		uuid, err := hex.DecodeString(strings.ReplaceAll(o.uuid, "-", ""))
		if err != nil || len(uuid) != 16 {
			return usage(cmd, fmt.Errorf("--uuid %s: want 32 hexadecimal digits", quote(o.uuid)))
		}
		options.UUID = (*[16]byte)(uuid)
	}
	_, err = measure.FormatVerity(cmd.Context(), options, a.progress())
	return measured(err)
}
