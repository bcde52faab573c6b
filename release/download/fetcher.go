package download

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/muster-log/muster/internal/progress"
	"github.com/muster-log/muster/release"
)

const (
	// DefaultStall is the time in which MinimumBytes must arrive: long enough for
	// a mobile line that comes and goes, short beside what a person waits.
	DefaultStall = 60 * time.Second
	// MinimumBytes is the least that a transfer brings in a stall time, about a
	// kilobyte a second: below it, the largest artifact of an image never ends.
	MinimumBytes = 64 << 10
	// maxFruitless bounds attempts in a row that bring a URL's transfer no further.
	maxFruitless = 5
	// maxRounds bounds what one URL may send of a file in all attempts, in sizes of
	// the file.
	maxRounds = 3
	// maxPause bounds the wait between two attempts, whatever the server asks for.
	maxPause = 30 * time.Second
	// maxRedirects bounds redirects: file hosts lead to storage, once or twice.
	maxRedirects = 5
	// maxHeader bounds an answer's header in bytes.
	maxHeader = 64 << 10
	// connectTimeout bounds the dial and, apart, the TLS handshake.
	connectTimeout = 15 * time.Second
)

// Options change how artifacts are fetched.
type Options struct {
	// Roots are the certificate authorities of servers. Default: the system's.
	Roots *x509.CertPool
	// Stall is the time in which MinimumBytes must arrive. Default: DefaultStall.
	Stall time.Duration
	// Space returns how many bytes fit below a directory; false: not known.
	// Default: what the operating system says.
	Space func(directory string) (uint64, bool)
	// Waiting is told why an attempt at a URL failed, before the pause after which
	// it is asked again. Default: nobody.
	Waiting func(url string, pause time.Duration, err error)
	// Sleep waits between attempts. Default: until the time is over or the
	// context is done.
	Sleep func(ctx context.Context, pause time.Duration) error
}

// Fetcher fetches artifacts. It is safe for concurrent use.
type Fetcher struct {
	http  *http.Client
	stall time.Duration
	space func(string) (uint64, bool)
	sleep func(context.Context, time.Duration) error
	// waiting is never nil.
	waiting func(url string, pause time.Duration, err error)
}

// New makes a Fetcher.
func New(o Options) *Fetcher {
	f := &Fetcher{stall: o.Stall, space: o.Space, sleep: o.Sleep, waiting: o.Waiting}
	if f.waiting == nil {
		f.waiting = func(string, time.Duration, error) {}
	}
	if f.stall == 0 {
		f.stall = DefaultStall
	}
	if f.space == nil {
		f.space = freeSpace
	}
	if f.sleep == nil {
		f.sleep = sleep
	}
	f.http = &http.Client{
		CheckRedirect: redirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:    connectTimeout,
			TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: maxHeader,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
			// What is counted and hashed are the file's own bytes.
			DisableCompression: true,
		},
	}
	return f
}

// Close closes idle connections.
func (f *Fetcher) Close() { f.http.CloseIdleConnections() }

// Set is what belongs into one directory: the artifacts of an image.
type Set struct {
	// Directory is one file name below the caller's directory.
	Directory string
	Artifacts []release.Artifact
}

// Fetched is what became of one artifact.
type Fetched struct {
	// Path is where it is, below the caller's directory, with slashes.
	Path     string
	Artifact release.Artifact
	// There: it was there before, with its size and digest.
	There bool
	// URL is the one of the statement that it came from.
	URL string
	// Resumed is how many bytes were there from an earlier call.
	Resumed uint64
	// Err is why it is not there: an *Error.
	Err error
}

