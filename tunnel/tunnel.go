package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflared/connection"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Connection is one connection to the edge that is up.
type Connection struct {
	// Index is its number, from 0.
	Index int
	// Protocol is [QUIC] or [HTTP2].
	Protocol Protocol
	// Location is the edge's name for its data centre, for example "fra08".
	Location string
	// Edge is the address of the edge's end.
	Edge string
	// Since is when it was registered.
	Since time.Time
}

// RefusedError is returned by [Tunnel.Serve] when the edge does not know the
// tunnel, or not by this secret, and said so several times in a row: the tunnel
// was deleted, its token was renewed, or the token belongs elsewhere.
type RefusedError struct {
	// TunnelID is the tunnel that was asked for.
	TunnelID string
	// Reason is what the edge said.
	Reason string
}

// Error says which tunnel was refused and why.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("cloudflare refused the token of tunnel %s: %s", e.TunnelID, e.Reason)
}

// Tunnel is one handler behind one tunnel. Make it with [New].
type Tunnel struct {
	cfg       Config
	connector uuid.UUID // this process, for the edge
	runner    *runner
	status    *status
	metrics   *metrics
	log       *zerolog.Logger
	observer  *connection.Observer
	started   atomic.Bool
}

// New makes a tunnel that will run h, and connects to nothing yet; its errors
// are those of cfg.
func New(cfg Config, h http.Handler) (*Tunnel, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, errors.New("tunnel: no handler")
	}
	m := newMetrics()
	s := newStatus(cfg.Logger, m)
	log := newLogBridge(cfg.Logger, s)
	t := &Tunnel{
		cfg:       cfg,
		connector: uuid.New(),
		runner:    newRunner(h, cfg.Logger, m, s.poke),
		status:    s,
		metrics:   m,
		log:       log,
		observer:  connection.NewObserver(log, log),
	}
	t.observer.RegisterSink(s)
	return t, nil
}

// Ready is closed once the first connection is registered: from then on
// visitors reach the handler.
func (t *Tunnel) Ready() <-chan struct{} { return t.status.ready }

// Status is the connections that are up now, by index.
func (t *Tunnel) Status() []Connection { return t.status.connections() }

// Metrics gathers what the tunnel counts about itself: connections, requests,
// panics, refusals.
func (t *Tunnel) Metrics() prometheus.Gatherer { return t.metrics.registry }

// Serve is [New] and [Tunnel.Serve] in one.
func Serve(ctx context.Context, cfg Config, h http.Handler) error {
	t, err := New(cfg, h)
	if err != nil {
		return err
	}
	return t.Serve(ctx)
}

// Via tells whether r came through a tunnel of this process. It looks at the
// request's context, where nothing from outside can write.
func Via(r *http.Request) bool {
	via, _ := r.Context().Value(viaKey{}).(bool)
	return via
}

type viaKey struct{}
