package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-log/muster/witness"
)

const (
	// pageSize is how many logs are read from the state at once.
	pageSize = 1000
	// readTimeout bounds how long a scrape reads the state.
	readTimeout = 10 * time.Second
)

var (
	haltedDesc   = prometheus.NewDesc("muster_witness_halted", "1 while nothing is cosigned because the witness was rolled back or its key runs elsewhere, until an operator ran muster-witness recover; else 0.", nil, nil)
	logsDesc     = prometheus.NewDesc("muster_witness_logs", "Logs that the witness follows, and those that its operator has disabled.", []string{"state"}, nil)
	sizeDesc     = prometheus.NewDesc("muster_witness_log_size", "Size, in leaves, of the last checkpoint cosigned for a followed log.", []string{"origin"}, nil)
	timeDesc     = prometheus.NewDesc("muster_witness_log_last_cosignature_timestamp_seconds", "When a followed log was last cosigned, in seconds since 1970; its age is time() minus this.", []string{"origin"}, nil)
	evidenceDesc = prometheus.NewDesc("muster_witness_log_evidence_total", "How much evidence against a log the state keeps, at most 16; logs with none are not listed.", []string{"origin"}, nil)
	refusalsDesc = prometheus.NewDesc("muster_witness_refusals_total", "Refused add-checkpoint requests since the start, by the followed log's origin (empty: of no followed log) and reason.", []string{"origin", "reason"}, nil)
)

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, description := range []*prometheus.Desc{haltedDesc, logsDesc, sizeDesc, timeDesc, evidenceDesc, refusalsDesc} {
		descriptions <- description
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(collected chan<- prometheus.Metric) {
	halted := 0.0
	if m.state.Halted() {
		halted = 1
	}
	collected <- prometheus.MustNewConstMetric(haltedDesc, prometheus.GaugeValue, halted)
	m.collectRefusals(collected)

	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var followed, disabled int
	for after := ""; ; {
		page, err := m.state.Followed(ctx, after, pageSize)
		if err == nil && len(page) > 0 && page[len(page)-1].Origin <= after {
			err = errTruncated
		}
		if err != nil {
			// The scrape goes on with what needs no state.
			collected <- prometheus.NewInvalidMetric(logsDesc, err)
			return
		}
		for _, log := range page {
			if log.Disabled {
				disabled++
			} else {
				followed++
			}
			collectLog(collected, log)
		}
		if len(page) < pageSize {
			break
		}
		after = page[len(page)-1].Origin
	}
	collected <- prometheus.MustNewConstMetric(logsDesc, prometheus.GaugeValue, float64(followed), "followed")
	collected <- prometheus.MustNewConstMetric(logsDesc, prometheus.GaugeValue, float64(disabled), "disabled")
}

func collectLog(collected chan<- prometheus.Metric, log witness.Followed) {
	if log.Evidence > 0 {
		collected <- prometheus.MustNewConstMetric(evidenceDesc, prometheus.CounterValue, float64(log.Evidence), log.Origin)
	}
	if log.Disabled || log.Latest.IsZero() {
		// The age of what is not cosigned any more would only raise alarms.
		return
	}
	collected <- prometheus.MustNewConstMetric(sizeDesc, prometheus.GaugeValue, float64(log.Latest.Size), log.Origin)
	collected <- prometheus.MustNewConstMetric(timeDesc, prometheus.GaugeValue, float64(log.Latest.Time), log.Origin)
}

// collectRefusals shows what was counted; of followed logs what is not zero.
func (m *Metrics) collectRefusals(collected chan<- prometheus.Metric) {
	for place, reason := range reasons {
		collected <- prometheus.MustNewConstMetric(refusalsDesc, prometheus.CounterValue, float64(m.nobody[place].Load()), "", string(reason))
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for origin, counted := range m.origins {
		for place, reason := range reasons {
			if count := counted[place].Load(); count > 0 {
				collected <- prometheus.MustNewConstMetric(refusalsDesc, prometheus.CounterValue, float64(count), origin, string(reason))
			}
		}
	}
}