// Fetch fetches all artifacts of the sets into directory, which must be there,
// one after the other, each from the first of its URLs that has it. It looks for
// the room that all of them need before it asks any server. An artifact that no
// URL gives does not keep the others from being fetched: its Fetched has the
// error. The error of Fetch is that names or room do not suffice, that the local
// file system failed, or that the context was done.
func (f *Fetcher) Fetch(ctx context.Context, directory string, sets []Set, report progress.Reporter) ([]Fetched, error) {
	if err := checkNames(sets); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := f.checkSpace(directory, root, sets); err != nil {
		return nil, err
	}
	var all []Fetched
	for _, set := range sets {
		for _, artifact := range set.Artifacts {
			fetched := Fetched{Path: set.path(artifact), Artifact: artifact}
			err := f.fetch(ctx, root, &fetched, report)
			if refused, ok := errors.AsType[*Error](err); ok {
				fetched.Err = refused
			} else if err != nil {
				return all, err
			}
			all = append(all, fetched)
		}
	}
	return all, nil
}

// fetch fetches one artifact. An *Error is about it alone.
func (f *Fetcher) fetch(ctx context.Context, root *os.Root, fetched *Fetched, report progress.Reporter) error {
	t, err := begin(ctx, root, fetched.Path, fetched.Artifact, report)
	if err != nil {
		return err
	}
	if t == nil {
		fetched.There = true
		return nil
	}
	defer t.close()
	fetched.Resumed = uint64(t.done)
	if t.complete() { // by an earlier call that was ended before it gave the name
		return t.publish()
	}
	if len(fetched.Artifact.URLs) == 0 {
		return refuse(CodeNoURL, fetched.Path, "ask who signed the image for the file, and put it there", "the statement has no URL for it")
	}
	code, failures := CodeNotFetched, []error{}
	for _, url := range fetched.Artifact.URLs {
		err := f.from(ctx, t, url)
		if err == nil {
			fetched.URL = url
			return t.publish()
		}
		if local, ok := errors.AsType[*localError](err); ok {
			return local.err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, errOther) {
			code = CodeDigest
		}
		failures = append(failures, fmt.Errorf("%.200s: %w", url, err))
	}
	return &Error{Code: code, Path: fetched.Path, Hint: hintOf(code, failures), Err: joined(failures)}
}

// hintOf is what to do where no URL gave the file.
func hintOf(code Code, failures []error) string {
	final, untrusted := true, false
	for _, err := range failures {
		_, givenUp := errors.AsType[*givenUp](err)
		_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
		final, untrusted = final && givenUp, untrusted || unknown
	}
	switch {
	case code == CodeDigest:
		return "do not use that file; tell who signed the image, and the log's monitors, that the URL gives another one"
	case untrusted:
		return "if the server is one of your own, give the certificates that vouch for it: --ca FILE"
	case final:
		return "asking again does not help: ask who signed the image for the file, and put it there"
	}
	return "try again later: what is there is kept, and gone on with"
}

// joined is several errors on one line.
func joined(failures []error) error {
	err := failures[0]
	for _, next := range failures[1:] {
		err = fmt.Errorf("%w; %w", err, next)
	}
	return err
}

// checkSpace refuses artifacts that do not fit, before anything is fetched.
func (f *Fetcher) checkSpace(directory string, root *os.Root, sets []Set) error {
	room, known := f.space(directory)
	if !known {
		return nil
	}
	needed := uint64(0)
	for _, set := range sets {
		for _, artifact := range set.Artifacts {
			needed = saturatingAdd(needed, missing(root, set.path(artifact), artifact))
		}
	}
	if needed > room {
		return refuse(CodeSpace, "", "make room, name a directory on another file system, or fetch one image at a time",
			"%s has room for %d bytes, the artifacts need %d more", directory, room, needed)
	}
	return nil
}

// missing is how many bytes of an artifact are not there yet.
func missing(root *os.Root, path string, artifact release.Artifact) uint64 {
	for _, name := range []string{path, path + partSuffix} {
		if info, err := root.Lstat(name); err == nil && info.Mode().IsRegular() {
			return artifact.Size - min(artifact.Size, uint64(info.Size()))
		}
	}
	return artifact.Size
}

func saturatingAdd(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

func saturatingMultiply(a, b uint64) uint64 {
	if high, low := bits.Mul64(a, b); high == 0 {
		return low
	}
	return math.MaxUint64
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
