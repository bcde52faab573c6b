package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/roll"
	"github.com/muster-log/muster/roll/server"
	"github.com/muster-log/muster/verify"
)

const (
	// rollListen is where a roll signer listens by default: for those on its own
	// machine. Others come through a proxy that knows who they are.
	rollListen = "127.0.0.1:8086"
	// rollPart: a roll is made anew when a quarter of the age has passed that clients
	// accept, so that one that is lost or late is made up for twice.
	rollPart = 4
)

type rollServeOptions struct {
	trust                rollTrust
	keys, products       []string
	every, clientsAccept string
	state, listen        string
	poll                 time.Duration
	maxEntries, maxBytes uint64
	verbose              bool
}

func (a *app) rollServeCommand() *cobra.Command {
	var o rollServeOptions
	cmd := &cobra.Command{
		Use:   "serve --log URL --policy FILE {--requirements FILE | --authority DIGEST|FILE --product NAME... --every DURATION} --key FILE --state DIR [--listen ADDR]",
		Short: "run a roll signer until stopped: sign what is live, and take withdrawals",
		Long: `Follows the log with full verification, and signs the roll of each product at every
change of what is live and on schedule. Run it with a key of its own, on a machine of
those who release and not of those who run the log: docs/roll.md says why, and what
each alarm means.

It takes withdrawals at POST /withdrawals (muster release withdraw --roll URL), has
them on disk before it answers, submits them itself, and signs no roll of the product
once one is not in the log five minutes after it was handed in. If the log signed two
histories it ends with exit code 4, the evidence in --state, and does not start again.

What is not given is taken from the requirements: the pin, products, operators, and
a schedule of a quarter of rollMaxAge.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "policy", "key", "state"); err != nil {
				return err
			}
			if o.poll <= 0 {
				return usage(cmd, fmt.Errorf("--poll %s: want more than 0", o.poll))
			}
			if o.maxEntries == 0 || o.maxBytes == 0 {
				return usage(cmd, errors.New("--max-entries and --max-bytes: want more than 0"))
			}
			return a.rollServe(cmd, o)
		},
	}
	o.trust.flags(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&o.keys, "key", nil, "the private key `FILE` that signs rolls; may be repeated")
	flags.StringArrayVar(&o.products, "product", nil, "a product, such as acme/ai; may be repeated")
	flags.StringVar(&o.every, "every", "", "sign again when the newest roll is as old as this `DURATION`, such as 15m")
	flags.StringVar(&o.clientsAccept, "clients-accept", "", "the shortest roll age that clients accept: sign again every quarter of this `DURATION`, such as 1d")
	flags.DurationVar(&o.poll, "poll", roll.DefaultPoll, "how often the log is asked for a newer checkpoint")
	flags.StringVar(&o.state, "state", "", "the `DIR` of its state, for this process alone; it is made if need be")
	flags.StringVar(&o.listen, "listen", rollListen, "the `ADDR` to listen on; port 0 takes a free one")
	flags.Uint64Var(&o.maxEntries, "max-entries", audit.DefaultMaxEntries, "follow a log of at most `N` entries; some hundred bytes of each are kept in memory")
	flags.Uint64Var(&o.maxBytes, "max-bytes", audit.DefaultMaxBytes, "follow a log whose entries have at most `N` bytes together")
	flags.BoolVar(&o.verbose, "verbose", false, "log more")
	return cmd
}

// schedule finds how often rolls are signed.
func (o *rollServeOptions) schedule(cmd *cobra.Command, age time.Duration) (time.Duration, error) {
	if o.every != "" && o.clientsAccept != "" {
		return 0, usage(cmd, errors.New("--every and --clients-accept: want one of them"))
	}
	parse := func(flag, text string) (time.Duration, error) {
		duration, err := verify.ParseDuration(text)
		if err != nil || duration.None() {
			return 0, usage(cmd, fmt.Errorf("--%s %s: want a duration such as 15m, 6h or 1d", flag, quote(text)))
		}
		return duration.Value(), nil
	}
	every := age / rollPart
	var err error
	switch {
	case o.every != "":
		if every, err = parse("every", o.every); err != nil {
			return 0, err
		}
		if age > 0 && every > age/rollPart {
			return 0, usage(cmd, fmt.Errorf("--every %s: want at most %s, a quarter of the roll age that the requirements accept", o.every, age/rollPart))
		}
	case o.clientsAccept != "":
		if every, err = parse("clients-accept", o.clientsAccept); err != nil {
			return 0, err
		}
		every /= rollPart
	case age == 0:
		return 0, usage(cmd, errors.New("missing --every, or --clients-accept, or requirements with a rollMaxAge"))
	}
	return every, nil
}

func (a *app) rollServe(cmd *cobra.Command, o rollServeOptions) (err error) {
	s, options, products, age, err := o.trust.open(a, cmd)
	if err != nil {
		return err
	}
	defer s.client.Close()
	if options.Authority.IsZero() {
		return usage(cmd, errors.New("missing --authority, the payload digest of the log's entry 0, or --requirements, which pin it: else any log would do"))
	}
	if len(o.products) > 0 {
		products = o.products
	}
	if len(products) == 0 {
		return usage(cmd, errors.New("missing --product"))
	}
	every, err := o.schedule(cmd, age)
	if err != nil {
		return err
	}
	keys, err := a.keysOf(o.keys)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fail(exitcode.Unknown, "", "choose another --listen address", fmt.Errorf("listen on %s: %w", quote(o.listen), err))
	}
	logger := a.Logger(o.verbose)
	signer, err := roll.Open(roll.Config{Log: s.client, Policy: s.policy, Operators: options.Operators, LogOperator: options.LogOperator, Authority: options.Authority,
		Products: products, Keys: keys, Every: every, Poll: o.poll, Directory: o.state, MaxEntries: o.maxEntries, MaxBytes: o.maxBytes, Register: options.Register, Progress: options.Progress, Now: a.clock, Logger: logger})
	if err != nil {
		return errors.Join(rollFailure(err), listener.Close())
	}
	defer func() { err = errors.Join(err, signer.Close()) }()
	logger.Info("listening", "address", listener.Addr().String(), "url", "http://"+listener.Addr().String(), "products", products, "every", every)
	ctx, cancel := context.WithCancel(cmd.Context())
	served := make(chan error, 1)
	go func() {
		defer cancel()
		served <- server.New(signer, logger).Serve(ctx, listener)
	}()
	err = rollFailure(signer.Run(ctx))
	cancel()
	if failed := <-served; failed != nil {
		err = errors.Join(err, fmt.Errorf("serve: %w", failed))
	}
	if err == nil {
		logger.Info("stopped")
	}
	return err
}

// rollFailure gives an error of a roll signer its exit code.
func rollFailure(err error) error {
	if misbehaved, ok := errors.AsType[*roll.MisbehavedError](err); ok {
		return fail(exitcode.Misbehaved, "log-misbehaved", "do not use this log; send the file to its witnesses, its monitors and its users (muster verify fork)", misbehaved)
	}
	return err
}
