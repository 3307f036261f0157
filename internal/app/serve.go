package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/gateway"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/ops"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/tunnel"
)

// Limits of the local listeners. A film is written for hours, so there is no
// limit on answers; and as long as Cloudflare allows 32 KB of headers, so do we.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
)

// Serve publishes the gateway until ctx ends. Then it takes no new requests,
// lets running ones go on for up to the grace period, closes everything and
// returns nil. An error means that something gave up by itself.
func (a *App) Serve(ctx context.Context) error {
	defer a.close()
	// What requests need outlives them: it stops when all fronts have.
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBehind()
	var support errgroup.Group
	support.Go(func() error { return a.sessions.Run(behind) })
	support.Go(func() error { return a.grants.Run(behind) })
	support.Go(func() error { return a.apps.issued.Run(behind) })
	support.Go(func() error { return a.trust.run(behind) })
	support.Go(func() error { return a.serveOps(behind) })

	// What players fetch without a token they fetch after a restart as well.
	if err := a.grants.Load(ctx); err != nil {
		a.logger.WarnContext(ctx, "grants were not loaded", "error", err)
	}
	// Until it is known which tokens were ended, none counts.
	if err := a.apps.issued.Load(ctx); err != nil {
		a.logger.WarnContext(ctx, "tokens that were ended were not loaded", "error", err)
	}
	if err := a.adopt(ctx); err != nil {
		a.logger.WarnContext(ctx, "browsers that signed in long ago may be missing on account pages", "error", err)
	}
	fronts, frontCtx := errgroup.WithContext(ctx)
	fronts.Go(func() error { return a.serveLocal(frontCtx) })
	fronts.Go(func() error { return a.serveTunnel(frontCtx) })
	a.watcher.Readiness(ctx) // so that an open wizard is in the log at once
	err := fronts.Wait()

	stopBehind()
	if supportErr := support.Wait(); err == nil && supportErr != nil && !errors.Is(supportErr, context.Canceled) {
		err = supportErr
	}
	a.logger.Info("stopped")
	return err
}

func (a *App) serveTunnel(ctx context.Context) error {
	if a.tunnel == nil {
		return nil
	}
	go func() {
		select {
		case <-a.tunnel.Ready():
			a.logger.Info("published through the tunnel", "connections", len(a.tunnel.Status()))
		case <-ctx.Done():
		}
	}()
	return a.tunnel.Serve(ctx)
}

func (a *App) serveLocal(ctx context.Context) error {
	if a.listener == nil {
		return nil
	}
	server := a.server(a.gateway)
	a.logger.Info("listening", "address", a.Addr())
	return serve(ctx, server, a.listener, a.shutdownTime)
}

func (a *App) serveOps(ctx context.Context) error {
	if a.opsListener == nil {
		return nil
	}
	return serve(ctx, a.server(a.opsHandler()), a.opsListener, time.Second)
}

func (a *App) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            headerTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug),
	}
}

// serve runs server until ctx ends, then drains it for at most grace.
func serve(ctx context.Context, server *http.Server, listener net.Listener, grace time.Duration) error {
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if server.Shutdown(drain) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(listener)
	if !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	<-drained
	return nil
}

func (a *App) opsHandler() http.Handler {
	o := ops.Options{
		Metrics: a.metrics,
		Logger:  a.logger,
		Checks: []ops.Check{
			{Name: "redis", Probe: a.redisReady},
			{Name: "jellyfin", Probe: a.jellyfinReady},
		},
	}
	if a.tunnel != nil {
		o.Checks = append(o.Checks, ops.Check{Name: "tunnel", Probe: a.tunnelReady})
		o.Gatherers = append(o.Gatherers, a.tunnel.Metrics())
	}
	return ops.Handler(o)
}

func (a *App) redisReady(ctx context.Context) (string, error) {
	return "ok", a.store.Ping(ctx)
}

func (a *App) jellyfinReady(ctx context.Context) (string, error) {
	state := a.watcher.Readiness(ctx)
	if state != jellyfin.Ready {
		return state.String(), fmt.Errorf("jellyfin is %s", state)
	}
	return "ok", nil
}

func (a *App) tunnelReady(context.Context) (string, error) {
	up := len(a.tunnel.Status())
	word := fmt.Sprintf("%d connections", up)
	if up == 0 {
		return word, errors.New("the tunnel is not connected")
	}
	return word, nil
}

// close lets go of what New opened, in reverse.
func (a *App) close() {
	for _, l := range []net.Listener{a.listener, a.opsListener} {
		if l != nil {
			_ = l.Close() // closed already, if it was served
		}
	}
	if a.proxy != nil {
		a.proxy.Close()
	}
	if a.signin != nil {
		a.closeSignIn()
	}
	if a.store == nil {
		return
	}
	if err := a.store.Close(); err != nil {
		a.logger.Error("store was not closed cleanly", "error", err)
	}
}

// closeSignIn lets the log-outs that are still owed to Jellyfin come to an end.
func (a *App) closeSignIn() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := errors.Join(a.signin.Close(ctx), a.closeApps(ctx)); err != nil {
		a.logger.Error("sign-ins were not ended cleanly", "error", err)
	}
}

// observer tells the metrics of requests.
type observer struct{ *ops.Metrics }

func (o observer) End(r gateway.Outcome) {
	o.Metrics.End(ops.Request{
		Action: r.Action.String(), Status: r.Status, Received: r.Received, Sent: r.Sent, Duration: r.Took,
	})
}

// labels are the words that the metrics know.
func labels() ops.Labels {
	l := ops.Labels{Outcomes: append(signin.Outcomes(), apppass.Outcomes()...)}
	for action := policy.Deny; action <= policy.Image; action++ {
		l.Actions = append(l.Actions, action.String())
	}
	return l
}

// Status is the tunnel's connections that are up.
func (a *App) Status() []tunnel.Connection {
	if a.tunnel == nil {
		return nil
	}
	return a.tunnel.Status()
}
