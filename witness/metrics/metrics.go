// Package metrics counts what a witness does and shows it to Prometheus:
// docs/witness-metrics.md lists every metric. What is counted by request costs
// neither an allocation nor a label; what is remembered of each log, its size
// and the time of its last cosignature, is read from the state at each scrape.
package metrics

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/muster-log/muster/tlog/fork"
	"github.com/muster-log/muster/witness"
)

// State is what the metrics ask of a [witness.State].
type State interface {
	Log(ctx context.Context, origin string) (witness.Log, witness.Latest, error)
	Halted() bool
	Followed(ctx context.Context, after string, limit int) ([]witness.Followed, error)
}

// reasons are the refusals that are counted, each at its place in counters.
var reasons = []witness.Kind{
	witness.KindTooLarge, witness.KindMalformed, witness.KindUnknownOrigin, witness.KindRateLimited, witness.KindNotSigned,
	witness.KindBadSignature, witness.KindRolledBack, witness.KindOldAboveSize, witness.KindOldSize, witness.KindEmptyRoot,
	witness.KindNeedlessProof, witness.KindSameSize, witness.KindInconsistent, witness.KindUnavailable,
}

// places maps a reason to its place; what is not there is KindUnavailable to a
// submitter, and counted there.
var places = func() map[witness.Kind]int {
	places := make(map[witness.Kind]int, len(reasons))
	for i, reason := range reasons {
		places[reason] = i
	}
	return places
}()

// counters count the refusals of one log, or of no log, by reason.
type counters [14]atomic.Uint64

// nobodys are the reasons that speak of no followed log.
var nobodys = map[witness.Kind]bool{witness.KindTooLarge: true, witness.KindMalformed: true, witness.KindUnknownOrigin: true}

// Metrics counts for one witness. It is safe for concurrent use.
type Metrics struct {
	state    State
	registry *prometheus.Registry

	mu      sync.RWMutex
	origins map[string]*counters // of followed logs alone
	nobody  counters

	answers  map[int]prometheus.Counter
	duration prometheus.Histogram
	batch    prometheus.Histogram
	commit   prometheus.Histogram
	evidence map[fork.Kind]prometheus.Counter
	lost     map[fork.Kind]prometheus.Counter
}

// answered are the statuses that add-checkpoint is answered with; others are
// counted under code "other".
var answered = []int{200, 400, 403, 404, 408, 409, 413, 422, 429, 503}

// New returns the metrics of a witness whose state [Metrics.Watch] is told: the
// state itself may be among what is counted.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), origins: map[string]*counters{}, answers: map[int]prometheus.Counter{}, evidence: map[fork.Kind]prometheus.Counter{}, lost: map[fork.Kind]prometheus.Counter{}}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "muster_witness_add_checkpoint_requests_total",
		Help: "Add-checkpoint requests that were answered, by HTTP status."}, []string{"code"})
	for _, status := range answered {
		m.answers[status] = requests.WithLabelValues(strconv.Itoa(status))
	}
	m.answers[0] = requests.WithLabelValues("other")
	m.duration = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "muster_witness_add_checkpoint_duration_seconds",
		Help:    "How long add-checkpoint requests took, from the end of the header to the answer.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}})
	m.batch = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "muster_witness_commit_cosignatures",
		Help:    "How many checkpoints one commit of the state made durable together.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 11)})
	m.commit = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "muster_witness_commit_duration_seconds",
		Help:    "How long one commit took, database and anchor.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}})
	evidence := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "muster_witness_evidence_found_total",
		Help: "Evidence that a log showed two histories, found since the start and not kept before, by kind."}, []string{"kind"})
	for _, kind := range []fork.Kind{fork.SameSize, fork.Prefix, fork.WitnessTime} {
		m.evidence[kind] = evidence.WithLabelValues(string(kind))
	}
	lost := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "muster_witness_evidence_lost_total",
		Help: "Contradictions of logs, seen since the start, that could not be kept as evidence, by kind."}, []string{"kind"})
	for _, kind := range []fork.Kind{fork.SameSize, fork.Prefix, fork.WitnessTime} {
		m.lost[kind] = lost.WithLabelValues(string(kind))
	}
	m.registry.MustRegister(m, requests, m.duration, m.batch, m.commit, evidence,
		lost, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Watch says what the witness remembers; it is called once, before requests are
// answered and before the first scrape.
func (m *Metrics) Watch(state State) { m.state = state }

// Answered counts an answer to an add-checkpoint request.
func (m *Metrics) Answered(status int, took time.Duration) {
	counter := m.answers[status]
	if counter == nil {
		counter = m.answers[0]
	}
	counter.Inc()
	m.duration.Observe(took.Seconds())
}

// Refused counts the refusal of an add-checkpoint request. The origin is what
// the request says: it is counted by itself only if it is a followed log's, so
// that submitters cannot make the metrics grow.
func (m *Metrics) Refused(origin string, kind witness.Kind) {
	place, known := places[kind]
	if !known {
		place = places[witness.KindUnavailable]
	}
	m.of(origin, kind)[place].Add(1)
}

// of returns what counts the refusals of an origin.
func (m *Metrics) of(origin string, kind witness.Kind) *counters {
	if origin == "" || nobodys[kind] {
		return &m.nobody
	}
	m.mu.RLock()
	found := m.origins[origin]
	m.mu.RUnlock()
	if found != nil {
		return found
	}
	if _, _, err := m.state.Log(context.Background(), origin); err != nil {
		return &m.nobody
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if found = m.origins[origin]; found == nil {
		found = new(counters)
		m.origins[origin] = found
	}
	return found
}

// Committed counts one commit of the state, which made so many checkpoints
// durable and took so long.
func (m *Metrics) Committed(checkpoints int, took time.Duration) {
	m.batch.Observe(float64(checkpoints))
	m.commit.Observe(took.Seconds())
}

// EvidenceFound counts evidence that was not kept before.
func (m *Metrics) EvidenceFound(kind fork.Kind) {
	if counter := m.evidence[kind]; counter != nil {
		counter.Inc()
	}
}

// EvidenceLost counts a contradiction that could not be kept.
func (m *Metrics) EvidenceLost(kind fork.Kind) {
	if counter := m.lost[kind]; counter != nil {
		counter.Inc()
	}
}

// errTruncated says that a page of logs did not go on.
var errTruncated = errors.New("the state lists logs out of order")
