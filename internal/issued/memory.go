package issued

import (
	"context"
	"errors"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

const (
	// watchedTrust is how long a sign of life of the subscription keeps the cache
	// trusted. The store gives one twice a second.
	watchedTrust = 1500 * time.Millisecond
	// unwatchedTrust is how long a cached token is believed while nobody would
	// tell of its end.
	unwatchedTrust = time.Second
	// cacheSize bounds the cache's memory to about 10 MB.
	cacheSize = 10_000
)

// memory is what the hot path is answered from. The registry's lock guards it.
type memory struct {
	cache map[string]entry
	// changes counts what has made cached tokens doubtful. What was being read
	// meanwhile is not cached.
	changes uint64
	// watched is until when the subscription vouches for the cache.
	watched time.Time
	// ended are all tokens that are kept as ended, and when we learnt it. Unlike
	// the cache it is complete, once it was loaded, and serves also while the
	// store is away: nothing can be ended then.
	ended  map[string]time.Time
	loaded bool
}

// entry is what the store said of a token; known is false if it said nothing.
type entry struct {
	token   Token
	known   bool
	fetched time.Time
}

func newMemory() memory {
	return memory{cache: map[string]entry{}, ended: map[string]time.Time{}}
}

// Ended tells whether token was ended here, or is too old as far as is known. It
// is answered from memory alone, also while the store is away. The error is
// [ErrUnavailable] until what was ended has been read for the first time; see
// [Registry.Load].
func (r *Registry) Ended(token secret.Text) (bool, error) {
	if token == "" {
		return false, nil
	}
	now := r.now()
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !r.memory.loaded {
		return false, unavailable("tell whether a token was ended", errors.New("it was not read yet"))
	}
	id := token.Hash()
	if _, ended := r.memory.ended[id]; ended {
		return true, nil
	}
	e, cached := r.memory.cache[id]
	return cached && e.known && r.expired(e.token, now), nil
}

// Admitted tells whether token was given out here and neither ended nor grew too
// old since. It is answered from memory, or with one question to the store. The
// error is [ErrUnavailable].
func (r *Registry) Admitted(ctx context.Context, token secret.Text) (bool, error) {
	_, ok, err := r.Known(ctx, token)
	return ok, err
}

// Known returns what is recorded of a token that [Registry.Admitted] admits. When
// it was last seen may be older than what the store says.
func (r *Registry) Known(ctx context.Context, token secret.Text) (Token, bool, error) {
	if token == "" {
		return Token{}, false, nil
	}
	now := r.now()
	e, err := r.find(ctx, token.Hash(), now)
	if err != nil || !e.known || r.expired(e.token, now) {
		return Token{}, false, err
	}
	return e.token, true, nil
}

// find returns what is known of a token, from memory if that can be trusted.
func (r *Registry) find(ctx context.Context, id string, now time.Time) (entry, error) {
	e, changes, ok := r.cached(id, now)
	if ok {
		return e, nil
	}
	e = entry{fetched: now}
	record, err := r.store.Issued(ctx, id)
	switch {
	case errors.Is(err, ErrEnded):
		r.noteEnded(id)
		return entry{}, nil
	case errors.Is(err, ErrUnknown):
	case err != nil:
		return entry{}, unavailable("look a token up", err)
	default:
		e.token, e.known = record.Token, true
	}
	if !r.keep(id, e, changes) { // it ended while it was being read
		return entry{}, nil
	}
	return e, nil
}

func (r *Registry) expired(t Token, now time.Time) bool {
	return r.maxAge > 0 && t.Kind != Browser && now.Sub(t.Created) >= r.maxAge
}

// cached returns what is known of a token if memory can be trusted about it, and
// else how many changes there have been until now.
func (r *Registry) cached(id string, now time.Time) (e entry, changes uint64, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, ended := r.memory.ended[id]; ended {
		return entry{}, r.memory.changes, true
	}
	e, ok = r.memory.cache[id]
	if ok && (now.Before(r.memory.watched) || now.Sub(e.fetched) < unwatchedTrust) {
		return e, r.memory.changes, true
	}
	return entry{}, r.memory.changes, false
}

// keep caches e, unless there was a change since changes were counted, and tells
// whether the token may still live.
func (r *Registry) keep(id string, e entry, changes uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory.changes == changes {
		r.memory.put(id, e)
	}
	_, ended := r.memory.ended[id]
	return !ended
}

// learn caches a token that was just recorded.
func (r *Registry) learn(t Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory.changes++
	r.memory.put(t.ID, entry{token: t, known: true, fetched: r.now()})
}

func (m *memory) put(id string, e entry) {
	if _, ok := m.cache[id]; !ok && len(m.cache) >= cacheSize {
		for victim := range m.cache { // whichever comes first
			delete(m.cache, victim)
			break
		}
	}
	m.cache[id] = e
}

// drop takes a token out of the cache, and keeps one that is being read from
// getting there.
func (r *Registry) drop(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory.changes++
	delete(r.memory.cache, id)
}

func (r *Registry) noteEnded(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory.changes++
	delete(r.memory.cache, id)
	r.memory.ended[id] = r.now()
}

// Load reads what was ended. It is called by [Registry.Run] and may be called
// before, so that the first visitor does not come too early. The error is
// [ErrUnavailable].
func (r *Registry) Load(ctx context.Context) error {
	begun := r.now()
	ids, err := r.store.EndedIssued(ctx, begun)
	if err != nil {
		return unavailable("read what was ended", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ended := make(map[string]time.Time, len(ids))
	for _, id := range ids {
		ended[id] = begun
		delete(r.memory.cache, id)
	}
	for id, at := range r.memory.ended {
		if !at.Before(begun) { // since the question was asked
			ended[id] = at
		}
	}
	r.memory.ended, r.memory.loaded = ended, true
	return nil
}
