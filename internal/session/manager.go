package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
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
	watchedTrust = 2 * time.Second
	// cacheSize bounds the memory of the cache: about 600 bytes each.
	cacheSize = 10_000
)

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
	cache map[string]entry
	// events counts what has made cached sessions doubtful. A session that was
	// read while it changed is not cached.
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
	return &Manager{store: store, maxAge: maxAge, now: now, cache: map[string]entry{}}
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
	s, err := m.store.Session(ctx, h.id())
	if err != nil {
		return Session{}, fmt.Errorf("look session up: %w", err)
	}
	if !m.now().Before(s.Expires) {
		return Session{}, ErrNone
	}
	return s, nil
}

// End ends the session of this id, here at once and on other replicas within a
// second.
func (m *Manager) End(ctx context.Context, id string) error {
	if err := m.store.EndSession(ctx, id); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// EndToken ends every session that holds this Jellyfin token.
func (m *Manager) EndToken(ctx context.Context, token secret.Text) error {
	if err := m.store.EndSessionsOfToken(ctx, tokenHash(token)); err != nil {
		return fmt.Errorf("end sessions of token: %w", err)
	}
	return nil
}

// Run listens for sessions that end elsewhere, until ctx ends; it then returns
// nil. While it does not run, or the store is away, what is in memory is trusted
// for a second only.
func (m *Manager) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func hashOf(value string) (hash, bool) {
	if len(value) != base64.RawURLEncoding.EncodedLen(valueSize) {
		return hash{}, false
	}
	return sha256.Sum256([]byte(value)), true
}

func tokenHash(token secret.Text) string {
	return hash(sha256.Sum256([]byte(token))).id()
}
