package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	sumdb "golang.org/x/mod/sumdb/note"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

// TestTesseraLogIsCosigned lets Tessera, a log implementation of others, get
// its checkpoints cosigned here over HTTP, under either of the witness's
// keys, and grow, stop and go on.
func TestTesseraLogIsCosigned(t *testing.T) {
	for i, keyType := range []tlog.KeyType{tlog.TypeCosignatureEd25519, tlog.TypeCosignatureMLDSA44} {
		t.Run(keyType.String(), func(t *testing.T) {
			key := witnesstest.NewKey(t, "tessera.example/log", tlog.TypeEd25519)
			r := start(t, server.Timeouts{})
			if _, err := r.db.AddLog(t.Context(), key.Verifier().Name, key.Verifier()); err != nil {
				t.Fatal(err)
			}
			directory := t.TempDir()
			entries := 0
			for _, more := range []int{1, 300, 5} {
				checkpoint := appendWithTessera(t, directory, key, r, i, entries, more)
				entries += more
				if checkpoint.Size != uint64(entries) {
					t.Fatalf("the log publishes size %d, want %d", checkpoint.Size, entries)
				}
				// Tessera adds the line of the one key that it was given.
				cosignatures, err := checkpoint.Cosignatures(r.keys.Verifiers())
				if err != nil || len(cosignatures) != 1 || cosignatures[0].Key.Type != keyType {
					t.Errorf("size %d: got cosignatures %v, %v", entries, cosignatures, err)
				}
				kept := r.latest(checkpoint.Origin)
				if kept.status != http.StatusOK {
					t.Fatalf("got %d %q", kept.status, kept.body)
				}
				r.verify(kept.body, checkpoint)
			}
		})
	}
}

// appendWithTessera opens the log, appends entries, waits until the last is
// covered by a cosigned checkpoint, closes the log and returns that one.
func appendWithTessera(t *testing.T, directory string, key *tlog.SigningKey, r *running, witnessKey, first, count int) *tlog.SignedCheckpoint {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	address, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := tessera.NewWitness(r.keys.Verifiers()[witnessKey].String(), address)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sumdb.NewSigner(key.String())
	if err != nil {
		t.Fatal(err)
	}
	driver, err := posix.New(ctx, posix.Config{Path: directory})
	if err != nil {
		t.Fatal(err)
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(100*time.Millisecond).
		WithBatching(256, 10*time.Millisecond).
		WithWitnesses(tessera.NewWitnessGroup(1, peer), nil)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		t.Fatal(err)
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 10*time.Millisecond)
	var futures []tessera.IndexFuture
	for i := range count {
		futures = append(futures, appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "entry %d", first+i))))
	}
	var checkpoint []byte
	for i, future := range futures {
		index, published, err := awaiter.Await(ctx, future)
		if err != nil || index.Index != uint64(first+i) {
			t.Fatalf("entry %d: got index %d, %v", first+i, index.Index, err)
		}
		checkpoint = published
	}
	if err := shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	parsed, err := tlog.ParseCheckpoint(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
