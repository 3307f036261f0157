package tunnel_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

func TestRefusedTokenEndsServe(t *testing.T) {
	for reason, spoil := range map[string]func(*edgetest.Edge, *tunnel.Config){
		"Unauthorized: Tunnel not found": func(e *edgetest.Edge, c *tunnel.Config) {
			c.Token = edgetest.Start(t, edgetest.Options{}).Config().Token
		},
		"Unauthorized: Invalid tunnel secret": func(e *edgetest.Edge, _ *tunnel.Config) {
			e.Refuse("Unauthorized: Invalid tunnel secret")
		},
	} {
		t.Run(reason, func(t *testing.T) {
			overBoth(t, func(t *testing.T, p tunnel.Protocol) {
				edge := edgetest.Start(t, edgetest.Options{})
				cfg := config(edge, p)
				spoil(edge, &cfg)
				err := tunnel.Serve(t.Context(), cfg, say("never"))
				want := &tunnel.RefusedError{TunnelID: cfg.Token.ID(), Reason: reason}
				var got *tunnel.RefusedError
				if !errors.As(err, &got) {
					t.Fatalf("Serve = %v, want a RefusedError", err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A tunnel that was just created may be refused at first.
func TestOneRefusalIsNotTheEnd(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{})
		edge.Refuse("Unauthorized: Tunnel not found")
		refused := make(chan struct{}, 8)
		cfg := config(edge, p)
		cfg.Logger = slog.New(onText("Unauthorized", refused))
		tun, err := tunnel.New(cfg, say("at last"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tun.Serve(ctx) }()
		waitFor(t, refused, "a refusal")
		edge.Refuse("")
		waitFor(t, tun.Ready(), "the tunnel to be ready")
		if got := visit(t, edge); got != "200 at last" {
			t.Errorf("visitor got %q", got)
		}
		stop()
		if err := waitFor(t, done, "Serve to return"); err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
}

func TestDroppedConnectionComesBack(t *testing.T) {
	t.Parallel()
	comesBack(t, tunnel.QUIC)
}

// comesBack drops the connection and wants it again.
func comesBack(t *testing.T, p tunnel.Protocol) {
	t.Helper()
	edge := edgetest.Start(t, edgetest.Options{})
	tun := startTunnel(t, config(edge, p), say("here"))
	first := tun.Status()
	mend := edge.Cut()
	if err := edge.WaitConnections(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got := visit(t, edge); got != "530 error code: 1033" {
		t.Errorf("visitor of a tunnel without a connector got %q", got)
	}
	mend()
	if err := edge.WaitConnections(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := visit(t, edge); got != "200 here" {
		t.Errorf("visitor got %q after the connection came back", got)
	}
	if len(first) != 1 || first[0].Protocol != p || first[0].Location != "lab01" || first[0].Edge != "127.0.0.1" {
		t.Errorf("Status = %+v", first)
	}
}

func TestStopDrains(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{})
		arrived, finish := make(chan struct{}), make(chan struct{})
		cfg := config(edge, p)
		cfg.GracePeriod = patience
		tun, err := tunnel.New(cfg, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "begun, ")
			w.(http.Flusher).Flush()
			close(arrived)
			<-finish
			io.WriteString(w, "and ended")
		}))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tun.Serve(ctx) }()
		waitFor(t, tun.Ready(), "the tunnel to be ready")
		got := make(chan string, 1)
		go func() { got <- visit(t, edge) }()
		waitFor(t, arrived, "the request")
		stop()
		if err := edge.WaitConnections(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if got := visit(t, edge); got != "530 error code: 1033" {
			t.Errorf("visitor of a tunnel that stops got %q", got)
		}
		select {
		case err := <-done:
			t.Fatalf("Serve returned %v while a request ran", err)
		default:
		}
		close(finish)
		if got := waitFor(t, got, "the response"); got != "200 begun, and ended" {
			t.Errorf("visitor got %q", got)
		}
		if err := waitFor(t, done, "Serve to return"); err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
}

// A request that does not end must not hold up a stop for longer than the grace
// period, nor a WebSocket at all.
func TestStopEndsWithTheGracePeriod(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{})
		arrived, heard := make(chan struct{}), make(chan struct{})
		cfg := config(edge, p)
		cfg.GracePeriod = 100 * time.Millisecond
		tun, err := tunnel.New(cfg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			close(arrived)
			<-r.Context().Done()
			close(heard)
		}))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tun.Serve(ctx) }()
		waitFor(t, tun.Ready(), "the tunnel to be ready")
		req, err := http.NewRequestWithContext(t.Context(), "GET", edge.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := edge.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		waitFor(t, arrived, "the request")
		stop()
		if err := waitFor(t, done, "Serve to return"); err != nil {
			t.Errorf("Serve = %v", err)
		}
		waitFor(t, heard, "the handler's context to end")
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("the visitor's body looks complete")
		}
	})
}

func TestStopBeforeConnected(t *testing.T) {
	overBoth(t, func(t *testing.T, p tunnel.Protocol) {
		edge := edgetest.Start(t, edgetest.Options{})
		edge.Close() // nobody answers
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tunnel.Serve(ctx, config(edge, p), say("never")) }()
		stop()
		if err := waitFor(t, done, "Serve to return"); err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
}

// On a network that blocks UDP, auto ends up with HTTP/2.
func TestAutoFallsBack(t *testing.T) {
	t.Parallel()
	edge := edgetest.Start(t, edgetest.Options{NoQUIC: true})
	began := time.Now()
	tun, err := tunnel.New(config(edge, tunnel.Auto), say("over TCP"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tun.Serve(ctx) }()
	waitFor(t, tun.Ready(), "the tunnel to be ready")
	t.Logf("fell back after %s", time.Since(began).Round(time.Second))
	if got := visit(t, edge); got != "200 over TCP" {
		t.Errorf("visitor got %q", got)
	}
	if s := tun.Status(); len(s) != 1 || s[0].Protocol != tunnel.HTTP2 {
		t.Errorf("Status = %+v", s)
	}
	stop()
	if err := waitFor(t, done, "Serve to return"); err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestAutoBeginsWithQUIC(t *testing.T) {
	edge := edgetest.Start(t, edgetest.Options{})
	tun := startTunnel(t, config(edge, tunnel.Auto), say("over UDP"))
	if s := tun.Status(); len(s) != 1 || s[0].Protocol != tunnel.QUIC {
		t.Errorf("Status = %+v", s)
	}
}

func TestServeOnlyOnce(t *testing.T) {
	edge := edgetest.Start(t, edgetest.Options{})
	tun := startTunnel(t, config(edge, tunnel.HTTP2), say("once"))
	if err := tun.Serve(t.Context()); err == nil {
		t.Error("a second Serve did not fail")
	}
}

// onText is a logger that tells of records whose attributes contain text.
func onText(text string, c chan<- struct{}) slog.Handler {
	return slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), text) {
			select {
			case c <- struct{}{}:
			default:
			}
		}
		return len(p), nil
	}), &slog.HandlerOptions{Level: slog.LevelDebug})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
