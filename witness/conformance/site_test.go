package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/formats/note"
	sumdb "golang.org/x/mod/sumdb/note"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/witnesstest"
)

// An instance is one witness, with keys and state of its own, as its operator
// has it.
type instance interface {
	// start runs the witness until stop, kill or the end of the check. The error
	// is what it said when it refused to run.
	start(flags ...string) error
	// stop ends it as its operator would, kill with SIGKILL.
	stop() error
	kill() error
	// pid is the running process's.
	pid() int
	// url is where the running witness answers.
	url() string
	keys() []tlog.VerifierKey
	// signingKeys are its private keys, with which a check plays another copy
	// of the same witness.
	signingKeys() ([]*tlog.SigningKey, error)

	// addLog follows a log, or gives one that is followed a further key; what was
	// disabled is enabled. disableLog and disableKey undo it.
	addLog(origin string, key tlog.VerifierKey) error
	disableLog(origin string) error
	disableKey(origin string, key tlog.VerifierKey) error

	// database is the directory of the database, anchor the file outside of it
	// that says how far it must be; empty: there is none.
	database() string
	anchor() string
	// second starts another process on the same database, or with the same key or
	// a copy of it, and returns what it said when it refused; nil: it runs.
	second(same second) error
	// tool runs a command of the operator's on the witness's files and returns
	// what it printed.
	tool(arguments ...string) (string, error)
}

// second is what a second process shares with the first.
type second string

const (
	sameDatabase second = "the same database"
	sameKey      second = "the same key file"
	copiedKey    second = "a copy of the key file"
)

// site is an instance with what a check does to it.
type site struct {
	t *T
	instance
	client *http.Client
	flags  []string // of every start
}

// start runs the witness with the flags of the site and further ones.
func (s *site) start(flags ...string) error {
	return s.instance.start(slices.Concat(s.flags, flags)...)
}

// patience is how long an answer may take: any that does work of this size takes
// a fraction of a second.
const patience = 20 * time.Second

func newSite(t *T, i instance) *site {
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	t.Cleanup(transport.CloseIdleConnections)
	return &site{t: t, instance: i, client: &http.Client{
		Transport:     transport,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// shared is the running witness that checks use together.
func (t *T) sharedSite() *site { return newSite(t, t.shared) }

// ownSite is a running witness of this check alone.
func (t *T) ownSite(flags ...string) *site {
	t.Helper()
	s := newSite(t, t.program.install(t, t.TempDir()))
	s.flags = flags
	if err := s.start(); err != nil {
		t.Fatalf("start: %v", err)
	}
	return s
}

// origin is a name that no other log has.
func (t *T) origin() string {
	t.logs++
	return fmt.Sprintf("log.example/%s/%d", t.check.name, t.logs)
}

// log returns a new log that the witness does not follow.
func (t *T) log(leaves int) *witnesstest.Log { return witnesstest.NewLog(t, t.origin(), leaves) }

// follow returns a new log that the witness follows.
func (s *site) follow(leaves int) *witnesstest.Log {
	s.t.Helper()
	log := s.t.log(leaves)
	s.add(log)
	return log
}

// add follows a log under its key.
func (s *site) add(log *witnesstest.Log) {
	s.t.Helper()
	if err := s.addLog(log.Origin, log.Key.Verifier()); err != nil {
		s.t.Fatalf("add log %q: %v", log.Origin, err)
	}
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string {
	const most = 120
	if strings.HasPrefix(a.body, "— ") {
		return fmt.Sprintf("%d and its signature lines, %d", a.status, strings.Count(a.body, "\n"))
	}
	if len(a.body) > most {
		return fmt.Sprintf("%d %q...", a.status, a.body[:most])
	}
	return fmt.Sprintf("%d %q", a.status, a.body)
}

// try makes a request; the error says that no answer came whole.
func (s *site) try(method, path string, body io.Reader) (answer, error) {
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url()+path, body)
	if err != nil {
		return answer{}, err
	}
	response, err := s.client.Do(request)
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		if failed.Timeout() {
			return answer{}, fmt.Errorf("none within %v", patience)
		}
		err = failed.Err // without the address
	}
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return answer{response.StatusCode, response.Header, string(text)}, err
}

func (s *site) do(method, path string, body io.Reader) answer {
	s.t.Helper()
	got, err := s.try(method, path, body)
	if err != nil {
		s.t.Fatalf("no answer: %v", err)
	}
	return got
}

func (s *site) submit(body []byte) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/add-checkpoint", bytes.NewReader(body))
}

// latest is what monitors get for an origin.
func (s *site) latest(origin string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, monitorPath(origin), nil)
}

func monitorPath(origin string) string {
	hash := sha256.Sum256([]byte(origin))
	return "/" + hex.EncodeToString(hash[:]) + "/checkpoint"
}

