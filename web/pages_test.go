package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/muster-log/muster/release/releasetest"
	"github.com/muster-log/muster/web/webtest"
)

// page is a page, parsed.
type page struct {
	status int
	header http.Header
	text   string
	root   *html.Node
}

func getPage(t *testing.T, s *webtest.Site, path string) page {
	t.Helper()
	status, header, body := sendRaw(t, s.URL, http.MethodGet, path, []string{"Accept: text/html"}, nil)
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return page{status: status, header: header, text: body, root: root}
}

// all returns the elements of a name.
func (p page) all(name string) []*html.Node {
	var found []*html.Node
	for node := range p.root.Descendants() {
		if node.Type == html.ElementNode && node.Data == name {
			found = append(found, node)
		}
	}
	return found
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// content is the text of an element, its white space folded.
func content(node *html.Node) string {
	var text strings.Builder
	for n := range node.Descendants() {
		if n.Type == html.TextNode {
			text.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

func (p page) contains(t *testing.T, wants ...string) {
	t.Helper()
	text := content(p.root)
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q on the page: %s", want, text)
		}
	}
}

// TestEveryLinkAnswers follows the links of every page from the first one on,
// and looks at how each is made.
func TestEveryLinkAnswers(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	_, model, _ := s.Recipe()
	withdrawal, _ := s.Sign(s.Withdrawal(model))
	s.Submit(withdrawal)
	for range 30 { // more than a page of the list
		entry, _ := s.Sign(s.Model("other", fmt.Sprint(s.Log.Status().Size)))
		s.Submit(entry)
	}
	seen := map[string]bool{"/": true}
	pages := 0
	for queue := []string{"/"}; len(queue) > 0; queue = queue[1:] {
		p := getPage(t, s, queue[0])
		if p.status != http.StatusOK {
			t.Errorf("%s: status %d: %.200s", queue[0], p.status, p.text)
			continue
		}
		if !strings.HasPrefix(p.header.Get("Content-Type"), "text/html") {
			continue
		}
		pages++
		checkMade(t, queue[0], p)
		for _, name := range []string{"a", "link", "form"} {
			for _, node := range p.all(name) {
				target := attribute(node, "href") + attribute(node, "action")
				parsed, err := url.Parse(target)
				if err != nil {
					t.Errorf("%s: link %q: %v", queue[0], target, err)
					continue
				}
				if parsed.Host != "" {
					if parsed.Scheme != "https" || !strings.Contains(attribute(node, "rel"), "noreferrer") || !strings.Contains(attribute(node, "rel"), "nofollow") {
						t.Errorf("%s: outside link %q with rel %q", queue[0], target, attribute(node, "rel"))
					}
					continue
				}
				parsed.Fragment = ""
				if path := parsed.String(); path != "" && !seen[path] {
					seen[path] = true
					queue = append(queue, path)
				}
			}
		}
	}
	if pages < 40 || len(seen) < 150 {
		t.Errorf("only %d pages and %d links were found", pages, len(seen))
	}
}

// checkMade holds a page to what every page promises: it is reached by keyboard
// and ear, runs nothing, and says what it is worth.
func checkMade(t *testing.T, path string, p page) {
	t.Helper()
	for _, name := range []string{"script", "style", "iframe", "object", "embed", "base", "img"} {
		if found := p.all(name); len(found) > 0 {
			t.Errorf("%s: %d elements %s", path, len(found), name)
		}
	}
	for _, name := range []string{"h1", "main", "header", "footer", "title"} {
		if found := p.all(name); len(found) != 1 {
			t.Errorf("%s: %d elements %s, want one", path, len(found), name)
		}
	}
	ids := make(map[string]bool)
	for node := range p.root.Descendants() {
		if node.Type != html.ElementNode {
			continue
		}
		if id := attribute(node, "id"); id != "" {
			if ids[id] {
				t.Errorf("%s: two elements have the id %q", path, id)
			}
			ids[id] = true
		}
		for _, a := range node.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("%s: attribute %s on %s", path, a.Key, node.Data)
			}
		}
	}
	first := p.all("a")[0]
	if target := attribute(first, "href"); attribute(first, "class") != "skip" || !ids[strings.TrimPrefix(target, "#")] {
		t.Errorf("%s: the first link is %q, want the one that skips to the content", path, target)
	}
	for _, table := range p.all("table") {
		heads := page{root: table}.all("th")
		if len(heads) == 0 || slices.ContainsFunc(heads, func(n *html.Node) bool { return attribute(n, "scope") == "" }) || len(page{root: table}.all("caption")) != 1 {
			t.Errorf("%s: a table without headers, scopes or a caption", path)
		}
	}
	for _, section := range p.all("section") {
		if !ids[attribute(section, "aria-labelledby")] {
			t.Errorf("%s: a section is named by %q, which is not there", path, attribute(section, "aria-labelledby"))
		}
	}
	for _, pre := range p.all("pre") {
		if attribute(pre, "role") != "region" || attribute(pre, "aria-label") == "" || attribute(pre, "tabindex") != "0" {
			t.Errorf("%s: a text that scrolls and is not reached by keyboard under a name", path)
		}
	}
	for _, input := range p.all("input") {
		if attribute(input, "type") != "hidden" && !slices.ContainsFunc(p.all("label"), func(n *html.Node) bool { return attribute(n, "for") == attribute(input, "id") }) {
			t.Errorf("%s: an input without a label", path)
		}
	}
	if attribute(p.all("html")[0], "lang") == "" {
		t.Errorf("%s: no language", path)
	}
	p.contains(t, "This page is a convenience, not a proof.")
}

