package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

const (
	// valueSize is 256 random bits: nobody guesses a cookie.
	valueSize = 32
	// unwatchedTrust is how long a cached session is believed while nobody would
	// tell of its end.
	unwatchedTrust = time.Second
	// watchedTrust is how long a sign of life of the subscription keeps the cache
	// trusted. The store gives one twice a second.
	watchedTrust = 1500 * time.Millisecond
	// cacheSize bounds the cache's memory to about 10 MB.
	cacheSize = 10_000
	// The wait before the subscription is tried again doubles from first to last.
	firstBackOff, lastBackOff = 50 * time.Millisecond, time.Second
)

// valueLength is the length of a cookie's value: base64url without padding.
const valueLength = (valueSize*8 + 5) / 6

// hash is what a cookie's value is kept and found by.
type hash [sha256.Size]byte

func (h hash) id() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// Manager makes, finds and ends sessions. It is safe for concurrent use.
// [Manager.Run] must be running for lookups to be answered from memory for longer
// than a second.
type Manager struct {
	store  Store
	maxAge time.Duration
	now    func() time.Time

	mu    sync.RWMutex
	cache map[hash]entry
	// events counts what has made cached sessions doubtful. A session that was
	// being read meanwhile is not cached.
	events uint64
	// watched is until when the subscription vouches for the cache.
	watched time.Time
}

type entry struct {
	session Session
	fetched time.Time
}

// New returns a Manager whose sessions end after maxAge. A nil now is time.Now.
func New(store Store, maxAge time.Duration, now func() time.Time) *Manager {
	if now == nil {
		now = time.Now
	}
	return &Manager{store: store, maxAge: maxAge, now: now, cache: map[hash]entry{}}
}

// Create begins a session: it keeps s, with ID, Created and Expires set, and
// returns the value for the cookie, which exists nowhere else.
func (m *Manager) Create(ctx context.Context, s Session) (value secret.Text, created Session, err error) {
	var raw [valueSize]byte
	_, _ = rand.Read(raw[:]) // never fails: it ends the program instead
	text := base64.RawURLEncoding.EncodeToString(raw[:])
	h, _ := hashOf(text)
	s.ID = h.id()
	s.Created = m.now()
	s.Expires = s.Created.Add(m.maxAge)
	r := Record{Session: s, TokenHash: tokenHash(s.Token)}
	if err := m.store.PutSession(ctx, r, m.maxAge); err != nil {
		return "", Session{}, fmt.Errorf("keep session: %w", err)
	}
	return secret.Text(text), s, nil
}

// Lookup finds the session that a cookie's value belongs to. It returns [ErrNone]
// if there is none, and any other error if the store could not be asked, in which
// case the visitor gets 503 and never a pass.
func (m *Manager) Lookup(ctx context.Context, value string) (Session, error) {
	h, ok := hashOf(value)
	if !ok {
		return Session{}, ErrNone
	}
	now := m.now()
	s, events, ok := m.cached(h, now)
	if ok {
		return s, nil
	}
	s, err := m.store.Session(ctx, h.id())
	if errors.Is(err, ErrNone) {
		m.drop(h)
		return Session{}, ErrNone
	}
	if err != nil {
		return Session{}, fmt.Errorf("look session up: %w", err)
	}
	if !now.Before(s.Expires) {
		return Session{}, ErrNone
	}
	m.keep(h, entry{session: s, fetched: now}, events)
	return s, nil
}

// cached returns the session of h if memory can be trusted about it, and else how
// many events there have been until now.
func (m *Manager) cached(h hash, now time.Time) (s Session, events uint64, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, ok := m.cache[h]
	if !ok || !now.Before(e.session.Expires) {
		return Session{}, m.events, false
	}
	if now.Before(m.watched) || now.Sub(e.fetched) < unwatchedTrust {
		return e.session, m.events, true
	}
	return Session{}, m.events, false
}

// keep caches e, unless there was an event since events were counted.
func (m *Manager) keep(h hash, e entry, events uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.events != events {
		return
	}
	if _, ok := m.cache[h]; !ok && len(m.cache) >= cacheSize {
		for victim := range m.cache { // whichever comes first
			delete(m.cache, victim)
			break
		}
	}
	m.cache[h] = e
}

// drop takes a session out of the cache.
func (m *Manager) drop(h hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.cache, h)
}

// End ends the session of this id, here at once and on other replicas within a
// second. Ending one that has ended is no error.
func (m *Manager) End(ctx context.Context, id string) error {
	if err := m.store.EndSession(ctx, id); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	m.ended(id)
	return nil
}

// EndToken ends every session that holds this Jellyfin token, here at once and on
// other replicas within a second.
func (m *Manager) EndToken(ctx context.Context, token secret.Text) error {
	if token == "" {
		return nil
	}
	if err := m.store.EndSessionsOfToken(ctx, tokenHash(token)); err != nil {
		return fmt.Errorf("end sessions of token: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events++
	for h, e := range m.cache {
		if e.session.Token == token {
			delete(m.cache, h)
		}
	}
	return nil
}

// ended takes the session of this id out of the cache, and keeps one that is
// being read from getting there.
func (m *Manager) ended(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events++
	if raw, err := base64.RawURLEncoding.DecodeString(id); err == nil && len(raw) == len(hash{}) {
		delete(m.cache, hash(raw))
	}
}

func hashOf(value string) (hash, bool) {
	if len(value) != valueLength {
		return hash{}, false
	}
	var text [valueLength]byte
	copy(text[:], value)
	return sha256.Sum256(text[:]), true
}

// tokenHash is "" for no token: such a session is found by its cookie alone.
func tokenHash(token secret.Text) string {
	if token == "" {
		return ""
	}
	return hash(sha256.Sum256([]byte(token))).id()
}
