// Package tunnel publishes an [http.Handler] through Cloudflare from inside
// the process: it is the connector that people otherwise run beside their
// server as the program cloudflared, as a library.
//
// Nothing listens on this machine. The package dials Cloudflare's edge, holds
// a few connections to it over QUIC or HTTP/2, and runs the handler for each
// request that a visitor makes to the tunnel's hostname:
//
//	token, err := tunnel.ParseToken(os.Getenv("TUNNEL_TOKEN"))
//	…
//	err = tunnel.Serve(ctx, tunnel.Config{Token: token}, handler)
//
// The handler finds what it would find behind [http.Server]: the request target
// as the visitor spelled it, a streaming body, a [http.ResponseWriter] that
// flushes and can be hijacked for WebSockets, a context that ends when the
// visitor goes away. A handler that panics costs its visitor a 502, not the
// process its life; one that panics with [http.ErrAbortHandler] midway gives
// the visitor a cut body, never one that looks complete.
//
// What differs from http.Server: informational responses (1xx) are dropped, and
// over QUIC trailers too, as the connector's protocol has no place for them;
// request trailers do not arrive; RemoteAddr is the visitor's address as Cloudflare
// states it, with port 0; [http.ResponseController] sets no deadlines.
//
// The connector does one thing only. Whatever configuration is pushed from
// Cloudflare's side is acknowledged and changes nothing: every HTTP request
// runs the handler, and sessions of raw TCP, UDP and ICMP (private networks)
// are refused.
//
// To try a handler without Cloudflare, see package edgetest: a fake edge, as
// [net/http/httptest] is a fake server.
package tunnel
