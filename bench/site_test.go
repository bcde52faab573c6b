package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	sumdb "golang.org/x/mod/sumdb/note"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/cosign"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/storage/embedded"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/web"
)

const (
	origin = "log.example/bench"
	// interval is that of publication, the same for both logs.
	interval = log.DefaultCheckpointInterval
	// batchAge is how long Tessera gathers entries, as facts of others' set-ups
	// have it; ours gathers while the batch before is written.
	batchAge = 10 * time.Millisecond
	// connections is how many submissions are under way at once where as many
	// as possible are wanted.
	connections = 2048
)

// site is a whole log on loopback: storage in a directory, three witnesses of
// which two suffice, and the HTTP server.
type site struct {
	tb    testing.TB
	log   *log.Log
	index log.Index
	url   string
	// address is the host and port of url.
	address string
	client  *http.Client
	issuer  *logtest.Issuer
	policy  *policy.Policy
}

func newSite(tb testing.TB) *site {
	tb.Helper()
	key, err := tlog.GenerateSigningKey(origin, tlog.TypeEd25519)
	if err != nil {
		tb.Fatal(err)
	}
	witnesses := logtest.NewWitnesses(tb, 3, key.Verifier())
	trusted := logtest.Policy(tb, key.Verifier(), 2, witnesses...)
	logger := slog.New(slog.DiscardHandler)
	dir := tb.TempDir()
	storage, err := embedded.Open(context.Background(), filepath.Join(dir, "data"), key, logger, embedded.WithHighWater(filepath.Join(dir, "high-water")))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { storage.Close() })
	group, err := cosign.NewGroup(trusted, cosign.Options{Logger: logger})
	if err != nil {
		tb.Fatal(err)
	}
	opened, err := log.Open(context.Background(), log.Config{
		Origin: origin, Key: key, Appender: storage.Appender, Anchors: storage.Anchors, HighWater: storage.HighWater,
		Cosigner: group, CheckpointInterval: interval, Logger: logger,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(opened.Close)

	following, stop := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() { defer close(followed); opened.FollowIndex(following, storage.Index) }()
	tb.Cleanup(func() { stop(); <-followed })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := web.New(web.Config{Log: opened, Index: storage.Index, Policy: trusted, Logger: logger})
	serving, end := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(serving, listener) }()
	tb.Cleanup(func() { end(); <-served })

	s := &site{tb: tb, log: opened, index: storage.Index, url: "http://" + listener.Addr().String(), address: listener.Addr().String(), issuer: logtest.NewIssuer(tb, origin), policy: trusted,
		client: &http.Client{Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections}}}
	tb.Cleanup(s.client.CloseIdleConnections)
	if _, err := opened.Submit(context.Background(), s.issuer.Authority); err != nil {
		tb.Fatal(err)
	}
	if _, err := opened.WaitPublished(tb.Context(), 0); err != nil {
		tb.Fatal(err)
	}
	return s
}

// entry makes the entry of a further version of an image, with two Ed25519
// signatures.
func (s *site) entry() []byte {
	s.tb.Helper()
	image := s.issuer.StateImage(func(i *release.Image) { i.Name, i.Version = "model", i.Name })
	entry, _ := s.issuer.SignImage(image, "ci", "ci2")
	return entry
}

// submit posts an entry and returns its index once it is published.
func (s *site) submit(entry []byte) (uint64, error) {
	response, err := s.client.Post(s.url+"/api/v1/entries", "application/json", bytes.NewReader(entry))
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	var receipt struct{ Index uint64 }
	if err := json.Unmarshal(body, &receipt); err != nil || response.StatusCode != http.StatusCreated {
		return 0, fmt.Errorf("got %d %s", response.StatusCode, body)
	}
	return receipt.Index, nil
}

// indexed waits until the search index knows all that is published, so that what
// it costs is not left out.
func (s *site) indexed() error {
	for {
		size, err := s.index.Size(s.tb.Context())
		if anchor, _ := s.log.Checkpoint(); err != nil || size >= anchor.Checkpoint.Size {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// prove submits an entry, gets its proof and verifies that.
func (s *site) prove(entry []byte) error {
	index, err := s.submit(entry)
	if err != nil {
		return err
	}
	response, err := s.client.Get(fmt.Sprintf("%s/api/v1/entries/%d/proof", s.url, index))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	proof, err := tlog.ParseProof(body)
	if err != nil {
		return fmt.Errorf("got %d %s: %w", response.StatusCode, body, err)
	}
	signed, err := tlog.ParseCheckpoint(proof.Checkpoint)
	if err != nil {
		return err
	}
	if _, err := s.policy.Verify(signed); err != nil {
		return err
	}
	return tlog.VerifyInclusion(index, signed.Size, tlog.LeafHash(entry), proof.Inclusion, signed.Root)
}

// bare is a Tessera POSIX log without witnesses, in process.
type bare struct {
	add     tessera.AddFn
	reader  tessera.LogReader
	awaiter *tessera.PublicationAwaiter
}

func newBare(tb testing.TB) *bare {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	secret, _, err := sumdb.GenerateKey(nil, "tessera.example/bench")
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := sumdb.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	driver, err := posix.New(ctx, posix.Config{Path: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(signer).WithCheckpointInterval(interval).WithBatching(256, batchAge))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := shutdown(ctx); err != nil {
			tb.Error(err)
		}
		cancel()
	})
	// It polls; a millisecond costs it nothing that would show.
	return &bare{add: appender.Add, reader: reader, awaiter: tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, time.Millisecond)}
}

// prove adds an entry, waits for its publication and makes its proof.
func (l *bare) prove(ctx context.Context, entry []byte) error {
	index, checkpoint, err := l.awaiter.Await(ctx, l.add(ctx, tessera.NewEntry(entry)))
	if err != nil {
		return err
	}
	signed, err := tlog.ParseCheckpoint(checkpoint)
	if err != nil {
		return err
	}
	builder, err := client.NewProofBuilder(ctx, signed.Size, l.reader.ReadTile)
	if err != nil {
		return err
	}
	hashes, err := builder.InclusionProof(ctx, index.Index)
	if err != nil {
		return err
	}
	inclusion := make([]tlog.Hash, len(hashes))
	for i, hash := range hashes {
		inclusion[i] = tlog.Hash(hash)
	}
	return tlog.VerifyInclusion(index.Index, signed.Size, tlog.LeafHash(entry), inclusion, signed.Root)
}

// median is the middle of times, in milliseconds.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2]) / float64(time.Millisecond)
}

// timed tells how long something takes.
func timed(b *testing.B, do func() error) time.Duration {
	b.Helper()
	begin := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}
