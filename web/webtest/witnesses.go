package webtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/tlog/tlogtest"
)

// Witnesses are w1, w2 and w3, of whom two have to cosign. They implement
// log.Cosigner.
type Witnesses struct {
	tb     testing.TB
	now    func() time.Time
	all    []tlogtest.Witness
	policy *policy.Policy

	mu     sync.Mutex
	absent []string
	last   map[string]time.Time
	size   map[string]uint64
}

func newWitnesses(tb testing.TB, now func() time.Time, absent []string) *Witnesses {
	return &Witnesses{
		tb:  tb,
		now: now,
		all: []tlogtest.Witness{
			tlogtest.NewWitness(tb, "w1", "North", tlog.TypeCosignatureEd25519),
			tlogtest.NewWitness(tb, "w2", "East", tlog.TypeCosignatureEd25519),
			tlogtest.NewWitness(tb, "w3", "West", tlog.TypeCosignatureEd25519),
		},
		absent: absent,
		last:   make(map[string]time.Time),
		size:   make(map[string]uint64),
	}
}

// Send sends witnesses away: those named, and no others.
func (w *Witnesses) Send(away ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.absent = away
}

// Cosign implements log.Cosigner.
func (w *Witnesses) Cosign(_ context.Context, note []byte, _ func(context.Context, uint64) ([]tlog.Hash, error)) ([]byte, error) {
	checkpoint, err := tlog.ParseCheckpoint(note)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []tlog.NoteSignature
	for _, witness := range w.all {
		if !slices.Contains(w.absent, witness.Name) {
			lines = append(lines, witness.At(w.now()).Cosign(w.tb, checkpoint.Checkpoint))
			w.last[witness.Name], w.size[witness.Name] = w.now(), checkpoint.Size
		}
	}
	if !w.policy.Met(func(p policy.Witness) bool { return !slices.Contains(w.absent, p.Name) }) {
		return nil, errors.New("no quorum of witnesses: " + strings.Join(w.absent, ", "))
	}
	cosigned, err := checkpoint.With(lines...)
	if err != nil {
		return nil, err
	}
	return cosigned.Marshal(), nil
}

// Probe implements log.Cosigner.
func (w *Witnesses) Probe(context.Context, []byte, func(context.Context, uint64) ([]tlog.Hash, error)) error {
	return nil
}

// Witnesses implements log.Cosigner.
func (w *Witnesses) Witnesses() []log.WitnessStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	var statuses []log.WitnessStatus
	for _, witness := range w.all {
		status := log.WitnessStatus{Name: witness.Name, Key: witness.Key.Verifier(), Size: w.size[witness.Name], Cosigned: w.last[witness.Name]}
		if slices.Contains(w.absent, witness.Name) {
			status.Error = `Post "http://127.0.0.1:1/add-checkpoint": dial tcp 127.0.0.1:1: connect: connection refused`
			status.Unreachable = "connection refused"
		}
		statuses = append(statuses, status)
	}
	return statuses
}
