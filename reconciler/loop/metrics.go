package loop

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what an engine does. Its labels hold names of environments
// and targets, never of clients. The zero value counts nothing.
type Metrics struct {
	passes       *prometheus.HistogramVec
	observations *prometheus.CounterVec
	observing    *prometheus.HistogramVec
	steps        *prometheus.CounterVec
	bindings     prometheus.Gauge
	diagnostics  prometheus.Gauge
	lastPass     prometheus.Gauge
	sourceErrors prometheus.Counter
}

// NewMetrics registers the metrics of an engine.
func NewMetrics(r prometheus.Registerer) Metrics {
	m := Metrics{
		passes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatewright_pass_duration_seconds", Help: "How long passes took to plan.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
		}, []string{"trigger"}),
		observations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewright_observed_resources_total", Help: "Resources observed.",
		}, []string{"environment", "target"}),
		observing: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatewright_observation_duration_seconds", Help: "How long observations took.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, []string{"environment", "target"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewright_steps_total", Help: "Steps carried out, by kind, action and result.",
		}, []string{"environment", "kind", "action", "result"}),
		bindings:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatewright_bindings", Help: "Bindings that the specs ask for."}),
		diagnostics:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatewright_diagnostics", Help: "Diagnostics of the loaded revision."}),
		lastPass:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatewright_last_pass_timestamp_seconds", Help: "When the last pass was planned."}),
		sourceErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "gatewright_source_errors_total", Help: "Revisions that could not be loaded."}),
	}
	r.MustRegister(m.passes, m.observations, m.observing, m.steps, m.bindings, m.diagnostics, m.lastPass, m.sourceErrors)
	return m
}

func (m Metrics) observed(environment, target string, n int, took time.Duration) {
	if m.observations == nil {
		return
	}
	m.observations.WithLabelValues(environment, target).Add(float64(n))
	m.observing.WithLabelValues(environment, target).Observe(took.Seconds())
}

func (m Metrics) passed(trigger string, took time.Duration, st *State) {
	if m.passes == nil {
		return
	}
	m.passes.WithLabelValues(trigger).Observe(took.Seconds())
	m.bindings.Set(float64(len(st.Set.Bindings)))
	m.diagnostics.Set(float64(len(st.Diagnostics)))
	m.lastPass.SetToCurrentTime()
}

func (m Metrics) settled(environment string, o *Outcome) {
	if m.steps == nil {
		return
	}
	for _, s := range o.Settled {
		result := "done"
		if s.Err != nil {
			result = "failed"
		}
		m.steps.WithLabelValues(environment, string(s.Step.ID.Kind), string(s.Step.Action), result).Inc()
	}
}

func (m Metrics) sourceFailed() {
	if m.sourceErrors != nil {
		m.sourceErrors.Inc()
	}
}
