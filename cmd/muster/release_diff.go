package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/compare"
	"github.com/muster-log/muster/tlog/bundle"
)

type diffOptions struct {
	source    logSource
	manifests []string
	lists     map[release.Digest][]byte // of manifests, by their digests
}

// diffCommand makes the verb diff of releases or images.
func (a *app) diffCommand(what release.Type) *cobra.Command {
	var o diffOptions
	bundles := "FILE.json|FILE" + bundle.Extension + "|DIGEST|INDEX"
	cmd := &cobra.Command{
		Use:   "diff A B [--log URL] [--policy FILE] [--manifest FILE]...",
		Short: fmt.Sprintf("say what differs between two %ss", what),
		Long: fmt.Sprintf(`Compares two %ss, each one of %s:
a draft or entry in a file, a proof bundle, or an entry of the log of --log. What
differs is marked + (only in B), - (only in A) or ~ (in both, and not the same):
versions, modes, dates, notes and who signed; artifacts; sections and command line of
a unified kernel image; values of file systems; files of a model.

Files are taken as they are. Of bundles and entries the inclusion proofs and
signatures are checked, and with --policy the log's checkpoint.

A list of files that is kept beside the log is fetched from there, or read from
--manifest. Exit code 0 either way; --json says equal.`, what, bundles),
		Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.readManifests(&o); err != nil {
				return err
			}
			if what == release.TypeImage {
				return a.diffImages(cmd, args, &o)
			}
			return a.diffReleases(cmd, args, &o)
		},
	}
	o.source.flags(cmd)
	cmd.Flags().StringArrayVar(&o.manifests, "manifest", nil, "a `FILE` with the list of a model's files that its statement names by digest; may be repeated")
	return cmd
}

// readManifests reads the lists of --manifest.
func (a *app) readManifests(o *diffOptions) error {
	o.lists = map[release.Digest][]byte{}
	for _, path := range o.manifests {
		data, err := a.readFile(path, "manifest", release.MaxOMSManifest)
		if err != nil {
			return err
		}
		if _, _, err := release.ParseOMSManifest(data); err != nil {
			return wrongFile(path, data, "a list of files", fmt.Errorf("manifest %s: %w", path, err))
		}
		o.lists[sha256.Sum256(data)] = data
	}
	return nil
}

// sideJSON says what one of the two is.
type sideJSON struct {
	What    string         `json:"what"`
	Digest  release.Digest `json:"digest"`
	Summary string         `json:"summary"`
	Origin  string         `json:"origin,omitempty"`
	Index   *uint64        `json:"index,omitempty"`
	// Proved: none (a file as it is), included, or policy (included under a
	// checkpoint that meets --policy).
	Proved string `json:"proved"`
}

// How a side of a comparison is proved.
const (
	provedNone     = "none"
	provedIncluded = "included"
	provedPolicy   = "policy"
)

// side is one of the two, of a release or an image.
type side struct {
	shown  sideJSON
	signed compare.Signed
	stated *release.Statement
	images []loggedStatement // of a bundle of a release
}

// side reads what an argument names; it must be of the type.
func (a *app) side(cmd *cobra.Command, which string, what release.Type, o *diffOptions) (*side, error) {
	noLog, isEntry := o.source.url == "" && o.source.policy == "", checkWhich(cmd, which) == nil
	if !strings.HasSuffix(which, bundle.Extension) && (noLog || !isEntry) {
		doc, err := a.readDocument(which, what)
		if errors.Is(err, fs.ErrNotExist) && isEntry {
			return nil, usage(cmd, fmt.Errorf("%s is no file: an entry of a log needs --log or --policy", quote(which)))
		}
		if err != nil {
			return nil, err
		}
		return &side{sideJSON{What: which, Digest: doc.digest(), Summary: doc.summary(), Proved: provedNone}, compare.Signed{Digest: doc.digest(), Signers: doc.signers()}, doc.statement, nil}, nil
	}
	source := o.source
	if strings.HasSuffix(which, bundle.Extension) {
		source.url = ""
	}
	s, data, err := a.bundleData(cmd, which, source)
	if err != nil {
		return nil, err
	}
	b, err := s.checkBundle(cmd.Context(), data)
	if err != nil {
		return nil, fmt.Errorf("bundle of %s: %w", which, err)
	}
	logged, err := readLogged(b)
	if err != nil {
		return nil, err
	}
	return logged.side(which, what, s)
}

