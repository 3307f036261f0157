package edgetest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// TestUnreadBodiesUpsetNobody answers requests before their bodies were read,
// one after the other on the same connection to the front.
func TestUnreadBodiesUpsetNobody(t *testing.T) {
	edge := edgetest.Start(t, edgetest.Options{})
	cfg := edge.Config()
	cfg.Protocol = tunnel.QUIC
	served := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		served <- tunnel.Serve(ctx, cfg, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "no")
		}))
	}()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	if err := edge.WaitConnections(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		resp, err := http.Post(edge.URL()+"/x", "application/json", strings.NewReader(strings.Repeat(" ", 70<<10)))
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != "no" {
			t.Fatalf("%d: %q, %v", i, body, err)
		}
		if resp.StatusCode != http.StatusForbidden {
			t.Fatalf("%d: %d", i, resp.StatusCode)
		}
	}
}
