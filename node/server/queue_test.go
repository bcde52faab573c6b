package server

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/muster-log/muster/attest"
)

// machine is an attester whose quotes wait until they are let go.
type machine struct {
	mu     sync.Mutex
	extra  []attest.Digest
	pcrs   [16]attest.Digest
	err    error
	begun  chan struct{}
	let    chan struct{}
	inside int
}

func (m *machine) enter() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inside++; m.inside > 1 {
		return errors.New("two commands at once")
	}
	return m.err
}

func (m *machine) leave() { m.mu.Lock(); m.inside--; m.mu.Unlock() }

func (m *machine) Quote(extra attest.Digest) (map[string][]byte, [16]attest.Digest, error) {
	err := m.enter()
	defer m.leave()
	if m.begun != nil {
		m.begun <- struct{}{}
		<-m.let
	}
	m.mu.Lock()
	m.extra = append(m.extra, extra)
	m.mu.Unlock()
	return map[string][]byte{"attest": extra[:]}, m.pcrs, err
}

func (m *machine) Activate(c *attest.Credential) ([]byte, error) {
	err := m.enter()
	defer m.leave()
	return c.IDObject, err
}

var (
	spki   = attest.Digest{1}
	ledger = attest.Digest{15}
)

func start(t *testing.T, m *machine, size int) *queue {
	t.Helper()
	m.pcrs[15] = ledger
	q, err := newQueue(m, attest.ProfileTPM2UKI, spki, ledger, size)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go q.run(ctx)
	t.Cleanup(func() { cancel(); <-q.done })
	return q
}

// check computes extraData as a client does.
func check(t *testing.T, nonce attest.Digest, place attest.NoncePlace, parts map[string][]byte) {
	t.Helper()
	root, err := place.Root(nonce)
	if err != nil {
		t.Error(err)
		return
	}
	want, err := attest.Binding{Profile: attest.ProfileTPM2UKI, Nonce: root, SPKI: spki, Ledger: ledger[:]}.SHA256()
	if err != nil || string(parts["attest"]) != string(want[:]) {
		t.Errorf("nonce %s at %d of %d is not bound: %v", nonce, place.Index, place.Size, err)
	}
}

func number(i int) attest.Digest { return attest.Digest{byte(i), byte(i >> 8), 7} }

func TestBatches(t *testing.T) {
	for _, n := range []int{1, 2, 3, 64, 1000, attest.MaxBatch} {
		m := &machine{begun: make(chan struct{}), let: make(chan struct{})}
		q := start(t, m, attest.MaxBatch)
		first := job{ctx: t.Context(), nonce: number(n), quoted: make(chan quoted, 1)}
		if err := q.put(first); err != nil {
			t.Fatal(err)
		}
		<-m.begun // the quote of the first is under way: these form the next batch
		jobs := make([]job, n)
		for i := range jobs {
			jobs[i] = job{ctx: t.Context(), nonce: number(i), quoted: make(chan quoted, 1)}
			if err := q.put(jobs[i]); err != nil {
				t.Fatal(err)
			}
		}
		if n == attest.MaxBatch {
			if _, _, err := q.evidenceFor(t.Context(), number(0)); !errors.Is(err, errBusy) {
				t.Errorf("a full queue says %v", err)
			}
		}
		m.let <- struct{}{}
		r := <-first.quoted
		if r.err != nil || r.place.Size != 1 {
			t.Fatalf("the first: size %d, %v", r.place.Size, r.err)
		}
		check(t, first.nonce, r.place, r.parts)
		<-m.begun
		m.let <- struct{}{}
		for i, j := range jobs {
			r := <-j.quoted
			if r.err != nil || r.place.Size != n || r.place.Index != i {
				t.Fatalf("%d of %d: got %d of %d, %v", i, n, r.place.Index, r.place.Size, r.err)
			}
			check(t, j.nonce, r.place, r.parts)
		}
		if len(m.extra) != 2 {
			t.Errorf("%d nonces: %d quotes, want 2", n+1, len(m.extra))
		}
	}
}

func TestGoneClientCostsNoQuote(t *testing.T) {
	m := &machine{begun: make(chan struct{}), let: make(chan struct{})}
	q := start(t, m, 8)
	first := job{ctx: t.Context(), quoted: make(chan quoted, 1)}
	if err := q.put(first); err != nil {
		t.Fatal(err)
	}
	<-m.begun
	gone, leave := context.WithCancel(t.Context())
	if err := q.put(job{ctx: gone, nonce: number(1), quoted: make(chan quoted, 1)}); err != nil {
		t.Fatal(err)
	}
	leave()
	m.let <- struct{}{}
	<-first.quoted
	if _, err := q.activate(t.Context(), &attest.Credential{IDObject: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	if len(m.extra) != 1 {
		t.Errorf("%d quotes, want 1", len(m.extra))
	}
}

func TestOneCommandAtATime(t *testing.T) {
	q := start(t, &machine{}, 256)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			secret, err := q.activate(t.Context(), &attest.Credential{IDObject: []byte{byte(i)}})
			if err != nil || secret[0] != byte(i) {
				t.Errorf("activate %d: %x, %v", i, secret, err)
			}
		})
		group.Go(func() {
			parts, place, err := q.evidenceFor(t.Context(), number(i))
			if err != nil {
				t.Error(err)
				return
			}
			check(t, number(i), place, parts)
		})
	}
	group.Wait()
}

func TestLedgerExtendedAfterLock(t *testing.T) {
	m := &machine{}
	q := start(t, m, 1)
	m.pcrs[15] = attest.Digest{16}
	_, _, err := q.evidenceFor(t.Context(), number(1))
	var changed errLedger
	if !errors.As(err, &changed) || changed.got != m.pcrs[15] {
		t.Errorf("got %v", err)
	}
}

func TestQuoteFails(t *testing.T) {
	broken := errors.New("broken")
	q := start(t, &machine{err: broken}, 1)
	if _, _, err := q.evidenceFor(t.Context(), number(1)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestStoppedQueue(t *testing.T) {
	q, err := newQueue(&machine{}, attest.ProfileTPM2UKI, spki, ledger, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q.run(ctx)
	if _, _, err := q.evidenceFor(t.Context(), number(1)); !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
}

func TestQueueSizes(t *testing.T) {
	for _, size := range []int{0, -1, attest.MaxBatch + 1} {
		if _, err := newQueue(&machine{}, attest.ProfileTPM2UKI, spki, ledger, size); err == nil {
			t.Errorf("a queue of %d is accepted", size)
		}
	}
}
