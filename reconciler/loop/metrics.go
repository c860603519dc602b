package loop

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatewright/gatewright/reconciler/desired"
)

// Metrics counts what an engine does. Its labels hold names of environments
// and targets, never of clients. The zero value counts nothing.
type Metrics struct {
	passes       *prometheus.HistogramVec
	observations *prometheus.CounterVec
	observing    *prometheus.HistogramVec
	steps        *prometheus.CounterVec
	proofs       *prometheus.CounterVec
	unproved     *prometheus.GaugeVec
	oldestProof  *prometheus.GaugeVec
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
		proofs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatewright_proofs_total", Help: "Proofs of credentials and endpoints, by result: passed or failed.",
		}, []string{"environment", "result"}),
		unproved: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatewright_unproved_bindings", Help: "Bindings with OAuth whose last proof failed or that have none, as the last pass saw them.",
		}, []string{"environment"}),
		oldestProof: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatewright_oldest_proof_timestamp_seconds", Help: "When the binding with OAuth whose proof is the oldest was proved.",
		}, []string{"environment"}),
		bindings:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatewright_bindings", Help: "Bindings that the specs ask for."}),
		diagnostics:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatewright_diagnostics", Help: "Diagnostics of the loaded revision."}),
		lastPass:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatewright_last_pass_timestamp_seconds", Help: "When the last pass was planned."}),
		sourceErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "gatewright_source_errors_total", Help: "Revisions that could not be loaded."}),
	}
	r.MustRegister(m.passes, m.observations, m.observing, m.steps, m.proofs, m.unproved, m.oldestProof, m.bindings, m.diagnostics, m.lastPass, m.sourceErrors)
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
	if o.Proof != nil {
		result := "passed"
		if !o.Proof.OK {
			result = "failed"
		}
		m.proofs.WithLabelValues(environment, result).Inc()
	}
	for _, s := range o.Settled {
		result := "done"
		if s.Err != nil {
			result = "failed"
		}
		m.steps.WithLabelValues(environment, string(s.Step.ID.Kind), string(s.Step.Action), result).Inc()
	}
}

// proved tells how the proofs of all bindings with OAuth stand.
func (m Metrics) proved(p *Planned, environments []string) {
	if m.unproved == nil {
		return
	}
	unproved, oldest := map[string]int{}, map[string]time.Time{}
	for b, wanted := range p.Wanted {
		if !wanted.Enabled() || desired.IsProbe(b) {
			continue
		}
		last := p.Recorded[b].LastProof
		if last == nil || !last.OK {
			unproved[b.Environment]++
		}
		if at, known := oldest[b.Environment]; last != nil && (!known || last.At.Before(at)) {
			oldest[b.Environment] = last.At
		}
	}
	for _, name := range environments {
		m.unproved.WithLabelValues(name).Set(float64(unproved[name]))
		if at, known := oldest[name]; known {
			m.oldestProof.WithLabelValues(name).Set(float64(at.Unix()))
		}
	}
}

func (m Metrics) sourceFailed() {
	if m.sourceErrors != nil {
		m.sourceErrors.Inc()
	}
}
