package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-log/muster/log/remote"
	"github.com/muster-log/muster/release"
	"github.com/muster-log/muster/tlog"
	"github.com/muster-log/muster/web/api"
	"github.com/muster-log/muster/web/webtest"
)

// post submits an entry and reads the answer.
func post(t *testing.T, s *webtest.Site, entry []byte) (int, http.Header, []byte) {
	t.Helper()
	response, err := http.Post(s.URL+"/api/v1/entries", api.TypeEntry, bytes.NewReader(entry))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, body
}

func receiptOf(t *testing.T, body []byte) api.Receipt {
	t.Helper()
	var receipt api.Receipt
	if err := json.Unmarshal(body, &receipt); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return receipt
}

// TestL4NoQuorum: without a quorum a submission is answered 202 once it is
// durable, nothing of it is served, and it heals by itself.
func TestL4NoQuorum(t *testing.T) {
	s := webtest.New(t, webtest.Options{PublishWait: 30 * time.Millisecond})
	s.Witnesses.Send("w1", "w2")
	entry, digest := s.Sign(s.Model("llama", "3.1"))
	for _, duplicate := range []bool{false, true} {
		status, header, body := post(t, s, entry)
		want := api.Receipt{Index: 1, Digest: digest, Duplicate: duplicate, Entry: "/api/v1/entries/1", Proof: "/api/v1/entries/1/proof", Bundle: "/api/v1/entries/1/bundle"}
		if status != http.StatusAccepted || header.Get("Location") != "/api/v1/entries/1" || header.Get("Retry-After") == "" || receiptOf(t, body) != want {
			t.Fatalf("got %d, %v, %s", status, header, body)
		}
	}
	for _, path := range []string{"/api/v1/entries/1", "/api/v1/entries/1/proof", "/api/v1/entries/1/bundle", "/api/v1/entries/" + digest.String()} {
		status, header, body := sendRaw(t, s.URL, http.MethodGet, path, nil, nil)
		if status != http.StatusNotFound || header.Get("Retry-After") == "" || header.Get("Cache-Control") != "no-store" || !strings.Contains(body, `"code":"not-published"`) {
			t.Errorf("%s: got %d, %v, %s", path, status, header, body)
		}
	}
	for path, want := range map[string]int{"/tile/0/000.p/2": 404, "/tile/entries/000.p/2": 404, "/tile/0/000.p/1": 200, "/checkpoint": 200, "/api/v1/entries/0/bundle": 200, "/checkpoint/2": 404} {
		if status, _, body := sendRaw(t, s.URL, http.MethodGet, path, nil, nil); status != want {
			t.Errorf("%s: got %d, want %d: %s", path, status, want, body)
		}
	}
	waitFor(t, func() bool { return !s.Log.Status().Quorum })
	status, header, body := sendRaw(t, s.URL, http.MethodGet, "/readyz", nil, nil)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(body, `"missing":["w1","w2"]`) || !strings.Contains(body, `dial tcp 127.0.0.1:1: connect: connection refused","unknownLog"`) {
		t.Errorf("readyz: got %d, %s", status, body)
	}
	s.Witnesses.Send("w2")
	s.WaitPublished(2)
	status, _, body2 := post(t, s, entry)
	if receipt := receiptOf(t, body2); status != http.StatusOK || !receipt.Duplicate || !receipt.Published || receipt.Index != 1 {
		t.Errorf("after: got %d, %s", status, body2)
	}
	if status, _, _ := sendRaw(t, s.URL, http.MethodGet, "/readyz", nil, nil); status != http.StatusOK {
		t.Errorf("readyz after: got %d", status)
	}
}

