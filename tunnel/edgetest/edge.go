package edgetest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/quic-go/quic-go"

	"github.com/jellyward/jellyward/tunnel"
)

// DefaultVisitor is the address that visitors come from unless it is chosen.
var DefaultVisitor = netip.AddrFrom4([4]byte{203, 0, 113, 9})

// Options of an [Edge]; the zero value is a working edge.
type Options struct {
	// Connections is how many connections [Edge.Config] asks for; 0 means 1.
	// Each after the first takes a second to come up.
	Connections int
	// Visitor is who visits through [Edge.Transport] and the front.
	Visitor Visitor
	// NoQUIC leaves UDP unanswered, as on a network that blocks it.
	NoQUIC bool
	// PathOnly makes the edge send only the target over QUIC, where Cloudflare
	// sends a whole URL; cloudflared accepts both.
	PathOnly bool
	// Location is the data centre's name; "" means "lab01".
	Location string
}

// Edge is a fake edge that serves one tunnel. Make it with [New] or [Start].
type Edge struct {
	opts   Options
	token  tunnel.Token
	secret []byte
	ca     *authority
	addr   string // of TCP and UDP
	tcp    net.Listener
	udp    net.PacketConn
	quic   *quic.Listener
	front  *front

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu      sync.Mutex
	links   []*link
	next    int
	refusal string
	cut     chan struct{} // closed when connections may be registered again; nil if they may
	visitor Visitor
	changed chan struct{} // closed and replaced when links change
}

// New starts an edge on the loopback; Close stops it.
func New(opts Options) (*Edge, error) {
	if opts.Connections == 0 {
		opts.Connections = 1
	}
	if opts.Location == "" {
		opts.Location = "lab01"
	}
	e := &Edge{opts: opts, visitor: opts.Visitor, changed: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	if err := e.start(); err != nil {
		e.Close()
		return nil, fmt.Errorf("start fake edge: %w", err)
	}
	return e, nil
}

// Start is [New] for tests: it fails tb on error and closes the edge with it.
func Start(tb testing.TB, opts Options) *Edge {
	tb.Helper()
	e, err := New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(e.Close)
	return e
}

func (e *Edge) start() error {
	var err error
	e.secret = make([]byte, 32)
	rand.Read(e.secret)
	if e.token, err = newToken(e.secret); err != nil {
		return err
	}
	if e.ca, err = newAuthority(); err != nil {
		return err
	}
	if err := e.listen(); err != nil {
		return err
	}
	h2, err := e.ca.serverConfig("h2.cftunnel.com")
	if err != nil {
		return err
	}
	e.tasks.Go(func() { e.acceptHTTP2(tls.NewListener(e.tcp, h2)) })
	if !e.opts.NoQUIC {
		if err := e.startQUIC(); err != nil {
			return err
		}
	}
	e.front, err = startFront(e)
	return err
}

// listen takes a port that is free for both TCP and UDP.
func (e *Edge) listen() error {
	const tries = 20
	var err error
	for range tries {
		if e.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		e.addr = e.tcp.Addr().String()
		if e.udp, err = net.ListenPacket("udp", e.addr); err == nil {
			return nil
		}
		e.tcp.Close()
	}
	return fmt.Errorf("find a port for TCP and UDP: %w", err)
}

// Close drops every connection and visitor and stops listening.
func (e *Edge) Close() {
	e.cancel()
	if e.front != nil {
		e.front.close()
	}
	if e.tcp != nil {
		e.tcp.Close()
	}
	if e.quic != nil {
		e.quic.Close()
	}
	e.Drop()
	if e.udp != nil {
		e.udp.Close()
	}
	e.tasks.Wait()
}

// Config is what a connector needs to reach this edge. It is the caller's to
// change.
func (e *Edge) Config() tunnel.Config {
	return tunnel.Config{
		Token:       e.token,
		Connections: e.opts.Connections,
		EdgeAddrs:   []string{e.addr},
		RootCAs:     e.ca.pool(),
	}
}

// Token is the tunnel's token as text, as the dashboard shows it.
func (e *Edge) Token() string { return e.token.Reveal() }

// Addr is where connectors connect, host:port, TCP and UDP alike.
func (e *Edge) Addr() string { return e.addr }

// CACert is the certificate of the edge's own authority in PEM, for a CA file.
func (e *Edge) CACert() []byte { return e.ca.pem }

// RootCAs trusts the edge's own authority and no other.
func (e *Edge) RootCAs() *x509.CertPool { return e.ca.pool() }

// SetVisitor changes who visits through the front from now on.
func (e *Edge) SetVisitor(v Visitor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.visitor = v
}

func (e *Edge) currentVisitor() Visitor {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.visitor
}

// Refuse makes the edge refuse registrations with reason from now on, for
// example "Unauthorized: Tunnel not found"; "" accepts them again.
// Connections that are registered stay.
func (e *Edge) Refuse(reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refusal = reason
}

// Drop breaks all connections to connectors, as a network would. In a test that
// runs under the race detector it is best kept to QUIC: cloudflared, when an
// HTTP/2 connection breaks under it, writes from two goroutines (its control
// stream's) without a lock, and the detector says so.
func (e *Edge) Drop() { e.Cut()() }

// Cut is [Edge.Drop] by a network that stays broken until it is mended: connectors
// that come back have to wait.
func (e *Edge) Cut() (mend func()) {
	e.mu.Lock()
	cut := make(chan struct{})
	e.cut = cut
	links := e.links
	e.mu.Unlock()
	for _, l := range links {
		l.drop()
	}
	return sync.OnceFunc(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		close(cut)
		if e.cut == cut {
			e.cut = nil
		}
	})
}

// awaitMending waits until connections may be registered, or until ctx ends.
func (e *Edge) awaitMending(ctx context.Context) error {
	e.mu.Lock()
	cut := e.cut
	e.mu.Unlock()
	if cut == nil {
		return nil
	}
	select {
	case <-cut:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// WaitConnections waits until n connections are registered.
func (e *Edge) WaitConnections(ctx context.Context, n int) error {
	for {
		e.mu.Lock()
		have, changed := len(e.links), e.changed
		e.mu.Unlock()
		if have == n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d connections, have %d: %w", n, have, ctx.Err())
		}
	}
}

// account is the account that the tunnel belongs to.
const account = "fake-account"

func newToken(secret []byte) (tunnel.Token, error) {
	raw, err := json.Marshal(map[string]any{"a": account, "s": secret, "t": uuid.NewString()})
	if err != nil {
		return tunnel.Token{}, err
	}
	return tunnel.ParseToken(base64.StdEncoding.EncodeToString(raw))
}

var errNoConnection = errors.New("no connector is connected")
