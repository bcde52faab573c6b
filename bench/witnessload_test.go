package bench

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sumdb "golang.org/x/mod/sumdb/tlog"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
)

const (
	// witnessOrigins is how many logs grow, each by one checkpoint in turn.
	witnessOrigins = 1000
	// firstSize is where they begin, of a tree whose proofs have as many lines as
	// those of logs in use; growth is by a few leaves, and odd, so that sizes and
	// proofs are of many shapes.
	firstSize, growth = 100_000, 37
)

// growing is what a number of logs ask a witness for: each log's first checkpoint,
// and then checkpoint after checkpoint in turns, each with the consistency proof
// from the one before and the log's signature. All is made beforehand, because a
// log's own work is not the witness's; the trees are the same, the origins and the
// keys are not.
type growing struct {
	keys        []tlog.VerifierKey // by origin
	checkpoints []*tlog.SignedCheckpoint
	bodies      [][]byte // of add-checkpoint, in the order in which they are sent
}

// storedTree is a tree in memory, of another implementation than ours.
type storedTree struct {
	hashes []sumdb.Hash
	size   int64
}

func (t *storedTree) ReadHashes(indexes []int64) ([]sumdb.Hash, error) {
	hashes := make([]sumdb.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = t.hashes[index]
	}
	return hashes, nil
}

// grow makes the tree larger and returns its root and the proof from its old size.
func (t *storedTree) grow(tb testing.TB, size int64) (tlog.Hash, []tlog.Hash) {
	tb.Helper()
	old := t.size
	for ; t.size < size; t.size++ {
		hashes, err := sumdb.StoredHashes(t.size, fmt.Appendf(nil, "leaf %d", t.size), t)
		if err != nil {
			tb.Fatal(err)
		}
		t.hashes = append(t.hashes, hashes...)
	}
	root, err := sumdb.TreeHash(size, t)
	if err != nil {
		tb.Fatal(err)
	}
	if old == 0 {
		return tlog.Hash(root), nil
	}
	proven, err := sumdb.ProveTree(size, old, t)
	if err != nil {
		tb.Fatal(err)
	}
	proof := make([]tlog.Hash, len(proven))
	for i, hash := range proven {
		proof[i] = tlog.Hash(hash)
	}
	return tlog.Hash(root), proof
}

// newGrowing makes the requests of a number of logs, steps for each after the first.
func newGrowing(tb testing.TB, origins, steps int) *growing {
	tb.Helper()
	g := new(growing)
	keys := make([]*tlog.SigningKey, origins)
	for i := range keys {
		key, err := tlog.GenerateSigningKey(fmt.Sprintf("log%d.example/bench", i), tlog.TypeEd25519)
		if err != nil {
			tb.Fatal(err)
		}
		keys[i], g.keys = key, append(g.keys, key.Verifier())
	}
	tree := new(storedTree)
	old, size := uint64(0), uint64(firstSize)
	for range steps + 1 {
		root, proof := tree.grow(tb, int64(size))
		for _, key := range keys {
			checkpoint := tlog.Checkpoint{Origin: key.Verifier().Name, Size: size, Root: root}
			signature, err := key.SignNote(checkpoint.Text())
			if err != nil {
				tb.Fatal(err)
			}
			signed, err := tlog.NewSignedCheckpoint(checkpoint, signature)
			if err != nil {
				tb.Fatal(err)
			}
			g.checkpoints = append(g.checkpoints, signed)
			g.bodies = append(g.bodies, (&witness.AddCheckpoint{OldSize: old, Proof: proof, Checkpoint: signed}).Marshal())
		}
		old, size = size, size+growth
	}
	return g
}

// witnessLoad is one witness process under the requests of some logs.
type witnessLoad struct {
	*growing
	address  string
	keys     []tlog.VerifierKey // the witness's
	requests [][]byte
	answers  [][]byte
	sent     int
}

func (g *growing) load(address string, keys ...tlog.VerifierKey) *witnessLoad {
	l := &witnessLoad{growing: g, address: address, keys: keys, answers: make([][]byte, len(g.bodies))}
	for _, body := range g.bodies {
		l.requests = append(l.requests, postRequest("/add-checkpoint", "text/plain", address, body))
	}
	return l
}

// run sends the next so many requests over so many connections that are kept, and
// returns how long that took and the median time of one in milliseconds.
func (l *witnessLoad) run(tb testing.TB, clients, requests int) (time.Duration, float64) {
	tb.Helper()
	if l.sent+requests > len(l.requests) {
		tb.Fatalf("%d requests sent, %d wanted, %d prepared", l.sent, requests, len(l.requests))
	}
	connections := make([]*connection, clients)
	for i := range connections {
		connections[i] = dial(tb, l.address)
	}
	times := make([]time.Duration, requests)
	begin, first := time.Now(), l.sent
	var next atomic.Int64
	var group sync.WaitGroup
	for _, connection := range connections {
		group.Go(func() {
			for i := int(next.Add(1) - 1); i < requests; i = int(next.Add(1) - 1) {
				start := time.Now()
				length, err := connection.send(l.requests[first+i], http.StatusOK)
				if err == nil {
					l.answers[first+i] = make([]byte, length)
					_, err = io.ReadFull(connection.reader, l.answers[first+i])
				}
				if err != nil {
					tb.Errorf("request %d: %v", first+i, err)
					return
				}
				times[i] = time.Since(start)
			}
		})
	}
	group.Wait()
	took := time.Since(begin)
	if tb.Failed() {
		tb.FailNow()
	}
	for _, connection := range connections {
		connection.conn.Close()
	}
	l.sent += requests
	slices.Sort(times)
	return took, float64(times[requests/2]) / float64(time.Millisecond)
}

// check verifies one of so many answers: a cosignature by each of the witness's
// keys.
func (l *witnessLoad) check(tb testing.TB, every int) {
	tb.Helper()
	for i := 0; i < l.sent; i += every {
		lines, err := tlog.ParseSignatureLines(string(l.answers[i]))
		if err != nil {
			tb.Fatalf("answer %d: %v", i, err)
		}
		cosigned, err := l.checkpoints[i].With(lines...)
		if err != nil {
			tb.Fatalf("answer %d: %v", i, err)
		}
		cosignatures, err := cosigned.Cosignatures(l.keys)
		if err != nil || len(cosignatures) != len(l.keys) {
			tb.Fatalf("answer %d: %d cosignatures (%v), want %d", i, len(cosignatures), err, len(l.keys))
		}
	}
}
