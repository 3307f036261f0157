package tunnel

import (
	"context"
	"errors"
	"time"
)

const (
	// firstPause and longestPause bound the wait after cloudflared's
	// supervisor gave up, for example because DNS was away.
	firstPause   = time.Second
	longestPause = time.Minute
	// linger is for the last bytes of the last response, which cloudflared
	// would not wait for.
	linger = 500 * time.Millisecond
	// unregisterPace is how fast connections are told to unregister.
	unregisterPace = 2 * time.Millisecond
)

// Serve connects to the edge and runs the handler for every request, until ctx
// ends; it reconnects for as long as that takes. When ctx ends it tells the edge
// to send nothing more, lets running requests go on for up to the grace period
// (upgraded connections such as WebSockets are not waited for), and returns nil.
// The only other way out is a [*RefusedError]. Serve can be called once.
func (t *Tunnel) Serve(ctx context.Context) error {
	if t.started.Swap(true) {
		return errors.New("tunnel: Serve was called before")
	}
	pause := firstPause
	for {
		err := t.serveOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var refused *RefusedError
		if errors.As(err, &refused) {
			return err
		}
		if t.everUp() {
			pause = firstPause
		}
		t.cfg.Logger.Warn("tunnel down, will try again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

func (t *Tunnel) everUp() bool {
	select {
	case <-t.status.ready:
		return true
	default:
		return false
	}
}

// serveOnce runs one supervisor until it gives up, the token is refused or ctx
// ends.
func (t *Tunnel) serveOnce(ctx context.Context) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- t.supervise(running, stop) }()

	for {
		select {
		case err := <-done:
			return err
		case reason := <-t.status.refused:
			cancel()
			await(done, rpcTimeout)
			return &RefusedError{TunnelID: t.cfg.Token.ID(), Reason: reason}
		case <-t.status.suspect:
			if reason, refused := t.askWhy(ctx); refused {
				t.status.refusal(reason)
			}
		case <-ctx.Done():
			t.drain(stop, done)
			cancel()
			await(done, rpcTimeout)
			return nil
		}
	}
}

// drain unregisters all connections and waits for the requests that run, up to
// the grace period.
func (t *Tunnel) drain(stop chan<- struct{}, done chan error) {
	if len(t.Status()) == 0 {
		return
	}
	ended := make(chan struct{})
	defer close(ended)
	go unregister(stop, ended)

	grace := time.NewTimer(t.cfg.GracePeriod)
	defer grace.Stop()
	for !t.status.quiet() || t.runner.running.Load() > 0 {
		select {
		case <-t.status.changed:
		case err := <-done:
			done <- err
			return
		case <-grace.C:
			t.cfg.Logger.Warn("tunnel stopped before all requests were answered",
				"running", t.runner.running.Load())
			return
		}
	}
	await(done, linger)
}

// unregister tells everyone in cloudflared who listens on stop, one by one.
// Closing the channel would do so too, but then its supervisor spins on it, at
// the price of a CPU, until the last connection is gone.
func unregister(stop chan<- struct{}, ended <-chan struct{}) {
	tick := time.NewTicker(unregisterPace)
	defer tick.Stop()
	for {
		select {
		case stop <- struct{}{}:
		case <-ended:
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			return
		}
	}
}

// await waits for done, but not for ever: a request that is stuck in a visitor's
// full connection can hold up cloudflared's end, and must not hold up ours.
func await(done chan error, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		done <- err
	case <-timer.C:
	}
}
