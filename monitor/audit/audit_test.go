package audit_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/tlog/tlogtest"
)

const origin = "log.example/acme"

// start is when the first checkpoints are cosigned.
var start = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// server serves whatever a test wants as a log: a checkpoint, and the tiles of a
// log of at most 256 * 256 entries.
type server struct {
	tb        testing.TB
	witnesses []tlogtest.Witness
	policy    *policy.Policy
	client    *remote.Client

	mu         sync.Mutex
	log        *tlogtest.Log
	checkpoint []byte
	// change alters a true answer; it gets the path without the leading slash.
	change   func(path string, body []byte) []byte
	requests int
}

// newServerOf makes a server of an empty log that does not listen.
func newServerOf(tb testing.TB) *server {
	tb.Helper()
	s := &server{tb: tb, log: tlogtest.NewLog(tb, origin)}
	for _, name := range []string{"w1", "w2", "w3"} {
		s.witnesses = append(s.witnesses, tlogtest.NewWitness(tb, name, "operator of "+name, tlog.TypeCosignatureEd25519))
	}
	s.policy = tlogtest.Policy(tb, 2, s.witnesses, s.log)
	return s
}

func newServer(t *testing.T, entries int) *server {
	t.Helper()
	s := newServerOf(t)
	s.grow(entries)
	s.publish(start)
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	client, err := remote.New(listening.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.client = client
	return s
}

// grow adds entries that no register admits: here only the tree matters.
func (s *server) grow(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range count {
		s.log.Add(fmt.Appendf(nil, "entry %d of %p", s.log.Size(), s.log))
	}
}

// become makes it the server of another log. An answer to a request that a follower gave up
// may still be under way.
func (s *server) become(log *tlogtest.Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = log
}

// publish shows the newest checkpoint, cosigned by two witnesses at a time.
func (s *server) publish(when time.Time) *tlog.SignedCheckpoint {
	return s.show(s.log.Checkpoint(s.log.Size(), s.witnesses[0].At(when), s.witnesses[1].At(when)))
}

func (s *server) show(checkpoint *tlog.SignedCheckpoint) *tlog.SignedCheckpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkpoint = checkpoint.Marshal()
	return checkpoint
}

func (s *server) set(change func(path string, body []byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change = change
}

func (s *server) follower(t *testing.T, options audit.Options) *audit.Follower {
	t.Helper()
	if options.Now == nil {
		options.Now = func() time.Time { return start.Add(time.Hour) }
	}
	f, err := audit.New(s.client, s.policy, options)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	path := strings.TrimPrefix(r.URL.Path, "/")
	body := s.honest(path)
	if s.change != nil {
		body = s.change(path, body)
	}
	if body == nil {
		http.NotFound(w, r)
		return
	}
	contentType := "application/octet-stream"
	if path == "checkpoint" {
		contentType = "text/plain"
	}
	w.Header().Set("Content-Type", contentType)
	w.Write(body)
}

func (s *server) honest(path string) []byte {
	if path == "checkpoint" {
		return s.checkpoint
	}
	for level := range uint64(2) {
		span := uint64(1) << (8 * level)
		for index := uint64(0); index*tlog.TileWidth*span < s.log.Size(); index++ {
			for width := 1; width <= tlog.TileWidth; width++ {
				if (index*tlog.TileWidth+uint64(width))*span > s.log.Size() {
					break
				}
				if path == tlog.TilePath(level, index, width) {
					return s.tile(level, index, width)
				}
				if level == 0 && path == tlog.EntriesPath(index, width) {
					var bundle []byte
					for i := range uint64(width) {
						bundle, _ = tlog.AppendEntry(bundle, s.log.Entry(index*tlog.TileWidth+i))
					}
					return bundle
				}
			}
		}
	}
	return nil
}

func (s *server) tile(level, index uint64, width int) []byte {
	var tile bytes.Buffer
	for i := range uint64(width) {
		at := index*tlog.TileWidth + i
		hash := tlog.LeafHash(s.log.Entry(at))
		if level == 1 {
			part := tlogtest.NewLog(s.tb, origin)
			for j := range uint64(tlog.TileWidth) {
				part.Add(s.log.Entry(at*tlog.TileWidth + j))
			}
			hash = part.Root(tlog.TileWidth)
		}
		tile.Write(hash[:])
	}
	return tile.Bytes()
}