// hasMonitorRetrieval ends the check as not applicable where the witness does
// not offer what tlog-witness says it SHOULD.
func (s *site) hasMonitorRetrieval() {
	s.t.Helper()
	log := s.follow(1)
	s.cosign(log.Request(0, 1))
	if s.latest(log.Origin).status == http.StatusNotFound && s.t.program.foreign() {
		s.t.notApplicable("it offers no monitor retrieval, which is a SHOULD")
	}
}

// probeSize is an old size that no test log has.
const probeSize = 1 << 62

// cosignedSize asks how far a log was cosigned, as a log does: by a conflict.
func (s *site) cosignedSize(log *witnesstest.Log) uint64 {
	s.t.Helper()
	wrong := &witness.AddCheckpoint{OldSize: probeSize, Checkpoint: log.Sign(tlog.Checkpoint{Origin: log.Origin, Size: probeSize})}
	got := s.submit(wrong.Marshal())
	size, err := strconv.ParseUint(strings.TrimSuffix(got.body, "\n"), 10, 64)
	if got.status != http.StatusConflict || err != nil {
		s.t.Fatalf("how far is it cosigned: got %v, want a conflict", got)
	}
	return size
}

// cosign submits a request that must succeed, and checks the cosignatures.
func (s *site) cosign(request *witness.AddCheckpoint) answer {
	s.t.Helper()
	got := s.submit(request.Marshal())
	if got.status != http.StatusOK {
		s.t.Fatalf("from %d to %d: got %v, want 200", request.OldSize, request.Checkpoint.Size, got)
	}
	s.cosignedAt(request.Checkpoint, got.body)
	return got
}

// refused submits a body that must get one of the statuses and change nothing.
func (s *site) refused(log *witnesstest.Log, body []byte, statuses ...int) answer {
	s.t.Helper()
	before, shown := s.cosignedSize(log), s.latest(log.Origin)
	got := s.submit(body)
	if !slices.Contains(statuses, got.status) {
		s.t.Errorf("got %v, want %s", got, join(statuses))
	}
	if got.status != http.StatusOK && strings.Contains(got.body, "— ") {
		s.t.Errorf("a refusal holds a signature line: %v", got)
	}
	if after := s.cosignedSize(log); after != before {
		s.t.Fatalf("and its size went from %d to %d", before, after)
	}
	if now := s.latest(log.Origin); now.body != shown.body || now.status != shown.status {
		s.t.Fatalf("what monitors see went from %v to %v", shown, now)
	}
	return got
}

func join(statuses []int) string {
	var words []string
	for _, status := range statuses {
		words = append(words, strconv.Itoa(status))
	}
	return strings.Join(words, " or ")
}

// cosignedAt checks an answer to add-checkpoint with the implementation of
// transparency-dev/formats: nothing but cosignatures of the witness's keys on
// this checkpoint, one of each key that covers all of it, all of one time.
func (s *site) cosignedAt(checkpoint *tlog.SignedCheckpoint, lines string) uint64 {
	s.t.Helper()
	return s.cosignatures(checkpoint, string(checkpoint.Marshal())+lines, strings.Count(lines, "\n"))
}

// cosignatures checks a note that must hold so many cosignatures of the
// witness, and returns their time stamp.
func (s *site) cosignatures(checkpoint *tlog.SignedCheckpoint, text string, count int) uint64 {
	s.t.Helper()
	var verifiers []sumdb.Verifier
	want := 0
	for _, key := range s.keys() {
		verifier, err := foreignVerifier(key)
		if err != nil {
			s.t.Fatal(err)
		}
		verifiers = append(verifiers, verifier)
		if key.Type == tlog.TypeCosignatureEd25519 || len(checkpoint.Extensions) == 0 {
			want++
		}
	}
	opened, err := sumdb.Open([]byte(text), sumdb.VerifierList(verifiers...))
	if err != nil {
		s.t.Fatalf("%v: %q", err, text)
	}
	if opened.Text != checkpoint.Note.Text || len(opened.Sigs) != want || count != want {
		s.t.Fatalf("got %d cosignatures of this witness among %d lines on %q, want %d on %q", len(opened.Sigs), count, opened.Text, want, checkpoint.Note.Text)
	}
	var stamp uint64
	parsed, err := tlog.ParseNote([]byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, signature := range parsed.Signatures {
		if !slices.ContainsFunc(s.keys(), func(key tlog.VerifierKey) bool { return key.Made(signature) }) {
			continue
		}
		at := binary.BigEndian.Uint64(signature.Sig)
		if at == 0 || stamp != 0 && at != stamp {
			s.t.Fatalf("time stamps %d and %d in one answer", stamp, at)
		}
		stamp = at
	}
	return stamp
}

// foreignVerifier is transparency-dev/formats' verifier of cosignatures.
func foreignVerifier(key tlog.VerifierKey) (sumdb.Verifier, error) {
	if key.Type == tlog.TypeCosignatureMLDSA44 {
		return note.NewMLDSAVerifier(key.String())
	}
	return note.NewVerifierForCosignatureV1(key.String())
}
