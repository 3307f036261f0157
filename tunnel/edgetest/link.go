package edgetest

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/cloudflare/cloudflared/tunnelrpc"
	"github.com/cloudflare/cloudflared/tunnelrpc/pogs"
	"github.com/google/uuid"

	"github.com/jellyward/jellyward/tunnel"
)

// Connection is one registered connection of a connector.
type Connection struct {
	// Index is the connection's number, as the connector counts.
	Index int
	// Protocol is [tunnel.QUIC] or [tunnel.HTTP2].
	Protocol tunnel.Protocol
	// Version and Features are what the connector says of itself.
	Version  string
	Features []string
}

// carrier is a connection to a connector, over whichever protocol.
type carrier interface {
	// call makes a visitor's request.
	call(ctx context.Context, c *call) (*answer, error)
	// push pushes a configuration and returns the version that is in force.
	push(ctx context.Context, version int32, config []byte) (int32, error)
	// rawTCP asks for a raw connection to addr.
	rawTCP(ctx context.Context, addr string) (io.ReadWriteCloser, error)
	// rawUDP asks for a session with addr.
	rawUDP(ctx context.Context, ip net.IP, port uint16) error
	// close is called once, after the end of the link's context and so of all
	// streams.
	close()
}

// link is a carrier and its registration. It serves the connector's RPC.
type link struct {
	carrier
	edge     *Edge
	protocol tunnel.Protocol
	info     Connection
	ctx      context.Context // ends with the connection
	drop     func()          // ends ctx

	mu      sync.Mutex
	calls   int
	retired bool
}

func (e *Edge) newLink(c carrier, p tunnel.Protocol) *link {
	ctx, cancel := context.WithCancel(e.ctx)
	context.AfterFunc(ctx, c.close)
	return &link{carrier: c, edge: e, protocol: p, ctx: ctx, drop: cancel}
}

// scope makes of a visitor's context one that ends with the connection, too. It
// must be released.
func (l *link) scope(ctx context.Context) (scoped context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// serve serves the control stream until the connector unregisters or the
// connection breaks, and then closes the connection once it is idle.
func (l *link) serve(stream io.ReadWriteCloser) {
	control := &controlStream{ReadWriteCloser: stream}
	_ = tunnelrpc.NewRegistrationServer(l).Serve(l.ctx, control)
	l.edge.remove(l)
	control.await(l.ctx)
	l.mu.Lock()
	l.retired = true
	idle := l.calls == 0
	l.mu.Unlock()
	if idle {
		l.drop()
	}
}

// controlStream is a control stream that the connector gets to end: a connection
// that is closed before that finds cloudflared still busy with the stream.
type controlStream struct {
	io.ReadWriteCloser
	mu sync.Mutex // one reader at a time
}

func (s *controlStream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ReadWriteCloser.Read(p)
}

// Close does nothing: await does it.
func (s *controlStream) Close() error { return nil }

// await waits a while for the connector's end of the stream, and closes it.
func (s *controlStream) await(ctx context.Context) {
	timer := time.AfterFunc(rpcTimeout, func() { s.ReadWriteCloser.Close() })
	defer timer.Stop()
	stop := context.AfterFunc(ctx, func() { s.ReadWriteCloser.Close() })
	defer stop()
	_, _ = io.Copy(io.Discard, s)
	s.ReadWriteCloser.Close()
}

// begin counts a call; the connection is not closed before its end.
func (l *link) begin() (end func()) {
	l.mu.Lock()
	l.calls++
	l.mu.Unlock()
	return sync.OnceFunc(func() {
		l.mu.Lock()
		l.calls--
		last := l.calls == 0 && l.retired
		l.mu.Unlock()
		if last {
			l.drop()
		}
	})
}

// RegisterConnection is called by the connector, first of all.
func (l *link) RegisterConnection(_ context.Context, auth pogs.TunnelAuth, id uuid.UUID, index byte, options *pogs.ConnectionOptions) (*pogs.ConnectionDetails, error) {
	if err := l.edge.awaitMending(l.ctx); err != nil {
		return nil, err
	}
	if err := l.edge.authorise(auth, id); err != nil {
		return nil, err
	}
	l.info = Connection{
		Index:    int(index),
		Protocol: l.protocol,
		Version:  options.Client.Version,
		Features: options.Client.Features,
	}
	l.edge.add(l)
	return &pogs.ConnectionDetails{UUID: uuid.New(), Location: l.edge.opts.Location, TunnelIsRemotelyManaged: true}, nil
}

// UnregisterConnection is called by a connector that stops.
func (l *link) UnregisterConnection(context.Context) { l.edge.remove(l) }

// UpdateLocalConfiguration is called by connectors with a configuration of their
// own; this edge has no use for it.
func (l *link) UpdateLocalConfiguration(context.Context, []byte) error { return nil }

// refusal is an error in the edge's words.
type refusal string

func (r refusal) Error() string { return string(r) }

// The real edge's words for a registration that it refuses.
const (
	unknownTunnel = "Unauthorized: Tunnel not found"
	wrongSecret   = "Unauthorized: Invalid tunnel secret"
)

func (e *Edge) authorise(auth pogs.TunnelAuth, id uuid.UUID) error {
	e.mu.Lock()
	reason := e.refusal
	e.mu.Unlock()
	if reason != "" {
		return refusal(reason)
	}
	if id.String() != e.token.ID() {
		return refusal(unknownTunnel)
	}
	if !e.credentials(auth) {
		return refusal(wrongSecret)
	}
	return nil
}

func (e *Edge) credentials(auth pogs.TunnelAuth) bool {
	return auth.AccountTag == account && bytes.Equal(auth.TunnelSecret, e.secret)
}

func (e *Edge) add(l *link) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.links = append(e.links[:len(e.links):len(e.links)], l)
	e.announce()
}

func (e *Edge) remove(l *link) {
	e.mu.Lock()
	defer e.mu.Unlock()
	rest := make([]*link, 0, len(e.links))
	for _, other := range e.links {
		if other != l {
			rest = append(rest, other)
		}
	}
	e.links = rest
	e.announce()
}

func (e *Edge) announce() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// pick takes the connections in turn.
func (e *Edge) pick() (*link, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.links) == 0 {
		return nil, errNoConnection
	}
	e.next++
	return e.links[e.next%len(e.links)], nil
}

// Connections is what is registered now.
func (e *Edge) Connections() []Connection {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []Connection
	for _, l := range e.links {
		all = append(all, l.info)
	}
	return all
}

// PushConfig pushes a configuration to one connection, as a change in the
// dashboard does, and returns the version that the connector then has.
func (e *Edge) PushConfig(ctx context.Context, version int32, config []byte) (int32, error) {
	l, err := e.pick()
	if err != nil {
		return 0, err
	}
	return l.push(ctx, version, config)
}

// RawTCP asks the connector for a raw connection to addr (host:port), as a user
// of a private network would.
func (e *Edge) RawTCP(ctx context.Context, addr string) (io.ReadWriteCloser, error) {
	l, err := e.pick()
	if err != nil {
		return nil, err
	}
	return l.rawTCP(ctx, addr)
}

// RawUDP asks the connector for a UDP session with ip and port; over HTTP/2
// there are none.
func (e *Edge) RawUDP(ctx context.Context, ip net.IP, port uint16) error {
	l, err := e.pick()
	if err != nil {
		return err
	}
	return l.rawUDP(ctx, ip, port)
}

// rpcTimeout bounds the edge's calls to the connector.
const rpcTimeout = 5 * time.Second