// side finds the release or the image that a bundle is of.
func (l *loggedBundle) side(which string, what release.Type, s *session) (*side, error) {
	var found *loggedStatement
	var images []loggedStatement
	var err error
	switch {
	case what == release.TypeRelease:
		if found, images, err = l.release(); err != nil {
			return nil, err
		}
	case len(l.images) == 1 && len(l.releases) == 0:
		found = &l.images[0]
	default:
		return nil, fail(exitcode.Usage, "wrong-file", "name the image by its own index or digest, or by its file", fmt.Errorf("%s is no bundle of one image", which))
	}
	if s.client != nil {
		if err := found.answers(which); err != nil {
			return nil, err
		}
	}
	proved := provedIncluded
	if s.pinned {
		proved = provedPolicy
	}
	doc := document{statement: found.statement}
	return &side{sideJSON{which, found.digest, doc.summary(), l.origin, &found.index, proved}, found.signed(), found.statement, images}, nil
}

func (l *loggedStatement) signed() compare.Signed {
	return compare.Signed{Digest: l.digest, Signers: l.signers, Authority: l.version}
}

func (a *app) diffImages(cmd *cobra.Command, args []string, o *diffOptions) error {
	var sides [2]*side
	var images [2]*compare.Image
	for i, which := range args {
		var err error
		if sides[i], err = a.side(cmd, which, release.TypeImage, o); err != nil {
			return err
		}
		if images[i], err = a.comparedImage(cmd, sides[i].signed, sides[i].stated, o); err != nil {
			return err
		}
	}
	return a.printDiff(sides, compare.Images(images[0], images[1]), nil)
}

func (a *app) diffReleases(cmd *cobra.Command, args []string, o *diffOptions) error {
	var sides [2]*side
	var releases [2]*compare.Release
	for i, which := range args {
		var err error
		if sides[i], err = a.side(cmd, which, release.TypeRelease, o); err != nil {
			return err
		}
		s := sides[i]
		releases[i] = &compare.Release{Signed: s.signed, Statement: s.stated.Predicate.(*release.Release), Images: map[release.Digest]*compare.Image{}}
		for _, image := range s.images {
			if releases[i].Images[image.digest], err = a.comparedImage(cmd, image.signed(), image.statement, o); err != nil {
				return err
			}
		}
	}
	// Of a release in a file, --images and the other side may know the images.
	for i, r := range releases {
		for _, digest := range r.Statement.Images {
			if r.Images[digest] != nil {
				continue
			}
			if image := releases[1-i].Images[digest]; image != nil {
				r.Images[digest] = image
			} else if doc := a.images[digest]; doc != nil {
				var err error
				if r.Images[digest], err = a.comparedImage(cmd, compare.Signed{Digest: digest, Signers: doc.signers()}, doc.statement, o); err != nil {
					return err
				}
			}
		}
	}
	same := compare.SameIdentity(releases[0], releases[1])
	return a.printDiff(sides, compare.Releases(releases[0], releases[1]), &same)
}

// comparedImage adds the list of a model's files where it is kept beside the log
// and can be had.
func (a *app) comparedImage(cmd *cobra.Command, signed compare.Signed, statement *release.Statement, o *diffOptions) (*compare.Image, error) {
	image := &compare.Image{Signed: signed, Statement: statement.Predicate.(*release.Image)}
	oms := image.Statement.Measurements.OMS
	if oms == nil || oms.Manifest == nil {
		return image, nil
	}
	data, known := o.lists[*oms.Manifest]
	if !known {
		var err error
		if data, err = a.listBeside(cmd, *oms.Manifest, o.source); data == nil || err != nil {
			return image, err
		}
	}
	root, files, err := release.ParseOMSManifest(data)
	if err != nil {
		return nil, fmt.Errorf("list of files %s: %w", oms.Manifest, err)
	}
	if root != oms.Root {
		return nil, fail(exitcode.Refused, string(release.CodeManifestRoot), "", fmt.Errorf("list of files %s has root %s, image %s states %s", oms.Manifest, root, signed.Digest, oms.Root))
	}
	image.Files = files
	return image, nil
}

// listBeside asks the log of the call for a list of files. A log that does not keep
// it, or a call without a log, is no error: the comparison names what it lacks.
func (a *app) listBeside(cmd *cobra.Command, digest release.Digest, source logSource) ([]byte, error) {
	if source.url == "" && source.policy == "" {
		return nil, nil
	}
	s, err := a.open(cmd, source)
	if err != nil {
		if source.url == "" {
			return nil, nil // the policy does not say where the log is
		}
		return nil, err
	}
	defer s.client.Close()
	data, err := s.client.Manifest(cmd.Context(), digest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list of files %s: %w", digest, err)
	}
	return data, nil
}

