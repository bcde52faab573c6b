package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
)

func (a *app) releaseCommand() *cobra.Command {
	return a.namingImages(a.namingKeys(group("release", "approve a combination of images, sign that, submit it",
		a.releaseCreateCommand(),
		a.releaseRenewCommand(),
		a.signCommand(release.TypeRelease),
		a.paeCommand(release.TypeRelease),
		a.attachCommand(release.TypeRelease),
		a.statusCommand(release.TypeRelease),
		a.submitCommand(release.TypeRelease),
		a.withdrawCommand(release.TypeRelease),
		a.showCommand(release.TypeRelease),
		a.releaseListCommand(),
		a.diffCommand(release.TypeRelease),
		a.releaseDownloadCommand())))
}

type releaseOptions struct {
	source                    authoritySource
	product, channel, version string
	images, reinstates        []string
	issued, notAfter, note    string
	out                       string
	force                     bool
}

func (a *app) releaseCreateCommand() *cobra.Command {
	var o releaseOptions
	cmd := &cobra.Command{
		Use:   "create --product NAME --channel NAME --version V --image DIGEST|FILE... --out FILE [--authority FILE | --log URL]",
		Short: "draft a release of logged images",
		Long: `Drafts a release: images, by the payload digests under which they are logged or by
their files, approved for a channel until a date. With --log the log is replayed, and
the draft held to all that is in it; what must be reinstated is said. A release that
only renews another: muster release renew.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "product", "channel", "version", "image", "out"); err != nil {
				return err
			}
			if err := checkFree(o.out, o.force); err != nil {
				return err
			}
			var h *history
			var authority *release.Authority
			var digest release.Digest
			var err error
			if o.source.authority == "" {
				h, authority, digest, err = a.replayFor(cmd, o.source.log)
			} else {
				authority, digest, err = a.findAuthority(cmd, &o.source)
			}
			if err != nil {
				return err
			}
			stated, err := a.newRelease(cmd, &o, h, authority, digest)
			if err != nil {
				return err
			}
			statement, err := release.NewRelease(stated)
			if err != nil {
				return flagValue(cmd, err)
			}
			if h != nil {
				return a.createInLog(h, authority, statement, o.out, o.force)
			}
			return a.createUnder(authority, statement, o.out, o.force)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.product, "product", "", "the product, such as acme/ai")
	flags.StringVar(&o.channel, "channel", "", "the channel, such as stable")
	flags.StringVar(&o.version, "version", "", "the release's version")
	flags.StringArrayVar(&o.images, "image", nil, "an image: its payload digest, or its file; may be repeated")
	flags.StringArrayVar(&o.reinstates, "reinstates", nil, "the payload `DIGEST` of a withdrawal that this release lifts, or with --log its index; may be repeated")
	flags.StringVar(&o.issued, "issued", "", "when it is made, RFC 3339 (default: now)")
	flags.StringVar(&o.notAfter, "not-after", "", "until when it holds: RFC 3339, a date, or days such as 30d (default: as long as the authority allows)")
	flags.StringVar(&o.note, "note", "", "free text for people")
	o.source.flags(cmd, "")
	outFlags(cmd, &o.out, &o.force)
	return cmd
}

// newRelease makes the statement of the flags, under an authority; h is nil where the log
// was not read.
func (a *app) newRelease(cmd *cobra.Command, o *releaseOptions, h *history, authority *release.Authority, digest release.Digest) (*release.Release, error) {
	stated := &release.Release{Authority: digest, Product: o.product, Channel: o.channel, Version: o.version, Note: o.note}
	var err error
	if stated.Issued, err = a.parseWhen(cmd, "issued", o.issued, a.now()); err != nil {
		return nil, err
	}
	longest := stated.Issued.AddDate(0, 0, limitsOf(authority).ReleaseDays)
	if stated.NotAfter, err = a.parseWhen(cmd, "not-after", o.notAfter, longest); err != nil {
		return nil, err
	}
	for _, text := range o.images {
		image, err := a.imageDigest(text, o.product)
		if err != nil {
			return nil, fmt.Errorf("--image: %w", err)
		}
		stated.Images = append(stated.Images, image)
	}
	if stated.Reinstates, err = parseReinstates(cmd, h, o.reinstates); err != nil {
		return nil, err
	}
	return stated, nil
}

// limitsOf are the authority's limits, or those of a new one where only its
// digest is known.
func limitsOf(authority *release.Authority) release.Limits {
	if authority == nil {
		return release.Limits{PublishWithinDays: defaultPublishDays, ReleaseDays: defaultReleaseDays}
	}
	return authority.Limits
}

// imageDigest finds the payload digest of an image by digest or file; what a file
// says of it is known from then on.
func (a *app) imageDigest(text, product string) (release.Digest, error) {
	if digest, err := release.ParseDigest(text); err == nil {
		return digest, nil
	}
	doc, err := a.readDocument(text, release.TypeImage)
	if errors.Is(err, fs.ErrNotExist) {
		return release.Digest{}, fail(exitcode.Usage, "no-such-file", "", fmt.Errorf("%s: no such file, and no digest of 64 digits", quote(text)))
	}
	if err != nil {
		return release.Digest{}, err
	}
	if got := doc.statement.Product(); got != product {
		return release.Digest{}, fail(exitcode.Usage, "image-of-other-product", "a release names images of its own product",
			fmt.Errorf("%s is an image of %s, want one of %s", text, got, product))
	}
	if a.images == nil {
		a.images = imageNames{}
	}
	a.images[doc.digest()] = doc
	a.say("%s is %s", text, doc.summary())
	return doc.digest(), nil
}
