package web_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/web/api"
	"github.com/muster-log/muster/web/webtest"
)

func readiness(t *testing.T, s *webtest.Site) api.Readiness {
	t.Helper()
	_, _, body := sendRaw(t, s.URL, http.MethodGet, "/readyz", nil, nil)
	var ready api.Readiness
	if err := json.Unmarshal([]byte(body), &ready); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return ready
}

// TestExpiryIsAlarmed: thirty days before the authority expires, and from then
// on, the log says so to its operator and on its page.
func TestExpiryIsAlarmed(t *testing.T) {
	const day = 24 * time.Hour
	s := webtest.New(t, webtest.Options{})
	s.Recipe()
	for _, step := range []struct {
		advance     time.Duration
		alarm, page string // what is said; empty: nothing
	}{
		{334 * day, "", ""}, // 31 days are left
		{1*day + time.Second, "authority version 1 expires at 2027-11-02T10:00:00Z", "The authority expires soon, at 2 November 2027, 10:00 UTC"},
		{30 * day, "authority version 1 expired at 2027-11-02T10:00:00Z", "The authority has expired."},
	} {
		s.Advance(step.advance)
		ready := readiness(t, s)
		if ready.Authority == nil || ready.Authority.Version != 1 || ready.Authority.Expires != "2027-11-02T10:00:00Z" {
			t.Errorf("authority %+v", ready.Authority)
		}
		if step.alarm == "" && len(ready.Alarms) > 0 || step.alarm != "" && (len(ready.Alarms) != 1 || !strings.HasPrefix(ready.Alarms[0], step.alarm)) {
			t.Errorf("after %s more: alarms %q, want %q", step.advance, ready.Alarms, step.alarm)
		}
		page := getPage(t, s, "/")
		if text := content(page.root); step.page == "" && strings.Contains(text, "The authority") || !strings.Contains(text, step.page) {
			t.Errorf("after %s more: no %q on the page: %s", step.advance, step.page, text)
		}
	}
}

// lockedBuffer takes what several goroutines log.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// TestFaultyEntriesAreAlarmed: what stands in the log without effect is counted.
func TestFaultyEntriesAreAlarmed(t *testing.T) {
	var logged lockedBuffer
	s := webtest.New(t, webtest.Options{Entries: [][]byte{[]byte("junk"), []byte("more junk")}, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	for _, want := range []string{`level=ERROR msg="void entry" index=1`, `level=ERROR msg="void entry" index=2`, `level=ERROR msg="this log holds void entries`, "count=2"} {
		if text := logged.String(); !strings.Contains(text, want) {
			t.Errorf("the log did not say %s: %s", want, text)
		}
	}
	ready := readiness(t, s)
	if ready.Void != 2 || ready.Unknown != 0 || len(ready.Alarms) != 1 || !strings.HasPrefix(ready.Alarms[0], "2 entries are void") {
		t.Errorf("got %+v", ready)
	}
}

// TestRetiredLog: a log whose authority names another one admits nothing more, and
// says in favour of which.
func TestRetiredLog(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	_, model, _ := s.Recipe()
	if ready := readiness(t, s); ready.Retired != nil {
		t.Errorf("retired: %+v", ready.Retired)
	}
	entry, _ := s.Sign(s.NextAuthority(func(a *release.Authority) { a.Origin = "log2.example/acme" }))
	index := s.Submit(entry)
	s.Advance(370 * 24 * time.Hour)
	ready := readiness(t, s)
	if !ready.Ready || ready.Retired == nil || ready.Retired.Index != index || ready.Retired.Successor != "log2.example/acme" {
		t.Errorf("got %+v, %+v", ready, ready.Retired)
	}
	if len(ready.Alarms) != 0 {
		t.Errorf("a retired log's authority expires: alarms %q", ready.Alarms)
	}
	withdrawal, _ := s.Sign(s.Withdrawal(model))
	if status, _, body := post(t, s, withdrawal); status != http.StatusConflict || !strings.Contains(string(body), `"code":"log-retired"`) || !strings.Contains(string(body), "log2.example/acme") {
		t.Errorf("a withdrawal: %d %s", status, body)
	}
	// No page of it looks as if it were in use.
	for path, wants := range map[string][]string{
		"/":                        {"What was live", "past its date"},
		"/releases":                {"live when retired"},
		"/releases?type=all":       {"live when retired", "retires the log"},
		"/releases?type=authority": {"version 2 retires the log", "version 1 superseded"},
		"/entries/3":               {"It was live when the log was retired."},
		"/entries/4":               {"Log retires log.example/acme in favour of log2.example/acme", "version 2 retires the log"},
		"/entries/99":              nil,
	} {
		page := getPage(t, s, path)
		page.contains(t, append(wants, "This log is retired in favour of log2.example/acme , by entry 4")...)
		for _, badge := range page.all("span") {
			if word := content(badge); attribute(badge, "class") == "badge good" && word != "yes" && word != "met by this checkpoint" {
				t.Errorf("%s: a green badge says %q", path, word)
			}
		}
	}
}
