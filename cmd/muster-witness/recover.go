package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/muster-log/muster/internal/command"
	"github.com/muster-log/muster/internal/exitcode"
	"github.com/muster-log/muster/internal/inputfile"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/state"
)

const (
	// maxAcceptFile bounds a file of accepted sizes: 100,000 logs.
	maxAcceptFile = 32 << 20
	// maxCheckpointFile bounds a signed checkpoint.
	maxCheckpointFile = 128 << 10
)

// recovery is what recover's flags say.
type recovery struct {
	data, anchor string
	source       keySource
	origin       string
	size         uint64
	checkpoints  []string
	file         string
}

func (a *app) recoverCommand() *cobra.Command {
	var r recovery
	cmd := &cobra.Command{
		Use:   "recover --data DIR (--key FILE | --key-credential NAME) [--origin ORIGIN --size N | --accept FILE]",
		Short: "say of which logs it is in doubt how far they were cosigned, and accept sizes for them",
		Long: `A witness whose database is older than its anchor, or gone, or that was shown a
cosignature of its own that it does not remember, cosigns nothing: it could cosign a
second history of a log. Without --origin and --accept this lists the logs in doubt,
in the form of a file for --accept, and changes nothing.

Before you accept a size, find the largest one of that log which carries a cosignature
of this witness: ask the log, and whoever keeps its checkpoints. What you accept is
where this witness goes on from. A size below what it is known to have cosigned is
never accepted. A size above that needs --checkpoint, one of that size signed by the
log. If its key is in use elsewhere, accept nothing: stop the other one, or make a new
key and a new name.

Exit codes: 0 nothing is in doubt (any more); 1 logs are in doubt; 3 it could not be told.`,
		Args: command.Arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := command.Required(cmd, "data"); err != nil {
				return err
			}
			if cmd.Flags().Changed("origin") != cmd.Flags().Changed("size") || r.file != "" && r.origin != "" {
				return command.Usage(cmd, errors.New("--origin and --size go together, and without --accept"))
			}
			if len(r.checkpoints) > 0 && r.origin == "" && r.file == "" {
				return command.Usage(cmd, errors.New("--checkpoint says what the root of an accepted size is: give --origin and --size, or --accept"))
			}
			var err error
			if r.anchor, err = r.source.anchor(cmd, r.anchor, r.data); err != nil {
				return err
			}
			return a.recover(cmd, r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.data, "data", "", "the data directory")
	flags.StringVar(&r.anchor, "anchor", "", "the anchor, as it is given to serve; default: the key file's name and .anchor")
	r.source.flags(cmd)
	flags.StringVar(&r.origin, "origin", "", "the log to accept a size of")
	flags.Uint64Var(&r.size, "size", 0, "the size up to which, and no further, this witness has cosigned that log")
	flags.StringVar(&r.file, "accept", "", "a file of lines \"SIZE ORIGIN\", each as --size and --origin")
	flags.StringArrayVar(&r.checkpoints, "checkpoint", nil, "a file with a checkpoint of an accepted size, signed by its log; may be given for each log")
	return cmd
}

func (a *app) recover(cmd *cobra.Command, r recovery) error {
	ctx := cmd.Context()
	if _, err := os.Stat(r.data); err != nil {
		return command.Fail(exitcode.Unknown, "no-data", "look for the right --data; if the directory is gone for good, make an empty one and follow the logs again", fmt.Errorf("data directory: %w", err))
	}
	directoryLock, err := state.LockDirectory(r.data)
	if err != nil {
		return err
	}
	defer directoryLock.Close()
	path, keys, err := r.source.read(cmd)
	if err != nil {
		return err
	}
	keyLocks, err := lockKeys(path, keys, a.Logger(false))
	if err != nil {
		return err
	}
	defer keyLocks.Close()
	anchorLock, err := state.LockAnchor(r.anchor)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the anchor's directory is not there: make it, or give another --anchor: %w", err)
	}
	if err != nil {
		return err
	}
	defer anchorLock.Close()
	options := state.Options{Directory: r.data, Anchor: r.anchor, Witness: keys.Verifiers()}
	accepted, err := a.accepted(cmd, r)
	if err != nil {
		return err
	}
	if len(accepted) == 0 {
		doubts, err := state.Doubts(ctx, options)
		if err != nil {
			return fmt.Errorf("compare the database with the anchor: %w", err)
		}
		return a.printDoubts(doubts, nil)
	}
	remaining, err := state.Accept(ctx, options, accepted)
	if refused, ok := errors.AsType[*state.AcceptError](err); ok {
		return command.Fail(exitcode.Refused, "not-acceptable", "muster-witness recover without --origin and --accept lists what is in doubt", refused)
	}
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	if remaining != nil && remaining.All {
		return command.Fail(exitcode.Refused, "name-all", "all logs are in doubt: name every one of them in a file for --accept; muster-witness recover lists them",
			fmt.Errorf("nothing was accepted, as %d logs are not named: %w", len(remaining.Doubts), remaining))
	}
	return a.printDoubts(remaining, accepted)
}

// accepted is what the flags accept.
func (a *app) accepted(cmd *cobra.Command, r recovery) ([]state.Accepted, error) {
	var accepted []state.Accepted
	switch {
	case r.origin != "":
		accepted = []state.Accepted{{Origin: r.origin, Size: r.size}}
	case r.file != "":
		data, err := inputfile.Read(r.file, maxAcceptFile)
		if err != nil {
			return nil, fmt.Errorf("--accept: %w", err)
		}
		if accepted, err = parseAccepted(string(data)); err != nil {
			return nil, command.Usage(cmd, fmt.Errorf("--accept %s: %w", r.file, err))
		}
	}
	for _, path := range r.checkpoints {
		data, err := inputfile.Read(path, maxCheckpointFile)
		if err != nil {
			return nil, fmt.Errorf("--checkpoint: %w", err)
		}
		checkpoint, err := tlog.ParseCheckpoint(data)
		if err != nil {
			return nil, command.Usage(cmd, fmt.Errorf("--checkpoint %s: %w", path, err))
		}
		used := false
		for i := range accepted {
			if accepted[i].Origin == checkpoint.Origin && accepted[i].Checkpoint == nil {
				accepted[i].Checkpoint, used = checkpoint, true
			}
		}
		if !used {
			return nil, command.Usage(cmd, fmt.Errorf("--checkpoint %s: it is of %s, of which no size is to be accepted, or a second one", path, printableOrigin(checkpoint.Origin)))
		}
	}
	return accepted, nil
}

// printDoubts says what is in doubt, in the form of a file for --accept.
func (a *app) printDoubts(doubts *state.DoubtError, accepted []state.Accepted) error {
	result := doubtsOf(doubts, accepted)
	err := a.Print(result, func(out io.Writer) error { return result.write(out) })
	if err == nil && doubts != nil {
		return command.Verdict(exitcode.Refused)
	}
	return err
}
