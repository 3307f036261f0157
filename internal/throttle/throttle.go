// Package throttle slows guessing down, and stops it in the end, without letting
// a stranger keep the owner out.
//
// A try is charged before anything about it is checked, so that fifty at once are
// not fifty free tries; the charge is given back when the try turns out well, or
// to have been no guess. Two counters are charged: that of the visitor's network,
// and that of the user, in a scope. The scope is the network for a user who has
// signed in from there within [KnownFor], and one for all other networks
// together, so that what strangers do elsewhere never delays the user at home.
package throttle

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// KnownFor is how long a network stays known for a user after a sign-in from
// there: as long as people may be away from home without being slowed down by
// strangers when they come back.
const KnownFor = 90 * 24 * time.Hour

// LimitError refuses a try. Nothing was charged for it.
type LimitError struct {
	// RetryAfter is how long to wait before the next try is worth it; never zero.
	// For a lock, which only an admin ends, it is the longest wait.
	RetryAfter time.Duration
	// Locked tells that the user's scope had too many failures in a row.
	Locked bool
}

// Error says which of the two it is.
func (e *LimitError) Error() string {
	if e.Locked {
		return "too many failures in a row: locked until an admin resets it"
	}
	return fmt.Sprintf("too many failures: wait %s", e.RetryAfter)
}

// NetworkOf returns the network that tries from a are counted for: an IPv4
// address alone (an IPv4-mapped one too), an IPv6 address's /64, which is what
// one household gets.
func NetworkOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	network, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

// Limiter counts tries by [Standard]'s rules. Its fields are set once.
type Limiter struct {
	// Store keeps the counters.
	Store Store
	// Now is the clock; nil is time.Now. Replicas must agree within seconds.
	Now func() time.Time
}

// now is the time in whole milliseconds, as stores keep it.
func (l *Limiter) now() time.Time {
	now := l.Now
	if now == nil {
		now = time.Now
	}
	return now().Round(0).Truncate(time.Millisecond)
}

// Attempt is one try that was charged. Exactly one of [Attempt.Succeed] and
// [Attempt.Cancel] takes the charge back; if neither is called, it was a failure.
type Attempt struct {
	limiter *Limiter
	charge  Charge
}

// Begin charges a try from network for userID, or for the network alone if the
// user is not known (""). It returns a [*LimitError] if either has to wait, and
// any other error if the store could not be asked, in which case nobody may be
// let through.
func (l *Limiter) Begin(ctx context.Context, network netip.Prefix, userID string) (*Attempt, error) {
	return l.begin(ctx, Charge{Network: network, UserID: userID})
}

// BeginName charges a try from network for a name that no user is known by, as
// [Limiter.Begin] does for a user. It is counted alike, from whatever networks, so
// that limits neither tell who exists nor leave a password open to guesses from
// one network after the other. Letter case makes no difference.
func (l *Limiter) BeginName(ctx context.Context, network netip.Prefix, name string) (*Attempt, error) {
	sum := sha256.Sum256([]byte(strings.ToUpper(name)))
	return l.begin(ctx, Charge{Network: network, UserID: "name-" + hex.EncodeToString(sum[:16]), Nobody: true})
}

func (l *Limiter) begin(ctx context.Context, c Charge) (*Attempt, error) {
	if !c.Network.IsValid() {
		return nil, errors.New("begin a try: the visitor's network is not known")
	}
	c.ID, c.Network, c.At = rand.Text(), networkIn(ctx, c.Network.Masked()), l.now()
	scope, err := scopeOf(l.Store.Charge(ctx, c, Standard()))
	if err != nil {
		return nil, err
	}
	c.Scope = scope
	return &Attempt{limiter: l, charge: c}, nil
}

// scopeOf returns the scope that a store has charged, or why it did not.
func scopeOf(verdict Verdict, err error) (Scope, error) {
	switch {
	case err != nil:
		return NoScope, fmt.Errorf("charge a try: %w", err)
	case verdict.Locked:
		return NoScope, &LimitError{RetryAfter: Standard().LongestWait, Locked: true}
	case verdict.Wait > 0:
		return NoScope, &LimitError{RetryAfter: verdict.Wait}
	}
	return verdict.Scope, nil
}

// Identify charges the try to userID as well, who turned out only later (the name
// was not in our index). It returns a [*LimitError] if that user has to wait: the
// try must then be refused, whatever was found out about it. Identifying the same
// user again does nothing. What the name was charged stays, and ages out.
func (a *Attempt) Identify(ctx context.Context, userID string) error {
	if a.charge.UserID == userID {
		return nil
	}
	if a.charge.UserID != "" && !a.charge.Nobody {
		return errors.New("identify a try: it was charged to another user")
	}
	if userID == "" {
		return errors.New("identify a try: no user")
	}
	c := a.charge
	c.UserID, c.Nobody = userID, false
	scope, err := scopeOf(a.limiter.Store.Identify(ctx, c, Standard()))
	if err != nil {
		return err
	}
	c.Scope = scope
	a.charge = c
	return nil
}

// Succeed ends a try that turned out well: the charge is given back, the user's
// failures in this scope are forgotten, and the network is known for the user
// from now on. The network's own failures stay, or an attacker's own account
// would refill his guesses; they age out.
func (a *Attempt) Succeed(ctx context.Context) error {
	if err := a.limiter.Store.Settle(ctx, a.charge, a.limiter.now(), Standard()); err != nil {
		return fmt.Errorf("settle a try: %w", err)
	}
	return nil
}

// Cancel ends a try that was no guess after all (a code that was just spent, or
// trouble of ours): the charge is given back.
func (a *Attempt) Cancel(ctx context.Context) error {
	if err := a.limiter.Store.Refund(ctx, a.charge); err != nil {
		return fmt.Errorf("refund a try: %w", err)
	}
	return nil
}
