package jellyfin

import (
	"context"
	"log/slog"
	"strconv"
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
	unreadyFor = 500 * time.Millisecond
	askFor     = 5 * time.Second // how long the server has to answer
)

// Watcher remembers whether the server is ready, so that every request can ask
// without a round trip.
type Watcher struct {
	client *Client
	now    func() time.Time
	logger *slog.Logger
	ready  func() // told when the server is ready and was not before
	flight singleflight.Group
	turn   sync.Mutex // of the questions of Fresh

	mu       sync.Mutex
	state    Readiness
	info     PublicInfo
	checked  time.Time
	epoch    uint64 // counts Suspect, so that an answer begun before it is not kept
	begun    uint64 // counts questions
	answered uint64 // is the last question whose answer was kept
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

// OnReady has f called each time the server turns out to be ready and was not
// before, the first time included. It must be called before the Watcher is used,
// and f must not block.
func (w *Watcher) OnReady(f func()) { w.ready = f }

// Readiness returns what is known, and asks the server first if that is too
// old. Many callers at once ask once.
func (w *Watcher) Readiness(ctx context.Context) Readiness {
	if state, fresh := w.cached(readyFor); fresh {
		return state
	}
	return w.share(ctx, "known", w.known)
}

// known asks the server, unless it was asked since the caller last looked: who looks
// just before an answer comes, and joins just after, would otherwise ask again.
func (w *Watcher) known(ctx context.Context) Readiness {
	if state, fresh := w.cached(readyFor); fresh {
		return state
	}
	return w.Check(ctx)
}

// Fresh returns the answer to a question that is asked after the call, whatever
// is remembered or on its way. It is asked when a new connection to the server
// was made: a server that was restarted, perhaps without its configuration, has
// lost all older connections, so what is known may be of the one before it. Many
// callers at once ask once.
func (w *Watcher) Fresh(ctx context.Context) Readiness {
	w.mu.Lock()
	next := strconv.FormatUint(w.begun, 10)
	w.mu.Unlock()
	return w.share(ctx, next, func(ctx context.Context) Readiness {
		// Whoever comes while this waits shares it; whoever comes later shares
		// the next one.
		w.turn.Lock()
		defer w.turn.Unlock()
		return w.ask(ctx)
	})
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

// Check asks the server now, whatever is remembered, or waits for the answer to
// a question that is on its way.
func (w *Watcher) Check(ctx context.Context) Readiness { return w.share(ctx, "", w.ask) }

// share lets callers with the same key share a question.
func (w *Watcher) share(ctx context.Context, key string, ask func(context.Context) Readiness) Readiness {
	result := w.flight.DoChan(key, func() (any, error) { return ask(context.WithoutCancel(ctx)), nil })
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
	w.begun++
	question, epoch := w.begun, w.epoch
	w.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	info, err := w.client.PublicInfo(ctx)
	state := classify(info, err)
	if w.keep(question, epoch, state, info) {
		w.report(ctx, state, err)
	}
	return state
}

// keep remembers an answer, unless a later question was answered before it, and
// tells whether it is news. The first one is also if the server is away, as it
// counts as from the start.
func (w *Watcher) keep(question, epoch uint64, state Readiness, info PublicInfo) (news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if question < w.answered {
		return false
	}
	news = w.state != state || w.answered == 0
	w.state, w.answered = state, question
	if state == Ready || state == Unfinished {
		w.info = info
	}
	if w.epoch == epoch {
		w.checked = w.now()
	}
	return news
}

func (w *Watcher) report(ctx context.Context, state Readiness, err error) {
	switch state {
	case Ready:
		w.logger.InfoContext(ctx, "jellyfin is ready", "version", w.Info().Version)
		if w.ready != nil {
			w.ready()
		}
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
