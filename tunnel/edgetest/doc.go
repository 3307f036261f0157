// Package edgetest is a fake Cloudflare edge, as net/http/httptest is a fake
// server: a connector connects to it over QUIC or HTTP/2 with real TLS and
// real registration, and visitors make requests that arrive at the connector
// as Cloudflare would send them.
package edgetest
