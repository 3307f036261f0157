package tunnel

import "github.com/prometheus/client_golang/prometheus"

// metrics is what a tunnel counts about itself, in a registry of its own so
// that two tunnels can live in one process.
type metrics struct {
	registry    *prometheus.Registry
	connections *prometheus.GaugeVec
	requests    prometheus.Counter
	running     prometheus.Gauge
	panics      prometheus.Counter
	refusals    prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tunnel_connections",
			Help: "Connections to Cloudflare's edge that are up, by protocol.",
		}, []string{"protocol"}),
		requests: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tunnel_requests_total",
			Help: "Requests that arrived through the tunnel.",
		}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tunnel_requests_running",
			Help: "Requests through the tunnel that are being answered, upgraded ones aside.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tunnel_handler_panics_total",
			Help: "Requests whose handler panicked.",
		}),
		refusals: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tunnel_registrations_refused_total",
			Help: "Registrations that the edge refused because of the token.",
		}),
	}
	m.registry.MustRegister(m.connections, m.requests, m.running, m.panics, m.refusals)
	m.countConnections(nil)
	return m
}

func (m *metrics) countConnections(up map[uint8]Connection) {
	count := map[Protocol]float64{QUIC: 0, HTTP2: 0}
	for _, c := range up {
		count[c.Protocol]++
	}
	for protocol, n := range count {
		m.connections.WithLabelValues(protocol.String()).Set(n)
	}
}
