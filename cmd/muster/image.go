package main

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/release"
)

func (a *app) imageCommand() *cobra.Command {
	return a.namingKeys(group("image", "state what an image is, sign that, submit it",
		a.imageCreateCommand(),
		a.signCommand(release.TypeImage),
		a.paeCommand(release.TypeImage),
		a.attachCommand(release.TypeImage),
		a.statusCommand(release.TypeImage),
		a.withManifest(a.submitCommand(release.TypeImage)),
		a.withdrawCommand(release.TypeImage),
		a.showCommand(release.TypeImage),
		a.imageCompareCommand(),
		a.diffCommand(release.TypeImage)))
}

type imageOptions struct {
	source                  authoritySource
	measurement             string
	product, name, version  string
	securityVersion         uint64
	mode                    string
	urls, provenance        []string
	issued, publishBy, note string
	out                     string
	force                   bool
}

func (a *app) imageCreateCommand() *cobra.Command {
	var o imageOptions
	cmd := &cobra.Command{
		Use:   "create --measurement FILE --product NAME --name NAME --version V --security-version N --url URL... --out FILE [--authority FILE | --log URL]",
		Short: "draft the statement of a measured image",
		Long: `Drafts the statement of an image from the measurement of muster measure.

A --url ending in / is where all artifacts are, by their names; one ending in an
artifact's name is that artifact's. --security-version is a number that you raise
when older versions are not to be gone back to.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "measurement", "product", "name", "version", "security-version", "url", "out"); err != nil {
				return err
			}
			if err := checkFree(o.out, o.force); err != nil {
				return err
			}
			if _, err := modeFlag(cmd, o.mode); err != nil {
				return err
			}
			image, authority, err := a.newImage(cmd, &o)
			if err != nil {
				return err
			}
			statement, err := release.NewImage(image)
			if err != nil {
				return flagValue(cmd, err)
			}
			if err := release.CheckImage(image); err != nil {
				return err
			}
			return a.createUnder(authority, statement, o.out, o.force)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.measurement, "measurement", "", "the file of muster measure; - is standard input")
	flags.StringVar(&o.product, "product", "", "the product, such as acme/ai")
	flags.StringVar(&o.name, "name", "", "the image's name, such as node-os")
	flags.StringVar(&o.version, "version", "", "the image's version")
	flags.Uint64Var(&o.securityVersion, "security-version", 0, "a number that does not fall among live releases")
	flags.StringVar(&o.mode, "mode", string(release.ModeProduction), "production, research or debug")
	flags.StringArrayVar(&o.urls, "url", nil, "where the artifacts can be downloaded, https; may be repeated")
	flags.StringVar(&o.publishBy, "publish-by", "", "by when they can be downloaded: RFC 3339, a date, or days such as 7d (default: as late as the authority allows)")
	flags.StringArrayVar(&o.provenance, "provenance", nil, "the SHA-256 of a provenance statement; may be repeated")
	flags.StringVar(&o.issued, "issued", "", "when it is made, RFC 3339 (default: now)")
	flags.StringVar(&o.note, "note", "", "free text for people")
	o.source.flags(cmd, "")
	outFlags(cmd, &o.out, &o.force)
	return cmd
}

// newImage makes the statement of the flags, and returns the authority it is made
// under.
func (a *app) newImage(cmd *cobra.Command, o *imageOptions) (*release.Image, *release.Authority, error) {
	data, err := a.readFile(o.measurement, "measurement", maxMeasurement)
	if err != nil {
		return nil, nil, err
	}
	measured, err := parseMeasurement(data)
	if err != nil {
		return nil, nil, wrongFile(o.measurement, data, "a measurement", fmt.Errorf("%s: %w", o.measurement, err))
	}
	authority, digest, err := a.findAuthority(cmd, &o.source)
	if err != nil {
		return nil, nil, err
	}
	image := &release.Image{
		Authority: digest, Product: o.product, Kind: measured.kind, Name: o.name, Version: o.version, SecurityVersion: o.securityVersion,
		Mode: release.Mode(o.mode), Measurements: measured.measurements, Artifacts: measured.artifacts, Note: o.note,
	}
	if image.Issued, err = a.parseWhen(cmd, "issued", o.issued, a.now()); err != nil {
		return nil, nil, err
	}
	latest := image.Issued.AddDate(0, 0, limitsOf(authority).PublishWithinDays)
	if image.PublishBy, err = a.parseWhen(cmd, "publish-by", o.publishBy, latest); err != nil {
		return nil, nil, err
	}
	for _, text := range o.provenance {
		statement, err := release.ParseDigest(text)
		if err != nil {
			return nil, nil, usage(cmd, fmt.Errorf("--provenance: %w", err))
		}
		image.Provenance = append(image.Provenance, statement)
	}
	if err := assignURLs(image.Artifacts, o.urls); err != nil {
		return nil, nil, usage(cmd, err)
	}
	return image, authority, nil
}

// assignURLs gives each artifact its URLs: below those that end in a slash, and
// those that end in its name.
func assignURLs(artifacts []release.Artifact, urls []string) error {
	for _, text := range urls {
		parsed, err := url.Parse(text)
		if err != nil {
			return fmt.Errorf("--url %s: %w", quote(text), err)
		}
		used := false
		for i := range artifacts {
			name := path.Base(artifacts[i].Name)
			switch {
			case strings.HasSuffix(text, "/"):
				artifacts[i].URLs = append(artifacts[i].URLs, text+url.PathEscape(name))
			case path.Base(parsed.Path) == name:
				artifacts[i].URLs = append(artifacts[i].URLs, text)
			default:
				continue
			}
			used = true
		}
		if !used {
			return fmt.Errorf("--url %s is of no artifact: want one that ends in / or in %s", quote(text), strings.Join(artifactNames(artifacts), " or "))
		}
	}
	for _, artifact := range artifacts {
		if len(artifact.URLs) == 0 {
			return fmt.Errorf("no --url for %s", artifact.Name)
		}
	}
	return nil
}

func artifactNames(artifacts []release.Artifact) []string {
	var names []string
	for _, artifact := range artifacts {
		names = append(names, path.Base(artifact.Name))
	}
	return names
}
