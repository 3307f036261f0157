//go:build !race

package tunnel_test

import (
	"testing"

	"github.com/jellyward/jellyward/tunnel"
)

// The race detector must not see this one: cloudflared has data races of its own
// where an HTTP/2 connection breaks (the error of its control stream, the state of
// its back-off), which nothing outside it can order.
func TestDroppedHTTP2ConnectionComesBack(t *testing.T) {
	t.Parallel()
	comesBack(t, tunnel.HTTP2)
}
