package embedded_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	sumdb "golang.org/x/mod/sumdb/note"

	"github.com/muster-log/muster/log"
	"github.com/muster-log/muster/log/cosign"
	"github.com/muster-log/muster/log/logtest"
	"github.com/muster-log/muster/storage/embedded"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/tlog/policy"
	"github.com/muster-log/muster/web"
)

const peerOrigin = "log.example/peers"

// site is a log on embedded storage behind its HTTP server.
type site struct {
	*log.Log
	t      testing.TB
	key    *tlog.SigningKey
	issuer *logtest.Issuer
	url    *url.URL
	policy *policy.Policy

	storage       *embedded.Storage
	stopFollowing func()
}

// follow keeps the search index up to date until stopFollowing.
func (s *site) follow() {
	following, stop := context.WithCancel(context.Background())
	var follower sync.WaitGroup
	follower.Go(func() { s.FollowIndex(following, s.storage.Index) })
	s.stopFollowing = func() { stop(); follower.Wait() }
}

// newSite opens a log under a policy; key is of peerOrigin.
func newSite(t testing.TB, key *tlog.SigningKey, trusted *policy.Policy) *site {
	t.Helper()
	logger, dir := slog.New(slog.DiscardHandler), t.TempDir()
	storage, err := embedded.Open(context.Background(), filepath.Join(dir, "data"), key, logger, embedded.WithHighWater(filepath.Join(dir, "high-water")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { storage.Close() })
	group, err := cosign.NewGroup(trusted, cosign.Options{Logger: logger, Grace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := log.Open(context.Background(), log.Config{
		Origin: peerOrigin, Key: key, Appender: storage.Appender, Anchors: storage.Anchors, HighWater: storage.HighWater,
		Cosigner: group, CheckpointInterval: 20 * time.Millisecond, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	server := httptest.NewServer(web.New(web.Config{Log: opened, Index: storage.Index, Policy: trusted, Logger: logger}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Log: opened, t: t, key: key, issuer: logtest.NewIssuer(t, peerOrigin), url: address, policy: trusted, storage: storage}
	s.follow()
	t.Cleanup(func() { s.stopFollowing() })
	s.submit(s.issuer.Authority)
	return s
}

// submit submits entries at once and waits until all are published. It returns
// the anchor that covers the last.
func (s *site) submit(entries ...[]byte) log.Anchor {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var group sync.WaitGroup
	for _, entry := range entries {
		group.Go(func() {
			if _, err := s.Submit(ctx, entry); err != nil {
				s.t.Error(err)
			}
		})
	}
	group.Wait()
	anchor, err := s.WaitPublished(ctx, s.Status().Size-1)
	if err != nil {
		s.t.Fatalf("%v: %+v", err, s.Status())
	}
	return anchor
}

func (s *site) images(count int) [][]byte {
	s.t.Helper()
	var entries [][]byte
	for range count {
		entry, _ := s.issuer.Image()
		entries = append(entries, entry)
	}
	return entries
}

// hashBundle is how Tessera's tools hash the entries of a bundle.
func hashBundle(data []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(data); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range bundle.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

// Tessera's own client and fsck read our log over HTTP, at partial and at full
// tiles, and find it sound.
func TestTesseraReadsOurLog(t *testing.T) {
	key, err := tlog.GenerateSigningKey(peerOrigin, tlog.TypeEd25519)
	if err != nil {
		t.Fatal(err)
	}
	witnesses := logtest.NewWitnesses(t, 3, key.Verifier())
	s := newSite(t, key, logtest.Policy(t, key.Verifier(), 2, witnesses...))
	verifier, err := sumdb.NewVerifier(key.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := client.NewHTTPFetcher(s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	tracker, err := client.NewLogStateTracker(t.Context(), fetcher.ReadTile, nil, verifier, peerOrigin, client.UnilateralConsensus(fetcher.ReadCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []int{1, 200, 54, 1, 300} { // 256 among the sizes
		entries := s.images(more)
		s.submit(entries...)
		if _, _, _, err := tracker.Update(t.Context()); err != nil { // consistent with the last
			t.Fatal(err)
		}
		latest := tracker.Latest()
		if latest.Size != s.Status().Size {
			t.Fatalf("Tessera sees size %d, want %d", latest.Size, s.Status().Size)
		}
		if err := fsck.New(peerOrigin, verifier, fetcher, hashBundle, fsck.Opts{N: 2}).Check(t.Context()); err != nil {
			t.Errorf("fsck at size %d: %v", latest.Size, err)
		}
		builder, err := client.NewProofBuilder(t.Context(), latest.Size, fetcher.ReadTile)
		if err != nil {
			t.Fatal(err)
		}
		for index := uint64(0); index < latest.Size; index += 37 {
			hashes, err := builder.InclusionProof(t.Context(), index)
			if err != nil {
				t.Fatal(err)
			}
			bundle, err := client.GetEntryBundle(t.Context(), fetcher.ReadEntryBundle, index/256, latest.Size)
			if err != nil {
				t.Fatal(err)
			}
			leaf := rfc6962.DefaultHasher.HashLeaf(bundle.Entries[index%256])
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, latest.Size, leaf, hashes, latest.Hash); err != nil {
				t.Errorf("entry %d of %d: %v", index, latest.Size, err)
			}
		}
	}

	// It is the checking that finds nothing: an altered answer is found.
	altered := alteredFetcher{fetcher}
	if err := fsck.New(peerOrigin, verifier, altered, hashBundle, fsck.Opts{N: 2}).Check(t.Context()); err == nil {
		t.Error("fsck passes an altered bundle")
	}
}

// alteredFetcher alters the first entry bundle.
type alteredFetcher struct{ *client.HTTPFetcher }

func (f alteredFetcher) ReadEntryBundle(ctx context.Context, index uint64, width uint8) ([]byte, error) {
	data, err := f.HTTPFetcher.ReadEntryBundle(ctx, index, width)
	if err == nil && index == 0 {
		data = bytes.Replace(data, []byte("payload"), []byte("paxload"), 1)
	}
	return data, err
}
