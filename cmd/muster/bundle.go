package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/bundle"
)

func (a *app) bundleCommand() *cobra.Command {
	return group("bundle", "fetch and show proof bundles, which verify judges offline", a.bundleGetCommand(), a.bundleShowCommand())
}

func (a *app) bundleGetCommand() *cobra.Command {
	var source logSource
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "get DIGEST|INDEX --log URL --out FILE" + bundle.Extension,
		Short: "fetch the proof bundle of a release",
		Long: `Fetches the proof bundle of a release, by its payload digest or its index in the log,
and checks that every entry in it is proved. Whether to trust it, muster verify says.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "out"); err != nil {
				return err
			}
			if err := checkFree(out, force); err != nil {
				return err
			}
			if err := checkWhich(cmd, args[0]); err != nil {
				return err
			}
			s, err := a.open(cmd, source)
			if err != nil {
				return err
			}
			defer s.client.Close()
			return a.getBundle(cmd, s, args[0], out, force)
		},
	}
	source.flags(cmd)
	outFlags(cmd, &out, &force)
	return cmd
}

// checkWhich refuses what names no entry before a log is asked.
func checkWhich(cmd *cobra.Command, which string) error {
	if _, err := release.ParseDigest(which); err == nil {
		return nil
	}
	if index, err := strconv.ParseUint(which, 10, 63); err == nil && strconv.FormatUint(index, 10) == which {
		return nil
	}
	return usage(cmd, fmt.Errorf("got %s, want an index such as 3, or a digest of 64 lowercase hexadecimal digits", quote(which)))
}

// getBundle fetches, checks and writes the bundle of an entry, and shows it.
func (a *app) getBundle(cmd *cobra.Command, s *session, which, out string, force bool) error {
	data, err := s.client.Bundle(cmd.Context(), which)
	if err != nil {
		return fmt.Errorf("bundle of %s: %w", which, err)
	}
	b, err := s.checkBundle(cmd.Context(), data)
	if err != nil {
		return fmt.Errorf("bundle of %s: %w", which, err)
	}
	if err := writeNew(out, data, publicMode, force); err != nil {
		return err
	}
	return a.printBundle(b, out)
}

func (a *app) bundleShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE" + bundle.Extension,
		Short: "say what a proof bundle holds; it judges nothing",
		Args:  arguments(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := a.readBeginning(args[0], "bundle", bundle.MaxSize+1)
			if err != nil {
				return err
			}
			b, err := bundle.Parse(data)
			if err != nil {
				return wrongFile(args[0], data, "a proof bundle", fmt.Errorf("bundle %s: %w", args[0], err))
			}
			return a.printBundle(b, args[0])
		},
	}
}

// bundleJSON is how a bundle is shown under --json.
type bundleJSON struct {
	File    string            `json:"file"`
	Origin  string            `json:"origin"`
	Size    uint64            `json:"size"`
	Anchors []uint64          `json:"anchors"`
	Entries []bundleEntryJSON `json:"entries"`
}

type bundleEntryJSON struct {
	Index uint64 `json:"index"`
	// The rest is empty for an entry that cannot be read.
	Type    release.Type   `json:"type,omitempty"`
	Digest  release.Digest `json:"digest"`
	Summary string         `json:"summary"`
}

func (a *app) printBundle(b *bundle.Bundle, path string) error {
	checkpoint, err := tlog.ParseCheckpoint([]byte(b.Checkpoint))
	if err != nil {
		return err
	}
	shown := bundleJSON{File: path, Origin: b.Origin, Size: checkpoint.Size, Anchors: []uint64{}, Entries: []bundleEntryJSON{}}
	for _, anchor := range b.Anchors {
		older, err := tlog.ParseCheckpoint([]byte(anchor.Checkpoint))
		if err != nil {
			return err
		}
		shown.Anchors = append(shown.Anchors, older.Size)
	}
	for _, entry := range b.Entries {
		shown.Entries = append(shown.Entries, summarise(entry))
	}
	return a.print(shown, func(p *page) {
		p.line("proof bundle %s", path)
		p.field("log", "%s at size %d", quote(shown.Origin), shown.Size)
		for i, size := range shown.Anchors {
			p.field(first(i, plural(len(shown.Anchors), "anchor")), "size %d", size)
		}
		for i, entry := range shown.Entries {
			p.field(first(i, "entries"), "%d\t%s\t%s", entry.Index, entry.Digest, entry.Summary)
		}
	})
}

// summarise says in a line what an entry of a bundle states.
func summarise(entry bundle.Entry) bundleEntryJSON {
	shown := bundleEntryJSON{Index: entry.Index, Summary: "cannot be read"}
	doc, err := parseDocument(entry.Envelope)
	if err != nil {
		return shown
	}
	shown.Type, shown.Digest, shown.Summary = doc.statement.Type, doc.digest(), doc.summary()
	return shown
}

// summary is a line about the document.
func (d *document) summary() string {
	switch stated := d.statement.Predicate.(type) {
	case *release.Authority:
		return fmt.Sprintf("authority of %s, version %d", quote(stated.Origin), stated.Version)
	case *release.Image:
		return fmt.Sprintf("image %s/%s %s of %s", stated.Kind, stated.Name, stated.Version, stated.Product)
	case *release.Release:
		return fmt.Sprintf("release %s of %s in %s", stated.Version, stated.Product, stated.Channel)
	case *release.Roll:
		return fmt.Sprintf("roll of %s at size %d", stated.Product, stated.Size)
	case *release.Withdrawal:
		return fmt.Sprintf("withdrawal in %s (%s)", stated.Product, stated.Reason)
	}
	return string(d.statement.Type) + " " + quote(d.statement.URI)
}
