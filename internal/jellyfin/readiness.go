package jellyfin

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Readiness says whether a Jellyfin server may be published.
type Readiness uint8

const (
	// Away means that the server gives no usable answer. It is the zero
	// value: what is not known to be ready is not published.
	Away Readiness = iota
	// Starting means that it answers, but does not serve yet.
	Starting
	// Unfinished means that its start-up wizard is open, so that a stranger
	// could make himself its administrator.
	Unfinished
	// Ready means that it serves and is set up.
	Ready
)

// String names r for logs and the readiness endpoint.
func (r Readiness) String() string {
	switch r {
	case Starting:
		return "starting"
	case Unfinished:
		return "unfinished"
	case Ready:
		return "ready"
	}
	return "away"
}

// How long an answer counts. A server that is ready is asked again now and
// then, and at once when a connection to it was lost; one that is not, often.
const (
	readyFor   = 10 * time.Second
	freshFor   = time.Second
	unreadyFor = 500 * time.Millisecond
)

// Watcher remembers whether the server is ready, so that every request can ask
// without a round trip.
type Watcher struct {
	client *Client
	now    func() time.Time
	logger *slog.Logger
	flight singleflight.Group

	mu      sync.Mutex
	state   Readiness
	info    PublicInfo
	checked time.Time
	epoch   uint64 // counts Suspect, so that an answer begun before it is not kept
}

// NewWatcher returns a watcher that asks client. A nil now means [time.Now].
func NewWatcher(client *Client, now func() time.Time, logger *slog.Logger) *Watcher {
	if now == nil {
		now = time.Now
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Watcher{client: client, now: now, logger: logger}
}

// Readiness returns what is known, and asks the server first if that is too
// old. Many callers at once ask once.
func (w *Watcher) Readiness(ctx context.Context) Readiness {
	if state, fresh := w.cached(readyFor); fresh {
		return state
	}
	return w.Check(ctx)
}

// Fresh is Readiness with an answer that is at most a second old. It is asked
// when a new connection to the server was made, since a server that was
// restarted, perhaps without its configuration, has lost all older ones.
func (w *Watcher) Fresh(ctx context.Context) Readiness {
	if state, fresh := w.cached(freshFor); fresh {
		return state
	}
	return w.Check(ctx)
}

// Info returns what the server last told about itself.
func (w *Watcher) Info() PublicInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.info
}

// Suspect forgets that the server was ready: a connection to it failed or a
// new one was needed, so it may be another server now.
func (w *Watcher) Suspect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checked = time.Time{}
	w.epoch++
}

// Check asks the server now, whatever is remembered.
func (w *Watcher) Check(ctx context.Context) Readiness {
	result := w.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return w.ask(ctx), nil
	})
	select {
	case r := <-result:
		return r.Val.(Readiness)
	case <-ctx.Done():
		return Away
	}
}

func (w *Watcher) cached(valid time.Duration) (Readiness, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state != Ready {
		valid = unreadyFor
	}
	return w.state, !w.checked.IsZero() && w.now().Sub(w.checked) < valid
}

func (w *Watcher) ask(ctx context.Context) Readiness {
	w.mu.Lock()
	epoch := w.epoch
	w.mu.Unlock()

	info, err := w.client.PublicInfo(ctx)
	state := classify(info, err)

	w.mu.Lock()
	before := w.state
	w.state = state
	if state == Ready || state == Unfinished {
		w.info = info
	}
	if w.epoch == epoch {
		w.checked = w.now()
	}
	w.mu.Unlock()

	if before != state {
		w.report(ctx, state, err)
	}
	return state
}

func (w *Watcher) report(ctx context.Context, state Readiness, err error) {
	switch state {
	case Ready:
		w.logger.InfoContext(ctx, "jellyfin is ready", "version", w.Info().Version)
	case Unfinished:
		w.logger.ErrorContext(ctx, "jellyfin is not published: its start-up wizard is open")
	case Starting:
		w.logger.WarnContext(ctx, "jellyfin is starting")
	default:
		w.logger.WarnContext(ctx, "jellyfin is away", "error", err)
	}
}

func classify(info PublicInfo, err error) Readiness {
	switch {
	case err != nil:
		return Away
	case info.Starting:
		return Starting
	case info.WizardOpen:
		return Unfinished
	}
	return Ready
}
