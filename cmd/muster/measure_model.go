package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
)

type measureModelOptions struct {
	image, existing, manifest, list string
	verity                          verityFlags
	salt, symlinks, kind            string
	ignored                         []string
	oms                             omsFlags
	out                             measureOut
}

func (a *app) measureModelCommand() *cobra.Command {
	var o measureModelOptions
	cmd := &cobra.Command{
		Use:   "model DIR [--image FILE | --existing-image FILE]",
		Short: "measure a model's directory, and make its read-only image",
		Long: `Hashes the files of a model as OpenSSF Model Signing does (profile oms/v1), which is
what people compare. --manifest writes the statement that Model Signing signs.

What nodes load in production is a read-only image under dm-verity (verity/v1).
--image makes it: an uncompressed erofs image with its hash tree, the same bytes
whenever names and contents are the same. --existing-image takes one that is there.
Either way all files are read back out of the image and compared with the directory.
Without an image the model is for development: nodes cannot prove what they loaded.

--oms takes what the model's maker signed, a bundle of OpenSSF Model Signing 1.0 or
1.1: its signature is checked, and the directory must hold exactly the files that
were signed, by names and digests.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.measureModel(cmd, args[0], &o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.image, "image", "", "make the image, and write it to this `FILE`")
	flags.StringVar(&o.salt, "salt", "", "with --image: the salt of its hash tree, as hexadecimal digits (default: none)")
	flags.StringVar(&o.existing, "existing-image", "", "the `FILE` of an uncompressed erofs image under dm-verity")
	o.verity.flags(cmd)
	flags.StringVar(&o.manifest, "manifest", "", "write the statement of Model Signing to this `FILE`")
	flags.StringVar(&o.list, "list", "", "write the list of files that oms/v1 names by digest to this `FILE`; needed where it does not fit into an entry")
	flags.StringVar(&o.symlinks, "follow-symlinks", "", "follow symbolic links to files: inside (of DIR) or anywhere")
	flags.Lookup("follow-symlinks").NoOptDefVal = string(measure.SymlinksInside)
	flags.StringArrayVar(&o.ignored, "ignore", nil, "a `PATH` in DIR that is no part of the model, such as .git; may be repeated")
	flags.StringVar(&o.kind, "kind", string(release.KindModel), "what the directory is: model, adapter or config")
	o.oms.flags(cmd)
	o.out.flags(cmd)
	return cmd
}

// check holds the flags to what goes together.
func (o *measureModelOptions) check(cmd *cobra.Command) error {
	switch symlinks := measure.Symlinks(o.symlinks); {
	case symlinks != measure.SymlinksRefused && symlinks != measure.SymlinksInside && symlinks != measure.SymlinksAnywhere:
		return usage(cmd, fmt.Errorf("--follow-symlinks=%s: want inside or anywhere", quote(o.symlinks)))
	case o.image != "" && o.existing != "":
		return usage(cmd, fmt.Errorf("--image beside --existing-image: an image is made or is there"))
	case o.existing == "" && (cmd.Flags().Changed("hash") || cmd.Flags().Changed("hash-offset")):
		return usage(cmd, fmt.Errorf("--hash and --hash-offset are for --existing-image"))
	case o.image == "" && cmd.Flags().Changed("salt"):
		return usage(cmd, fmt.Errorf("--salt is for --image: an existing image has its own"))
	}
	if err := o.oms.check(cmd); err != nil {
		return err
	}
	for _, path := range []string{o.image, o.manifest, o.list, o.out.path} {
		if err := checkFree(path, o.out.force); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) measureModel(cmd *cobra.Command, dir string, o *measureModelOptions) error {
	kind, err := loadedKind(cmd, o.kind)
	if err != nil {
		return err
	}
	if err := o.check(cmd); err != nil {
		return err
	}
	signed, err := a.verifyOMS(&o.oms)
	if err != nil {
		return err
	}
	if o.ignored, err = leftOut(dir, o.ignored, o.oms.bundle, signed); err != nil {
		return err
	}
	options := measure.ModelOptions{Dir: dir, Symlinks: measure.Symlinks(o.symlinks), Ignored: o.ignored, Image: o.image, Replace: o.out.force}
	if signed != nil {
		options.Listed = signed.Resources
	}
	if options.Salt, err = saltFlag(cmd, o.salt); err != nil {
		return err
	}
	if o.existing != "" {
		options.Existing = o.verity.of(o.existing)
	}
	result, err := measure.Model(cmd.Context(), options, a.progress())
	if exists, ok := errors.AsType[*atomicfile.ExistsError](err); ok {
		return errExists(exists.Path)
	}
	if err != nil {
		return measured(err)
	}
	if o.manifest != "" {
		if err := writeNew(o.manifest, result.Manifest, publicMode, o.out.force); err != nil {
			return err
		}
	}
	if signed != nil && result.OMS.Manifest != nil && o.list == "" && o.out.path != "" {
		o.list = o.out.path + manifestExtension
	}
	if o.list != "" {
		if err := writeNew(o.list, result.List, publicMode, o.out.force); err != nil {
			return err
		}
	}
	m := &measurement{kind: kind, artifacts: result.Files, measurements: release.Measurements{OMS: &result.OMS}}
	if result.Image != nil {
		m.artifacts, m.measurements.Verity = result.Image.Artifacts, &result.Image.Measurement
	}
	err = a.printMeasurement(m, release.ModeDebug, o.out, func(p *page) {
		if signed != nil {
			p.signed(signed, o.ignored)
		}
		p.model(result, kind, o)
	})
	if code := release.CodeOf(err); result.Image == nil && (code == release.CodeListSize || code == release.CodeName || code == release.CodePayloadSize) {
		return fail(exitcode.Refused, string(code), "make an image with --image FILE: without one, each file is an artifact", err)
	}
	return err
}

// model writes what a model was measured as, and what was checked of its image.
func (p *page) model(m *measure.ModelResult, kind release.Kind, o *measureModelOptions) {
	p.line("%s, profile %s:", kind, release.ProfileOMS)
	p.field("root", "%s", m.OMS.Root)
	p.field("files", "%d, %d bytes", len(m.Resources), m.Bytes)
	if m.OMS.Manifest != nil {
		p.field("list of files", "%s, too long for an entry", m.OMS.Manifest)
		if o.list == "" {
			p.field("", "keep it beside the log: write it with --list FILE")
		} else {
			p.field("", "written to %s: give it to muster image submit with --manifest", quoteUnprintable(o.list))
		}
	}
	if m.Image == nil {
		p.line("no image: for development only, nodes cannot prove what they loaded; make one with --image FILE")
		return
	}
	p.line("profile %s:", release.ProfileVerity)
	p.verityFields(&m.Image.Measurement)
	p.field("checked", "every file read back out of the image equals that of the directory, and there is no other")
}