func TestLivePage(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	getPage(t, s, "/").contains(t, "No product has been logged yet.", "Entries 1 ", "2 of 3 must cosign met by this checkpoint", "Live means approved, unexpired and not withdrawn at the newest checkpoint; whether a machine runs it is what that node’s evidence shows.")
	_, model, _ := s.Recipe()
	p := getPage(t, s, "/")
	p.contains(t, "acme/ai", "stable takes images of mode production", "2026.11 live", "Witnessed since 2 November 2026, 10:00 UTC", "Not after 1 January 2027, 10:00 UTC",
		"os node-os 1.4.0 model llama 3.1", "Entries 4 ", "w1 North yes")
	s.Advance(61 * 24 * time.Hour)
	getPage(t, s, "/").contains(t, "2026.11 past its date", "Cosigned 61 days ago")
	s.Advance(-61 * 24 * time.Hour)
	withdrawal, _ := s.Sign(s.Withdrawal(model))
	s.Submit(withdrawal)
	getPage(t, s, "/").contains(t, "Nothing of this product is live.")
	getPage(t, s, "/entries/3").contains(t, "withdrawn", "Do not use it. Withdrawn by: entry 4")
	getPage(t, s, "/entries/2").contains(t, "withdrawn", "Withdrawn by: entry 4")
}

// TestLivePageIsBounded: a log of many products does not make a page without end.
func TestLivePageIsBounded(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	for i := range 103 {
		image := s.Model("llama", "3.1")
		image.Product = fmt.Sprintf("acme/product-%03d", i)
		entry, _ := s.Sign(image)
		s.Submit(entry)
	}
	p := getPage(t, s, "/")
	p.contains(t, "acme/product-099", "3 more products")
	if strings.Contains(p.text, "acme/product-100") {
		t.Error("more products are shown than a page has")
	}
}

func TestLivePageSaysWhoIsMissing(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	s.Witnesses.Send("w1", "w3")
	entry, _ := s.Sign(s.Model("late", "1"))
	if _, err := s.Log.Submit(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return !s.Log.Status().Quorum })
	p := getPage(t, s, "/")
	p.contains(t, "Publication stands still.", "1 more entry waits for the witnesses", "w1 North yes", "not reachable now: connection refused", "met by this checkpoint")
	if strings.Contains(p.text, "dial tcp") {
		t.Error("the page shows an error's own text")
	}
	if status, _, body := sendRaw(t, s.URL, http.MethodGet, "/readyz", nil, nil); status != http.StatusServiceUnavailable || !strings.Contains(body, "dial tcp") {
		t.Errorf("readyz: got %d without the error's own text: %s", status, body)
	}
	p = getPage(t, s, "/entries/1")
	p.contains(t, "Logged, and not published yet.")
	if p.status != http.StatusNotFound || p.header.Get("Cache-Control") != "no-store" || p.header.Get("Retry-After") == "" {
		t.Errorf("got %d, %v", p.status, p.header)
	}
}