// TestUnpublishedEntriesChangeNothingThatIsServed: how entries stand is served
// as of the newest checkpoint, whatever the log has admitted since.
func TestUnpublishedEntriesChangeNothingThatIsServed(t *testing.T) {
	s := webtest.New(t, webtest.Options{PublishWait: time.Millisecond})
	_, model, approved := s.Recipe()
	renewal := s.Release("2026.11", release.Digest{}) // of the same images
	_, _, entry := sendRaw(t, s.URL, http.MethodGet, "/api/v1/entries/3", nil, nil)
	renewal.Images = statementOf(t, entry).Predicate.(*release.Release).Images
	renewal.NotAfter = renewal.NotAfter.Add(time.Hour)
	_, _, entry = sendRaw(t, s.URL, http.MethodGet, "/api/v1/entries/0", nil, nil)
	next := *statementOf(t, entry).Predicate.(*release.Authority)
	next.Version, next.Previous, next.Issued, next.Origin = 2, &s.Authority, s.Now(), "log.example/next"
	other := s.Model("mistral", "7")
	other.Product = "acme/unpublished"
	paths := []string{"/api/v1/entries", "/api/v1/live", "/releases?type=all", "/releases?q=" + model.String(), "/entries/0", "/entries/1", "/entries/2", "/entries/3"}
	served := make(map[string]string)
	for _, path := range paths {
		_, _, served[path] = sendRaw(t, s.URL, http.MethodGet, path, nil, nil)
	}
	s.Witnesses.Send("w1", "w2")
	for i, predicate := range []release.Predicate{renewal, s.Withdrawal(model), s.Withdrawal(approved), other, &next} {
		unpublished, _ := s.Sign(predicate)
		if status, _, body := post(t, s, unpublished); status != http.StatusAccepted {
			t.Fatalf("submission %d: got %d, %s", i, status, body)
		}
		for _, path := range paths {
			if _, _, now := sendRaw(t, s.URL, http.MethodGet, path, nil, nil); now != served[path] {
				t.Errorf("submission %d changed %s: got\n%s\nwant\n%s", i, path, now, served[path])
			}
		}
	}
	for _, word := range []string{"acme/unpublished", "retired"} {
		if _, _, page := sendRaw(t, s.URL, http.MethodGet, "/", nil, nil); strings.Contains(page, word) {
			t.Errorf("the page of what is live has the word %q: %s", word, page)
		}
	}
	s.Witnesses.Send()
	s.WaitPublished(9)
	getPage(t, s, "/").contains(t, "acme/unpublished", "retired")
	for index, want := range map[string]string{"0": "superseded", "2": "withdrawn", "3": "superseded", "4": "withdrawn"} {
		getPage(t, s, "/entries/"+index).contains(t, want)
	}

	unpublished := webtest.New(t, webtest.Options{Absent: []string{"w1", "w2"}, Entries: [][]byte{[]byte("void")}})
	if p := getPage(t, unpublished, "/"); strings.Contains(p.text, "break a rule") {
		t.Errorf("an unpublished entry is counted: %s", p.text)
	}
	unpublished.Witnesses.Send()
	unpublished.WaitPublished(2)
	getPage(t, unpublished, "/").contains(t, "Entries that break a rule of the log")
}

