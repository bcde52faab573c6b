package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
)

func (a *app) logDisableCommand() *cobra.Command {
	var data, vkey string
	cmd := &cobra.Command{
		Use:   "disable --data DIR ORIGIN [--key VKEY]",
		Short: "cosign nothing for a log any more, or trust one of its keys no more",
		Long: `Cosigns nothing for the log any more, or with --key no longer trusts that key of it,
one that was stolen or replaced. A witness that is serving knows it at once. What was
cosigned, and evidence, is never forgotten, and monitors still get it: log add enables
a log, and a key, where it was.`,
		Args: command.Arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flag("key").Changed {
				key, err := parseLogKey(vkey)
				if err != nil {
					return command.Usage(cmd, fmt.Errorf("--key: %w", err))
				}
				return a.disableLog(cmd, data, args[0], &key)
			}
			return a.disableLog(cmd, data, args[0], nil)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory")
	cmd.Flags().StringVar(&vkey, "key", "", "disable only this verifier key of the log")
	return cmd
}

// disableLog disables a log, or if key is not nil that key of it.
func (a *app) disableLog(cmd *cobra.Command, data, origin string, key *tlog.VerifierKey) error {
	db, err := openData(cmd, data)
	if err != nil {
		return err
	}
	defer db.Close()
	result := struct {
		Origin   string `json:"origin"`
		Key      string `json:"key,omitempty"`
		Disabled bool   `json:"disabled"`
	}{Origin: origin}
	what := printableOrigin(origin)
	if key == nil {
		result.Disabled, err = db.DisableLog(cmd.Context(), origin)
	} else {
		result.Key = key.String()
		what = fmt.Sprintf("key %s of %s", key, what)
		result.Disabled, err = db.DisableKey(cmd.Context(), origin, *key)
	}
	const list = "muster-witness log list --json has all origins and keys, each as it is written"
	switch {
	case errors.Is(err, witness.ErrUnknownOrigin):
		return command.Fail(exitcode.Usage, "no-such-log", list, fmt.Errorf("%s was never followed", command.Quote(origin)))
	case errors.Is(err, state.ErrUnknownKey):
		return command.Fail(exitcode.Usage, "no-such-key", list, fmt.Errorf("%s has no key %s", command.Quote(origin), key))
	case err != nil:
		return fmt.Errorf("disable: %w", err)
	}
	return a.Print(result, func(out io.Writer) error {
		format := "disabled %s\n"
		if !result.Disabled {
			format = "%s is disabled already\n"
		}
		_, err := fmt.Fprintf(out, format, what)
		return err
	})
}
