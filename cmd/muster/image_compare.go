package main

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/measure"
)

type imageCompareOptions struct {
	source   logSource
	manifest string
	symlinks string
	ignored  []string
}

func (a *app) imageCompareCommand() *cobra.Command {
	var o imageCompareOptions
	cmd := &cobra.Command{
		Use:   "compare FILE|DIGEST|INDEX DIR [--manifest FILE | --log URL]",
		Short: "compare a model's directory with the list of files that an image states",
		Long: `Hashes the files of a directory and compares them with those that the image of a
model states (oms/v1), by names and digests: the root does not cover names.

The image is a file, or one at a log, by its payload digest or its index. Where it states the
digest of its list alone, the list comes from --manifest, or from the log that keeps
it. Whether an image is logged and live, muster verify says.`,
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.imageCompare(cmd, args[0], args[1], &o) },
	}
	flags := cmd.Flags()
	o.source.flags(cmd)
	flags.StringVar(&o.manifest, "manifest", "", "the list of files that the image names by digest, a `FILE`")
	flags.StringVar(&o.symlinks, "follow-symlinks", "", "follow symbolic links to files: inside (of DIR) or anywhere")
	flags.Lookup("follow-symlinks").NoOptDefVal = string(measure.SymlinksInside)
	flags.StringArrayVar(&o.ignored, "ignore", nil, "a `PATH` in DIR that is no part of the model, such as .git; may be repeated")
	return cmd
}

// comparedModel is what image compare prints.
type comparedModel struct {
	Image    release.Digest  `json:"image"` // its payload digest
	Root     release.Digest  `json:"root"`
	Manifest *release.Digest `json:"manifest,omitempty"`
	Files    int             `json:"files"`
	Bytes    int64           `json:"bytes"`
}

func (a *app) imageCompare(cmd *cobra.Command, which, dir string, o *imageCompareOptions) error {
	symlinks, err := symlinksFlag(cmd, o.symlinks)
	if err != nil {
		return err
	}
	digest, image, err := a.findImage(cmd, which, o)
	if err != nil {
		return err
	}
	stated := image.Measurements.OMS
	if stated == nil {
		return fail(exitcode.Refused, string(release.CodeProfileMissing), "compare the image itself, which muster measure verity reads",
			fmt.Errorf("image %s of kind %s states no list of files (%s)", quote(image.Name+" "+image.Version), image.Kind, release.ProfileOMS))
	}
	listed, err := a.listOf(cmd, stated, o)
	if err != nil {
		return err
	}
	found, err := measure.Model(cmd.Context(), measure.ModelOptions{Dir: dir, Symlinks: symlinks, Ignored: o.ignored, Listed: listed}, a.progress())
	if err != nil {
		return measured(err)
	}
	return a.print(comparedModel{digest, stated.Root, stated.Manifest, len(found.Resources), found.Bytes}, func(p *page) {
		p.line("the files of %s are those that the image states, by name and SHA-256", quoteUnprintable(dir))
		p.field("image", "%s %s %s of %s", image.Kind, image.Name, image.Version, image.Product)
		p.field("digest", "%s", digest)
		p.field("root", "%s", stated.Root)
		p.field("files", "%d, %d bytes", len(found.Resources), found.Bytes)
	})
}

// symlinksFlag reads which symbolic links are followed.
func symlinksFlag(cmd *cobra.Command, text string) (measure.Symlinks, error) {
	switch symlinks := measure.Symlinks(text); symlinks {
	case measure.SymlinksRefused, measure.SymlinksInside, measure.SymlinksAnywhere:
		return symlinks, nil
	}
	return "", usage(cmd, fmt.Errorf("--follow-symlinks=%s: want inside or anywhere", quote(text)))
}

