package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/release/register"
	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/roll"
	rollremote "github.com/muster-log/muster/roll/remote"
	"github.com/muster-log/muster/roll/server"
	"github.com/muster-log/muster/web/webtest"
)

// door is the door of a roll signer that follows a log step by step.
type door struct {
	*webtest.Site
	t      *testing.T
	signer *roll.Signer
	url    string
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{Site: webtest.New(t, webtest.Options{}), t: t}
	client, err := remote.New(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	d.signer, err = roll.Open(roll.Config{Log: client, Policy: d.Policy, Authority: d.Authority, Products: []string{webtest.Product},
		Keys: []*release.PrivateKey{releasetest.KeyFromName("roll")}, Every: time.Hour, MaxCheckpointAge: 1000 * time.Hour, Directory: t.TempDir(), Now: d.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.signer.Close() })
	listening := httptest.NewServer(server.New(d.signer, nil))
	t.Cleanup(listening.Close)
	d.url = listening.URL
	return d
}

func (d *door) step() {
	d.t.Helper()
	if err := d.signer.Step(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// ask makes a request, and returns the answer with its body.
func (d *door) ask(method, path, media string, body []byte) (*http.Response, []byte) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if media != "" {
		request.Header.Set("Content-Type", media)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		d.t.Fatal(err)
	}
	return response, answer
}

// entry is the entry of a withdrawal, changed and signed by whom a test wants.
func (d *door) entry(target release.Digest, change func(*release.Withdrawal), signers ...string) []byte {
	d.t.Helper()
	stated := d.Withdrawal(target)
	if change != nil {
		change(stated)
	}
	entry, _ := d.Sign(stated, signers...)
	return entry
}

// TestRefused: what is not taken, with its code and status.
func TestRefused(t *testing.T) {
	d := newDoor(t)
	image, _, approved := d.Recipe()
	d.step()
	model, _ := d.Sign(d.Model("x", "1"))
	const refusals, own = "refusals.md", "roll.md"
	tests := []struct {
		name, code string
		status     int
		page       string // that explains the code
		body       []byte
		media      string
	}{
		{"another content type", "content-type", 415, own, nil, "application/json"},
		{"no content type", "content-type", 415, own, nil, " "},
		{"nothing", "entry-size", 400, refusals, []byte{}, ""},
		{"no envelope", "json-syntax", 400, refusals, []byte("hello"), ""},
		{"too long", "entry-size", 413, refusals, make([]byte, release.MaxEntry+1), ""},
		{"an image", "predicate-type", 400, refusals, model, ""},
		{"of nothing", "target-not-logged", 422, refusals, d.entry(release.Digest{1}, nil), ""},
		{"by another key", "signer-outside-role", 403, refusals, d.entry(approved, nil, "ci"), ""},
		{"by an unknown key", "signer-unknown", 403, refusals, d.entry(approved, nil, "nobody"), ""},
		{"of another product", "product-not-signed", 422, own, d.entry(approved, func(w *release.Withdrawal) { w.Product = "acme/other" }), ""},
		{"under another authority", "authority-not-in-force", 409, refusals, d.entry(approved, func(w *release.Withdrawal) { w.Authority = image }), ""},
		{"from the future", "issued-ahead-of-clock", 422, refusals, d.entry(approved, func(w *release.Withdrawal) { w.Issued = d.Now().Add(time.Hour) }), ""},
		{"from long ago", "issued-behind-log-time", 422, refusals, d.entry(approved, func(w *release.Withdrawal) { w.Issued = d.Now().Add(-8 * 24 * time.Hour) }), ""},
	}
	pages := map[string]string{}
	for _, page := range []string{refusals, own} {
		data, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		pages[page] = string(data)
	}
	for _, tt := range tests {
		if !strings.Contains(pages[tt.page], `<a id="`+tt.code+`"></a>`) {
			t.Errorf("docs/%s does not explain %s", tt.page, tt.code)
		}
		t.Run(tt.name, func(t *testing.T) {
			media := tt.media
			if media == "" {
				media = rollremote.MediaType
			}
			response, body := d.ask(http.MethodPost, "/withdrawals", media, tt.body)
			var problem struct {
				Code, Type, Title, Detail string
				Status                    int
			}
			if err := json.Unmarshal(body, &problem); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if response.StatusCode != tt.status || problem.Code != tt.code || response.Header.Get("Content-Type") != "application/problem+json" || !strings.HasSuffix(problem.Type, "/"+tt.page+"#"+tt.code) {
				t.Errorf("got %d %+v, want %d %s of %s", response.StatusCode, problem, tt.status, tt.code, tt.page)
			}
			if problem.Status != tt.status || problem.Title != http.StatusText(tt.status) || problem.Detail == "" {
				t.Errorf("got %+v", problem)
			}
		})
	}
	if status := d.signer.Status(); len(status.Withdrawals) != 0 {
		t.Errorf("the spool holds %+v", status.Withdrawals)
	}
}

// TestConflict: a withdrawal that a retired log does not take contradicts what stands
// there, as at the log itself.
func TestConflict(t *testing.T) {
	d := newDoor(t)
	_, _, approved := d.Recipe()
	d.Rotate(func(a *release.Authority) { a.Origin = "log.example/successor" })
	d.step()
	response, body := d.ask(http.MethodPost, "/withdrawals", rollremote.MediaType, d.entry(approved, func(w *release.Withdrawal) { w.Authority = d.InForce }))
	if response.StatusCode != http.StatusConflict || !strings.Contains(string(body), `"code":"`+string(register.CodeLogRetired)+`"`) {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
}

// TestTaken: 202 for a withdrawal that waits, also when it is handed in again, and 200
// for one that is in the log: then nothing has to be waited for.
func TestTaken(t *testing.T) {
	d := newDoor(t)
	_, _, approved := d.Recipe()
	d.step()
	entry := d.entry(approved, nil)
	hand := func(status int, state rollremote.State) {
		t.Helper()
		response, body := d.ask(http.MethodPost, "/withdrawals", rollremote.MediaType, entry)
		var told rollremote.Withdrawal
		if err := json.Unmarshal(body, &told); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if response.StatusCode != status || told.State != state || told.Target != approved || response.Header.Get("Content-Type") != "application/json" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %d %+v, want %d and state %s", response.StatusCode, told, status, state)
		}
	}
	hand(http.StatusAccepted, rollremote.StateWaiting)
	hand(http.StatusAccepted, rollremote.StateWaiting)
	d.Submit(entry)
	d.step()
	hand(http.StatusOK, rollremote.StateLogged)
}

// TestPaths: the other paths.
func TestPaths(t *testing.T) {
	d := newDoor(t)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/livez", 200}, {"GET", "/readyz", 503}, {"GET", "/status", 200}, {"HEAD", "/status", 200}, {"GET", "/withdrawals", 405}, {"POST", "/status", 405},
		{"GET", "/", 404}, {"GET", "/withdrawals/xyz", 400}, {"GET", "/withdrawals/" + release.Digest{1}.String(), 404},
	} {
		response, _ := d.ask(tt.method, tt.path, "", nil)
		if response.StatusCode != tt.status {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, response.StatusCode, tt.status)
		}
		if tt.status == http.StatusMethodNotAllowed && response.Header.Get("Allow") == "" {
			t.Errorf("%s %s: does not say what is allowed", tt.method, tt.path)
		}
	}
	d.step()
	if response, body := d.ask("GET", "/readyz", "", nil); response.StatusCode != http.StatusOK {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
}

// TestBusy: of many withdrawals at once not all are judged.
func TestBusy(t *testing.T) {
	d := newDoor(t)
	busy := 0
	for range 40 {
		response, _ := d.ask(http.MethodPost, "/withdrawals", rollremote.MediaType, []byte("hello"))
		if response.StatusCode == http.StatusTooManyRequests {
			busy++
			if response.Header.Get("Retry-After") == "" {
				t.Error("does not say when to try again")
			}
		}
	}
	if busy == 0 {
		t.Error("40 withdrawals at once were all judged")
	}
}
