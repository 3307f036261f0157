// Package background runs what must be finished although the request that began
// it is over: the log-out of a token that was not handed out, for one.
package background

import (
	"context"
	"sync"
	"time"
)

// Group is work that goes on beside requests, until it is done or the program
// ends. It is safe for concurrent use.
type Group struct {
	mu      sync.Mutex
	running sync.WaitGroup // is not added to once the group is closed
	closing context.Context
	close   context.CancelFunc
}

// NewGroup returns a group without work.
func NewGroup() *Group {
	closing, cancel := context.WithCancel(context.Background())
	return &Group{closing: closing, close: cancel}
}

// Go runs f beside the caller. Once the group is closed nobody waits for it.
func (g *Group) Go(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing.Err() != nil {
		go f()
		return
	}
	g.running.Go(f)
}

// Retry tries after each of the waits in turn until it succeeds, and returns the
// last error. When the group is closed the next try is made at once and is the last,
// also if another is on its way then.
func (g *Group) Retry(waits []time.Duration, try func() error) error {
	var err error
	for _, wait := range waits {
		g.pause(wait)
		last := g.closing.Err() != nil
		if err = try(); err == nil || last {
			return err
		}
	}
	return err
}

// pause waits, unless the group is closed.
func (g *Group) pause(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.closing.Done():
	}
}

// Close hurries what waits and returns when all is done, or with ctx's error.
func (g *Group) Close(ctx context.Context) error {
	g.mu.Lock()
	g.close()
	g.mu.Unlock()
	done := make(chan struct{})
	go func() {
		g.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
