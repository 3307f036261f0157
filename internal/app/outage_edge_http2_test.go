//go:build !race

package app_test

import "testing"

// The race detector must not see this one: cloudflared has data races of its own
// where an HTTP/2 connection breaks, which nothing outside of it can order.
func TestACutHTTP2ConnectionComesBack(t *testing.T) {
	t.Parallel()
	cutAndBack(t, "http2")
}
