package cosign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
)

// probeGrace is how long a probe that has been confirmed still waits for a
// witness that says otherwise. It happens once a start.
const probeGrace = time.Second

// Probe implements log.Cosigner: it asks every witness to cosign the last
// checkpoint this log signed once more, and succeeds when so many have that the
// rest alone cannot meet the quorum. Then no quorum can have cosigned anything
// newer behind this log's back, and signing on cannot make a fork.
//
// A witness that answers with a larger size, or says that it holds another tree,
// ends the probe with an error that says what to do. Once enough have confirmed,
// the others get probeGrace to do so.
func (g *Group) Probe(ctx context.Context, note []byte, consistency func(context.Context, uint64) ([]tlog.Hash, error)) error {
	checkpoint, err := tlog.ParseCheckpoint(note)
	if err != nil {
		return fmt.Errorf("last signed checkpoint: %w", err)
	}
	r := request{note: note, checkpoint: checkpoint, consistency: share(consistency)}
	results := make(chan outcome, len(g.witnesses))
	asked := 0
	now := g.options.Now()
	for _, w := range g.witnesses {
		if w.startProbe(now) {
			asked++
			// It has cosigned this very checkpoint, or one on the way to it; its
			// own answer corrects the guess.
			go func() { results <- g.ask(ctx, w, r, checkpoint.Size) }()
		}
	}
	confirmed := map[string]bool{}
	enough := g.policy.Met(func(policy.Witness) bool { return false })
	var grace <-chan time.Time
	for asked > 0 {
		if enough && grace == nil {
			timer := time.NewTimer(probeGrace)
			defer timer.Stop()
			grace = timer.C
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grace:
			return nil
		case result := <-results:
			asked--
			switch {
			case result.err == nil:
				for _, name := range result.witness.names {
					confirmed[name] = true
				}
				enough = enough || g.blocked(confirmed)
			case errors.Is(result.err, ErrLarger), errors.Is(result.err, ErrContradiction):
				return &RollbackError{Witness: result.witness.name(), Err: result.err, Size: checkpoint.Size}
			}
		}
	}
	if !enough {
		return &NoQuorumError{Missing: g.missing(confirmed), clock: g.clockAhead()}
	}
	return nil
}

// RollbackError says that a witness knows more of this log than the log does. It
// is log.ErrRolledBack.
type RollbackError struct {
	Witness string
	Size    uint64
	Err     error
}

func (e *RollbackError) Error() string {
	return strings.Join([]string{
		fmt.Sprintf("witness %s %v", e.Witness, e.Err),
		fmt.Sprintf("this log's data end at size %d", e.Size),
		"if they were restored from an older copy, restore the newest one; signing on would fork the log. If the witness is wrong, remove it from the log's own policy of witnesses and start again",
	}, "; ")
}

// Is implements the interface of errors.Is.
func (e *RollbackError) Is(target error) bool { return target == log.ErrRolledBack }

func (e *RollbackError) Unwrap() error { return e.Err }
