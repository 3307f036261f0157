// Package edgetest is a fake Cloudflare edge, as [net/http/httptest] is a fake
// server. A connector (package tunnel, or cloudflared itself) connects to it
// over QUIC or HTTP/2 with real TLS and registers by real RPC; visitors make
// requests, which arrive at the connector as Cloudflare would send them, with
// the headers that Cloudflare adds.
//
// In a test:
//
//	edge := edgetest.Start(t, edgetest.Options{})
//	go tunnel.Serve(ctx, edge.Config(), handler)
//	edge.WaitConnections(ctx, 1)
//	visitor := &http.Client{Transport: edge.Transport()}
//	resp, err := visitor.Get("https://jellyfin.example.org/")
//
// Visitors come two ways: through [Edge.Transport] from inside the program,
// where an address can be chosen and headers forged, and through the front, an
// ordinary HTTP and HTTPS server on the loopback ([Edge.URL], [Edge.SecureURL])
// that browsers and raw sockets can visit. Both pass the request target on byte
// for byte, stream bodies both ways, upgrade to WebSockets, and cut a response
// that the connector cut.
//
// What is not faked: caching, compression, limits of size and time, Cloudflare's
// error pages, HTTP/2 and HTTP/3 on the visitor's side.
package edgetest
