package session_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jellyward/jellyward/internal/session"
)

var errAway = errors.New("away")

// fake is a store in memory that counts what it is asked, can be away, and can
// break its subscriptions.
type fake struct {
	mu       sync.Mutex
	sessions map[string]session.Record
	asked    int
	away     bool
	watchers map[chan session.Event]struct{}
	broken   chan struct{}
	// onGet runs between reading a session and returning it.
	onGet func()
}

func newFake() *fake {
	return &fake{
		sessions: map[string]session.Record{},
		watchers: map[chan session.Event]struct{}{},
		broken:   make(chan struct{}),
	}
}

func (f *fake) PutSession(_ context.Context, r session.Record, ttl time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return errAway
	}
	if ttl <= 0 {
		return errors.New("a session without time")
	}
	f.sessions[r.ID] = r
	return nil
}

func (f *fake) Session(_ context.Context, id string) (session.Session, error) {
	f.mu.Lock()
	f.asked++
	r, ok := f.sessions[id]
	away, onGet := f.away, f.onGet
	f.mu.Unlock()
	if onGet != nil {
		onGet()
	}
	switch {
	case away:
		return session.Session{}, errAway
	case !ok:
		return session.Session{}, session.ErrNone
	}
	return r.Session, nil
}

func (f *fake) EndSession(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return errAway
	}
	f.end(id)
	return nil
}

func (f *fake) end(id string) {
	delete(f.sessions, id)
	for w := range f.watchers {
		w <- session.Event{Kind: session.Ended, ID: id}
	}
}

func (f *fake) EndSessionsOfToken(_ context.Context, tokenHash string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return errAway
	}
	for id, r := range f.sessions {
		if r.TokenHash == tokenHash {
			f.end(id)
		}
	}
	return nil
}

// WatchSessions gives a sign of life twice a second, as the real one does.
func (f *fake) WatchSessions(ctx context.Context, tell func(session.Event)) error {
	events := make(chan session.Event, 100)
	f.mu.Lock()
	if f.away {
		f.mu.Unlock()
		return errAway
	}
	f.watchers[events] = struct{}{}
	broken := f.broken
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, events)
	}()
	tell(session.Event{Kind: session.Watching})
	for {
		select {
		case e := <-events:
			tell(e)
		case <-time.After(500 * time.Millisecond):
			tell(session.Event{Kind: session.Alive})
		case <-broken:
			return errAway
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// goAway makes every call fail and breaks all subscriptions; false ends it.
func (f *fake) goAway(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if away && !f.away {
		close(f.broken)
		f.broken = make(chan struct{})
	}
	f.away = away
}

// silently removes a session without telling anybody.
func (f *fake) silently(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, id)
}

func (f *fake) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}
