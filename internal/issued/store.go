package issued

import (
	"context"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// Record is a token as the [Store] keeps it.
type Record struct {
	Token
	// Secret is the token itself, which is needed to log it out. It is sealed.
	Secret secret.Text
}

// Use is one use of a token.
type Use struct {
	// ID is the token's.
	ID string
	// Network is where it came from.
	Network string
	// At is when.
	At time.Time
}

// Store keeps what was given out, for all replicas. Errors other than
// [ErrUnknown] and [ErrEnded] mean that it could not be asked.
type Store interface {
	// PutIssued keeps r, unless its token was ended ([ErrEnded]). If the token
	// is there already, only its last use changes.
	PutIssued(ctx context.Context, r Record) error
	// Issued returns the record of a token, [ErrEnded] if it was ended, or
	// [ErrUnknown].
	Issued(ctx context.Context, id string) (Record, error)
	// IssuedTo returns the user's tokens in no order.
	IssuedTo(ctx context.Context, userID string) ([]Token, error)
	// IssuedBefore returns the ids of tokens of other kinds than [Browser] that
	// were given out before t.
	IssuedBefore(ctx context.Context, t time.Time) ([]string, error)
	// TouchIssued notes uses. Tokens that are not recorded stay so.
	TouchIssued(ctx context.Context, uses []Use) error
	// ForgetIssued removes the record, and tells all watchers.
	ForgetIssued(ctx context.Context, id string) error
	// EndIssued removes the record if there is one, keeps the token as ended
	// until a time at least, and among those that are still to be logged out,
	// and tells all watchers.
	EndIssued(ctx context.Context, token secret.Text, until time.Time) error
	// EndedIssued returns the ids of all tokens that are kept as ended. Those
	// whose time has passed at now, and that are logged out, are let go first.
	EndedIssued(ctx context.Context, now time.Time) ([]string, error)
	// Leaving returns tokens that are still to be logged out, max at most.
	Leaving(ctx context.Context, max int) ([]secret.Text, error)
	// Left notes that the token is logged out.
	Left(ctx context.Context, id string) error
	// WatchIssued calls tell for what happens, from one goroutine, until ctx
	// ends or the connection breaks, and returns why. Between [Watching] and its
	// return nothing is missed.
	WatchIssued(ctx context.Context, tell func(Event)) error
}

// EventKind says what an [Event] reports.
type EventKind uint8

const (
	// Watching: from now on changes are reported; earlier ones may have been
	// missed.
	Watching EventKind = iota + 1
	// Alive: every change has been reported that happened before Event.Ago ago.
	Alive
	// Changed: the token Event.ID was recorded or forgotten.
	Changed
	// Ended: the token Event.ID was ended.
	Ended
)

// Event is what [Store.WatchIssued] reports.
type Event struct {
	Kind EventKind
	// ID is the token's, for [Changed] and [Ended].
	ID string
	// Ago is how long ago what Watching and Alive say was true.
	Ago time.Duration
}
