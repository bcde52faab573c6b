package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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

// TestFlood: what nobody signed, or a stranger, and what is known already takes nobody's
// place, however much of it comes.
func TestFlood(t *testing.T) {
	d := newDoor(t)
	_, model, approved := d.Recipe()
	d.step()
	known := d.entry(model, nil)
	for name, flood := range map[string]struct {
		body   []byte
		status int
	}{
		"no envelope":           {[]byte("hello"), http.StatusBadRequest},
		"a stranger's":          {d.entry(approved, nil, "nobody"), http.StatusForbidden},
		"a key of another role": {d.entry(approved, nil, "ci"), http.StatusForbidden},
		"of another product":    {d.entry(approved, func(w *release.Withdrawal) { w.Product = "acme/other" }), http.StatusUnprocessableEntity},
		"of what was no log's":  {d.entry(approved, func(w *release.Withdrawal) { w.Authority = model }), http.StatusConflict},
		"handed in already":     {known, http.StatusAccepted},
	} {
		for range 2 * 20 {
			response, body := d.ask(http.MethodPost, "/withdrawals", rollremote.MediaType, flood.body)
			if response.StatusCode != flood.status {
				t.Fatalf("%s: got %d %s, want %d", name, response.StatusCode, body, flood.status)
			}
		}
	}
	if response, body := d.ask(http.MethodPost, "/withdrawals", rollremote.MediaType, d.entry(approved, nil)); response.StatusCode != http.StatusAccepted {
		t.Errorf("the withdrawal: got %d %s", response.StatusCode, body)
	}
}

// TestBusy: of many withdrawals at once not all are judged, not of those that a withdraw
// key signed either; and those under an authority that is not read yet do not keep out
// those under the one in force.
func TestBusy(t *testing.T) {
	d := newDoor(t)
	_, _, approved := d.Recipe()
	d.step()
	for name, change := range map[string]func(*release.Withdrawal){"ahead": func(w *release.Withdrawal) { w.Authority = release.Digest{7} }, "in force": nil} {
		busy, judged := 0, 0
		for range 40 {
			response, body := d.ask(http.MethodPost, "/withdrawals", rollremote.MediaType, d.entry(approved, change))
			switch response.StatusCode {
			case http.StatusTooManyRequests:
				busy++
				if response.Header.Get("Retry-After") != "1" || !bytes.Contains(body, []byte(`"code":"busy"`)) {
					t.Errorf("%s: got %v %s", name, response.Header, body)
				}
			case http.StatusAccepted, http.StatusConflict:
				judged++
			default:
				t.Fatalf("%s: got %d %s", name, response.StatusCode, body)
			}
		}
		if busy == 0 || judged < 20 {
			t.Errorf("%s: %d of 40 withdrawals at once were judged, want 20 and a few", name, judged)
		}
	}
}

// TestForged: signatures that are not those of the keys they name are refused, and are no
// withdrawals that are judged.
func TestForged(t *testing.T) {
	d := newDoor(t)
	_, _, approved := d.Recipe()
	d.step()
	envelope, err := release.ParseEnvelope(d.entry(approved, nil))
	if err != nil {
		t.Fatal(err)
	}
	envelope.Signatures[0].Sig[0] ^= 1
	forged, err := envelope.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * 20 {
		if response, body := d.ask(http.MethodPost, "/withdrawals", rollremote.MediaType, forged); response.StatusCode != http.StatusForbidden || !bytes.Contains(body, []byte(`"signature-invalid"`)) {
			t.Fatalf("got %d %s", response.StatusCode, body)
		}
	}
	if response, body := d.ask(http.MethodPost, "/withdrawals", rollremote.MediaType, d.entry(approved, nil)); response.StatusCode != http.StatusAccepted {
		t.Errorf("the withdrawal: got %d %s", response.StatusCode, body)
	}
}

// TestConnections: there are not more of them than there may be; one more is answered, and
// one that is quiet gives way.
func TestConnections(t *testing.T) {
	d := newDoor(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.New(d.signer, nil).Serve(ctx, listener) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	const most, more = 256, 40
	var quiet []net.Conn
	for range most + more {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		quiet = append(quiet, conn)
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if answer, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
		t.Errorf("got %q, %v", answer, err)
	}
	for i, conn := range quiet[:more] { // the oldest ones
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("connection %d of %d is kept", i, len(quiet))
		}
	}
}
