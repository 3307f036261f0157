// Package visitor carries who is asking: the facts about a request that the
// gateway established itself, from the tunnel or the socket and never from a
// header that the visitor controls.
package visitor

import (
	"context"
	"net/netip"
)

// Visitor is what is known about the sender of one request.
type Visitor struct {
	// Addr is the visitor's address: Cf-Connecting-Ip for a request that came
	// through our own tunnel, the socket's address otherwise. It is always
	// valid, and never an IPv4-mapped IPv6 address.
	Addr netip.Addr
	// Scheme is "https" or "http", as the visitor's browser sees it.
	Scheme string
	// Host is the host, with port if one is needed, that the visitor asked.
	Host string
	// Tunnelled tells that the request came through Cloudflare.
	Tunnelled bool
	// Home tells that the request came from a machine at home: over the local
	// listener, from one of the networks that count as home, and not by way of
	// another proxy. It is never set through the tunnel.
	Home bool
	// RequestID names the request in logs and on error pages.
	RequestID string
}

type key struct{}

// With returns a context that carries v.
func With(ctx context.Context, v Visitor) context.Context {
	return context.WithValue(ctx, key{}, v)
}

// From returns the visitor that the gateway put into ctx, and whether there is
// one.
func From(ctx context.Context) (Visitor, bool) {
	v, ok := ctx.Value(key{}).(Visitor)
	return v, ok
}

// Secure tells whether the visitor's browser speaks https, so that cookies may
// carry the Secure attribute.
func (v Visitor) Secure() bool { return v.Scheme == "https" }

// Origin is the scheme and host that the visitor asked, for example
// "https://jellyfin.example.org".
func (v Visitor) Origin() string { return v.Scheme + "://" + v.Host }
