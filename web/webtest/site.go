// Package webtest runs a whole log behind its HTTP server for tests: real
// storage and search index in a directory, witnesses in memory that may be sent
// away, and a clock that stands still. Its keys are made of their names: never
// trust one.
package webtest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/storage/embedded"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/tlog/tlogtest"
	"github.com/muster-log/muster/web"
)

// Origin is the log's.
const Origin = "log.example/acme"

// Start is when the clock of a site begins.
var Start = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// Site is a running log.
type Site struct {
	testing.TB
	// URL is where it answers, without a slash at the end.
	URL       string
	Log       *log.Log
	Server    *web.Server
	Policy    *policy.Policy
	Operators map[string]string // of the policy's witnesses
	Witnesses *Witnesses
	// Authority is the payload digest of entry 0.
	Authority release.Digest
	// InForce is the payload digest of the authority under which the statements
	// are made: entry 0, until Rotate.
	InForce release.Digest

	mu    sync.Mutex
	now   time.Time
	made  int
	index log.Index
}

// Options change a site. The zero value is a log of one entry, its authority,
// with a quorum.
type Options struct {
	// Absent are witnesses that are away from the start: w1, w2, w3.
	Absent []string
	// Entries are stored after entry 0 as they are, admitted by nobody.
	Entries [][]byte
	// Republish is how often a log that stands still has its checkpoint cosigned
	// again: default the log's.
	Republish time.Duration
	// PublishWait: default a second.
	PublishWait time.Duration
	// BodyTimeout: default the server's.
	BodyTimeout time.Duration
	// Logger: default none.
	Logger *slog.Logger
	// Manifests: default those of the storage.
	Manifests log.Manifests
	// URL is the public address that the server is told.
	URL string
}

// New runs a log until the test ends. It returns once the log has published, or
// at once where witnesses are absent.
func New(tb testing.TB, o Options) *Site {
	tb.Helper()
	if o.PublishWait == 0 {
		o.PublishWait = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Site{TB: tb, now: Start}
	key := tlogtest.Key(tb, Origin, tlog.TypeEd25519)
	s.Witnesses = newWitnesses(tb, s.Now, o.Absent)
	s.Policy = tlogtest.Policy(tb, 2, s.Witnesses.all, tlogtest.NewLog(tb, Origin))
	s.Witnesses.policy, s.Operators = s.Policy, tlogtest.Operators(s.Witnesses.all...)

	ctx, dir := context.WithoutCancel(tb.Context()), tb.TempDir()
	storage, err := embedded.Open(ctx, filepath.Join(dir, "data"), key, o.Logger, embedded.WithHighWater(filepath.Join(dir, "high-water")))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { storage.Close() })
	if o.Manifests == nil {
		o.Manifests = storage.Manifests
	}
	entry, digest := s.sign(s.authority())
	s.Authority, s.InForce = digest, digest
	first := append([][]byte{entry}, o.Entries...)
	if _, err := storage.Appender.Append(ctx, func(uint64) ([][]byte, error) { return first, nil }); err != nil {
		tb.Fatal(err)
	}
	s.index = storage.Index
	s.Log, err = log.Open(ctx, log.Config{Origin: Origin, Key: key, Appender: storage.Appender, Anchors: storage.Anchors,
		HighWater: storage.HighWater, Cosigner: s.Witnesses, CheckpointInterval: -1, RepublishInterval: o.Republish, Now: s.Now, Logger: o.Logger})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Log.Close)
	following, stop := context.WithCancel(ctx)
	var follower sync.WaitGroup
	follower.Go(func() { s.Log.FollowIndex(following, s.index) })
	tb.Cleanup(follower.Wait)
	tb.Cleanup(stop)

	s.Server = web.New(web.Config{Log: s.Log, Index: s.index, Manifests: o.Manifests, Spool: tb.TempDir(), Policy: s.Policy, Operators: s.Operators, LogOperator: "log.example",
		URL: o.URL, PublishWait: o.PublishWait, BodyTimeout: o.BodyTimeout, Now: s.Now, Logger: o.Logger})
	server := httptest.NewServer(s.Server)
	tb.Cleanup(server.Close)
	s.URL = server.URL
	if len(o.Absent) == 0 {
		s.WaitPublished(uint64(len(first)))
	}
	return s
}

// Now is the site's clock.
func (s *Site) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Advance moves the site's clock.
func (s *Site) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// WaitPublished waits until the newest checkpoint covers so many entries and
// the search index has them.
func (s *Site) WaitPublished(size uint64) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	if _, err := s.Log.WaitPublished(ctx, size-1); err != nil {
		s.Fatalf("size %d is not published: %v, %+v", size, err, s.Log.Status())
	}
	for {
		indexed, err := s.index.Size(ctx)
		if err != nil {
			s.Fatal(err)
		}
		if indexed >= size {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Submit has the log admit an entry and publish it, and returns its index.
func (s *Site) Submit(entry []byte) uint64 {
	s.Helper()
	receipt, err := s.Log.Submit(s.Context(), entry)
	if err != nil {
		s.Fatalf("submit: %v", err)
	}
	s.WaitPublished(receipt.Index + 1)
	return receipt.Index
}
