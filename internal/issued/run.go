package issued

import (
	"context"
	"sync"
	"time"
)

const (
	// flushEvery, leaveEvery and sweepEvery are the beats of [Registry.Run].
	flushEvery = 10 * time.Second
	leaveEvery = 15 * time.Second
	sweepEvery = time.Minute
	// The wait before the subscription is tried again doubles from first to last.
	firstBackOff, lastBackOff = 50 * time.Millisecond, time.Second
	// lastFlush bounds what is written when it ends.
	lastFlush = 2 * time.Second
)

// Run hears of what other replicas record and end, logs out what was ended,
// writes down what was noted, and ends what is too old, until ctx ends; it then
// returns nil.
func (r *Registry) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { r.watch(ctx) })
	all.Go(func() { r.work(ctx) })
	all.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	_ = r.Flush(ctx)
	return nil
}

// work does what is due. Its errors are logged by nobody: that Redis or
// Jellyfin is away is told elsewhere, and everything is done again.
func (r *Registry) work(ctx context.Context) {
	flush, leave, sweep := time.NewTicker(flushEvery), time.NewTicker(leaveEvery), time.NewTicker(sweepEvery)
	defer flush.Stop()
	defer leave.Stop()
	defer sweep.Stop()
	_ = r.Leave(ctx) // what was left over when the program ended
	_ = r.Sweep(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
			_ = r.Leave(ctx)
		case <-leave.C:
			_ = r.Leave(ctx)
		case <-flush.C:
			_ = r.Flush(ctx)
		case <-sweep.C:
			_ = r.Sweep(ctx)
		}
	}
}

func (r *Registry) watch(ctx context.Context) {
	backOff := firstBackOff
	for ctx.Err() == nil {
		if r.listen(ctx) {
			backOff = firstBackOff
		}
		r.distrust()
		select {
		case <-ctx.Done():
		case <-time.After(backOff):
		}
		backOff = min(2*backOff, lastBackOff)
	}
}

// listen listens until the connection breaks, and tells whether it ever heard
// something. A connection on which what was ended could not be read is none.
func (r *Registry) listen(ctx context.Context) (heard bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_ = r.store.WatchIssued(ctx, func(e Event) { // whoever asks the store gets the error
		if e.Kind == Watching && r.Load(ctx) != nil {
			cancel()
			return
		}
		heard = true
		r.hear(e)
	})
	return heard
}

func (r *Registry) hear(e Event) {
	switch e.Kind {
	case Watching:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.memory.changes++
		clear(r.memory.cache) // what changed before has gone unheard
		r.memory.watched = r.now().Add(watchedTrust - e.Ago)
		r.nudge() // what was ended before has gone unheard as well
	case Alive:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.memory.watched = r.now().Add(watchedTrust - e.Ago)
	case Changed:
		r.drop(e.ID)
	case Ended:
		r.noteEnded(e.ID)
		r.nudge() // whoever ended it may not be able to log it out
	}
}

// distrust notes that the subscription is gone.
func (r *Registry) distrust() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory.changes++
	r.memory.watched = time.Time{}
}

// Close waits until tokens that were not handed out are logged out, or until ctx
// ends; retries that wait for their turn are made at once and are the last.
func (r *Registry) Close(ctx context.Context) error {
	return r.background.Close(ctx)
}
