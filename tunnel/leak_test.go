package tunnel_test

import (
	"context"
	"net/http"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// Nothing is left running after Serve, but for one goroutine that cloudflared's
// observer cannot be told to end.
func TestNothingLeaks(t *testing.T) {
	for _, p := range []tunnel.Protocol{tunnel.HTTP2, tunnel.QUIC} {
		t.Run(p.String(), func(t *testing.T) {
			labels := pprof.Labels("leak", t.Name())
			pprof.Do(t.Context(), labels, func(context.Context) { liveALife(t, p) })
			var left string
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for began := time.Now(); time.Since(began) < patience; <-tick.C {
				if left = labelled(t, t.Name()); left == "" {
					return
				}
			}
			t.Errorf("left running:\n%s", left)
		})
	}
}

// liveALife serves visitors of all kinds until the end.
func liveALife(t *testing.T, p tunnel.Protocol) {
	t.Helper()
	edge, err := edgetest.New(edgetest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer edge.Close()
	tun, err := tunnel.New(config(edge, p), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, 10000))
		if r.Header.Get("Abort") != "" {
			panic(http.ErrAbortHandler)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tun.Serve(ctx) }()
	waitFor(t, tun.Ready(), "the tunnel to be ready")
	for i := range 20 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", edge.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			req.Header.Set("Abort", "1")
		}
		if resp, err := edge.Transport().RoundTrip(req); err == nil {
			resp.Body.Close()
		}
	}
	if labelled(t, t.Name()) == "" {
		t.Error("the labels of goroutines are not inherited: this test sees nothing")
	}
	stop()
	if err := waitFor(t, done, "Serve to return"); err != nil {
		t.Errorf("Serve = %v", err)
	}
}

// labelled is the stacks of goroutines that descend from those with the label.
func labelled(t *testing.T, label string) string {
	t.Helper()
	var profile strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		t.Fatal(err)
	}
	var found []string
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, label) && !strings.Contains(stack, "connection.(*Observer).dispatchEvents") {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}
