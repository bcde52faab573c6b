package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/muster-log/muster/attest"
)

// Attester is a node's own hardware, as package node/tpm opens it. Its methods are
// called from one goroutine, one at a time.
type Attester interface {
	// Quote returns the parts of an evidence over extraData, and the registers that
	// it shows.
	Quote(extraData attest.Digest) (parts map[string][]byte, pcrs [16]attest.Digest, err error)
	// Activate returns the secret of a credential.
	Activate(credential *attest.Credential) (secret []byte, err error)
}

// errBusy is what a full queue says.
var errBusy = errors.New("the queue of this node is full: ask again later")

// errStopped is what a queue says that has ended.
var errStopped = errors.New("the node stops")

// errLedger says that the ledger's register is not the release's any more.
type errLedger struct{ got, want attest.Digest }

func (e errLedger) Error() string {
	return fmt.Sprintf("PCR 15 is %s and not the locked ledger %s: it was extended after the lock, reboot the node", e.got, e.want)
}

// quoted is one client's share of an evidence.
type quoted struct {
	parts map[string][]byte // shared by the batch: not to be changed
	place attest.NoncePlace
	err   error
}

type activated struct {
	secret []byte
	err    error
}

// job is a nonce that waits for a quote, or a credential that waits for its turn.
// Its channel has room for the result, so that a client that went away holds
// nobody up.
type job struct {
	ctx        context.Context
	nonce      attest.Digest
	quoted     chan quoted
	credential *attest.Credential
	activated  chan activated
}

// queue gives the hardware one task at a time. What arrives while it is at work
// waits, bounded; the nonces among it are answered by one quote.
type queue struct {
	attester Attester
	profile  string
	spki     attest.Digest
	ledger   attest.Digest
	jobs     chan job
	done     chan struct{} // closed when run has returned
}

func newQueue(attester Attester, profile string, spki, ledger attest.Digest, size int) (*queue, error) {
	if size < 1 || size > attest.MaxBatch {
		return nil, fmt.Errorf("a queue of %d: want 1 to %d", size, attest.MaxBatch)
	}
	return &queue{attester: attester, profile: profile, spki: spki, ledger: ledger,
		jobs: make(chan job, size), done: make(chan struct{})}, nil
}

// run works until the context ends. It is called once.
func (q *queue) run(ctx context.Context) {
	defer close(q.done)
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-q.jobs:
			q.work(first)
		}
	}
}

// work takes all that waits with the first job: one quote for its nonces, then its
// credentials one by one.
func (q *queue) work(first job) {
	var nonces, credentials []job
	take := func(j job) {
		switch {
		case j.ctx.Err() != nil: // its client is gone: it costs nothing more
		case j.credential != nil:
			credentials = append(credentials, j)
		default:
			nonces = append(nonces, j)
		}
	}
	take(first)
	for len(nonces)+len(credentials) < attest.MaxBatch {
		select {
		case j := <-q.jobs:
			take(j)
			continue
		default:
		}
		break
	}
	if len(nonces) > 0 {
		q.quote(nonces)
	}
	for _, j := range credentials {
		if j.ctx.Err() != nil {
			continue
		}
		secret, err := q.attester.Activate(j.credential)
		j.activated <- activated{secret, err}
	}
}

func (q *queue) quote(jobs []job) {
	tree, parts, err := q.evidence(jobs)
	for i, j := range jobs {
		if err != nil {
			j.quoted <- quoted{err: err}
			continue
		}
		j.quoted <- quoted{parts: parts, place: tree.Place(i)}
	}
}

func (q *queue) evidence(jobs []job) (*attest.NonceTree, map[string][]byte, error) {
	nonces := make([]attest.Digest, len(jobs))
	for i, j := range jobs {
		nonces[i] = j.nonce
	}
	tree, err := attest.NewNonceTree(nonces)
	if err != nil {
		return nil, nil, err
	}
	extra, err := attest.Binding{Profile: q.profile, Nonce: tree.Root(), SPKI: q.spki, Ledger: q.ledger[:]}.SHA256()
	if err != nil {
		return nil, nil, err
	}
	parts, pcrs, err := q.attester.Quote(extra)
	if err != nil {
		return nil, nil, fmt.Errorf("quote: %w", err)
	}
	// What was extended after the lock no client would accept: say why here.
	if pcrs[15] != q.ledger {
		return nil, nil, errLedger{got: pcrs[15], want: q.ledger}
	}
	return tree, parts, nil
}

func (q *queue) put(j job) error {
	select {
	case <-q.done:
		return errStopped
	default:
	}
	select {
	case q.jobs <- j:
		return nil
	default:
		return errBusy
	}
}

// evidenceFor returns the evidence that answers a nonce and the nonce's place in it.
func (q *queue) evidenceFor(ctx context.Context, nonce attest.Digest) (map[string][]byte, attest.NoncePlace, error) {
	j := job{ctx: ctx, nonce: nonce, quoted: make(chan quoted, 1)}
	if err := q.put(j); err != nil {
		return nil, attest.NoncePlace{}, err
	}
	select {
	case r := <-j.quoted:
		return r.parts, r.place, r.err
	case <-ctx.Done():
		return nil, attest.NoncePlace{}, ctx.Err()
	case <-q.done:
		return nil, attest.NoncePlace{}, errStopped
	}
}

// activate returns the secret of a credential.
func (q *queue) activate(ctx context.Context, credential *attest.Credential) ([]byte, error) {
	j := job{ctx: ctx, credential: credential, activated: make(chan activated, 1)}
	if err := q.put(j); err != nil {
		return nil, err
	}
	select {
	case r := <-j.activated:
		return r.secret, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-q.done:
		return nil, errStopped
	}
}
