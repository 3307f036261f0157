package grant

import (
	"context"
	"net/netip"
	"time"
)

// Grant lets a network fetch media without a token.
type Grant struct {
	// TokenHash is the hash ([secret.Text.Hash]) of the token that it comes from.
	TokenHash string
	// Network is whom it is for.
	Network netip.Prefix
	// Item is all that it is for, or "" for everything.
	Item string
	// At is when the token was shown, or the item's player came.
	At time.Time
}

// Opening is that somebody with a token has opened an item, whose player may come
// from the other address family.
type Opening struct {
	TokenHash string
	// Network is where the item was opened.
	Network netip.Prefix
	Item    string
	At      time.Time
}

// Ending is the end of a token.
type Ending struct {
	TokenHash string
	At        time.Time
}

// Keep says what a [Store] keeps.
type Keep struct {
	// For is how long after its time a grant or an ending matters.
	For time.Duration
	// Max is how many grants are kept, and how many endings; the oldest are
	// dropped.
	Max int
	// PerToken is how many grants of one token are kept; the oldest are dropped.
	PerToken int
	// InFlight is how long after a token's end nothing is granted by it: what
	// seems to prove it then began before.
	InFlight time.Duration
}

// Store shares grants with all replicas. An error means that it could not be
// asked.
type Store interface {
	// PutGrants keeps grants, or prolongs them, and tells all watchers of those
	// whose tokens have not ended.
	PutGrants(ctx context.Context, grants []Grant, k Keep) error
	// PutOpenings tells all watchers of openings. They are not kept.
	PutOpenings(ctx context.Context, openings []Opening) error
	// EndGrants removes all grants of a token, remembers its end, and tells all
	// watchers.
	EndGrants(ctx context.Context, e Ending, k Keep) error
	// Grants returns what is kept and not older than since, in no order.
	Grants(ctx context.Context, since time.Time) ([]Grant, []Ending, error)
	// WatchGrants calls tell for what happens, from one goroutine, until ctx ends
	// or the connection breaks, and returns why. The first event is empty: from
	// then on nothing is missed.
	WatchGrants(ctx context.Context, tell func(Event)) error
}

// Event is one message of [Store.WatchGrants]: exactly one of its fields is set,
// or none when the watch begins.
type Event struct {
	Grant   *Grant
	Opening *Opening
	Ending  *Ending
}
