package edgetest

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"testing"

	"github.com/jellyward/jellyward/tunnel"
)

// Options of an [Edge]; the zero value is a working edge.
type Options struct {
	// Addrs is how many addresses the edge has, and so how many connections a
	// connector makes; 0 means 1.
	Addrs int
	// Visitor is the address that visitors of the front come from; the zero
	// address means 203.0.113.9.
	Visitor netip.Addr
	// NoQUIC leaves UDP unanswered, as on a network that blocks it.
	NoQUIC bool
	// EditRequest, if set, changes a visitor's request just before it is sent
	// to the connector: its headers are the final ones.
	EditRequest func(*http.Request)
}

// Edge is a fake edge that serves one tunnel. Make it with [New] or [Start].
type Edge struct{ opts Options }

// New starts an edge on the loopback; Close stops it.
func New(opts Options) (*Edge, error) { return &Edge{opts: opts}, nil }

// Start is [New] for tests: it fails tb on error and closes the edge with it.
func Start(tb testing.TB, opts Options) *Edge {
	tb.Helper()
	e, err := New(opts)
	if err != nil {
		tb.Fatalf("start fake edge: %v", err)
	}
	tb.Cleanup(e.Close)
	return e
}

// Close drops every connection and visitor and stops listening.
func (e *Edge) Close() {}

// Config is what a connector needs to reach this edge. It is the caller's to
// change.
func (e *Edge) Config() tunnel.Config { return tunnel.Config{} }

// Transport is a visitor at a fresh connection: a request made with it goes
// through the tunnel.
func (e *Edge) Transport() http.RoundTripper { return e.TransportFrom(netip.Addr{}) }

// TransportFrom is Transport for a visitor at addr.
func (e *Edge) TransportFrom(addr netip.Addr) http.RoundTripper { return nil }

// URL is where browsers reach the front by plain HTTP: "http://127.0.0.1:port".
func (e *Edge) URL() string { return "" }

// SecureURL is where browsers reach the front by HTTPS, with a certificate of
// the edge's own authority.
func (e *Edge) SecureURL() string { return "" }

// CACert is the PEM certificate of the edge's own authority, for a ca_file.
func (e *Edge) CACert() []byte { return nil }

// Drop breaks all connections to connectors, as a network would.
func (e *Edge) Drop() {}

// Refuse makes the edge refuse registrations with reason from now on; ""
// accepts them again.
func (e *Edge) Refuse(reason string) {}

// PushConfig pushes a configuration to the connector, as a change in the
// dashboard does, and returns the version that the connector says it applied.
func (e *Edge) PushConfig(ctx context.Context, version int32, config []byte) (int32, error) {
	return 0, errors.New("no connection")
}
