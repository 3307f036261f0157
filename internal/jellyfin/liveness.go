package jellyfin

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/jellyward/jellyward/internal/secret"
)

// How long Jellyfin's verdict on a token counts, and how many are remembered. A
// dead token never comes back to life, but is not worth memory for long.
const (
	aliveFor    = 5 * time.Minute
	deadFor     = time.Minute
	maxVerdicts = 10_000
)

// Liveness remembers which tokens Jellyfin accepts, so that what Jellyfin itself
// gives to anybody can be kept for those who have one. It keeps hashes only.
type Liveness struct {
	client *Client
	now    func() time.Time
	flight singleflight.Group

	mu       sync.Mutex
	verdicts map[tokenHash]verdict
	forgets  uint64 // counts Forget, so that an answer begun before it is not kept
}

type tokenHash [sha256.Size]byte

type verdict struct {
	alive bool
	until time.Time
}

// NewLiveness returns a Liveness that asks client. A nil now means [time.Now].
func NewLiveness(client *Client, now func() time.Time) *Liveness {
	if now == nil {
		now = time.Now
	}
	return &Liveness{client: client, now: now, verdicts: make(map[tokenHash]verdict)}
}

// Alive tells whether Jellyfin accepts token, for a visitor at address. It asks
// at most once in a few minutes, and once for many callers. The error is
// [ErrUnavailable], or the context's.
func (l *Liveness) Alive(ctx context.Context, token secret.Text, visitor netip.Addr) (bool, error) {
	hash := tokenHash(sha256.Sum256([]byte(token)))
	alive, known, forgets := l.recall(hash)
	if known {
		return alive, nil
	}
	result := l.flight.DoChan(string(hash[:]), func() (any, error) {
		alive, err := l.client.Alive(context.WithoutCancel(ctx), token, visitor)
		if err == nil {
			l.keep(hash, alive, &forgets)
		}
		return alive, err
	})
	select {
	case r := <-result:
		alive, _ := r.Val.(bool)
		return alive, r.Err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// Confirm remembers that Jellyfin has just accepted token.
func (l *Liveness) Confirm(token secret.Text) { l.keep(sha256.Sum256([]byte(token)), true, nil) }

// Forget drops what is remembered of token: it was logged out, or refused.
func (l *Liveness) Forget(token secret.Text) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgets++
	delete(l.verdicts, sha256.Sum256([]byte(token)))
}

func (l *Liveness) recall(hash tokenHash) (alive, known bool, forgets uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, known := l.verdicts[hash]
	if known && l.now().After(v.until) {
		delete(l.verdicts, hash)
		known = false
	}
	return v.alive, known, l.forgets
}

// keep remembers a verdict, unless something was forgotten since forgets were
// counted.
func (l *Liveness) keep(hash tokenHash, alive bool, forgets *uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if forgets != nil && *forgets != l.forgets {
		return
	}
	if _, known := l.verdicts[hash]; !known && len(l.verdicts) >= maxVerdicts {
		for victim := range l.verdicts { // whichever comes first
			delete(l.verdicts, victim)
			break
		}
	}
	valid := deadFor
	if alive {
		valid = aliveFor
	}
	l.verdicts[hash] = verdict{alive: alive, until: l.now().Add(valid)}
}