func TestReleasesPage(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	_, model, _ := s.Recipe()
	getPage(t, s, "/releases").contains(t, "Releases", "2026.11 live acme/ai stable 2 Nov 2026 1 Jan 2027 3")
	getPage(t, s, "/releases?q=acme").contains(t, "2026.11 live")
	getPage(t, s, "/releases?q=2026").contains(t, "2026.11 live")
	getPage(t, s, "/releases?q=nothing").contains(t, "Nothing was found.")
	getPage(t, s, "/releases?q=2&type=all").contains(t, "There is an entry 2 .")
	getPage(t, s, "/releases?type=image").contains(t, "Images", "Issued Publish by Index", "model/llama 3.1 live")
	getPage(t, s, "/releases?type=authority").contains(t, "Issued Expires Index")
	getPage(t, s, "/releases?type=withdrawal").contains(t, "Nothing was found.")
	getPage(t, s, "/releases?type=all").contains(t, "Issued Deadline Index", "2 Nov 2026 not after 1 Jan 2027 3", "2 Nov 2026 publish by ", "1 Nov 2026 expires 2 Nov 2027 0")
	getPage(t, s, "/releases?type=all&status=void").contains(t, "Nothing was found.")
	getPage(t, s, "/releases?product=acme/ai&channel=lab").contains(t, "Nothing was found.", "product acme/ai × , remove this filter")
	getPage(t, s, "/releases?q="+model.String()).contains(t, "These entries mention a digest", "llama 3.1 image payload", "2026.11 release image")
	uki := s.OS("node-os", "1.4.0").Measurements.TPM2UKI.Authenticode
	if p := getPage(t, s, "/releases?q="+uki.String()[:12]); p.status != http.StatusSeeOther || p.header.Get("Location") != "/entries/1" {
		t.Errorf("a digest of one entry: got %d to %q", p.status, p.header.Get("Location"))
	}
	for _, hostile := range []string{"q=%00", "q=%ff%fe", "q=" + strings.Repeat("a", 5000), "before=-1", "before=99999999999999999999", "q=%27%3B--", "q=%25", "status=x"} {
		p := getPage(t, s, "/releases?"+hostile)
		if p.status != http.StatusOK {
			t.Errorf("%s: status %d: %.200s", hostile, p.status, p.text)
			continue
		}
		checkMade(t, hostile, p)
	}
}

func TestEntryPage(t *testing.T) {
	s := webtest.New(t, webtest.Options{URL: "https://log.example"})
	s.Recipe()
	getPage(t, s, "/entries/0").contains(t, "Authority of log.example/acme, version 1 in force", "by its own root keys: it is the log's first authority", "2 of the 3 keys of role root",
		"stable, for images of mode production", "Role release 2 of 3 keys must sign", "muster bundle get 0 --log https://log.example --policy log.policy --out entry-0.muster")
	getPage(t, s, "/entries/1").contains(t, "Image os/node-os 1.4.0 live", "The operating system that nodes of acme/ai boot, for production.", "It is live. Named by: entry 3", "under authority version 1", "Needed: the one key of role image.",
		releasetest.KeyFromName("ci").Key().ID().String()+" image ed25519", "node-os.efi application/octet-stream 41.0 MiB", "tpm2-uki/v1", "What booted:", "systemd-stub 252", "Security version 7")
	getPage(t, s, "/entries/2").contains(t, "Image model/llama 3.1", "verity/v1", "What a node may load:", "oms/v1", "What people compare:", "File model.safetensors", "13.0 GiB")
	p := getPage(t, s, "/entries/3")
	p.contains(t, "Release 2026.11 of acme/ai live", "Approves 2 images together, for channel stable of acme/ai.", "2 of the 3 keys of role release", "os node-os 1.4.0",
		"muster verify entry-3.muster --policy log.policy --requirements requirements.json", "Witnessed since 2 November 2026, 10:00 UTC", `"_type": "https://in-toto.io/Statement/v1"`)
	downloads := make(map[string]string)
	for _, a := range p.all("a") {
		if name := attribute(a, "download"); name != "" {
			downloads[name] = attribute(a, "href")
		}
	}
	for name, path := range map[string]string{"entry-3.dsse.json": "/api/v1/entries/3", "entry-3.tlog-proof": "/api/v1/entries/3/proof", "entry-3.muster": "/api/v1/entries/3/bundle"} {
		if downloads[name] != path {
			t.Errorf("download %s leads to %q, want %s", name, downloads[name], path)
		}
	}
	for _, path := range []string{"/entries/9", "/entries/03", "/entries/x", "/entries/-1", "/entries/18446744073709551616", "/entries/%3Cscript%3E"} {
		p := getPage(t, s, path)
		if p.status != http.StatusNotFound || !strings.Contains(p.text, "<h1>Not Found</h1>") {
			t.Errorf("%s: got %d", path, p.status)
		}
		p.contains(t, "There is no entry \"", "the newest checkpoint covers 4 entries, 0 to 3.")
	}
}

