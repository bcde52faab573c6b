package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-log/muster/release"
)

// arrival is a manifest that is on its way.
type arrival struct {
	began     time.Time
	bytes     atomic.Int64
	displaced atomic.Bool
	// end has the body end, wherever it is.
	end func()
}

// Write counts what has arrived.
func (a *arrival) Write(data []byte) (int, error) {
	a.bytes.Add(int64(len(data)))
	return len(data), nil
}

// rate is in bytes a second, of the grace at least.
func (a *arrival) rate(now time.Time, grace time.Duration) float64 {
	return float64(a.bytes.Load()) / max(now.Sub(a.began), grace, time.Millisecond).Seconds()
}

// arrivals are the manifests that are on their way, at most so many. Where there is no
// place for one more, the slowest gives up its own: whoever would keep others from
// theirs has to send faster than they do, on all places at once. While the slowest has
// its grace, nobody else gives way instead: that would be one who sends.
type arrivals struct {
	most  int
	grace time.Duration
	mu    sync.Mutex
	under map[*arrival]struct{}
}

func newArrivals() *arrivals {
	return &arrivals{most: maxArriving, grace: arrivalGrace, under: map[*arrival]struct{}{}}
}

// enter takes a place, and waits for it a little. The caller leaves it.
func (a *arrivals) enter(ctx context.Context, end func()) (*arrival, error) {
	one := &arrival{end: end}
	for deadline := time.Now().Add(turnWait); ; {
		if a.tryEnter(one) {
			return one, nil
		}
		if !time.Now().Before(deadline) {
			return nil, &Error{Code: CodeBusy, Retry: retrySoon, Detail: "too many manifests are on their way; send the same bytes again"}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(turnWait / 40):
		}
	}
}

func (a *arrivals) tryEnter(one *arrival) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if len(a.under) >= a.most {
		var slowest *arrival
		var least float64
		for other := range a.under {
			rate := other.rate(now, a.grace)
			if slowest == nil || rate < least || rate == least && other.began.Before(slowest.began) {
				slowest, least = other, rate
			}
		}
		if now.Sub(slowest.began) < a.grace {
			return false
		}
		delete(a.under, slowest)
		slowest.displaced.Store(true)
		slowest.end()
	}
	one.began = now
	a.under[one] = struct{}{}
	return true
}

func (a *arrivals) leave(one *arrival) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.under, one)
}

// spooled is a manifest that has arrived whole, in a file that has no name any more
// (where the system allows that) and is gone with its last reader.
type spooled struct {
	file   *os.File
	size   int64
	digest release.Digest // of the bytes
}

func spool(directory string) (*spooled, error) {
	file, err := os.CreateTemp(directory, ".manifest-*.part")
	if err != nil {
		return nil, err
	}
	os.Remove(file.Name())
	return &spooled{file: file}, nil
}

// Close gives the file up; a second time it does nothing.
func (s *spooled) Close() {
	s.file.Close()
	os.Remove(s.file.Name())
}

func (s *spooled) read() ([]byte, error) {
	data := make([]byte, s.size)
	if _, err := s.file.ReadAt(data, 0); err != nil {
		return nil, err
	}
	return data, nil
}

// receiveManifest reads a manifest to the disk, bounded in bytes and time. The caller
// closes it.
func (a *API) receiveManifest(c echo.Context) (*spooled, error) {
	timeout := a.config.ManifestTimeout
	// Both deadlines of the server are made for what is smaller.
	control := http.NewResponseController(c.Response())
	if err := control.SetWriteDeadline(time.Now().Add(timeout + turnWait + 2*admitTimeout + answerTimeout)); err != nil {
		return nil, err
	}
	var ends sync.Mutex // a place that is taken away before the deadline is set stays so
	one, err := a.arriving.enter(c.Request().Context(), func() {
		ends.Lock()
		defer ends.Unlock()
		control.SetReadDeadline(time.Now())
	})
	if err != nil {
		return nil, unread(c, err)
	}
	defer a.arriving.leave(one)
	ends.Lock()
	if !one.displaced.Load() {
		err = control.SetReadDeadline(time.Now().Add(timeout))
	}
	ends.Unlock()
	if err != nil {
		return nil, err
	}
	arrived, err := spool(a.config.Spool)
	if err != nil {
		return nil, unread(c, notKept(err))
	}
	hash := sha256.New()
	body := &readErrors{reader: http.MaxBytesReader(c.Response(), c.Request().Body, release.MaxOMSManifest)}
	if arrived.size, err = io.Copy(io.MultiWriter(one, hash, arrived.file), body); err == nil {
		arrived.digest = release.Digest(hash.Sum(nil))
		return arrived, nil
	}
	arrived.Close()
	_, over := errors.AsType[*http.MaxBytesError](err)
	switch {
	case over:
		return nil, manifestTooLarge("more than " + strconv.Itoa(release.MaxOMSManifest) + " bytes")
	case body.err == nil:
		return nil, unread(c, notKept(err))
	case one.displaced.Load():
		return nil, unread(c, &Error{Code: CodeBusy, Retry: retrySoon, Err: err, Detail: "too many manifests are on their way, and this one was the slowest; send the same bytes again"})
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, unread(c, &Error{Code: CodeBody, Err: err, Detail: "the body did not arrive within " + timeout.String()})
	}
	return nil, unread(c, &Error{Code: CodeBody, Err: err, Detail: "the body did not arrive whole"})
}

// notKept is the error of a manifest that this machine could not store.
func notKept(err error) *Error {
	return &Error{Code: CodeUnavailable, Retry: retrySoon, Err: err, Detail: "the log cannot keep the manifest now; send the same bytes again"}
}

// readErrors remembers what a reader failed with, to tell it from the writer's errors.
type readErrors struct {
	reader io.Reader
	err    error
}

func (r *readErrors) Read(data []byte) (int, error) {
	n, err := r.reader.Read(data)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// keeping is a manifest that is being judged and stored.
type keeping struct {
	done chan struct{}
	err  error // of what is done
}

// keepManifest has a manifest judged and made durable, and returns the status of the
// answer. Others of the same bytes wait for the first of them.
func (a *API) keepManifest(ctx context.Context, arrived *spooled, roots []release.Digest) (int, error) {
	a.mu.Lock()
	first := a.keeping[arrived.digest]
	if first == nil {
		first = &keeping{done: make(chan struct{})}
		a.keeping[arrived.digest] = first
		a.mu.Unlock()
		// It does not end with the sender's connection: others may wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), admitTimeout)
		defer cancel()
		defer func() {
			a.mu.Lock()
			delete(a.keeping, arrived.digest)
			a.mu.Unlock()
			close(first.done)
		}()
		first.err = notKept(errors.New("storing was broken off")) // unless the next line returns
		first.err = a.storeArrived(ctx, arrived, roots)
		return http.StatusCreated, first.err
	}
	a.mu.Unlock()
	arrived.Close() // the first has the same bytes
	<-first.done    // within admitTimeout
	return http.StatusOK, first.err
}

// storeArrived takes a manifest into memory, judges it and stores it.
func (a *API) storeArrived(ctx context.Context, arrived *spooled, roots []release.Digest) error {
	if err := turn(ctx, a.storing); err != nil {
		return err
	}
	defer func() { <-a.storing }()
	data, err := arrived.read()
	if err != nil {
		return notKept(err)
	}
	if err := a.judgeManifest(ctx, data, arrived.digest, roots); err != nil {
		return err
	}
	if err := a.config.Manifests.Put(ctx, arrived.digest, data); err != nil {
		return notKept(err)
	}
	return nil
}