// diffJSON is what diff prints.
type diffJSON struct {
	A     sideJSON `json:"a"`
	B     sideJSON `json:"b"`
	Equal bool     `json:"equal"`
	// SameIdentity stands for releases.
	SameIdentity *bool            `json:"sameIdentity,omitempty"`
	Differences  []differenceJSON `json:"differences"`
	Missing      []string         `json:"missing"`
}

type differenceJSON struct {
	Group  compare.Group `json:"group"`
	Image  string        `json:"image,omitempty"`
	What   string        `json:"what"`
	Mark   compare.Mark  `json:"mark"`
	Before string        `json:"before,omitempty"`
	After  string        `json:"after,omitempty"`
}

func (a *app) printDiff(sides [2]*side, c *compare.Comparison, same *bool) error {
	shown := diffJSON{A: sides[0].shown, B: sides[1].shown, Equal: c.Equal() && len(c.Missing) == 0, SameIdentity: same,
		Differences: []differenceJSON{}, Missing: append([]string{}, c.Missing...)}
	for _, d := range c.Differences {
		shown.Differences = append(shown.Differences, differenceJSON(d))
	}
	return a.print(shown, func(p *page) { p.diff(&shown) })
}

// marks are how differences begin.
var marks = map[compare.Mark]string{compare.Added: "+", compare.Removed: "-", compare.Changed: "~"}

// maxShownGroup bounds how many differences of a group are shown to people.
const maxShownGroup = 60

// diff writes a comparison by groups.
func (p *page) diff(d *diffJSON) {
	for i, s := range []sideJSON{d.A, d.B} {
		p.field([]string{"A", "B"}[i], "%s", s.Summary)
		p.field("", "%s", s.Digest)
		p.field("", "%s", s.basis())
	}
	switch {
	case d.SameIdentity == nil:
	case *d.SameIdentity:
		p.line("one identity: nodes that run A run B, and need not reboot")
	default:
		p.line("two identities: nodes reboot from A to B")
	}
	at := ""
	inGroup := 0
	for _, difference := range d.Differences {
		heading := string(difference.Group)
		if difference.Image != "" {
			heading = difference.Image
			if difference.Group != compare.GroupImage {
				heading += ", " + string(difference.Group)
			}
		}
		if heading != at {
			at, inGroup = heading, 0
			p.line("%s", heading)
		}
		if inGroup++; inGroup > maxShownGroup {
			if inGroup == maxShownGroup+1 {
				p.line("  and more: --json lists all")
			}
			continue
		}
		p.line("  %s %s", marks[difference.Mark], p.difference(difference))
	}
	if len(d.Differences) == 0 {
		p.line("no difference")
	}
	for _, missing := range d.Missing {
		p.line("not compared: %s", missing)
	}
}

// difference is one line. Command lines and names of files are other people's text.
func (p *page) difference(d differenceJSON) string {
	before, after := p.value(d, d.Before), p.value(d, d.After)
	what := quoteUnprintable(d.What)
	switch {
	case d.Mark == compare.Changed && d.Before == "":
		before = "none"
	case d.Mark == compare.Changed && d.After == "":
		after = "none"
	}
	if d.Mark == compare.Changed {
		return what + ": " + before + " -> " + after
	}
	if what == "word" {
		return before + after
	}
	return strings.TrimSpace(what + " " + before + after)
}

// value is a value as people read it: a key by its name, a note quoted.
func (p *page) value(d differenceJSON, text string) string {
	if d.What == "signed by" {
		if key, err := release.ParseDigest(text); err == nil {
			return p.names.of(key)
		}
	}
	if text != "" && (d.What == "note" || d.What == "spaces") {
		return quoteWhole(text)
	}
	return quoteUnprintable(text)
}

// basis says what a side is taken from, and what that proves.
func (s *sideJSON) basis() string {
	switch s.Proved {
	case provedPolicy:
		return fmt.Sprintf("entry %d of %s, proved with your policy", *s.Index, quote(s.Origin))
	case provedIncluded:
		return fmt.Sprintf("entry %d of %s, its checkpoint not verified: give --policy", *s.Index, quote(s.Origin))
	}
	return "the file as it is: whether it is logged is not known"
}