// TestEntryPageOfNoSalt: a salt may be empty; the page says so.
func TestEntryPageOfNoSalt(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	image := s.Model("llama", "3.1")
	image.Measurements.Verity.Salt = ""
	entry, _ := s.Sign(image)
	getPage(t, s, fmt.Sprintf("/entries/%d", s.Submit(entry))).contains(t, "Salt none Data")
}

// TestFailurePages: an error is a page of the log, in sentences, with what was
// asked for as text.
func TestFailurePages(t *testing.T) {
	s := webtest.New(t, webtest.Options{})
	long := "/" + strings.Repeat("x", 5000)
	for _, test := range []struct {
		path   string
		status int
		want   []string
	}{
		{"/nothing", 404, []string{"There is nothing at this path;", "lists what there is.", "Asked for: /nothing", "Reason code not-found"}},
		{"/%3Cscript%3E%00", 404, []string{"Asked for: /%3Cscript%3E%00"}},
		{"/<script>alert(1)</script>", 404, []string{"Asked for: /%3Cscript%3Ealert%281%29%3C/script%3E"}},
		{long, 404, []string{"Asked for: " + long[:200] + "..."}},
		{"/entries/99", 404, []string{"There is no entry \"99\": the newest checkpoint covers 1 entry, 0.", "Asked for: /entries/99"}},
		{"/releases?type=foo", 400, []string{`Parameter type: got "foo", want all, authority, image, release, withdrawal, roll or finding.`, "Reason code query-parameter"}},
		{"/releases?type=%3Cscript%3E", 400, []string{`got "<script>", want all`}},
	} {
		p := getPage(t, s, test.path)
		if p.status != test.status || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%.80s: got %d, %v", test.path, p.status, p.header)
		}
		checkMade(t, test.path, p)
		p.contains(t, append(test.want, "log.example/acme")...)
	}
	if p := getPage(t, s, "/releases/?type=all&q=a%20b"); p.status != http.StatusMovedPermanently || p.header.Get("Location") != "/releases?type=all&q=a%20b" {
		t.Errorf("got %d to %q", p.status, p.header.Get("Location"))
	}
}

// TestHostileEntriesAreInert: what stands in entries is text and nothing else.
func TestHostileEntriesAreInert(t *testing.T) {
	const attack = `</code></pre><script>alert(1)</script><img src=x onerror=alert(2)>"'` + "\u05d0\u05d1 javascript:alert(3)"
	s := webtest.New(t, webtest.Options{Entries: [][]byte{
		[]byte(attack),
		[]byte("\xff\xfe\x00\x1b[31m"),
		releasetest.Sign(t, []byte(`{"_type":"https://in-toto.io/Statement/v1","predicate":{"x":"<script>alert(4)</script>"},"predicateType":"https://evil.example/<script>/v1","subject":[]}`), "stranger"),
		releasetest.Sign(t, []byte(`"<script>alert(5)</script>"`), "stranger"),
	}})
	image := s.Model("evil", "1")
	image.Note = attack
	image.Artifacts[0].MediaType = "text/html"
	image.Artifacts[0].URLs = []string{"https://evil.example/?a=%22%3E%3Cscript%3E", "https://x.example/'onmouseover=alert(1)"}
	entry, _ := s.Sign(image)
	index := s.Submit(entry)
	for path, want := range map[string]string{
		"/entries/1":            "void",
		"/entries/2":            "void",
		"/entries/3":            "of an unknown type unknown",
		"/entries/4":            "void",
		"/entries/5":            "Note by its signers",
		"/":                     "Entries that break a rule of the log",
		"/releases?type=all":    "void",
		"/releases?q=%3Cscript": "Nothing was found.",
	} {
		p := getPage(t, s, path)
		if p.status != http.StatusOK {
			t.Errorf("%s: status %d", path, p.status)
		}
		checkMade(t, path, p)
		p.contains(t, want)
		for _, a := range p.all("a") {
			if href := attribute(a, "href"); !strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "https://") && href != "#main" {
				t.Errorf("%s: link to %q", path, href)
			}
		}
	}
	if index != 5 {
		t.Fatalf("the image is entry %d", index)
	}
	p := getPage(t, s, "/entries/5")
	p.contains(t, attack)
	getPage(t, s, "/entries/1").contains(t, "The entry as it is", "Reason code json-syntax", "a fault of the log")
	for _, node := range p.all("blockquote") {
		if len(page{root: node}.all("bdi")) != 1 {
			t.Error("a note may change the direction of the text around it")
		}
	}
}
