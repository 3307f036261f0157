package jellyfin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/jellyward/jellyward/internal/secret"
)

// How long Jellyfin's verdict on a token counts, and how many are remembered, of
// each kind. A dead token never comes back to life, but is not worth memory for
// long.
const (
	aliveFor    = 5 * time.Minute
	deadFor     = time.Minute
	maxVerdicts = 10_000
	// doubtFor is how long after a token was forgotten the answers to requests
	// that were sent before may still come in; they confirm nothing.
	doubtFor = 5 * time.Minute
	// maxToken is more than any token is long: Jellyfin's have 32 digits.
	maxToken = 256
)

// Liveness remembers which tokens Jellyfin accepts, so that what Jellyfin itself
// gives to anybody can be kept for those who have one. It keeps hashes only.
type Liveness struct {
	client *Client
	now    func() time.Time
	flight singleflight.Group

	mu sync.Mutex
	// The living are kept apart, so that no number of invented tokens makes
	// Jellyfin be asked about real ones.
	alive, dead, doubted verdicts
	forgets              uint64 // counts what was forgotten
}

type tokenHash [sha256.Size]byte

// verdicts are until when something is held of which tokens.
type verdicts map[tokenHash]verdict

type verdict struct {
	until time.Time
	// forgot is what [Liveness.forgets] was when a token was doubted: an answer
	// begun before it does not count.
	forgot uint64
}

// NewLiveness returns a Liveness that asks client. A nil now means [time.Now].
func NewLiveness(client *Client, now func() time.Time) *Liveness {
	if now == nil {
		now = time.Now
	}
	return &Liveness{client: client, now: now, alive: verdicts{}, dead: verdicts{}, doubted: verdicts{}}
}

// Alive tells whether Jellyfin accepts token, for a visitor at address. It asks
// at most once in a few minutes, and once for many callers; what cannot be a
// token is dead without being asked for. The error is [ErrUnavailable], or the
// context's.
func (l *Liveness) Alive(ctx context.Context, token secret.Text, visitor netip.Addr) (bool, error) {
	if !plausible(token) {
		return false, nil
	}
	hash := tokenHash(sha256.Sum256([]byte(token)))
	if alive, known, _ := l.recall(hash); known {
		return alive, nil
	}
	result := l.flight.DoChan(string(hash[:]), func() (any, error) {
		return l.ask(context.WithoutCancel(ctx), hash, token, visitor)
	})
	select {
	case r := <-result:
		alive, _ := r.Val.(bool)
		return alive, r.Err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// ask puts the question to Jellyfin, unless it was answered since the caller last
// looked: who looks just before an answer comes, and joins just after, would
// otherwise ask again.
func (l *Liveness) ask(ctx context.Context, hash tokenHash, token secret.Text, visitor netip.Addr) (bool, error) {
	alive, known, forgets := l.recall(hash)
	if known {
		return alive, nil
	}
	alive, err := l.client.Alive(ctx, token, visitor)
	if err == nil {
		l.keep(hash, alive, forgets)
	}
	return alive, err
}

// Confirm remembers that Jellyfin has just accepted token, unless it was forgotten
// a moment ago: a request that was sent before a log-out may be answered after it.
func (l *Liveness) Confirm(token secret.Text) {
	if plausible(token) {
		l.keep(sha256.Sum256([]byte(token)), true, 0)
	}
}

// Forget drops what is remembered of token: it was logged out, or refused. Whoever
// shows it next makes Jellyfin be asked.
func (l *Liveness) Forget(token secret.Text) {
	if plausible(token) {
		l.forget(sha256.Sum256([]byte(token)))
	}
}

// ForgetHash is [Liveness.Forget] for who knows only the token's hash, as
// [secret.Text.Hash] gives it: another replica has told that the token ended.
func (l *Liveness) ForgetHash(hash string) {
	raw, err := base64.RawURLEncoding.DecodeString(hash)
	if err == nil && len(raw) == len(tokenHash{}) {
		l.forget(tokenHash(raw))
	}
}

func (l *Liveness) forget(hash tokenHash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgets++
	delete(l.alive, hash)
	delete(l.dead, hash)
	l.doubted.put(hash, verdict{until: l.now().Add(doubtFor), forgot: l.forgets})
	l.flight.Forget(string(hash[:])) // nobody joins a question asked before
}

func (l *Liveness) recall(hash tokenHash) (alive, known bool, forgets uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if _, ok := l.alive.get(hash, now); ok {
		return true, true, l.forgets
	}
	_, ok := l.dead.get(hash, now)
	return false, ok, l.forgets
}

// keep remembers a verdict, unless the token was forgotten since forgets were
// counted.
func (l *Liveness) keep(hash tokenHash, alive bool, forgets uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if doubt, ok := l.doubted.get(hash, now); ok && doubt.forgot > forgets {
		return
	}
	delete(l.alive, hash)
	delete(l.dead, hash)
	if alive {
		l.alive.put(hash, verdict{until: now.Add(aliveFor)})
		return
	}
	l.dead.put(hash, verdict{until: now.Add(deadFor)})
}

func (v verdicts) get(hash tokenHash, now time.Time) (verdict, bool) {
	found, ok := v[hash]
	if ok && now.After(found.until) {
		delete(v, hash)
		ok = false
	}
	return found, ok
}

func (v verdicts) put(hash tokenHash, is verdict) {
	if _, known := v[hash]; !known && len(v) >= maxVerdicts {
		for victim := range v { // whichever comes first
			delete(v, victim)
			break
		}
	}
	v[hash] = is
}

// plausible tells whether text can be a token at all: printable ASCII, and not
// long. Anything else would only be a way to make work for Jellyfin.
func plausible(text secret.Text) bool {
	if text == "" || len(text) > maxToken {
		return false
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
