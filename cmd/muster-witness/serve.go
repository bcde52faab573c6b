package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/url"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/limit"
	"github.com/muster-log/muster/witness/metrics"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/state"
	"github.com/muster-log/muster/witness/state/anchor"
)

// serving is what serve's flags say.
type serving struct {
	data, anchor, listen string
	source               keySource
	metrics, url         string
	limits               limit.Options
	logFormat            string
	verbose              bool
}

func (a *app) serveCommand() *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "serve --data DIR (--key FILE | --key-credential NAME) --listen ADDR",
		Short: "answer logs and monitors until stopped by SIGTERM or SIGINT",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := command.Required(cmd, "data", "listen"); err != nil {
				return err
			}
			if err := s.check(); err != nil {
				return command.Usage(cmd, err)
			}
			var err error
			if s.anchor, err = s.source.anchor(cmd, s.anchor, s.data); err != nil {
				return err
			}
			return a.serve(cmd, s)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.data, "data", "", "the data directory; made if it does not exist")
	flags.StringVar(&s.anchor, "anchor", "", "the file outside the data directory that says how far each log was cosigned, best on another disk; default: the key file's name and .anchor")
	s.source.flags(cmd)
	flags.StringVar(&s.listen, "listen", "", "the address to listen on, such as 127.0.0.1:8080; port 0 takes a free one")
	flags.StringVar(&s.url, "url", "", "the public prefix of the witness's URLs, for its page; default: what the page was asked for under")
	flags.Float64Var(&s.limits.Rate, "rate", limit.DefaultRate, "how many requests a second are taken that a followed log has signed, of all logs together; 0: no limit")
	flags.Float64Var(&s.limits.OriginRate, "origin-rate", limit.DefaultOriginRate, "how many a second for the growth of one log, unless a list says how many a day it needs; for what is signed and is no growth a fiftieth of that besides; 0: no limit")
	flags.Float64Var(&s.limits.UnknownRate, "unknown-rate", limit.DefaultUnknownRate, "how many a second of all origins together that are not followed; 0: no limit")
	flags.StringVar(&s.metrics, "metrics", "", "the address to show metrics to Prometheus on, at /metrics, such as 127.0.0.1:9090; default: nowhere")
	flags.StringVar(&s.logFormat, "log-format", "", "the lines of the log: text or json; default: text, with --json json")
	flags.BoolVar(&s.verbose, "verbose", false, "log every request")
	return cmd
}

// check refuses what flags may not say.
func (s *serving) check() error {
	if s.logFormat != "" && s.logFormat != "text" && s.logFormat != "json" {
		return fmt.Errorf("--log-format is text or json, got %q", s.logFormat)
	}
	for flag, rate := range map[string]float64{"--rate": s.limits.Rate, "--origin-rate": s.limits.OriginRate, "--unknown-rate": s.limits.UnknownRate} {
		if math.IsNaN(rate) || rate < 0 {
			return fmt.Errorf("%s is a number of requests a second, or 0 for no limit, got %v", flag, rate)
		}
	}
	if s.url != "" {
		if parsed, err := url.Parse(s.url); err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.RawQuery != "" || parsed.Fragment != "" {
			return fmt.Errorf("--url is an https or http URL without a query, got %q", s.url)
		}
	}
	return nil
}

// logger writes to the standard error in the form that was asked for.
func (a *app) logger(s serving) *slog.Logger {
	program := *a.Program
	if s.logFormat != "" {
		program.JSON = s.logFormat == "json"
	}
	return program.Logger(s.verbose)
}

func (a *app) serve(cmd *cobra.Command, s serving) error {
	ctx := cmd.Context()
	logger := a.logger(s)
	// The locks come before anything is read: a second process must not even
	// look at a state that the first one is changing.
	directoryLock, err := state.LockDirectory(s.data)
	if err != nil {
		return err
	}
	defer directoryLock.Close()
	keyPath, keys, err := s.source.read(cmd)
	if err != nil {
		return err
	}
	keyLocks, err := lockKeys(keyPath, keys, logger)
	if err != nil {
		return err
	}
	defer keyLocks.Close()
	anchorLock, err := state.LockAnchor(s.anchor)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the anchor's directory is not there: make it, or give another --anchor: %w", err)
	}
	if err != nil {
		return err
	}
	defer anchorLock.Close()
	keys, agent, err := connect(keys)
	if err != nil {
		return err
	}
	defer agent.Close()
	counted := metrics.New()
	db, err := state.Serve(ctx, state.Options{Directory: s.data, Anchor: s.anchor, Witness: keys.Verifiers(), Logger: logger, Committed: counted.Committed})
	if doubts, ok := errors.AsType[*state.DoubtError](err); ok {
		return command.Fail(exitcode.Refused, "in-doubt", "nothing is cosigned until you have said how far; to see what is in doubt run "+s.recovery()+"; docs/witness.md says whom to ask", doubts)
	}
	if _, ok := errors.AsType[*anchor.DamageError](err); ok {
		return command.Fail(exitcode.Unknown, "anchor-damaged", "look at the file; if it cannot be mended, move it away and say how far each log was cosigned: "+s.recovery(), err)
	}
	if err != nil {
		return err
	}
	defer db.Close()
	counted.Watch(db)
	w, err := witness.New(witness.Config{Keys: keys, State: db, Limiter: limit.New(s.limits), Logger: logger,
		Hooks: witness.Hooks{EvidenceFound: counted.EvidenceFound, EvidenceLost: counted.EvidenceLost}})
	if err != nil {
		return err
	}
	return a.listen(ctx, s, server.Config{Witness: w, Metrics: counted, URL: s.url, Logger: logger}, counted)
}

// listen answers logs and monitors, and Prometheus if that was asked for.
func (a *app) listen(ctx context.Context, s serving, config server.Config, counted *metrics.Metrics) error {
	logger := config.Logger
	listener, err := listenOn("--listen", s.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	group, ctx := errgroup.WithContext(ctx)
	attributes := []any{"address", listener.Addr().String(), "url", "http://" + listener.Addr().String(), "witness", config.Witness.Keys()[0].Name}
	if s.metrics != "" {
		prometheus, err := listenOn("--metrics", s.metrics)
		if err != nil {
			return err
		}
		attributes = append(attributes, "metrics", "http://"+prometheus.Addr().String()+"/metrics")
		group.Go(func() error { return counted.Serve(ctx, prometheus, logger) })
	}
	logger.Info("listening", attributes...)
	notify(logger, "READY=1")
	context.AfterFunc(ctx, func() { notify(logger, "STOPPING=1") })
	group.Go(func() error { return server.New(config).Serve(ctx, listener) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	logger.Info("stopped")
	return nil
}

func listenOn(flag, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, command.Fail(exitcode.Unknown, "listen", "choose another "+flag+" address", fmt.Errorf("listen on %q: %w", address, err))
	}
	return listener, nil
}
