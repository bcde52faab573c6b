package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/witness"
)

func (a *app) logListCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "list --data DIR",
		Short: "list the logs and how far each was cosigned",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := openData(cmd, data)
			if err != nil {
				return err
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

// listedLog is a log under --json.
type listedLog struct {
	Origin string `json:"origin"`
	// Keys are those that are trusted.
	Keys []string `json:"keys"`
	// Disabled: nothing is cosigned for it.
	Disabled bool `json:"disabled,omitempty"`
	// RequestsPerDay, Contact and List are what a list said, and which.
	RequestsPerDay uint64 `json:"requestsPerDay,omitempty"`
	Contact        string `json:"contact,omitempty"`
	List           string `json:"list,omitempty"`
	// Evidence counts what is kept against it.
	Evidence uint64 `json:"evidence"`
	// Latest is absent if nothing was ever cosigned.
	Latest *shownLatest `json:"latest,omitempty"`
}

// remarks says of a log what is out of the ordinary.
func (l listedLog) remarks() string {
	var remarks []string
	switch {
	case l.Disabled:
		remarks = append(remarks, "disabled")
	case len(l.Keys) == 0:
		remarks = append(remarks, "no key is trusted")
	}
	if l.Evidence > 0 {
		remarks = append(remarks, fmt.Sprintf("evidence: %d", l.Evidence))
	}
	return strings.Join(remarks, ", ")
}

func (a *app) printLogs(followed []witness.Followed) error {
	result := struct {
		Logs []listedLog `json:"logs"`
	}{Logs: []listedLog{}}
	for _, log := range followed {
		listed := listedLog{Origin: log.Origin, Keys: []string{}, Disabled: log.Disabled,
			RequestsPerDay: log.RequestsPerDay, Contact: log.Contact, List: log.List, Evidence: log.Evidence}
		for _, key := range log.Keys {
			listed.Keys = append(listed.Keys, key.String())
		}
		if !log.Latest.IsZero() {
			listed.Latest = latestOf(&log.Latest)
		}
		result.Logs = append(result.Logs, listed)
	}
	return a.Print(result, func(out io.Writer) error {
		if len(result.Logs) == 0 {
			fmt.Fprintln(out, "no logs are followed; add one with muster-witness log add")
			return nil
		}
		var text bytes.Buffer
		table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ORIGIN\tKEYS\tSIZE\tCOSIGNED\tREMARKS")
		for _, log := range result.Logs {
			size, cosigned := "-", "never"
			if log.Latest != nil {
				size, cosigned = strconv.FormatUint(log.Latest.Size, 10), log.Latest.Time
			}
			fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\n", printableOrigin(log.Origin), len(log.Keys), size, cosigned, log.remarks())
		}
		if err := table.Flush(); err != nil {
			return err
		}
		for line := range bytes.Lines(text.Bytes()) {
			if _, err := fmt.Fprintf(out, "%s\n", bytes.TrimRight(line, " \n")); err != nil {
				return err
			}
		}
		return nil
	})
}
