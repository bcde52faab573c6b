package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
)

// manifestTimeout is how long a log may take to keep a manifest, with what is
// repeated.
const manifestTimeout = 3 * time.Minute

// withManifest adds the flag --manifest to a command that submits an image. The
// list is read and held against the image before anything is sent, and goes to the
// log once the image is proved to be logged: a log takes no list before.
func (a *app) withManifest(cmd *cobra.Command) *cobra.Command {
	var path string
	cmd.Flags().StringVar(&path, "manifest", "", "the list of a model's files that the image names by digest, a `FILE`: the log keeps and serves it")
	submit := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if args[0] == stdinName {
			if path != "" {
				return usage(cmd, errors.New("--manifest: the image must be in a file, too"))
			}
			return submit(cmd, args)
		}
		doc, err := a.readDocument(args[0], release.TypeImage)
		if err != nil {
			return err
		}
		data, err := a.readManifest(cmd, doc, path)
		if err != nil {
			return err
		}
		if err := submit(cmd, args); err != nil || data == nil {
			return err
		}
		source := logSource{url: cmd.Flag("log").Value.String(), policy: cmd.Flag("policy").Value.String()}
		return a.sendManifest(cmd, source, data, path)
	}
	return cmd
}

// readManifest reads and checks the list of files of an image; nil where there is
// none to send.
func (a *app) readManifest(cmd *cobra.Command, doc *document, path string) ([]byte, error) {
	stated := doc.statement.Predicate.(*release.Image).Measurements.OMS
	if stated == nil || stated.Manifest == nil {
		if path != "" {
			return nil, usage(cmd, errors.New("--manifest: the image names no manifest: what it states of files is in its statement"))
		}
		return nil, nil
	}
	if path == "" {
		a.say("the image names its list of files by manifest %s: add --manifest FILE, so that the log serves it", stated.Manifest)
		return nil, nil
	}
	data, err := a.readFile(path, "manifest", release.MaxOMSManifest)
	if err != nil {
		return nil, err
	}
	if _, err := checkManifest(data, stated); err != nil {
		return nil, fmt.Errorf("nothing sent: %s: %w", quoteUnprintable(path), err)
	}
	return data, nil
}

// sendManifest has the log keep a list of files.
func (a *app) sendManifest(cmd *cobra.Command, source logSource, data []byte, path string) error {
	s, err := a.open(cmd, source)
	if err != nil {
		return err
	}
	defer s.client.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), manifestTimeout)
	defer cancel()
	if err := s.client.PutManifest(ctx, data, a.waiting); err != nil {
		exit, code := exitcode.Unknown, "manifest-not-kept"
		if status, ok := errors.AsType[*remote.StatusError](err); ok && status.Refused() {
			exit, code = exitcode.Refused, status.Code
		}
		return fail(exit, code, "the image is logged; run the same command again to send the manifest", fmt.Errorf("the log did not keep %s: %w", quoteUnprintable(path), err))
	}
	a.say("the log keeps the manifest %s", quoteUnprintable(path))
	return nil
}