// findImage reads an image from a file, or from a log by its payload digest or its index.
func (a *app) findImage(cmd *cobra.Command, which string, o *imageCompareOptions) (release.Digest, *release.Image, error) {
	digest, err := release.ParseDigest(which)
	index, notIndex := strconv.ParseUint(which, 10, 53)
	byIndex := err != nil && notIndex == nil && (o.source.url != "" || o.source.policy != "")
	if err != nil && notIndex == nil && !byIndex {
		return digest, nil, usage(cmd, fmt.Errorf("%s: an index needs --log", which))
	}
	if err != nil && !byIndex {
		doc, err := a.readDocument(which, release.TypeImage)
		if err != nil {
			return release.Digest{}, nil, err
		}
		return doc.digest(), doc.statement.Predicate.(*release.Image), nil
	}
	s, err := a.open(cmd, o.source)
	if err != nil {
		return release.Digest{}, nil, err
	}
	defer s.client.Close()
	entry, err := s.client.Entry(cmd.Context(), which)
	if err != nil {
		return release.Digest{}, nil, fmt.Errorf("image %s: %w", which, err)
	}
	doc, err := parseDocument(entry)
	if err != nil {
		return release.Digest{}, nil, fmt.Errorf("image %s: %w", which, err)
	}
	image, ok := doc.statement.Predicate.(*release.Image)
	if byIndex && !ok {
		return digest, nil, fail(exitcode.Usage, "entry-of-other-type", "give the index of an image: muster release show says those of a release", fmt.Errorf("entry %d is %s: want an image", index, article(doc.statement.Type)))
	}
	if byIndex {
		return doc.digest(), image, nil
	}
	if got := doc.digest(); got != digest || !ok {
		return release.Digest{}, nil, fail(exitcode.Refused, "entry-of-other-payload", "give the payload digest of an image", fmt.Errorf("the log answered with entry %s of type %s, want image %s", got, doc.statement.Type, digest))
	}
	return digest, image, nil
}

// listOf returns the files that an image states, from its statement or from the
// manifest that it names.
func (a *app) listOf(cmd *cobra.Command, stated *release.OMS, o *imageCompareOptions) ([]release.Resource, error) {
	if stated.Manifest == nil {
		if root := release.OMSRoot(stated.Resources); root != stated.Root {
			return nil, fail(exitcode.Refused, string(release.CodeManifestRoot), "", fmt.Errorf("the image states root %s, and files of root %s", stated.Root, root))
		}
		return stated.Resources, nil
	}
	var data []byte
	var err error
	switch {
	case o.manifest != "":
		data, err = a.readFile(o.manifest, "manifest", release.MaxOMSManifest)
	case o.source.url == "" && o.source.policy == "":
		return nil, usage(cmd, fmt.Errorf("the image names its files by manifest %s: give that list with --manifest, or the log that keeps it with --log", stated.Manifest))
	default:
		data, err = a.manifestFromLog(cmd, *stated.Manifest, o.source)
	}
	if err != nil {
		return nil, err
	}
	return checkManifest(data, stated)
}

func (a *app) manifestFromLog(cmd *cobra.Command, digest release.Digest, source logSource) ([]byte, error) {
	s, err := a.open(cmd, source)
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	data, err := s.client.Manifest(cmd.Context(), digest)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", digest, err)
	}
	return data, nil
}

// checkManifest holds a list of files to what an image states of it.
func checkManifest(data []byte, stated *release.OMS) ([]release.Resource, error) {
	if got := release.Digest(sha256.Sum256(data)); got != *stated.Manifest {
		return nil, fail(exitcode.Refused, "manifest-digest", "give the file that muster measure model --list wrote, byte for byte", fmt.Errorf("manifest has SHA-256 %s, the image names %s", got, stated.Manifest))
	}
	root, resources, err := release.ParseOMSManifest(data)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if root != stated.Root {
		return nil, fail(exitcode.Refused, string(release.CodeManifestRoot), "", fmt.Errorf("manifest of root %s, the image states %s", root, stated.Root))
	}
	return resources, nil
}
