package main

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/state"
)

func (a *app) serveCommand() *cobra.Command {
	var data, anchor, listen string
	var source keySource
	var verbose bool
	cmd := &cobra.Command{
		Use:   "serve --data DIR (--key FILE | --key-credential NAME) --listen ADDR",
		Short: "answer logs and monitors until stopped by SIGTERM or SIGINT",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := command.Required(cmd, "data", "listen"); err != nil {
				return err
			}
			anchor, err := source.anchor(cmd, anchor)
			if err != nil {
				return err
			}
			return a.serve(cmd, data, anchor, source, listen, verbose)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory; made if it does not exist")
	cmd.Flags().StringVar(&anchor, "anchor", "", "the file outside the data directory that says how far each log was cosigned, best on another disk; default: the key file's name and .anchor")
	source.flags(cmd)
	cmd.Flags().StringVar(&listen, "listen", "", "the address to listen on, such as 127.0.0.1:8080; port 0 takes a free one")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log every refused request")
	return cmd
}

func (a *app) serve(cmd *cobra.Command, data, anchor string, source keySource, listen string, verbose bool) error {
	ctx := cmd.Context()
	logger := a.Logger(verbose)
	// The locks come before anything is read: a second process must not even
	// look at a state that the first one is changing.
	directoryLock, err := state.LockDirectory(data)
	if err != nil {
		return err
	}
	defer directoryLock.Close()
	keyPath, keys, err := source.read(cmd)
	if err != nil {
		return err
	}
	keyLocks, err := lockKeys(keyPath, keys, logger)
	if err != nil {
		return err
	}
	defer keyLocks.Close()
	keys, agent, err := connect(keys)
	if err != nil {
		return err
	}
	defer agent.Close()
	db, err := state.Serve(ctx, state.Options{Directory: data, Anchor: anchor, Witness: keys.Verifiers()})
	if err != nil {
		return err
	}
	defer db.Close()
	w, err := witness.New(witness.Config{Keys: keys, State: db})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return command.Fail(exitcode.Unknown, "listen", "choose another --listen address", fmt.Errorf("listen on %q: %w", listen, err))
	}
	logger.Info("listening", "address", listener.Addr().String(), "url", "http://"+listener.Addr().String(), "witness", w.Keys()[0].Name)
	if err := server.New(w, logger, server.Timeouts{}).Serve(ctx, listener); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	logger.Info("stopped")
	return nil
}
