package ops

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// other stands for every label value that was not announced, so that nothing
// from outside can make more of them.
const other = "other"

// Metrics counts what the program does. Labels come from fixed lists. A nil
// *Metrics counts nothing, so that whoever counts need not ask.
type Metrics struct {
	registry *prometheus.Registry
	actions  []string
	outcomes []string

	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	received  prometheus.Counter
	sent      prometheus.Counter
	signIns   *prometheus.CounterVec
}

// Labels are the words that [Metrics] knows; others count as "other".
type Labels struct {
	// Actions are the policy's, as [Request] has them.
	Actions []string
	// Outcomes are those of a sign-in.
	Outcomes []string
}

// NewMetrics returns metrics in a registry of their own, beside those of the
// Go runtime, the process and the build.
func NewMetrics(labels Labels) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		actions:  slices.Clone(labels.Actions),
		outcomes: slices.Clone(labels.Outcomes),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jellyward_requests_total",
			Help: "Requests that ended, by what was decided and the class of the status.",
		}, []string{"action", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "jellyward_request_duration_seconds",
			Help: "Time from a request's first byte to its answer's last; streams last as long as they play.",
			// From a refusal to a film: 1 ms to about 4.5 hours, by factors of four.
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 13),
		}, []string{"action"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "jellyward_requests_in_flight",
			Help: "Requests that are being answered now, WebSockets and streams among them.",
		}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "jellyward_received_bytes_total",
			Help: "Bytes of request bodies.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "jellyward_sent_bytes_total",
			Help: "Bytes of response bodies.",
		}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jellyward_sign_ins_total",
			Help: "Tries to sign in, by how they ended.",
		}, []string{"outcome"}),
	}
	m.registry.MustRegister(
		m.requests, m.durations, m.inFlight, m.received, m.sent, m.signIns,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	// Sign-ins are there from the start: a rate over a counter that appears
	// with its first increment misses that increment.
	for _, outcome := range m.outcomes {
		m.signIns.WithLabelValues(outcome)
	}
	return m
}

// Register adds another collector, for packages that count for themselves.
func (m *Metrics) Register(c prometheus.Collector) error {
	return m.registry.Register(c)
}

// Begin counts a request as in flight until [Metrics.End].
func (m *Metrics) Begin() {
	if m != nil {
		m.inFlight.Inc()
	}
}

// Request is what is known about a request that ended.
type Request struct {
	// Action is what was decided.
	Action string
	// Status is the answer's, or 0 when the connection was cut before one.
	Status int
	// Received and Sent are the bytes of the two bodies.
	Received, Sent int64
	// Duration is how long it took.
	Duration time.Duration
}

// End counts a request that [Metrics.Begin] began.
func (m *Metrics) End(r Request) {
	if m == nil {
		return
	}
	m.inFlight.Dec()
	action := known(m.actions, r.Action)
	m.requests.WithLabelValues(action, statusClass(r.Status)).Inc()
	m.durations.WithLabelValues(action).Observe(r.Duration.Seconds())
	m.received.Add(float64(max(r.Received, 0)))
	m.sent.Add(float64(max(r.Sent, 0)))
}

// SignIn counts a try to sign in.
func (m *Metrics) SignIn(outcome string) {
	if m != nil {
		m.signIns.WithLabelValues(known(m.outcomes, outcome)).Inc()
	}
}

// known bounds a label to what was announced.
func known(list []string, word string) string {
	if slices.Contains(list, word) {
		return word
	}
	return other
}

// statusClass is "2xx" for 204; a request without an answer is "none".
func statusClass(status int) string {
	switch {
	case status == 0:
		return "none"
	case status < 100 || status > 599:
		return other
	default:
		return strconv.Itoa(status/100) + "xx"
	}
}
