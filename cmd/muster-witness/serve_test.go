package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-log/muster/witness/witnesstest"
)

// TestServeMetrics: what is cosigned and refused is counted, on a listener of its
// own and nowhere else, and the log is JSON where that was asked for.
func TestServeMetrics(t *testing.T) {
	log, stranger := witnesstest.NewLog(t, "log.example/a", 9), witnesstest.NewLog(t, "log.example/b", 9)
	s := newSite(t)
	s.add(t, log)
	p := s.serve(t, "--metrics", "127.0.0.1:0", "--log-format", "json", "--verbose", "--url", "https://witness.example/w1")
	var first struct{ Metrics string }
	if err := json.Unmarshal([]byte(p.first), &first); err != nil {
		t.Fatalf("log line %q: %v", p.first, err)
	}
	for _, one := range []struct {
		body []byte
		want int
	}{{log.Request(0, 5).Marshal(), 200}, {log.Fork(2).Request(5, 5).Marshal(), 422}, {stranger.Request(0, 5).Marshal(), 404}} {
		if status, answer, err := p.submit(one.body); status != one.want || err != nil {
			t.Fatalf("got %d %q, %v, want %d", status, answer, err, one.want)
		}
	}
	text := get(t, first.Metrics)
	for _, want := range []string{`muster_witness_log_size{origin="log.example/a"} 5`, `muster_witness_refusals_total{origin="log.example/a",reason="same-size-other-root"} 1`,
		`muster_witness_refusals_total{origin="",reason="unknown-origin"} 1`, `muster_witness_add_checkpoint_requests_total{code="200"} 1`, "muster_witness_commit_cosignatures_sum 1",
		`muster_witness_evidence_found_total{kind="same-size"} 1`, `muster_witness_log_evidence_total{origin="log.example/a"} 1`, "muster_witness_halted 0"} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if response, err := http.Get(p.url + "/metrics"); err != nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("the witness's own address shows metrics: %v, %v", response, err)
	}
	if page := get(t, p.url+"/"); !strings.Contains(page, ">https://witness.example/w1</pre>") {
		t.Error("the page lacks the URL that --url says")
	}
	code, logged := p.end(syscall.SIGTERM)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(logged) {
		var said struct{ Level, Msg, Kind string }
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Errorf("log line %q: %v", line, err)
		}
		seen[said.Level+" "+said.Msg+" "+said.Kind] = true
	}
	for _, want := range []string{"DEBUG cosigned ", "WARN refused same-size-other-root", "DEBUG refused unknown-origin"} {
		if !seen[want] {
			t.Errorf("no line %q in %s", want, logged)
		}
	}
}

// TestServeLimits: the three limits, each by its flag.
func TestServeLimits(t *testing.T) {
	for _, flag := range []string{"--rate", "--origin-rate", "--unknown-rate"} {
		t.Run(flag, func(t *testing.T) {
			log := witnesstest.NewLog(t, "log.example/a", 9)
			s := newSite(t)
			if flag != "--unknown-rate" {
				s.add(t, log)
			}
			p := s.serve(t, flag, "0.01")
			body := log.Request(3, 5).Marshal()
			if status, answer, err := p.submit(body); err != nil || status == http.StatusTooManyRequests {
				t.Fatalf("the first request: got %d %q, %v", status, answer, err)
			}
			response, err := http.Post(p.url+"/add-checkpoint", "", strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if wait := response.Header.Get("Retry-After"); response.StatusCode != http.StatusTooManyRequests || wait != "100" && wait != "99" {
				t.Errorf("got %s, Retry-After %q", response.Status, wait)
			}
		})
	}
}

// TestServeFlagsRefused: flags that say nothing that can be done are wrong calls.
func TestServeFlagsRefused(t *testing.T) {
	s := newSite(t)
	for _, flags := range [][]string{{"--rate", "-1"}, {"--origin-rate", "NaN"}, {"--unknown-rate", "x"}, {"--log-format", "xml"}, {"--url", "witness.example"}, {"--url", "ftp://witness.example"}, {"--url", "https://witness.example/?x"}} {
		_, stderr, code := execute(t, append([]string{"serve", "--data", s.data, "--key", s.key, "--listen", "127.0.0.1:0"}, flags...)...)
		if code != 2 || !strings.Contains(stderr, flags[0]) {
			t.Errorf("%v: exit code %d, %s", flags, code, stderr)
		}
	}
	if _, stderr, code := execute(t, "serve", "--data", s.data, "--key", s.key, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:99999"); code != 3 || !strings.Contains(stderr, "--metrics") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
