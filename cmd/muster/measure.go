package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
)

func (a *app) measureCommand() *cobra.Command {
	return group("measure", "take the reference values of images, models, firmware and files",
		a.measureOSCommand(),
		a.measureVerityCommand(),
		a.measureModelCommand(),
		a.measureFirmwareCommand(),
		a.measureFileCommand())
}

// measureOut is where a measurement goes besides the text on standard output.
type measureOut struct {
	path  string
	force bool
}

func (o *measureOut) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.path, "out", "", "write the measurement to this `FILE`, for muster image create")
	cmd.Flags().BoolVar(&o.force, "force", false, "overwrite files that exist")
}

// printMeasurement checks a measurement as the statement of an image of the mode
// would be checked, writes it to the file of --out, and prints it.
func (a *app) printMeasurement(m *measurement, mode release.Mode, out measureOut, text func(*page)) error {
	image := m.placeholder()
	image.Mode = mode
	if err := release.CheckImage(image); err != nil {
		return err
	}
	data, err := m.MarshalJSON()
	if err != nil {
		return err
	}
	if out.path != "" {
		var lines bytes.Buffer
		if err := json.Indent(&lines, data, "", "  "); err != nil {
			return err
		}
		lines.WriteByte('\n')
		if err := writeNew(out.path, lines.Bytes(), publicMode, out.force); err != nil {
			return err
		}
	}
	return a.print(json.RawMessage(data), func(p *page) {
		text(p)
		for _, artifact := range m.artifacts {
			p.field("artifact", "%s  %s  %d bytes", artifact.Digest, quoteUnprintable(artifact.Name), artifact.Size)
		}
		if out.path != "" {
			p.line("\nwritten to %s: draft its statement with muster image create --measurement %s", out.path, out.path)
		} else {
			p.line("\nthe measurement is not written: add --out FILE for muster image create")
		}
	})
}

// verityFields writes verity values.
func (p *page) verityFields(v *release.Verity) {
	salt := v.Salt
	if salt == "" {
		salt = "none"
	}
	p.field("root hash", "%s", v.RootHash)
	p.field("salt", "%s", salt)
	p.field("data", "%d blocks of %d bytes, %s", v.DataBlocks, v.DataBlockSize, v.FileSystem)
	p.field("hash tree", "%s, blocks of %d bytes, from byte %d", v.Algorithm, v.HashBlockSize, v.HashOffset)
}

// quoteUnprintable quotes a name where it is not safe to print.
func quoteUnprintable(name string) string {
	if quoted := fmt.Sprintf("%+q", name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// measured gives an error of package measure its code, hint and exit code. What
// was looked at and refused ends with 1; a file that changed meanwhile says
// nothing, and ends with 3, as does a command that was told to end: all outputs
// come last.
func measured(err error) error {
	if errors.Is(err, context.Canceled) {
		return fail(exitcode.Unknown, "interrupted", "", errInterrupted)
	}
	e, ok := errors.AsType[*measure.Error](err)
	if !ok {
		return err
	}
	exit := exitcode.Refused
	if e.Code == measure.CodeChanged {
		exit = exitcode.Unknown
	}
	return fail(exit, string(e.Code), e.Hint, err)
}

// errInterrupted is a measurement that was told to end.
var errInterrupted = errors.New("interrupted, nothing written")

// verityFlags say where an image and its hash tree are.
type verityFlags struct {
	hash   string
	offset int64
}

func (v *verityFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&v.hash, "hash", "", "the `FILE` of the hash tree, where it is not in the image")
	cmd.Flags().Int64Var(&v.offset, "hash-offset", measure.FindOffset, "where the dm-verity superblock is, in bytes; -1: behind the file system, or first in --hash")
}

func (v *verityFlags) of(image string) measure.VerityOptions {
	return measure.VerityOptions{Image: image, Hash: v.hash, Offset: v.offset}
}

// saltFlag reads a salt in hexadecimal.
func saltFlag(cmd *cobra.Command, text string) ([]byte, error) {
	salt, err := hex.DecodeString(text)
	if err != nil || len(salt) > 256 {
		return nil, usage(cmd, fmt.Errorf("--salt %s: want up to 256 bytes as hexadecimal digits", quote(text)))
	}
	return salt, nil
}

// modeFlag reads a mode.
func modeFlag(cmd *cobra.Command, text string) (release.Mode, error) {
	switch mode := release.Mode(text); mode {
	case release.ModeProduction, release.ModeResearch, release.ModeDebug:
		return mode, nil
	}
	return "", usage(cmd, fmt.Errorf("--mode %s: want production, research or debug", quote(text)))
}

// loadedKind reads the kind of an image that is loaded after boot.
func loadedKind(cmd *cobra.Command, text string) (release.Kind, error) {
	switch kind := release.Kind(text); kind {
	case release.KindModel, release.KindAdapter, release.KindConfig:
		return kind, nil
	}
	return "", usage(cmd, fmt.Errorf("--kind %s: want model, adapter or config", quote(text)))
}

// splitPhases takes colon-separated boot phases apart; empty: none.
func splitPhases(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ":")
}
