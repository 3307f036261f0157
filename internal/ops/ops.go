// Package ops answers those who run the program, on a listener of its own that
// nobody else should reach: does the process live, is it ready, what has it
// counted.
//
//	/healthz  200 while the process answers at all
//	/readyz   200 when everything it needs works, else 503; JSON says what
//	/metrics  counters in Prometheus's text format
//
// It never says anything that is secret: names of checks, short words, numbers.
package ops

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options says what [Handler] shows.
type Options struct {
	// Checks are what /readyz asks, in this order. None means always ready.
	Checks []Check
	// Metrics is what the program counts itself; nil shows none of it.
	Metrics *Metrics
	// Gatherers are further sources for /metrics: the tunnel's, for example.
	Gatherers []prometheus.Gatherer
	// Timeout bounds each check; zero means [DefaultTimeout].
	Timeout time.Duration
	// Now is the clock that ages the cached report; nil means time.Now.
	Now func() time.Time
	// Logger hears when readiness changes, and why. A nil Logger discards.
	Logger *slog.Logger
}

// Handler returns the handler of the ops listener.
func Handler(o Options) http.Handler {
	ready := newReadiness(o)
	gatherers := prometheus.Gatherers(o.Gatherers)
	if o.Metrics != nil {
		gatherers = append(prometheus.Gatherers{o.Metrics.registry}, gatherers...)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		noStore(w)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		writeReport(w, ready.report(r.Context()))
	})
	// One source that fails must not hide the others.
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherers, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	return mux
}

func writeReport(w http.ResponseWriter, report Report) {
	noStore(w)
	w.Header().Set("Content-Type", "application/json")
	if !report.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(report)
}

func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }
