package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/atomicfile"
	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/printable"
	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness/state"
)

// shortID is how many digits of an id are shown in a list; any that tell one
// from the others will do to name it.
const shortID = 16

func (a *app) evidenceCommand() *cobra.Command {
	return command.Group("evidence", "what logs have signed that contradicts itself", a.evidenceListCommand(), a.evidenceShowCommand(), a.evidenceExportCommand())
}

// shownEvidence is evidence under --json.
type shownEvidence struct {
	ID     string    `json:"id"`
	Found  string    `json:"found"`
	Kind   fork.Kind `json:"kind"`
	Origin string    `json:"origin"`
	Shows  string    `json:"shows"`
	// Checkpoints are the two signed notes, of evidence show alone.
	Checkpoints []string `json:"checkpoints,omitempty"`
	// File is where it was written, of evidence export alone.
	File string `json:"file,omitempty"`
}

func (a *app) evidenceListCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "list --data DIR",
		Short: "list the evidence of logs' contradictions, the newest first",
		Args:  command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := openData(cmd, data)
			if err != nil {
				return err
			}
			defer db.Close()
			list, err := db.EvidenceList(cmd.Context())
			if err != nil {
				return fmt.Errorf("list the evidence: %w", err)
			}
			result := struct {
				Evidence []shownEvidence `json:"evidence"`
			}{[]shownEvidence{}}
			for _, one := range list {
				whole, err := db.Evidence(cmd.Context(), one.ID)
				if err != nil {
					return fmt.Errorf("evidence %s: %w", one.ID, err)
				}
				shown, _, err := describe(whole)
				if err != nil {
					return err
				}
				result.Evidence = append(result.Evidence, shown)
			}
			return a.Print(result, func(out io.Writer) error {
				if len(result.Evidence) == 0 {
					fmt.Fprintln(out, "none: no log was seen to contradict itself")
					return nil
				}
				table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "ID\tFOUND\tKIND\tORIGIN")
				for _, one := range result.Evidence {
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", one.ID[:shortID], one.Found, one.Kind, printableOrigin(one.Origin))
				}
				return table.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory")
	return cmd
}

func (a *app) evidenceShowCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "show --data DIR ID",
		Short: "say what evidence shows, and print both checkpoints",
		Args:  command.Arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			whole, err := findEvidence(cmd, data, args[0])
			if err != nil {
				return err
			}
			shown, evidence, err := describe(whole)
			if err != nil {
				return err
			}
			shown.Checkpoints = evidence.Checkpoints[:]
			return a.Print(shown, func(out io.Writer) error {
				fmt.Fprintf(out, "evidence %s\nfound    %s\nlog      %s\nkind     %s\nshows    %s\n", shown.ID, shown.Found, printableOrigin(shown.Origin), shown.Kind, shown.Shows)
				fmt.Fprintf(out, "accused  whoever holds the log's key; a stolen key looks the same\nnext     %s\n", nextStep)
				for i, note := range evidence.Checkpoints {
					fmt.Fprintf(out, "\ncheckpoint %d:\n", i+1)
					for line := range strings.Lines(note) {
						fmt.Fprintln(out, printable.Text(strings.TrimSuffix(line, "\n"), len(line)))
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory")
	return cmd
}

// nextStep is what one does with evidence.
const nextStep = "muster-witness evidence export, then give the file to the log's operator, the other witnesses and the log's users; anybody checks it with muster verify fork"

func (a *app) evidenceExportCommand() *cobra.Command {
	var data, path string
	cmd := &cobra.Command{
		Use:   "export --data DIR ID --out FILE" + fork.Extension,
		Short: "write evidence to a file that muster verify fork checks offline",
		Args:  command.Arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := command.Required(cmd, "data", "out"); err != nil {
				return err
			}
			whole, err := findEvidence(cmd, data, args[0])
			if err != nil {
				return err
			}
			shown, _, err := describe(whole)
			if err != nil {
				return err
			}
			shown.File = path
			err = atomicfile.Create(path, whole.Data, 0o644)
			if exists, ok := errors.AsType[*atomicfile.ExistsError](err); ok {
				return command.Usage(cmd, fmt.Errorf("--out: %w", exists))
			}
			if err != nil {
				return err
			}
			return a.Print(shown, func(out io.Writer) error {
				_, err := fmt.Fprintf(out, "wrote %s: %s\ncheck it with muster verify fork %s --log-key and the log's verifier key\n", path, shown.Shows, path)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "the data directory")
	cmd.Flags().StringVar(&path, "out", "", "the file to write; it must not exist")
	return cmd
}

// findEvidence reads the evidence that an id names.
func findEvidence(cmd *cobra.Command, data, id string) (state.Evidence, error) {
	db, err := openData(cmd, data)
	if err != nil {
		return state.Evidence{}, err
	}
	defer db.Close()
	whole, err := db.Evidence(cmd.Context(), id)
	if err != nil {
		return state.Evidence{}, command.Fail(exitcode.Usage, "no-such-evidence", "muster-witness evidence list names what is kept", fmt.Errorf("evidence %s: %w", command.Quote(id), err))
	}
	return whole, nil
}

// openData opens the database of --data.
func openData(cmd *cobra.Command, data string) (*state.DB, error) {
	if err := command.Required(cmd, "data"); err != nil {
		return nil, err
	}
	db, err := state.Open(cmd.Context(), data)
	if err != nil {
		return nil, command.Fail(exitcode.Unknown, "no-data", "add a log with muster-witness log add, or look for the right --data", err)
	}
	return db, nil
}

func describe(whole state.Evidence) (shownEvidence, *fork.Evidence, error) {
	evidence, err := fork.Parse(whole.Data)
	if err != nil {
		return shownEvidence{}, nil, fmt.Errorf("evidence %s is damaged: %w", whole.ID, err)
	}
	shows, err := evidence.Shows()
	if err != nil {
		return shownEvidence{}, nil, fmt.Errorf("evidence %s is damaged: %w", whole.ID, err)
	}
	return shownEvidence{ID: whole.ID, Found: whole.Found.Format(time.RFC3339), Kind: whole.Kind, Origin: whole.Origin, Shows: shows}, evidence, nil
}
