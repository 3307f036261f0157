package session

import (
	"context"
	"time"
)

// Run listens for sessions that end elsewhere, until ctx ends; it then returns
// nil. While it does not run, or the store is away, what is in memory is trusted
// for a second only.
func (m *Manager) Run(ctx context.Context) error {
	backOff := firstBackOff
	for ctx.Err() == nil {
		vouched := false
		_ = m.store.WatchSessions(ctx, func(e Event) { // whoever asks the store gets the error
			vouched = true
			m.hear(e)
		})
		m.distrust()
		if vouched {
			backOff = firstBackOff
		}
		select {
		case <-ctx.Done():
		case <-time.After(backOff):
		}
		backOff = min(2*backOff, lastBackOff)
	}
	return nil
}

func (m *Manager) hear(e Event) {
	switch e.Kind {
	case Watching:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.events++
		clear(m.cache) // what ended before has gone unheard
		m.watched = m.now().Add(watchedTrust - e.Ago)
	case Alive:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.watched = m.now().Add(watchedTrust - e.Ago)
	case Ended:
		m.ended(e.ID)
	}
}

// distrust notes that the subscription is gone.
func (m *Manager) distrust() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events++
	m.watched = time.Time{}
}
