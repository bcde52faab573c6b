package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/download"
	"github.com/muster-log/muster/release/measure"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog/bundle"
	"github.com/muster-log/muster/verify"
)

// maxCertificates bounds the file of --ca in bytes.
const maxCertificates = 1 << 20

type downloadOptions struct {
	source            logSource
	requirements, out string
	images            []string
	ca                string
}

func (a *app) releaseDownloadCommand() *cobra.Command {
	var o downloadOptions
	cmd := &cobra.Command{
		Use:   "download FILE" + bundle.Extension + "|DIGEST|INDEX --policy FILE --out DIR [--requirements FILE] [--log URL] [--image KIND/NAME]...",
		Short: "fetch the files of a release's images, and measure them anew",
		Long: `Fetches all files of a release's images and compares what is stated, what the bytes
are and what they measure: size and SHA-256 of every file, and every reference value
that can be read out of them.

The release comes from a proof bundle, offline, or from a log. Before anything is
fetched it is proved under the policy: the release and its images stand in the log,
a quorum of witnesses cosigned that, and each was signed by who may under the
authority of its moment. With --requirements the bundle must pass muster verify,
too; without, expired and withdrawn releases can be had, to look at them.

Files go to DIR/KIND-NAME-VERSION. What is there already is hashed and not fetched
again; a transfer that was cut off or interrupted goes on where it stopped. No file
is replaced, and none has its name before it is the right one. A file whose digest
is another is removed.

Exit codes: 0 all agree; 1 something differs; 3 something could not be fetched.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "policy", "out"); err != nil {
				return err
			}
			return a.download(cmd, args[0], &o)
		},
	}
	o.source.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.requirements, "requirements", "", "what you accept (muster requirements create): the release must pass muster verify")
	flags.StringVar(&o.out, "out", "", "the `DIR` that the images' directories are made in")
	flags.StringArrayVar(&o.images, "image", nil, "only this image, such as os/node-os; may be repeated (default: all)")
	flags.StringVar(&o.ca, "ca", "", "a `FILE` of PEM certificates to trust besides the system's, for servers of your own")
	return cmd
}

func (a *app) download(cmd *cobra.Command, which string, o *downloadOptions) error {
	logged, err := a.provedRelease(cmd, which, o)
	if err != nil {
		return err
	}
	newest, images, err := logged.release()
	if err != nil {
		return err
	}
	if images, err = chosen(cmd, images, o.images); err != nil {
		return err
	}
	options := download.Options{Waiting: func(url string, pause time.Duration, err error) {
		a.say("retrying in %s: %s: %s", pause, quoteUnprintable(url), oneLine(err.Error()))
	}}
	if o.ca != "" {
		if options.Roots, err = a.readRoots(o.ca); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	result := newDownloaded(logged, newest, images)
	if !strings.HasSuffix(which, bundle.Extension) {
		a.noteDownloadStanding(cmd, o.source, newest, result)
	}
	fetcher := download.New(options)
	defer fetcher.Close()
	fetched, err := fetcher.Fetch(cmd.Context(), o.out, result.sets(images), a.progress())
	if err != nil {
		return fetchFailure(err)
	}
	result.note(fetched)
	if err := a.remeasure(cmd.Context(), o.out, images, result); err != nil {
		return err
	}
	result.conclude()
	if err := a.print(result, func(p *page) { p.downloaded(result) }); err != nil {
		return err
	}
	if result.exit != exitcode.Verified {
		return command.Verdict(result.exit)
	}
	return nil
}

// noteDownloadStanding notes how a release of a log stands, before its files are fetched:
// without requirements also one that is withdrawn can be had.
func (a *app) noteDownloadStanding(cmd *cobra.Command, source logSource, newest *loggedStatement, result *downloaded) {
	s, err := a.open(cmd, source)
	if err == nil {
		defer s.client.Close()
		var standing register.Standing
		if standing, err = s.standingOf(cmd.Context(), newest.statement.Predicate.(*release.Release), newest.index, newest.digest); err == nil {
			result.Standing, result.Why = standing.Word, standing.String()
		}
	}
	switch {
	case err != nil:
		a.say("note: how the release stands is not known: %s", oneLine(err.Error()))
	case result.Standing != register.WordLive:
		a.say("warning: the release is not live: %s, says the log's index", result.Why)
	}
}

// provedRelease reads a bundle from a file or a log, and proves what it holds.
func (a *app) provedRelease(cmd *cobra.Command, which string, o *downloadOptions) (*loggedBundle, error) {
	s, data, err := a.bundleData(cmd, which, o.source)
	if err != nil {
		return nil, err
	}
	b, err := s.checkBundle(cmd.Context(), data)
	if err != nil {
		return nil, wrongFile(which, data, "a proof bundle", fmt.Errorf("bundle of %s: %w", which, err))
	}
	logged, err := readLogged(b)
	if err != nil {
		return nil, err
	}
	if s.client != nil {
		newest, _, err := logged.release()
		if err != nil {
			return nil, err
		}
		if err := newest.answers(which); err != nil {
			return nil, err
		}
	}
	if o.requirements != "" {
		files := trustFiles{policy: o.source.policy, requirements: o.requirements}
		trust, err := files.read(a, cmd)
		if err != nil {
			return nil, err
		}
		if err := accepted(verify.Bundle(data, trust, a.clock())); err != nil {
			return nil, err
		}
	}
	return logged, nil
}

// bundleData reads the bundle of a release: from a file, else from the log. The
// session of a file has no client.
func (a *app) bundleData(cmd *cobra.Command, which string, source logSource) (*session, []byte, error) {
	if !strings.HasSuffix(which, bundle.Extension) {
		if err := checkWhich(cmd, which); err != nil {
			return nil, nil, err
		}
		s, err := a.open(cmd, source)
		if err != nil {
			return nil, nil, err
		}
		defer s.client.Close()
		data, err := s.client.Bundle(cmd.Context(), which)
		if err != nil {
			return nil, nil, fmt.Errorf("bundle of %s: %w", which, err)
		}
		return s, data, nil
	}
	if source.url != "" {
		return nil, nil, usage(cmd, fmt.Errorf("--log beside %s: a bundle needs no log", which))
	}
	s := &session{}
	if source.policy != "" {
		p, err := a.readPolicy(source.policy)
		if err != nil {
			return nil, nil, err
		}
		s.policy, s.pinned = p, true
	}
	data, err := a.readBeginning(which, "bundle", bundle.MaxSize+1)
	return s, data, err
}

// accepted fails where a verdict is not pass, with the checks that decide it.
func accepted(v *verify.Verdict) error {
	if v.Result == verify.Pass {
		return nil
	}
	var decisive []string
	for _, check := range v.Checks {
		if check.Decisive() {
			decisive = append(decisive, string(check.Code))
		}
	}
	return fail(v.ExitCode(), "not-verified", "see why with muster verify; without --requirements it is fetched all the same",
		fmt.Errorf("the release does not pass your requirements: result %s for %s", v.Result, strings.Join(decisive, ", ")))
}

// chosen are the images of --image; without any, all.
func chosen(cmd *cobra.Command, images []loggedStatement, names []string) ([]loggedStatement, error) {
	if len(names) == 0 {
		return images, nil
	}
	var there []string
	var found []loggedStatement
	for _, image := range images {
		there = append(there, imageName(image))
	}
	for _, name := range names {
		before := len(found)
		for i, image := range images {
			if there[i] == name {
				found = append(found, image)
			}
		}
		if len(found) == before {
			return nil, usage(cmd, fmt.Errorf("--image %s: the release has %s", quote(name), strings.Join(there, ", ")))
		}
	}
	return found, nil
}

// imageName is kind/name.
func imageName(image loggedStatement) string {
	stated := image.statement.Predicate.(*release.Image)
	return string(stated.Kind) + "/" + stated.Name
}

// readRoots reads certificates to trust besides the system's.
func (a *app) readRoots(path string) (*x509.CertPool, error) {
	data, err := a.readFile(path, "certificates", maxCertificates)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(data) {
		return nil, wrongFile(path, data, "certificates", fail(exitcode.Refused, "certificate-form", "", fmt.Errorf("%s holds no PEM certificate", path)))
	}
	return roots, nil
}

// fetchFailure gives an error of a download its code, hint and exit code.
func fetchFailure(err error) error {
	if errors.Is(err, context.Canceled) {
		return fail(exitcode.Unknown, "interrupted", "run the same command again: it goes on where it stopped", errors.New("interrupted, what was fetched is kept"))
	}
	e, ok := errors.AsType[*download.Error](err)
	if !ok {
		return err
	}
	exit := exitcode.Unknown
	if e.Code == download.CodeNames {
		exit = exitcode.Refused
	}
	return fail(exit, string(e.Code), e.Hint, err)
}

// remeasure measures the images whose files are all there.
func (a *app) remeasure(ctx context.Context, out string, images []loggedStatement, result *downloaded) error {
	for i, image := range images {
		shown := &result.Images[i]
		if !shown.complete() {
			continue
		}
		stated := image.statement.Predicate.(*release.Image)
		var paths []string
		for _, artifact := range stated.Artifacts {
			paths = append(paths, filepath.Join(out, shown.Directory, filepath.FromSlash(artifact.Name)))
		}
		compared, err := measure.Compare(ctx, stated, paths, a.progress())
		if errors.Is(err, context.Canceled) {
			return fetchFailure(err)
		}
		if err != nil {
			return measured(err)
		}
		shown.compared(compared)
	}
	return nil
}
