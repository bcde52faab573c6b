package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/witness/network"
	"github.com/muster-log/muster/witness/state"
)

// pulling is what the flags of log pull say.
type pulling struct {
	data                string
	disableMissing, dry bool
}

func (a *app) logPullCommand() *cobra.Command {
	var p pulling
	cmd := &cobra.Command{
		Use:   "pull --data DIR SOURCE...",
		Short: "follow the logs of a list of the witness network",
		Long: `Follows the logs of lists (https://witness-network.org/log-list-format), each an https
URL or a file. A witness that is serving goes on meanwhile and needs no restart. To
pull again takes up what has changed.

A list adds logs, says how often each may ask and whom to ask, and gives a log that it
has added further keys. It changes nothing of a log that you added by hand or that
another list has added, enables nothing that is disabled, and removes nothing: what
came from it and no longer stands in it is reported, and disabled with
--disable-missing. A list that is not in the format is refused whole; one that was cut
off between two logs cannot be told from a shorter one. log add takes a log over from
its list: from then on it is as if you had added it first.

Exit codes: 0 done; 1 done, but some of a list was refused: a key for a log that does
not come from it. log add gives it, if the log's operator says that it is theirs.`,
		Args: command.Arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := command.Required(cmd, "data"); err != nil {
				return err
			}
			return a.pull(cmd, p, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&p.data, "data", "", "the data directory; made if it does not exist")
	flags.BoolVar(&p.disableMissing, "disable-missing", false, "disable logs, and keys of logs, that came from a list and no longer stand in it")
	flags.BoolVar(&p.dry, "dry-run", false, "change nothing, and say what would be done")
	return cmd
}

// sourceList is a list.
type sourceList struct {
	// source is where it is from, as it was given. name is what it is known by from
	// then on: a URL, or the absolute path of a file.
	source, name string
	logs         []state.Listed
}

// pull takes up lists, after all of them were read.
func (a *app) pull(cmd *cobra.Command, p pulling, sources []string) error {
	var lists []sourceList
	for _, source := range sources {
		list, err := a.readList(cmd, source)
		if err != nil {
			return err
		}
		if len(list.logs) == 0 && p.disableMissing {
			return command.Fail(exitcode.Refused, "list-empty", "disable logs one by one with muster-witness log disable, if that is meant", fmt.Errorf("%s has no log: --disable-missing would disable all that came from it", command.Quote(source)))
		}
		lists = append(lists, list)
	}
	db, finish, err := p.open(cmd.Context())
	if err != nil {
		return err
	}
	defer finish()
	result := shownPull{DryRun: p.dry, Lists: []shownList{}}
	refused := false
	for _, list := range lists {
		shown, err := a.pullList(cmd, db, p, list)
		if err != nil {
			return fmt.Errorf("%s: %w", command.Quote(list.source), err)
		}
		refused = refused || len(shown.Refused) > 0
		result.Lists = append(result.Lists, shown)
	}
	if err := a.Print(result, result.write); err != nil {
		return err
	}
	if refused {
		return command.Verdict(exitcode.Refused)
	}
	return nil
}

// open opens the database in the data directory, which it makes where there is none;
// for a dry run an empty one then stands in for it until it is closed.
func (p pulling) open(ctx context.Context) (*state.DB, func(), error) {
	if !p.dry {
		db, err := state.Create(ctx, p.data)
		return db, func() { db.Close() }, err
	}
	db, err := state.Open(ctx, p.data)
	if !errors.Is(err, fs.ErrNotExist) {
		return db, func() { db.Close() }, err
	}
	directory, err := os.MkdirTemp("", "muster-witness-dry-run-")
	if err != nil {
		return nil, nil, err
	}
	if db, err = state.Create(ctx, directory); err != nil {
		os.RemoveAll(directory)
		return nil, nil, err
	}
	return db, func() { db.Close(); os.RemoveAll(directory) }, nil
}

// readList reads a list of a URL or a file.
func (a *app) readList(cmd *cobra.Command, source string) (sourceList, error) {
	var data []byte
	var err error
	name := source
	if strings.Contains(source, "://") {
		if err := network.CheckURL(source); err != nil {
			return sourceList{}, command.Usage(cmd, err)
		}
		if data, err = network.Fetch(cmd.Context(), source, a.progress()); err != nil {
			return sourceList{}, command.Fail(exitcode.Unknown, "list-unreachable", "try again; nothing was changed", err)
		}
	} else {
		if data, err = inputfile.Read(source, network.MaxList); err != nil {
			return sourceList{}, command.Fail(exitcode.Unknown, "list-unreachable", "a list is an https URL or a file", err)
		}
		if name, err = filepath.Abs(source); err != nil {
			return sourceList{}, err
		}
	}
	parsed, err := network.Parse(data)
	if err != nil {
		return sourceList{}, command.Fail(exitcode.Refused, "list-form", "nothing was changed; tell whoever keeps the list", fmt.Errorf("%s: %w", command.Quote(source), err))
	}
	list := sourceList{source: source, name: name}
	for _, log := range parsed.Logs {
		list.logs = append(list.logs, state.Listed{Origin: log.Origin, Key: log.Key, RequestsPerDay: log.RequestsPerDay, Contact: log.Contact})
	}
	return list, nil
}

// pullList takes up one list and looks for what no longer stands in it.
func (a *app) pullList(cmd *cobra.Command, db *state.DB, p pulling, list sourceList) (shownList, error) {
	ctx := cmd.Context()
	report := a.progress()
	report.Start("logs", int64(len(list.logs)))
	done := 0
	pulled, err := db.Pull(ctx, list.name, list.logs, p.dry, func(n int) { report.Add(int64(n - done)); done = n })
	report.Done()
	if err != nil {
		return shownList{}, err
	}
	shown := newShownList(list.source, pulled)
	if shown.Missing, err = missing(cmd, db, list); err != nil || !p.disableMissing || p.dry {
		return shown, err
	}
	var gone []state.Gone
	for _, one := range shown.Missing {
		gone = append(gone, state.Gone{Origin: one.Origin, Key: one.key})
	}
	_, err = db.DisableGone(ctx, list.name, gone)
	shown.MissingDisabled = len(gone) > 0
	return shown, err
}

// missing finds logs, and keys of logs, that came from a list and do not stand in it.
func missing(cmd *cobra.Command, db *state.DB, list sourceList) ([]shownPulled, error) {
	stands := make(map[string]map[string]bool)
	for _, log := range list.logs {
		if stands[log.Origin] == nil {
			stands[log.Origin] = make(map[string]bool)
		}
		stands[log.Origin][log.Key.String()] = true
	}
	followed, err := db.Followed(cmd.Context(), "", math.MaxInt32)
	if err != nil {
		return nil, fmt.Errorf("list the logs: %w", err)
	}
	found := []shownPulled{}
	for _, log := range followed {
		keys, there := stands[log.Origin]
		switch {
		case log.List != list.name || log.Disabled:
		case !there:
			found = append(found, shownPulled{Origin: log.Origin, Contact: log.Contact})
		default:
			for _, key := range log.Keys {
				if !keys[key.String()] {
					found = append(found, shownPulled{Origin: log.Origin, Key: key.String(), Contact: log.Contact, key: &key})
				}
			}
		}
	}
	return found, nil
}

// shownPull is what log pull prints under --json.
type shownPull struct {
	DryRun bool        `json:"dryRun,omitempty"`
	Lists  []shownList `json:"lists"`
}

// write says what was done, a line for each log of which there is something to say.
func (s shownPull) write(out io.Writer) error {
	var text strings.Builder
	for _, list := range s.Lists {
		list.write(&text)
	}
	if s.DryRun {
		text.WriteString("nothing was changed\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}
