package ops_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/ops"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// ours picks the program's own samples out of /metrics, histograms by count.
func ours(t *testing.T, h http.Handler) []string {
	t.Helper()
	status, body := get(h, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("/metrics = %d %s", status, body)
	}
	var lines []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "jellyward_") && !strings.Contains(line, "_bucket{") && !strings.Contains(line, "_sum{") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestMetricsCount(t *testing.T) {
	m := ops.NewMetrics(ops.Labels{Actions: []string{"deny", "token"}, Outcomes: []string{"ok", "refused"}})
	h := ops.Handler(ops.Options{Metrics: m})
	for range 4 {
		m.Begin()
	}
	m.End(ops.Request{Action: "token", Status: 206, Received: 10, Sent: 8 << 30, Duration: time.Hour})
	m.End(ops.Request{Action: "deny", Status: 403, Sent: 20, Duration: time.Millisecond})
	m.End(ops.Request{Action: "token", Received: -1, Sent: -1})
	m.SignIn("refused")

	want := []string{
		`jellyward_received_bytes_total 10`,
		`jellyward_request_duration_seconds_count{action="deny"} 1`,
		`jellyward_request_duration_seconds_count{action="token"} 2`,
		`jellyward_requests_in_flight 1`,
		`jellyward_requests_total{action="deny",status="4xx"} 1`,
		`jellyward_requests_total{action="token",status="2xx"} 1`,
		`jellyward_requests_total{action="token",status="none"} 1`,
		`jellyward_sent_bytes_total 8.589934612e+09`,
		`jellyward_sign_ins_total{outcome="ok"} 0`,
		`jellyward_sign_ins_total{outcome="refused"} 1`,
	}
	if diff := cmp.Diff(want, ours(t, h)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// Whatever words arrive, the number of time series stays.
func TestLabelsAreBounded(t *testing.T) {
	m := ops.NewMetrics(ops.Labels{Actions: []string{"deny"}, Outcomes: []string{"ok"}})
	h := ops.Handler(ops.Options{Metrics: m})
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			m.Begin()
			m.End(ops.Request{Action: fmt.Sprint("action ", i), Status: 600 + i})
			m.SignIn(fmt.Sprint("outcome ", i))
		})
	}
	all.Wait()
	want := []string{
		`jellyward_received_bytes_total 0`,
		`jellyward_request_duration_seconds_count{action="other"} 1000`,
		`jellyward_requests_in_flight 0`,
		`jellyward_requests_total{action="other",status="other"} 1000`,
		`jellyward_sent_bytes_total 0`,
		`jellyward_sign_ins_total{outcome="ok"} 0`,
		`jellyward_sign_ins_total{outcome="other"} 1000`,
	}
	if diff := cmp.Diff(want, ours(t, h)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestNilMetricsCountNothing(t *testing.T) {
	var m *ops.Metrics
	m.Begin()
	m.End(ops.Request{Action: "deny", Status: 403})
	m.SignIn("ok")
	if lines := ours(t, ops.Handler(ops.Options{Metrics: m})); lines != nil {
		t.Errorf("metrics = %q, want none", lines)
	}
}

func TestMetricsShowTheirOwnAndOthers(t *testing.T) {
	tunnel := prometheus.NewRegistry()
	tunnel.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "jellyward_tunnel_reconnects_total", Help: "x"}))
	broken := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return nil, errors.New("broken") })
	m := ops.NewMetrics(ops.Labels{})
	if err := m.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: "jellyward_extra", Help: "x"})); err != nil {
		t.Fatal(err)
	}
	status, body := get(ops.Handler(ops.Options{Metrics: m, Gatherers: []prometheus.Gatherer{broken, tunnel}}), "/metrics")
	if status != http.StatusOK {
		t.Errorf("/metrics = %d", status)
	}
	for _, name := range []string{"jellyward_tunnel_reconnects_total 0", "jellyward_extra 0", "go_goroutines ", "process_", "go_build_info{"} {
		if !strings.Contains(body, "\n"+name) {
			t.Errorf("/metrics has no %s", name)
		}
	}
}
