package tunnel

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
)

// Defaults of [Config].
const (
	// DefaultConnections is how many connections to the edge are held: two
	// data centres, two connections each, as cloudflared does.
	DefaultConnections = 4
	// DefaultGracePeriod is how long requests may go on after a stop.
	DefaultGracePeriod = 30 * time.Second
	// MaxGracePeriod is the longest grace period that the edge grants.
	MaxGracePeriod = 3 * time.Minute
)

// Config says which tunnel to serve and how. Only Token is needed.
type Config struct {
	// Token names the tunnel and proves that it is ours.
	Token Token
	// Protocol is how to talk to the edge; [Auto] begins with QUIC and falls
	// back to HTTP/2 where UDP does not get through.
	Protocol Protocol
	// Connections is how many connections to the edge to hold; 0 means
	// [DefaultConnections]. Fewer are made where the edge has fewer addresses.
	Connections int
	// GracePeriod is how long running requests may go on after a stop; 0 means
	// [DefaultGracePeriod], and a negative one means none.
	GracePeriod time.Duration
	// Logger hears about the tunnel's life and of handlers that panic; nil
	// discards. No request's address, header or body is ever logged.
	Logger *slog.Logger
	// EdgeAddrs are the addresses (host:port) of a private or fake edge, one
	// connection each; empty means Cloudflare's, found through DNS.
	EdgeAddrs []string
	// RootCAs are the authorities that the edge's certificate may come from;
	// nil means the system's and Cloudflare's own.
	RootCAs *x509.CertPool
	// Region limits the connections to a region of Cloudflare's ("us"); empty
	// means everywhere, or the endpoint that the token names.
	Region string
}

// withDefaults fills in what was left open and checks the rest.
func (c Config) withDefaults() (Config, error) {
	if c.Token.IsZero() {
		return c, fmt.Errorf("tunnel: no token")
	}
	if c.Connections < 0 || c.Connections > 255 {
		return c, fmt.Errorf("tunnel: %d connections: want 1 to 255", c.Connections)
	}
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	if c.GracePeriod > MaxGracePeriod {
		return c, fmt.Errorf("tunnel: grace period %s is longer than %s, which is all that the edge grants", c.GracePeriod, MaxGracePeriod)
	}
	switch {
	case c.GracePeriod == 0:
		c.GracePeriod = DefaultGracePeriod
	case c.GracePeriod < 0:
		c.GracePeriod = 0
	}
	if c.Protocol > HTTP2 {
		return c, fmt.Errorf("tunnel: unknown protocol %d", c.Protocol)
	}
	for _, addr := range c.EdgeAddrs {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return c, fmt.Errorf("tunnel: edge address %q: want host:port", addr)
		}
	}
	if c.Region != "" && c.Token.endpoint != "" && !strings.EqualFold(c.Region, c.Token.endpoint) {
		return c, fmt.Errorf("tunnel: region %q, but the token belongs to endpoint %q", c.Region, c.Token.endpoint)
	}
	if c.Region == "" {
		c.Region = c.Token.endpoint
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
