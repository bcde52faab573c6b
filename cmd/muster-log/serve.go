package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/cosign"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/storage/embedded"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/web"
	"github.com/muster-log/muster/web/api"
)

// lookAgain is how often a log that waits for its first quorum looks whether it
// waits for somebody else.
const lookAgain = time.Second

type serveOptions struct {
	data, listen string
	publishWait  time.Duration
	verbose      bool
}

func (a *app) serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve --data DIR --listen ADDR",
		Short: "run the log until stopped by SIGTERM or SIGINT",
		Long: `Runs the log. On the first start it appends the authority as entry 0, or the chain that
a successor begins with, and waits, saying for whom, until its witnesses know it. It speaks plain HTTP: TLS and limits of rate
belong to a proxy in front.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "data", "listen"); err != nil {
				return err
			}
			if o.publishWait <= 0 {
				return usage(cmd, fmt.Errorf("--publish-wait %s: want more than 0", o.publishWait))
			}
			return a.serve(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.data, "data", "", "the data directory, from muster-log init")
	flags.StringVar(&o.listen, "listen", "", "the address to listen on, such as 127.0.0.1:8080; port 0 takes a free one")
	flags.DurationVar(&o.publishWait, "publish-wait", api.DefaultPublishWait, "how long a submission waits for its witnesses before it is answered 202")
	flags.BoolVar(&o.verbose, "verbose", false, "log more")
	return cmd
}

// site is a log's files, read.
type site struct {
	config      *configuration
	key         *tlog.SigningKey
	own, public *policy.Policy
	authorities [][]byte // what the log begins with
}

func readSite(dir string) (*site, error) {
	s := &site{}
	var err error
	if s.config, err = readConfiguration(dir); err != nil {
		return nil, err
	}
	if s.key, err = readKey(s.config.Key); err != nil {
		return nil, err
	}
	if s.own, err = readPolicy(filepath.Join(dir, witnessesFile)); err != nil {
		return nil, err
	}
	if s.public, err = readPolicy(filepath.Join(dir, policyFile)); err != nil {
		return nil, err
	}
	if err := s.own.CheckOperators(s.config.Operators, s.config.LogOperator); err != nil {
		return nil, fmt.Errorf("%s and %s: %w", witnessesFile, configFile, err)
	}
	s.authorities, err = readAuthorities(dir)
	return s, err
}

// readAuthorities reads what init wrote for the log to begin with.
func readAuthorities(dir string) ([][]byte, error) {
	var entries [][]byte
	for {
		entry, err := inputfile.Read(filepath.Join(dir, authorityFile(len(entries))), release.MaxEntry)
		if len(entries) > 0 && errors.Is(err, fs.ErrNotExist) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
}

func readPolicy(path string) (*policy.Policy, error) {
	data, err := inputfile.Read(path, policy.MaxPolicy)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func (a *app) serve(ctx context.Context, o serveOptions) (err error) {
	logger := a.Logger(o.verbose)
	s, err := readSite(o.data)
	if err != nil {
		return err
	}
	storage, err := embedded.Open(ctx, o.data, s.key, logger, embedded.WithHighWater(s.config.HighWater))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, storage.Close()) }()
	witnesses, err := cosign.NewGroup(s.own, cosign.Options{Logger: logger})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fail(exitcode.Unknown, "choose another --listen address", fmt.Errorf("listen on %q: %w", o.listen, err))
	}
	opened, err := log.Open(ctx, log.Config{
		Origin:    s.config.Origin,
		Key:       s.key,
		Appender:  storage.Appender,
		Anchors:   storage.Anchors,
		HighWater: storage.HighWater,
		Cosigner:  witnesses,
		Logger:    logger,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	// The order of the end: no requests, no followers, no log, no storage.
	defer opened.Close()
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var followers sync.WaitGroup
	defer followers.Wait()
	defer stop()
	followers.Go(func() { opened.FollowIndex(following, storage.Index) })
	followers.Go(func() { tellWaiting(following, opened, logger) })

	if err := appendFirst(ctx, opened, s.authorities, logger); err != nil {
		return errors.Join(err, listener.Close())
	}
	followers.Go(func() { tellAlarms(following, opened, logger) })
	server := web.New(web.Config{
		Log:         opened,
		Index:       storage.Index,
		Manifests:   storage.Manifests,
		Spool:       o.data,
		Policy:      s.public,
		Operators:   s.config.Operators,
		LogOperator: s.config.LogOperator,
		URL:         s.config.URL,
		PublishWait: o.publishWait,
		Logger:      logger,
	})
	logger.Info("listening", "address", listener.Addr().String(), "url", "http://"+listener.Addr().String(), "origin", s.config.Origin)
	if err := server.Serve(ctx, listener); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	logger.Info("stopped")
	return nil
}

// appendFirst gives a log the authorities that it begins with, from the one on
// that it does not have yet.
func appendFirst(ctx context.Context, opened *log.Log, authorities [][]byte, logger *slog.Logger) error {
	for index := opened.Status().Size; index < uint64(len(authorities)); index++ {
		receipt, err := opened.Submit(ctx, authorities[index])
		if err != nil {
			return fmt.Errorf("append %s as entry %d: %w", version(int(index)), index, err)
		}
		if receipt.Index != index {
			return fmt.Errorf("%s stands at entry %d, want %d: these are the data of another log", version(int(index)), receipt.Index, index)
		}
		logger.Info("appended the authority", "index", receipt.Index, "digest", receipt.Digest)
	}
	return nil
}

// tellWaiting says for whom a log waits that has not published anything, each
// time that this changes, and when it has published.
func tellWaiting(ctx context.Context, opened *log.Log, logger *slog.Logger) {
	told := make(map[string]string)
	waited := false
	for {
		waiting, cancel := context.WithTimeout(ctx, lookAgain)
		anchor, err := opened.WaitPublished(waiting, 0)
		cancel()
		if err == nil {
			if waited {
				logger.Info("the witnesses know the log", "size", anchor.Checkpoint.Size)
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		waited = true
		for _, witness := range opened.Status().Witnesses {
			problem := witness.Problem()
			if !witness.Cosigned.IsZero() && witness.Error == "" || told[witness.Name] == problem {
				continue
			}
			told[witness.Name] = problem
			attributes := []any{"witness", witness.Name, "reason", problem}
			if witness.UnknownLog {
				attributes = append(attributes, "its operator runs", witnessCommand(opened.Key()), "asked again about every", cosign.UnknownBackoff)
			}
			logger.Warn("waiting for a witness", attributes...)
		}
	}
}
