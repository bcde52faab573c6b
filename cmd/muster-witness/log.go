package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
)

func (a *app) logCommand() *cobra.Command {
	return command.Group("log", "the logs this witness follows", a.logAddCommand(), a.logListCommand())
}

func (a *app) logAddCommand() *cobra.Command {
	var data, origin string
	cmd := &cobra.Command{
		Use:   "add --data DIR VKEY",
		Short: "follow a log, or give one that is followed a further key",
		Long: "Follow the log with this verifier key (name+id+key). Its origin is the key's name unless\n" +
			"--origin says otherwise. A witness that is serving knows it at once. An origin that is\n" +
			"followed already keeps its size and root and gets the key besides those it has.",
		Args: command.Arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := command.Required(cmd, "data"); err != nil {
				return err
			}
			key, err := tlog.ParseVerifierKey(args[0])
			if err != nil {
				return command.Usage(cmd, err)
			}
			if key.Type != tlog.TypeEd25519 && key.Type != tlog.TypeCosignatureMLDSA44 {
				return command.Usage(cmd, fmt.Errorf("verifier key of %q is of type %v, a log signs with Ed25519 (0x01) or ML-DSA-44 (0x06): take the key of the log, not of a witness", key.Name, key.Type))
			}
			if origin == "" {
				origin = key.Name
			}
			if err := witness.CheckOrigin(origin); err != nil {
				return command.Usage(cmd, fmt.Errorf("--origin: %w", err))
			}
			db, err := state.Create(cmd.Context(), data)
			if err != nil {
				return err
			}
			defer db.Close()
			added, err := db.AddLog(cmd.Context(), origin, key)
			if err != nil {
				return fmt.Errorf("add the log: %w", err)
			}
			result := struct {
				Origin string `json:"origin"`
				Key    string `json:"key"`
				Added  bool   `json:"added"`
			}{origin, key.String(), added}
			return a.Print(result, func(out io.Writer) error {
				format := "following %s with key %s\n"
				if !added {
					format = "%s is followed with key %s already\n"
				}
				_, err := fmt.Fprintf(out, format, printableOrigin(origin), key)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory; made if it does not exist")
	cmd.Flags().StringVar(&origin, "origin", "", "the log's origin, if it is not its key's name")
	return cmd
}

func (a *app) logListCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "list --data DIR",
		Short: "list the logs and how far each was cosigned",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := command.Required(cmd, "data"); err != nil {
				return err
			}
			db, err := state.Open(cmd.Context(), data)
			if err != nil {
				return command.Fail(exitcode.Unknown, "no-data", "add a log with muster-witness log add, or look for the right --data", err)
			}
			defer db.Close()
			followed, err := db.Followed(cmd.Context(), "", math.MaxInt32)
			if err != nil {
				return fmt.Errorf("list the logs: %w", err)
			}
			return a.printLogs(followed)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory")
	return cmd
}

// listedLog is a log under --json; latest is absent if none was ever cosigned.
type listedLog struct {
	Origin string        `json:"origin"`
	Keys   []string      `json:"keys"`
	Latest *listedLatest `json:"latest,omitempty"`
}

type listedLatest struct {
	Size uint64 `json:"size"`
	Root string `json:"root"`
	Time string `json:"time"`
}

func (a *app) printLogs(followed []witness.Followed) error {
	result := struct {
		Logs []listedLog `json:"logs"`
	}{Logs: []listedLog{}}
	for _, log := range followed {
		listed := listedLog{Origin: log.Origin}
		for _, key := range log.Keys {
			listed.Keys = append(listed.Keys, key.String())
		}
		if !log.Latest.IsZero() {
			listed.Latest = &listedLatest{
				Size: log.Latest.Size,
				Root: base64.StdEncoding.EncodeToString(log.Latest.Root[:]),
				Time: time.Unix(int64(log.Latest.Time), 0).UTC().Format(time.RFC3339),
			}
		}
		result.Logs = append(result.Logs, listed)
	}
	return a.Print(result, func(out io.Writer) error {
		if len(result.Logs) == 0 {
			fmt.Fprintln(out, "no logs are followed; add one with muster-witness log add")
			return nil
		}
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ORIGIN\tKEYS\tSIZE\tCOSIGNED")
		for _, log := range result.Logs {
			size, cosigned := "-", "never"
			if log.Latest != nil {
				size, cosigned = strconv.FormatUint(log.Latest.Size, 10), log.Latest.Time
			}
			fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", printableOrigin(log.Origin), len(log.Keys), size, cosigned)
		}
		return table.Flush()
	})
}
