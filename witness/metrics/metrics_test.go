package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness"
	"github.com/muster-log/muster/witness/metrics"
)

// memory is a state of any number of logs.
type memory struct {
	logs   []witness.Followed // by origin
	halted bool
	broken error
}

func (m *memory) Halted() bool { return m.halted }

func (m *memory) find(origin string) (int, bool) {
	return slices.BinarySearchFunc(m.logs, origin, func(log witness.Followed, origin string) int { return strings.Compare(log.Origin, origin) })
}

func (m *memory) Log(_ context.Context, origin string) (witness.Log, witness.Latest, error) {
	if i, found := m.find(origin); found && !m.logs[i].Disabled {
		return m.logs[i].Log, m.logs[i].Latest, nil
	}
	return witness.Log{}, witness.Latest{}, witness.ErrUnknownOrigin
}

func (m *memory) Followed(_ context.Context, after string, limit int) ([]witness.Followed, error) {
	if m.broken != nil {
		return nil, m.broken
	}
	i, found := m.find(after)
	if found {
		i++
	}
	return m.logs[i:min(i+limit, len(m.logs))], nil
}

// logs returns a state of so many logs, each cosigned.
func logs(count int) *memory {
	m := new(memory)
	for i := range count {
		m.logs = append(m.logs, witness.Followed{Log: witness.Log{Origin: fmt.Sprintf("log.example/%05d", i)}, Latest: witness.Latest{Size: uint64(i), Time: 1800000000}})
	}
	return m
}

