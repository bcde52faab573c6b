package audit_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/monitor/audit"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/web/webtest"
)

// TestFollowLog follows a real log as it grows.
func TestFollowLog(t *testing.T) {
	site := webtest.New(t, webtest.Options{})
	client, err := remote.New(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var seen []register.Outcome
	f, err := audit.New(client, site.Policy, audit.Options{Authority: site.Authority, Now: site.Now,
		Outcome: func(o register.Outcome) { seen = append(seen, o) }})
	if err != nil {
		t.Fatal(err)
	}
	if f.State() != nil || f.Checkpoint() != nil || !f.Fresh().IsZero() {
		t.Fatal("a follower that asked nobody knows something")
	}
	grown := func(from, to uint64) {
		t.Helper()
		p, err := f.Update(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p.From != from || p.To != to || f.State().Size() != to || f.Checkpoint().Size != to || uint64(len(seen)) != to {
			t.Fatalf("got %+v, state of %d, checkpoint of %d, %d outcomes, want %d to %d", p, f.State().Size(), f.Checkpoint().Size, len(seen), from, to)
		}
	}
	grown(0, 1)
	if _, digest := f.State().Authority(); digest != site.Authority {
		t.Errorf("authority %s, want %s", digest, site.Authority)
	}
	if got := f.Fresh(); got.Sub(webtest.Start).Abs() > time.Minute {
		t.Errorf("fresh at %s, want about %s", got, webtest.Start)
	}
	site.Recipe()
	grown(1, 4)
	if live := f.State().Live(webtest.Product); len(live) != 1 {
		t.Errorf("got %d live releases, want 1", len(live))
	}
	grown(4, 4)
	root, err := f.RootAt(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if entry, err := client.Entry(t.Context(), "0"); err != nil || tlog.LeafHash(entry) != root {
		t.Errorf("root at size 1 is %s, want the leaf of entry 0, %v", root, err)
	}
}

func TestPinnedAuthority(t *testing.T) {
	site := webtest.New(t, webtest.Options{})
	client, err := remote.New(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	f, err := audit.New(client, site.Policy, audit.Options{Authority: release.Digest{1}, Now: site.Now})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, f, audit.CodeOtherAuthority)
	if f.State().Size() != 0 {
		t.Errorf("%d entries of another authority's log were applied", f.State().Size())
	}
}

// TestFollowParts: a log of several parts, verified part by part, and taken up again
// where an update stopped.
func TestFollowParts(t *testing.T) {
	s := newServer(t, 2500)
	f := s.follower(t, audit.Options{})
	s.set(func(path string, body []byte) []byte {
		if path == tlog.EntriesPath(6, 256) {
			return nil
		}
		return body
	})
	p, err := f.Update(t.Context())
	if err == nil || p.To != 1024 || f.State().Size() != 1024 || f.Checkpoint() != nil {
		t.Fatalf("got %+v, %v, want an update that stops at 1024", p, err)
	}
	if _, ok := errors.AsType[*audit.Error](err); ok {
		t.Errorf("a bundle that is missing was taken for a log that contradicts: %v", err)
	}
	s.set(nil)
	s.grow(100)
	s.publish(start.Add(time.Minute))
	if p, err = f.Update(t.Context()); err != nil || p.From != 1024 || p.To != 2600 || f.Checkpoint().Size != 2600 {
		t.Fatalf("got %+v, %v, want 1024 to 2600", p, err)
	}
	if f.State().Void() != 2600 {
		t.Errorf("%d void entries, want all", f.State().Void())
	}
	for _, size := range []uint64{1, 256, 1024, 2500, 2600} {
		if root, err := f.RootAt(t.Context(), size); err != nil || root != s.log.Root(size) {
			t.Errorf("root at %d: got %s, %v, want %s", size, root, err, s.log.Root(size))
		}
	}
}

// TestAway: a log that cannot be reached is no log that misbehaves.
func TestAway(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	client, err := remote.New(down.URL)
	if err != nil {
		t.Fatal(err)
	}
	f, err := audit.New(client, newServer(t, 1).policy, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Update(t.Context())
	if _, ok := errors.AsType[*audit.Error](err); err == nil || ok {
		t.Fatalf("got %v, want an error that is no *audit.Error", err)
	}
}

// TestFresher: a checkpoint that was cosigned again makes the same size fresher.
func TestFresher(t *testing.T) {
	s := newServer(t, 3)
	f := s.follower(t, audit.Options{})
	for _, when := range []time.Time{start, start.Add(time.Minute), start} {
		s.publish(when)
		if _, err := f.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := f.Fresh(), start.Add(time.Minute); !got.Equal(want) {
		t.Errorf("fresh at %s, want %s", got, want)
	}
}

// refused updates and wants an error with a code.
func refused(t *testing.T, f *audit.Follower, code audit.Code) *audit.Error {
	t.Helper()
	_, err := f.Update(t.Context())
	failure, ok := errors.AsType[*audit.Error](err)
	if !ok || failure.Code != code {
		t.Fatalf("got %v, want code %s", err, code)
	}
	return failure
}
