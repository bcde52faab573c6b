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

func (a *app) logCommand() *cobra.Command {
	return command.Group("log", "the logs this witness follows", a.logAddCommand(), a.logListCommand(), a.logDisableCommand(), a.logPullCommand())
}

func (a *app) logAddCommand() *cobra.Command {
	var data, origin string
	cmd := &cobra.Command{
		Use:   "add --data DIR VKEY [--origin ORIGIN]",
		Short: "follow a log, or give one that is followed a further key",
		Long: `Follows the log with this verifier key (name+id+key). Its origin is the key's name
unless --origin says otherwise. A witness that is serving knows it at once. An origin
that is followed already keeps its size and root and gets the key besides those it
has. A log or a key that was disabled is enabled. A log that came from a list is yours
from then on: log pull changes nothing of it any more, its keys and its requests a day
included.`,
		Args: command.Arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := command.Required(cmd, "data"); err != nil {
				return err
			}
			key, err := parseLogKey(args[0])
			if err != nil {
				return command.Usage(cmd, err)
			}
			if origin == "" {
				origin = key.Name
			}
			if err := witness.CheckOrigin(origin); err != nil {
				return command.Usage(cmd, fmt.Errorf("--origin: %w", err))
			}
			return a.addLog(cmd, data, origin, key)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory; made if it does not exist")
	cmd.Flags().StringVar(&origin, "origin", "", "the log's origin, if it is not its key's name")
	return cmd
}

// parseLogKey reads the verifier key of a log.
func parseLogKey(text string) (tlog.VerifierKey, error) {
	key, err := tlog.ParseVerifierKey(text)
	if err != nil {
		return tlog.VerifierKey{}, err
	}
	if key.Type != tlog.TypeEd25519 && key.Type != tlog.TypeCosignatureMLDSA44 {
		return tlog.VerifierKey{}, fmt.Errorf("verifier key of %q is of type %v, a log signs with Ed25519 (0x01) or ML-DSA-44 (0x06): take the key of the log, not of a witness", key.Name, key.Type)
	}
	return key, nil
}

func (a *app) addLog(cmd *cobra.Command, data, origin string, key tlog.VerifierKey) error {
	db, err := state.Create(cmd.Context(), data)
	if err != nil {
		return err
	}
	defer db.Close()
	added, err := db.AddLog(cmd.Context(), origin, key)
	if errors.Is(err, state.ErrKeyRefused) {
		return command.Fail(exitcode.Refused, "key-refused", "", err)
	}
	if err != nil {
		return fmt.Errorf("add the log: %w", err)
	}
	keys, err := db.Keys(cmd.Context(), origin)
	if err != nil {
		return fmt.Errorf("read the log's keys: %w", err)
	}
	result := struct {
		Origin string `json:"origin"`
		Key    string `json:"key"`
		Added  bool   `json:"added"`
		// Besides are the other keys that are trusted for the log, from a list
		// maybe: whoever holds one can make the witness useless to it.
		Besides []string `json:"besides,omitempty"`
	}{Origin: origin, Key: key.String(), Added: added}
	for _, other := range keys {
		if !other.Equal(key) {
			result.Besides = append(result.Besides, other.String())
		}
	}
	return a.Print(result, func(out io.Writer) error {
		format := "following %s with key %s\n"
		if !added {
			format = "%s is followed with key %s already\n"
		}
		_, err := fmt.Fprintf(out, format, printableOrigin(origin), key)
		for _, other := range result.Besides {
			_, err = fmt.Fprintf(out, "besides with %s; if that is not the log's any more: muster-witness log disable %s --data %s --key %s\n",
				other, shellWord(origin), shellWord(data), shellWord(other))
		}
		return err
	})
}
