package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/server"
	"github.com/muster-log/muster/witness/witnesstest"
)

// page gets the page at "/" with a query.
func (r *running) page(query string) answer {
	r.t.Helper()
	got := r.do(http.MethodGet, "/"+query, nil)
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "text/html; charset=utf-8" {
		r.t.Fatalf("got %d, %v", got.status, got.header)
	}
	return got
}

func TestHomeSaysWhoAndWhat(t *testing.T) {
	log := witnesstest.NewLog(t, "log.example/a", 9)
	r := start(t, server.Timeouts{}, log)
	r.cosign(log.Request(0, 7))
	got := r.page("")
	hash := sha256.Sum256([]byte(log.Origin))
	root := log.Root(7)
	for _, want := range []string{"<h1>" + witnessName + "</h1>", "<strong>Signing</strong>", ">" + r.url + "</pre>", "<bdi>log.example/a</bdi>",
		`href="` + hex.EncodeToString(hash[:]) + `/checkpoint"`, `data-label="Size">7</td>`, root.String(), "just now", "sign-subtree"} {
		if !strings.Contains(html.UnescapeString(got.body), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, key := range r.keys.Verifiers() {
		if !strings.Contains(html.UnescapeString(got.body), `">`+key.String()+"</pre>") {
			t.Errorf("the page lacks the key %s, alone in its element", key)
		}
	}
	if _, err := r.db.DisableLog(t.Context(), log.Origin); err != nil {
		t.Fatal(err)
	}
	if got := r.page(""); !strings.Contains(got.body, "disabled") || !strings.Contains(got.body, root.String()[:10]) {
		t.Error("a disabled log is not shown as such")
	}
}

// TestHomeWithoutLogs: nothing is followed, and nothing is asked for.
func TestHomeWithoutLogs(t *testing.T) {
	r := start(t, server.Timeouts{})
	if got := r.page(""); !strings.Contains(got.body, "It follows no log yet") {
		t.Errorf("got %s", got.body)
	}
	if got := r.page("?from=x"); !strings.Contains(got.body, "There is no log from that origin on") {
		t.Errorf("got %s", got.body)
	}
}

// hostileOrigins are allowed, and hard on a page.
var hostileOrigins = []string{`<script>alert("x")</script>`, `"><img src=x onerror=alert(1)>`, "log.example/\u202eexe.txt", "log.example/\u200bx",
	"\u0644\u0648\u063a/\u0645\u062b\u0627\u0644", strings.Repeat("w", witness.MaxOrigin), "log.example/{{.Name}}", "javascript:alert(1)", "a&amp;b=c d+e%20f#g?h"}

func TestHomeOfHostileOrigins(t *testing.T) {
	r := start(t, server.Timeouts{})
	for _, origin := range hostileOrigins {
		if _, err := r.db.AddLog(t.Context(), origin, witnesstest.NewKey(t, "x", tlog.TypeEd25519).Verifier()); err != nil {
			t.Fatal(err)
		}
	}
	got := r.page("?from=%3Cscript%3E%22%E2%80%AE")
	if strings.Contains(got.body, "<script") || strings.Contains(got.body, "<img") || strings.ContainsAny(got.body, "\u202e\u200b") {
		t.Error("an origin was written as markup, or steers the text around it")
	}
	if policy := got.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("policy %q", policy)
	}
	for _, origin := range hostileOrigins {
		hash := sha256.Sum256([]byte(origin))
		if page := r.page(""); !strings.Contains(page.body, hex.EncodeToString(hash[:])) {
			t.Errorf("%q is not listed", origin)
		}
	}
	if count := strings.Count(r.page("").body, "has characters that cannot be shown"); count != 2 {
		t.Errorf("%d origins are said to be shown not quite as they are, want 2", count)
	}
}

// TestHomePages: the pages of the list together show every log once, in order.
func TestHomePages(t *testing.T) {
	r := start(t, server.Timeouts{})
	key := witnesstest.NewKey(t, "x", tlog.TypeEd25519).Verifier()
	var want []string
	for i := range 250 {
		want = append(want, fmt.Sprintf("log.example/%03d &+#é", i))
		if _, err := r.db.AddLog(t.Context(), want[i], key); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	query, pages := "", 0
	for ; pages < 10; pages++ {
		body := r.page(query).body
		for _, origin := range regexp.MustCompile(`<bdi>(.*)</bdi>`).FindAllStringSubmatch(body, -1) {
			got = append(got, html.UnescapeString(origin[1]))
		}
		next := regexp.MustCompile(`rel="next" href="(.*)#logs"`).FindStringSubmatch(body)
		if next == nil {
			break
		}
		query = html.UnescapeString(next[1])
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || pages != 2 {
		t.Errorf("%d pages show %d logs, want 3 and 250 in order", pages+1, len(got))
	}
	if body := r.page("?from=log.example%2F249+%26").body; strings.Count(body, "<bdi>") != 1 || !strings.Contains(body, "First page") {
		t.Errorf("from the last log on: got %d logs", strings.Count(body, "<bdi>"))
	}
	for _, query := range []string{"?from=%ff%fe", "?from=%00", "?from=" + strings.Repeat("z", 3000), "?from", "?%zz", "?from=a;b"} {
		r.page(query)
	}
}

// TestHomeURL: an operator who says where the witness is has that shown.
func TestHomeURL(t *testing.T) {
	r := startWith(t, server.Config{URL: "https://witness.example/w1/"})
	if got := r.page(""); !strings.Contains(got.body, ">https://witness.example/w1</pre>") {
		t.Error("the page lacks its URL")
	}
}