func statementOf(t *testing.T, entry string) *release.Statement {
	t.Helper()
	envelope, err := release.ParseEnvelope([]byte(entry))
	if err != nil {
		t.Fatal(err)
	}
	statement, err := release.ParseStatement(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return statement
}

// TestBeforeTheFirstQuorum: a log that has not published anything says so.
func TestBeforeTheFirstQuorum(t *testing.T) {
	s := webtest.New(t, webtest.Options{Absent: []string{"w1", "w2", "w3"}})
	for path, want := range map[string]string{
		"/checkpoint":           "404 no-checkpoint",
		"/api/v1/entries/0":     "404 not-published",
		"/tile/0/000.p/1":       "404 not-found",
		"/tile/entries/000.p/1": "404 not-found",
		"/checkpoint/1":         "404 not-found",
	} {
		status, _, body := sendRaw(t, s.URL, http.MethodGet, path, nil, nil)
		var problem struct{ Code string }
		if err := json.Unmarshal([]byte(body), &problem); err != nil || fmt.Sprint(status, " ", problem.Code) != want {
			t.Errorf("%s: got %d %s, want %s", path, status, body, want)
		}
	}
	getPage(t, s, "/").contains(t, "Nothing is published yet.", "w1 North no")
	if p := getPage(t, s, "/releases"); p.status != http.StatusOK {
		t.Errorf("releases: %d", p.status)
	}
	s.Witnesses.Send()
	s.WaitPublished(1)
	if status, _, _ := sendRaw(t, s.URL, http.MethodGet, "/checkpoint", nil, nil); status != http.StatusOK {
		t.Errorf("checkpoint after: got %d", status)
	}
}

// TestRemoteClientAgrees: the client of the API, which takes a log as hostile,
// submits, waits at the Location of a 202, and reads everything back.
func TestRemoteClientAgrees(t *testing.T) {
	s := webtest.New(t, webtest.Options{PublishWait: time.Millisecond})
	client, err := remote.New(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := t.Context()
	s.Witnesses.Send("w1", "w2")
	entry, digest := s.Sign(s.OS("node-os", "1.4.0"))
	waited := 0
	receipt, err := client.Submit(ctx, entry, func(_ time.Duration, err error) {
		if err != nil {
			t.Errorf("waiting: %v", err)
		}
		if waited++; waited == 2 {
			s.Witnesses.Send()
		}
	})
	if err != nil || receipt.Index != 1 || receipt.Digest != digest.String() || receipt.Duplicate || waited < 2 {
		t.Fatalf("got %+v, %v after %d waits", receipt, err, waited)
	}
	s.WaitPublished(2)
	for _, which := range []string{"1", digest.String(), digest.String()[:20]} {
		got, err := client.Entry(ctx, which)
		if err != nil || !bytes.Equal(got, entry) {
			t.Fatalf("entry %s: %q, %v", which, got, err)
		}
		data, err := client.Proof(ctx, which)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := tlog.ParseProof(data)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := proof.Verify(tlog.LeafHash(entry))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Policy.Verify(signed); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Bundle(ctx, which); err != nil {
			t.Fatal(err)
		}
	}
	own, err := client.Policy(ctx)
	if err != nil || string(own) != s.Policy.String() {
		t.Errorf("policy %q, %v", own, err)
	}
	note, err := client.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := tlog.ParseCheckpoint(note)
	if err != nil {
		t.Fatal(err)
	}
	root, err := tlog.NewProver(checkpoint.Size, client).Root(ctx)
	if err != nil || root != checkpoint.Root {
		t.Errorf("root of the tiles %v, %v, of the checkpoint %v", root, err, checkpoint.Root)
	}
	entries, err := client.ReadEntries(ctx, 0, int(checkpoint.Size))
	if err != nil || !bytes.Equal(entries[1], entry) {
		t.Errorf("entries: %v", err)
	}
	if _, err := client.CheckpointAt(ctx, 1); err != nil {
		t.Errorf("checkpoint of size 1: %v", err)
	}
	_, err = client.Submit(ctx, []byte("{}"), nil)
	if status, ok := err.(*remote.StatusError); !ok || status.Code != string(release.CodeMemberMissing) || status.Member == "" || !status.Refused() {
		t.Errorf("a refusal is read as %v", err)
	}
}

// TestSubmissionsAtOnce: many at once get each its own index, and the same at
// once gets the same.
func TestSubmissionsAtOnce(t *testing.T) {
	s := webtest.New(t, webtest.Options{PublishWait: 20 * time.Second})
	const count = 60
	var entries [][]byte
	for i := range count {
		entry, _ := s.Sign(s.Model(fmt.Sprint("model-", i), "1"))
		entries = append(entries, entry, entry)
	}
	answers := make([]api.Receipt, len(entries))
	statuses := make([]int, len(entries))
	var group sync.WaitGroup
	for i := range entries {
		group.Go(func() {
			status, _, body := post(t, s, entries[i])
			statuses[i], answers[i] = status, receiptOf(t, body)
		})
	}
	group.Wait()
	seen := make(map[uint64]bool)
	for i := 0; i < len(entries); i += 2 {
		a, b := answers[i], answers[i+1]
		if a.Index != b.Index || a.Duplicate == b.Duplicate || statuses[i]+statuses[i+1] != http.StatusOK+http.StatusCreated || seen[a.Index] {
			t.Errorf("entry %d: got %d %+v and %d %+v", i, statuses[i], a, statuses[i+1], b)
		}
		seen[a.Index] = true
	}
	if size := s.Log.Status().Published; size != count+1 {
		t.Errorf("published %d entries, want %d", size, count+1)
	}
}

// TestSlowBodyIsCutOff: a submission that does not arrive holds its place for a
// bounded time.
func TestSlowBodyIsCutOff(t *testing.T) {
	s := webtest.New(t, webtest.Options{BodyTimeout: 100 * time.Millisecond})
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	started := time.Now()
	fmt.Fprintf(connection, "POST /api/v1/entries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
	if err := connection.SetReadDeadline(started.Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(connection)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || !strings.Contains(string(answer), `"code":"body-incomplete"`) {
		t.Errorf("after %v got %q, %v", time.Since(started), answer, err)
	}
}

// TestWaitOutlivesTheBodysDeadline: how long a body may take to arrive does not
// bound how long the answer waits for witnesses.
func TestWaitOutlivesTheBodysDeadline(t *testing.T) {
	s := webtest.New(t, webtest.Options{BodyTimeout: 50 * time.Millisecond, PublishWait: 20 * time.Second})
	s.Witnesses.Send("w1", "w2")
	time.AfterFunc(400*time.Millisecond, func() { s.Witnesses.Send() })
	entry, _ := s.Sign(s.Model("llama", "3.1"))
	if status, _, body := post(t, s, entry); status != http.StatusCreated {
		t.Errorf("got %d %s", status, body)
	}
}

// TestBodyIsNotReadWhereItIsRefused: what is too long, by its length or by what
// arrives, is refused while most of it has not been sent.
func TestBodyIsNotReadWhereItIsRefused(t *testing.T) {
	s := webtest.New(t, webtest.Options{BodyTimeout: 300 * time.Millisecond})
	for name, framing := range map[string]string{"declared": "Content-Length: 1000000000", "chunked": "Transfer-Encoding: chunked"} {
		connection, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(connection, "POST /api/v1/entries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n\r\n", framing)
		if name == "chunked" {
			fmt.Fprintf(connection, "%x\r\n%s\r\n", release.MaxEntry+1, strings.Repeat("x", release.MaxEntry+1))
		}
		if err := connection.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(connection)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") || !strings.Contains(string(answer), "Connection: close") {
			t.Errorf("%s: got %.300q, %v", name, answer, err)
		}
		connection.Close()
	}
}
