package throttle

import (
	"context"
	"net/netip"
	"time"
)

// Scope is which of a user's counters a try is charged to.
type Scope uint8

// The scopes. NoScope is that of a try whose user is not known.
const (
	NoScope Scope = iota
	Home          // the network is known for the user: a counter for the two
	Others        // all networks that are not known for the user
)

// Charge is one try as the [Store] sees it.
type Charge struct {
	// ID is random and names the try. Charging an ID again changes nothing.
	ID string
	// Network is where the try comes from.
	Network netip.Prefix
	// UserID is whom it is for, or "".
	UserID string
	// Nobody tells that UserID stands for a name that no user is known by. Its
	// counter may be forgotten after [Rules.Kept].
	Nobody bool
	// Scope is what the store charged it to.
	Scope Scope
	// At is when it began, by the caller's clock.
	At time.Time
}

// Verdict is the answer to a charge: charged to Scope, or refused, for a time or
// for good.
type Verdict struct {
	// Scope is the user's scope that was charged.
	Scope Scope
	// Wait is how long the try has to wait, if it is refused.
	Wait time.Duration
	// Locked tells that the user's scope is locked.
	Locked bool
}

// Store keeps the counters. Every method is atomic. A counter is the list of the
// charges that were not given back, with their times: up to [Rules.Lock] of them
// for a user's scope, those of [Rules.Memory] for a network.
type Store interface {
	// Charge adds c to its network's counter and, if there is a user, to the one
	// of the user's scope, unless one of them refuses: then nothing is added.
	Charge(ctx context.Context, c Charge, rules Rules) (Verdict, error)
	// Identify adds c, which its network has been charged with, to the counter of
	// its user's scope, unless that one refuses.
	Identify(ctx context.Context, c Charge, rules Rules) (Verdict, error)
	// Refund takes c out of its counters.
	Refund(ctx context.Context, c Charge) error
	// Settle takes c out of its counters, and with it everything that was charged
	// to its user's scope up to c.At, and to the user's Home scope for this
	// network; it makes the network known for the user from now on.
	Settle(ctx context.Context, c Charge, now time.Time, rules Rules) error
}
