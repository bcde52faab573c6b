package cosign

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
)

const (
	// DefaultTimeout bounds one exchange with a witness. Witnesses answer in
	// milliseconds on one continent and well under a second across the world.
	DefaultTimeout = 5 * time.Second

	// DefaultGrace is how long a round that has its quorum still waits for the
	// others, so that a proof carries more cosignatures than the least possible.
	DefaultGrace = 10 * time.Millisecond
)

// Options are the settings of a Group. The zero value of each means its default.
type Options struct {
	Timeout time.Duration    // default DefaultTimeout
	Grace   time.Duration    // default DefaultGrace; negative: none
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default slog.Default()
}

// Group is the witnesses of a policy. It implements log.Cosigner.
type Group struct {
	policy    *policy.Policy
	options   Options
	witnesses []*witness
}

// NewGroup prepares the witnesses of a policy. Witness lines with one URL are one
// server with several keys. Every witness needs a URL.
func NewGroup(p *policy.Policy, options Options) (*Group, error) {
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	if options.Grace == 0 {
		options.Grace = DefaultGrace
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	client := &http.Client{
		Timeout: options.Timeout,
		Transport: &http.Transport{
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        5 * time.Minute,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	group := &Group{policy: p, options: options}
	byURL := map[string]*witness{}
	for _, line := range p.Witnesses {
		if line.URL == "" {
			return nil, fmt.Errorf("policy: witness %s has no URL, so the log cannot reach it", line.Name)
		}
		url := strings.TrimRight(line.URL, "/")
		w := byURL[url]
		if w == nil {
			w = &witness{endpoint: endpoint{url: url, client: client}}
			byURL[url] = w
			group.witnesses = append(group.witnesses, w)
		}
		w.keys = append(w.keys, line.Key)
		w.names = append(w.names, line.Name)
	}
	return group, nil
}

// outcome is one witness's part in a round.
type outcome struct {
	witness *witness
	lines   []tlog.NoteSignature
	err     error
}

// Cosign implements log.Cosigner.
func (g *Group) Cosign(ctx context.Context, note []byte, consistency func(context.Context, uint64) ([]tlog.Hash, error)) ([]byte, error) {
	checkpoint, err := tlog.ParseCheckpoint(note)
	if err != nil {
		return nil, fmt.Errorf("own checkpoint: %w", err)
	}
	r := request{note: note, checkpoint: checkpoint, consistency: share(consistency)}
	results := make(chan outcome, len(g.witnesses))
	asked := 0
	now := g.options.Now()
	for _, w := range g.witnesses {
		if !w.start(now) {
			continue
		}
		asked++
		go func() { results <- g.ask(ctx, w, r, w.cosignedSize()) }()
	}

	present := map[string]bool{}
	cosigned := checkpoint
	met := g.policy.Met(func(policy.Witness) bool { return false })
	var grace <-chan time.Time
	for asked > 0 {
		if met && grace == nil {
			if g.options.Grace < 0 {
				break
			}
			timer := time.NewTimer(g.options.Grace)
			defer timer.Stop()
			grace = timer.C
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-grace:
			asked = 0
			continue
		case result := <-results:
			asked--
			if result.err != nil {
				continue
			}
			with, err := cosigned.With(result.lines...)
			if err != nil {
				continue
			}
			cosigned = with
			for _, line := range result.lines {
				for i, key := range result.witness.keys {
					if key.Name == line.Name && key.KeyID == line.KeyID {
						present[result.witness.names[i]] = true
					}
				}
			}
			met = g.policy.Met(func(w policy.Witness) bool { return present[w.Name] })
		}
	}
	if !met {
		return nil, &NoQuorumError{Missing: g.missing(present), clock: g.clockAhead(), contradicted: g.contradicted()}
	}
	return cosigned.Marshal(), nil
}

// clockAhead reports whether so many witnesses sign with time stamps far behind
// our clock that the others cannot meet the quorum: then ours is the wrong one.
func (g *Group) clockAhead() bool {
	behind := map[string]bool{}
	for _, w := range g.witnesses {
		if w.signsBehindUs() {
			for _, name := range w.names {
				behind[name] = true
			}
		}
	}
	return g.blocked(behind)
}

// contradicted reports whether so many witnesses hold more than this log ever
// signed, or another tree, that the others cannot meet the quorum.
func (g *Group) contradicted() bool {
	against := map[string]bool{}
	for _, w := range g.witnesses {
		if w.contradicts() {
			for _, name := range w.names {
				against[name] = true
			}
		}
	}
	return g.blocked(against)
}

// blocked reports whether the quorum needs one of these witnesses.
func (g *Group) blocked(without map[string]bool) bool {
	return !g.policy.Met(func(w policy.Witness) bool { return !without[w.Name] })
}

// Remember takes the cosignatures of the newest anchor, before the start, so
// that a witness which says that it holds less is seen to have lost its state,
// and the first proofs lead from the right size. Time stamps are not looked at.
func (g *Group) Remember(newest log.Anchor) {
	checkpoint, err := tlog.ParseCheckpoint(newest.Note)
	if err != nil {
		return
	}
	for _, w := range g.witnesses {
		cosignatures, err := checkpoint.Cosignatures(w.keys)
		if err != nil || len(cosignatures) == 0 {
			continue
		}
		w.remember(checkpoint.Size)
	}
}

// missing lists the witnesses that gave nothing, each with the reason.
func (g *Group) missing(present map[string]bool) []string {
	var missing []string
	for _, status := range g.Witnesses() {
		if !present[status.Name] {
			missing = append(missing, status.Name+": "+status.Problem())
		}
	}
	return missing
}

// Witnesses implements log.Cosigner.
func (g *Group) Witnesses() []log.WitnessStatus {
	var all []log.WitnessStatus
	for _, w := range g.witnesses {
		all = append(all, w.status()...)
	}
	return all
}

// NoQuorumError says which witnesses kept a checkpoint from being published. It
// is log.ErrClock where they did because this machine's clock is far ahead of
// theirs, and log.ErrRolledBack where they did because they know of another
// history.
type NoQuorumError struct {
	Missing             []string // "name: reason"
	clock, contradicted bool
}

func (e *NoQuorumError) Error() string {
	text := "no quorum of witnesses: " + strings.Join(e.Missing, "; ")
	if e.clock {
		text = log.ErrClock.Error() + ": set it; " + text
	}
	return text
}

// Is implements the interface of errors.Is.
func (e *NoQuorumError) Is(target error) bool {
	return e.clock && target == log.ErrClock || e.contradicted && target == log.ErrRolledBack
}

// share makes each consistency proof once however many witnesses need it.
func share(consistency func(context.Context, uint64) ([]tlog.Hash, error)) func(context.Context, uint64) ([]tlog.Hash, error) {
	var mu sync.Mutex
	type made struct {
		proof []tlog.Hash
		err   error
	}
	proofs := map[uint64]made{}
	return func(ctx context.Context, from uint64) ([]tlog.Hash, error) {
		mu.Lock()
		defer mu.Unlock()
		if m, ok := proofs[from]; ok {
			return m.proof, m.err
		}
		proof, err := consistency(ctx, from)
		proofs[from] = made{proof, err}
		return proof, err
	}
}
