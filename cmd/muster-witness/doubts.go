package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state"
)

// shownDoubts is what recover prints under --json.
type shownDoubts struct {
	// Cause is empty if nothing is in doubt.
	Cause string `json:"cause,omitempty"`
	// All: nothing says which logs are concerned, so that all must be named.
	All      bool            `json:"all"`
	Doubts   []shownDoubt    `json:"doubts"`
	Accepted []shownAccepted `json:"accepted,omitempty"`
}

type shownDoubt struct {
	Origin string `json:"origin"`
	// AtLeast is the smallest size that may be accepted. TwoRoots: the witness
	// has cosigned two roots of it, and a checkpoint must say which counts.
	AtLeast     uint64       `json:"atLeast"`
	TwoRoots    bool         `json:"twoRoots,omitempty"`
	Database    *shownLatest `json:"database,omitempty"`
	Anchor      *shownLatest `json:"anchor,omitempty"`
	Cosignature *shownLatest `json:"cosignature,omitempty"`
	// Note is the checkpoint with that cosignature, whole.
	Note string `json:"note,omitempty"`
}

type shownLatest struct {
	Size uint64 `json:"size"`
	Root string `json:"root"`
	Time string `json:"time"`
}

type shownAccepted struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
}

func latestOf(latest *witness.Latest) *shownLatest {
	if latest == nil {
		return nil
	}
	return &shownLatest{latest.Size, latest.Root.String(), time.Unix(int64(latest.Time), 0).UTC().Format(time.RFC3339)}
}

func doubtsOf(doubts *state.DoubtError, accepted []state.Accepted) shownDoubts {
	shown := shownDoubts{Doubts: []shownDoubt{}}
	for _, one := range accepted {
		shown.Accepted = append(shown.Accepted, shownAccepted{one.Origin, one.Size})
	}
	if doubts == nil {
		return shown
	}
	shown.Cause, shown.All = doubts.Cause, doubts.All
	for _, doubt := range doubts.Doubts {
		least, two := doubt.Least()
		shown.Doubts = append(shown.Doubts, shownDoubt{doubt.Origin, least.Size, two,
			latestOf(doubt.Database), latestOf(doubt.Anchor), latestOf(doubt.Unremembered), string(doubt.Note)})
	}
	return shown
}

// write prints doubts in the form of a file for --accept. Where nothing says
// which logs are concerned a question mark stands for the size: that has to
// come from somewhere else.
func (s shownDoubts) write(out io.Writer) error {
	var text strings.Builder
	for _, one := range s.Accepted {
		fmt.Fprintf(&text, "# accepted: %d %s\n", one.Size, printableOrigin(one.Origin))
	}
	if s.Cause == "" {
		if len(s.Accepted) > 0 {
			text.WriteString("# logs and keys that were added or disabled since are as in the database: see muster-witness log list\n")
		}
		text.WriteString("# nothing is in doubt: the witness can serve\n")
		_, err := io.WriteString(out, text.String())
		return err
	}
	fmt.Fprintf(&text, "# %s.\n# Each line below says: up to this size, and no further, this witness has cosigned that log.\n", s.Cause)
	text.WriteString("# Check it with the log, and with whoever keeps its checkpoints; then give this file to --accept.\n")
	if s.All {
		text.WriteString("# Any log may have been cosigned further than is known here: put a size in place of each question mark,\n# 0 for one that never was cosigned.\n")
	}
	for _, doubt := range s.Doubts {
		text.WriteString("#\n")
		for _, known := range []struct {
			where  string
			latest *shownLatest
		}{{"database", doubt.Database}, {"anchor", doubt.Anchor}, {"a cosignature", doubt.Cosignature}} {
			if known.latest == nil {
				fmt.Fprintf(&text, "# %-13s  nothing\n", known.where)
				continue
			}
			fmt.Fprintf(&text, "# %-13s  size %d, root %s, %s\n", known.where, known.latest.Size, known.latest.Root, known.latest.Time)
		}
		if doubt.TwoRoots {
			text.WriteString("# two roots were cosigned at that size: --checkpoint must say which counts\n")
		}
		size := strconv.FormatUint(doubt.AtLeast, 10)
		if s.All {
			fmt.Fprintf(&text, "# at least       %s\n", size)
			size = "?"
		}
		fmt.Fprintf(&text, "%s %s\n", size, doubt.Origin)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// recovery is the command that says what is in doubt, as its operator types it.
func (s *serving) recovery() string {
	words := []string{"muster-witness", "recover", "--data", shellWord(s.data)}
	if s.source.credential != "" {
		words = append(words, "--key-credential", shellWord(s.source.credential))
	} else {
		words = append(words, "--key", shellWord(s.source.file))
	}
	return strings.Join(append(words, "--anchor", shellWord(s.anchor)), " ")
}

// shellWord writes a word as a POSIX shell reads it.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_./@%+=:,-", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// parseAccepted reads a file for --accept: a size, a space and an origin a
// line. Empty lines, and those that begin with #, say nothing.
func parseAccepted(text string) ([]state.Accepted, error) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		return nil, errors.New("the last line does not end with a newline: is the file whole?")
	}
	var accepted []state.Accepted
	named := make(map[string]bool)
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		digits, origin, _ := strings.Cut(line, " ")
		if digits == "?" {
			return nil, fmt.Errorf("line %d: put the size in place of the question mark", number)
		}
		size, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || strconv.FormatUint(size, 10) != digits {
			return nil, fmt.Errorf("line %d: want a size, a space and an origin", number)
		}
		if err := witness.CheckOrigin(origin); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if named[origin] {
			return nil, fmt.Errorf("line %d: %s was named before", number, printableOrigin(origin))
		}
		named[origin] = true
		accepted = append(accepted, state.Accepted{Origin: origin, Size: size})
	}
	if len(accepted) == 0 {
		return nil, errors.New("no line names a size and an origin")
	}
	return accepted, nil
}