func scrape(tb testing.TB, m *metrics.Metrics) string {
	tb.Helper()
	recorder := httptest.NewRecorder()
	m.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if recorder.Code != http.StatusOK {
		tb.Fatalf("got %d %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

func watching(state metrics.State) *metrics.Metrics {
	m := metrics.New()
	m.Watch(state)
	return m
}

// busy is what everything has happened to.
func busy() (*memory, *metrics.Metrics) {
	state := logs(3)
	state.logs[1].Evidence = 2
	state.logs[2].Disabled = true
	state.halted = true
	m := watching(state)
	m.Answered(200, 3*time.Millisecond)
	m.Answered(418, 3*time.Millisecond)
	m.Refused("log.example/00001", witness.KindSameSize)
	m.Refused("log.example/00001", witness.KindSameSize)
	m.Refused("log.example/00001", "a new kind")
	m.Refused("stranger.example", witness.KindUnknownOrigin)
	m.Refused("stranger.example", witness.KindRateLimited)
	m.Refused("", witness.KindMalformed)
	m.Committed(7, time.Millisecond)
	m.EvidenceFound(fork.SameSize)
	m.EvidenceFound("a new kind")
	m.EvidenceLost(fork.Prefix)
	m.EvidenceLost("a new kind")
	return state, m
}

func TestScrape(t *testing.T) {
	_, m := busy()
	got := scrape(t, m)
	for _, want := range []string{
		"muster_witness_halted 1",
		`muster_witness_logs{state="followed"} 2`,
		`muster_witness_logs{state="disabled"} 1`,
		`muster_witness_log_size{origin="log.example/00001"} 1`,
		`muster_witness_log_last_cosignature_timestamp_seconds{origin="log.example/00001"} 1.8e+09`,
		`muster_witness_log_evidence_total{origin="log.example/00001"} 2`,
		`muster_witness_refusals_total{origin="log.example/00001",reason="same-size-other-root"} 2`,
		`muster_witness_refusals_total{origin="log.example/00001",reason="unavailable"} 1`,
		`muster_witness_refusals_total{origin="",reason="unknown-origin"} 1`,
		`muster_witness_refusals_total{origin="",reason="rate-limited"} 1`,
		`muster_witness_refusals_total{origin="",reason="malformed"} 1`,
		`muster_witness_refusals_total{origin="",reason="inconsistent"} 0`,
		`muster_witness_add_checkpoint_requests_total{code="200"} 1`,
		`muster_witness_add_checkpoint_requests_total{code="other"} 1`,
		`muster_witness_add_checkpoint_requests_total{code="429"} 0`,
		`muster_witness_add_checkpoint_duration_seconds_bucket{le="0.005"} 2`,
		`muster_witness_add_checkpoint_duration_seconds_bucket{le="0.0025"} 0`,
		"muster_witness_commit_cosignatures_sum 7",
		"muster_witness_commit_duration_seconds_count 1",
		`muster_witness_evidence_found_total{kind="same-size"} 1`,
		`muster_witness_evidence_found_total{kind="prefix"} 0`,
		`muster_witness_evidence_lost_total{kind="prefix"} 1`,
		"process_resident_memory_bytes ",
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no line %q", want)
		}
	}
	for _, not := range []string{"stranger", "log.example/00002", "a new kind"} {
		if strings.Contains(got, not) {
			t.Errorf("%q is in the metrics", not)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

// TestLint: the names and types are what Prometheus asks for, of every metric of ours.
func TestLint(t *testing.T) {
	_, m := busy()
	var ours bytes.Buffer
	for line := range strings.Lines(scrape(t, m)) {
		if strings.Contains(line, "muster_witness_") {
			ours.WriteString(line)
		}
	}
	problems, err := promlint.New(&ours).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v", problems, err)
	}
}

// TestPage: docs/witness-metrics.md has every metric, with its type, labels and help.
func TestPage(t *testing.T) {
	_, m := busy()
	text := scrape(t, m)
	var want []string
	for _, help := range regexp.MustCompile(`(?m)^# HELP (muster_witness_\w+) (.*)$`).FindAllStringSubmatch(text, -1) {
		kind := regexp.MustCompile(`(?m)^# TYPE ` + help[1] + ` (\w+)$`).FindStringSubmatch(text)[1]
		labels := regexp.MustCompile(`(?m)^` + help[1] + `\{([^}]*)\}`).FindStringSubmatch(text)
		var names []string
		if labels != nil {
			for _, label := range regexp.MustCompile(`(\w+)=`).FindAllStringSubmatch(labels[1], -1) {
				names = append(names, "`"+label[1]+"`")
			}
		}
		want = append(want, fmt.Sprintf("| `%s` | %s | %s | %s |", help[1], kind, strings.Join(names, ", "), help[2]))
	}
	page, err := os.ReadFile("../../docs/witness-metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `muster_witness_") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 10 {
		t.Errorf("-metrics +page\n%s\n%s", diff, strings.Join(want, "\n"))
	}
}

// TestManyLogs: pages of the state follow one another.
func TestManyLogs(t *testing.T) {
	for _, count := range []int{0, 999, 1000, 1001, 2500} {
		if got := strings.Count(scrape(t, watching(logs(count))), "\nmuster_witness_log_size{"); got != count {
			t.Errorf("%d of %d logs are shown", got, count)
		}
	}
}

// TestBrokenState: that the witness has halted is shown though nothing can be read.
func TestBrokenState(t *testing.T) {
	state, m := busy()
	state.broken = errors.New("disk I/O error")
	if got := scrape(t, m); !strings.Contains(got, "\nmuster_witness_halted 1") || strings.Contains(got, "muster_witness_logs{") {
		t.Errorf("got %s", got)
	}
}

// TestServe: nothing but GET /metrics is there, and a stop does not wait for who
// only holds a connection.
func TestServe(t *testing.T) {
	_, m := busy()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx, listener, slog.New(slog.DiscardHandler)) }()
	for request, want := range map[string]int{"GET /metrics": 200, "HEAD /metrics": 200, "POST /metrics": 405, "GET /": 404, "GET /metrics/": 404, "POST /add-checkpoint": 404} {
		method, path, _ := strings.Cut(request, " ")
		asked, err := http.NewRequestWithContext(t.Context(), method, "http://"+listener.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(asked)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: got %d, want %d", request, response.StatusCode, want)
		}
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\n")
	stop()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not stop")
	}
}

// TestCountingAllocatesNothing: a request costs the metrics no memory.
func TestCountingAllocatesNothing(t *testing.T) {
	m := watching(logs(100))
	m.Refused("log.example/00007", witness.KindOldSize)
	if allocations := testing.AllocsPerRun(1000, func() {
		m.Answered(200, time.Millisecond)
		m.Answered(409, time.Millisecond)
		m.Refused("log.example/00007", witness.KindOldSize)
		m.Committed(3, time.Millisecond)
	}); allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// BenchmarkScrape is the cost of one scrape of 10,000 logs.
func BenchmarkScrape(b *testing.B) {
	m := watching(logs(10_000))
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(scrape(b, m))))
	}
}

// TestRegistersOnce: descriptions are those that are collected.
func TestRegistersOnce(t *testing.T) {
	_, m := busy()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
}
