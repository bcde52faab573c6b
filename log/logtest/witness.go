package logtest

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/state"
)

// Witness is a whole witness on loopback: the state machine, its SQLite state
// and its HTTP server. It can be stopped and started again at the same address.
type Witness struct {
	tb      testing.TB
	Name    string
	Key     tlog.VerifierKey // Ed25519
	URL     string
	keys    witness.Keys
	now     func() time.Time
	state   *state.Serving
	witness *witness.Witness
	address string
	stop    func()
}

// NewWitness starts a witness that knows no log. now is its clock; nil: the
// machine's.
func NewWitness(tb testing.TB, name string, now func() time.Time) *Witness {
	tb.Helper()
	keys, err := witness.GenerateKeys("witness.example/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	w := &Witness{tb: tb, Name: name, Key: keys.Verifiers()[0], keys: keys, now: now, address: "127.0.0.1:0"}
	w.create()
	w.Start()
	tb.Cleanup(w.Stop)
	return w
}

// create makes the state, in which no log stands.
func (w *Witness) create() {
	w.tb.Helper()
	// Not tb.Context: the witness answers until the cleanups are over.
	directory := w.tb.TempDir()
	db, err := state.Serve(context.Background(), state.Options{Directory: directory, Anchor: directory + ".anchor", Witness: w.keys.Verifiers()})
	if err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(func() { db.Close() })
	machine, err := witness.New(witness.Config{Keys: w.keys, State: db, Now: w.now})
	if err != nil {
		w.tb.Fatal(err)
	}
	w.state, w.witness = db, machine
}

// Forget restarts the witness, under its key and address, with an empty state.
func (w *Witness) Forget() {
	w.tb.Helper()
	w.Stop()
	w.create()
	w.Start()
}

// NewWitnesses starts so many witnesses that know the log.
func NewWitnesses(tb testing.TB, count int, logs ...tlog.VerifierKey) []*Witness {
	tb.Helper()
	var all []*Witness
	for i := range count {
		w := NewWitness(tb, fmt.Sprintf("w%d", i+1), nil)
		for _, log := range logs {
			w.Add(log)
		}
		all = append(all, w)
	}
	return all
}

// Add makes the witness know a log.
func (w *Witness) Add(log tlog.VerifierKey) {
	w.tb.Helper()
	if _, err := w.state.AddLog(context.Background(), log.Name, log); err != nil {
		w.tb.Fatal(err)
	}
}

// Start serves again after Stop.
func (w *Witness) Start() {
	w.tb.Helper()
	listener, err := net.Listen("tcp", w.address)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.address = listener.Addr().String()
	w.URL = "http://" + w.address
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	s := server.New(server.Config{Witness: w.witness, Timeouts: server.Timeouts{Stop: time.Second}})
	go func() { stopped <- s.Serve(ctx, listener) }()
	w.stop = func() {
		cancel()
		<-stopped
	}
}

// Stop stops serving.
func (w *Witness) Stop() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}

// Policy is that of a log whose checkpoints need so many of the witnesses.
func Policy(tb testing.TB, log tlog.VerifierKey, quorum int, witnesses ...*Witness) *policy.Policy {
	tb.Helper()
	p := &policy.Policy{Logs: []policy.Log{{Key: log}}, Quorum: "quorum"}
	group := policy.Group{Name: "quorum", Threshold: quorum}
	for _, w := range witnesses {
		p.Witnesses = append(p.Witnesses, policy.Witness{Name: w.Name, Key: w.Key, URL: w.URL})
		group.Members = append(group.Members, w.Name)
	}
	p.Groups = []policy.Group{group}
	if err := p.Check(); err != nil {
		tb.Fatal(err)
	}
	return p
}
