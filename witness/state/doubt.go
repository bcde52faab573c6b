package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/state/anchor"
)

// A Doubt is one log of which the database may not know how far it was
// cosigned. None of the
// three checkpoints is there if all logs are in doubt and it was never cosigned,
// as far as is known.
type Doubt struct {
	Origin string
	// Database is the latest that the database holds, nil if none.
	Database *witness.Latest
	// Anchor is what the anchor says, nil if it says nothing.
	Anchor *witness.Latest
	// Unremembered is what a valid cosignature of the witness said that was
	// found on a checkpoint, the Note; of several the largest, of those the one
	// found first. Further are the others.
	Unremembered *witness.Latest
	Note         []byte
	Further      []witness.Latest
}

// Least is the latest checkpoint that is known to have been cosigned: no size
// below its may be accepted. two says that the witness has cosigned two roots
// at that size.
func (d Doubt) Least() (least witness.Latest, two bool) {
	all := []*witness.Latest{d.Database, d.Anchor, d.Unremembered}
	for i := range d.Further {
		all = append(all, &d.Further[i])
	}
	for _, known := range all {
		switch {
		case known == nil:
		case least.IsZero() || known.Size > least.Size:
			known := *known
			known.Time, two = max(least.Time, known.Time), false
			least = known
		default:
			two = two || known.Size == least.Size && known.Root != least.Root
			least.Time = max(least.Time, known.Time)
		}
	}
	return least, two
}

// A DoubtError says that the database may not hold all that was cosigned, so
// that to serve from it could cosign a second history.
type DoubtError struct {
	// Cause says what was found, in words.
	Cause string
	// All: nothing says which logs are concerned, so all are, and must be
	// accepted at once.
	All    bool
	Doubts []Doubt
}

func (e *DoubtError) Error() string {
	var text strings.Builder
	text.WriteString(e.Cause)
	const most = 5
	for _, doubt := range e.Doubts[:min(most, len(e.Doubts))] {
		fmt.Fprintf(&text, "; %+q: ", doubt.Origin)
		for i, known := range []struct {
			name   string
			latest *witness.Latest
		}{{"the database has size", doubt.Database}, {"the anchor", doubt.Anchor}, {"a cosignature", doubt.Unremembered}} {
			if i > 0 {
				text.WriteString(", ")
			}
			if known.latest == nil {
				text.WriteString(known.name + " none")
				continue
			}
			fmt.Fprintf(&text, "%s %d", known.name, known.latest.Size)
		}
	}
	if more := len(e.Doubts) - most; more > 0 {
		fmt.Fprintf(&text, "; and %d more", more)
	}
	return text.String()
}

func databasePath(directory string) string { return filepath.Join(directory, fileName) }

// Doubts compares the database with the anchor and returns the [*DoubtError]
// for which [Serve] would refuse, nil if it would serve. It changes nothing.
//
//   - The anchor says more of some logs than the database, which is older than
//     the anchor, or gone: those are in doubt.
//   - There is no anchor, though logs were cosigned, or an unremembered
//     cosignature was found: then nothing says which logs the database does not
//     remember, and all are in doubt.
//
// Any other error says that one of the two cannot be read.
func Doubts(ctx context.Context, options Options) (*DoubtError, error) {
	doubts, _, _, err := examine(ctx, options)
	return doubts, err
}

// examine is Doubts with what the anchor holds, and whether its end is torn.
func examine(ctx context.Context, options Options) (doubts *DoubtError, anchored map[string]anchor.Record, torn bool, err error) {
	anchored, torn, err = anchor.Read(options.files(), options.Anchor, options.Witness)
	unanchored := errors.Is(err, fs.ErrNotExist)
	if err != nil && !unanchored {
		return nil, nil, false, err
	}
	kept, found, err := remembered(ctx, options)
	if err != nil {
		return nil, nil, false, err
	}
	return compare(anchored, kept, found, unanchored), anchored, torn, nil
}

// remembered reads what the database holds, of logs that were never cosigned
// the zero value; there may be no database.
func remembered(ctx context.Context, options Options) (kept map[string]witness.Latest, found []Doubt, err error) {
	if _, err := os.Stat(databasePath(options.Directory)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	db, err := open(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	logs, err := db.Followed(ctx, "", math.MaxInt32)
	if err != nil {
		return nil, nil, err
	}
	kept = make(map[string]witness.Latest, len(logs))
	for _, log := range logs {
		kept[log.Origin] = log.Latest
	}
	found, err = unremembered(ctx, db.pool)
	return kept, found, err
}

// compare is the rule.
func compare(anchored map[string]anchor.Record, kept map[string]witness.Latest, found []Doubt, unanchored bool) *DoubtError {
	cosigned := 0
	for _, latest := range kept {
		if !latest.IsZero() {
			cosigned++
		}
	}
	unanchored = unanchored && cosigned > 0
	all := unanchored || len(found) > 0
	e := &DoubtError{All: all}
	switch {
	case len(found) > 0:
		e.Cause = "a cosignature of this witness was found that it does not remember: its state was rolled back, or its key is in use elsewhere"
	case unanchored:
		e.Cause = "there is no anchor, but the database holds cosigned checkpoints: nothing says that they are the latest"
	case cosigned == 0:
		e.Cause = "the database is gone, but the anchor says what was cosigned"
	default:
		e.Cause = "the database is older than the anchor"
	}
	known := make(map[string]*Doubt)
	doubt := func(origin string) *Doubt {
		if known[origin] == nil {
			known[origin] = &Doubt{Origin: origin}
		}
		return known[origin]
	}
	for origin, record := range anchored {
		latest := kept[origin]
		if all || behind(latest, record.Latest) {
			doubt(origin).Anchor = &record.Latest
		}
	}
	for _, one := range found {
		d, other := doubt(one.Origin), one.Unremembered
		if d.Unremembered == nil || other.Size > d.Unremembered.Size {
			other, d.Unremembered, d.Note = d.Unremembered, other, one.Note
		}
		if other != nil {
			d.Further = append(d.Further, *other)
		}
	}
	for origin, latest := range kept {
		// Where all are, so is a log that was never cosigned, as far as is known.
		if all || known[origin] != nil {
			if d := doubt(origin); !latest.IsZero() {
				d.Database = &latest
			}
		}
	}
	if len(known) == 0 && len(found) == 0 {
		return nil
	}
	for _, d := range known {
		e.Doubts = append(e.Doubts, *d)
	}
	slices.SortFunc(e.Doubts, func(a, b Doubt) int { return strings.Compare(a.Origin, b.Origin) })
	return e
}

// behind reports that what is kept is not what was anchored, nor later. Sizes
// grow and times do not decrease, so neither may be below the anchor's.
func behind(kept, anchored witness.Latest) bool {
	return kept.IsZero() || kept.Size < anchored.Size || kept.Time < anchored.Time ||
		kept.Size == anchored.Size && kept.Root != anchored.Root
}
