package conformance

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/muster-log/muster/tlog"
)

// obliging is a witness that cosigns whatever looks like a checkpoint.
type obliging struct{}

func (obliging) name() string  { return "obliging" }
func (obliging) foreign() bool { return false }

func (obliging) install(t testing.TB, _ string) instance {
	key, err := tlog.GenerateSigningKey("obliging.example/w", tlog.TypeCosignatureEd25519)
	if err != nil {
		t.Fatal(err)
	}
	i := &obligingInstance{t: t, key: key}
	i.server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.server.Close)
	return i
}

// obligingInstance has the methods that the checks below call; the others are
// those of a nil interface.
type obligingInstance struct {
	instance
	t      testing.TB
	key    *tlog.SigningKey
	server *httptest.Server
}

func (i *obligingInstance) start(...string) error                 { return nil }
func (i *obligingInstance) stop() error                           { return nil }
func (i *obligingInstance) url() string                           { return i.server.URL }
func (i *obligingInstance) keys() []tlog.VerifierKey              { return []tlog.VerifierKey{i.key.Verifier()} }
func (i *obligingInstance) addLog(string, tlog.VerifierKey) error { return nil }

func (i *obligingInstance) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	_, note, found := strings.Cut(string(body), "\n\n")
	if err != nil || !found || !strings.HasPrefix(string(body), "old ") {
		http.Error(w, "no request", http.StatusInternalServerError)
		return
	}
	if strings.HasPrefix(string(body), fmt.Sprintf("old %d\n", uint64(probeSize))) {
		// It says that it is where it was: the checks have to see the rest.
		w.Header().Set("Content-Type", "text/x.tlog.size")
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, "0\n")
		return
	}
	checkpoint, err := tlog.ParseCheckpoint([]byte(note))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	cosignature, err := i.key.Cosign(checkpoint.Checkpoint, 1800000000)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	io.WriteString(w, cosignature.Line())
}

// TestChecksCanFail: a witness that cosigns everything, and answers 500
// otherwise, is found out by every check that something is refused, and passes
// those that something is cosigned.
func TestChecksCanFail(t *testing.T) {
	of := obliging{}
	shared := of.install(t, "")
	refuses := regexp.MustCompile(`^(W1\.4|W2\.|W10\.|W11\.unknown-)`)
	cosigns := regexp.MustCompile(`^(W1\.(cosigns-growth|ignores-unknown-keys)|W12\.16-.*|W13\.extension-.*)$`)
	judged := 0
	for _, check := range checks() {
		want := failed
		switch {
		case check.name == "W3.one-of-a-race", refuses.MatchString(check.name) && check.name != "W2.size-2^63-1-is-one":
		case cosigns.MatchString(check.name):
			want = passed
		default:
			continue
		}
		judged++
		if found := judge(check, of, shared); found.verdict != want {
			t.Errorf("%s: got %v %q of a witness that cosigns everything, want %v", check.name, found.verdict, found.detail, want)
		}
	}
	if judged < 100 {
		t.Errorf("only %d checks were made", judged)
	}
}
