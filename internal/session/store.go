package session

import (
	"context"
	"time"
)

// Record is a session as the [Store] keeps it.
type Record struct {
	Session
	// TokenHash finds the session by its Jellyfin token.
	TokenHash string
}

// Store keeps sessions for all replicas. An error other than [ErrNone] means that
// it could not be asked.
type Store interface {
	// PutSession keeps r for ttl.
	PutSession(ctx context.Context, r Record, ttl time.Duration) error
	// Session returns the session of this id, or ErrNone.
	Session(ctx context.Context, id string) (Session, error)
	// EndSession removes the session and tells all watchers. Ending one that has
	// ended is no error.
	EndSession(ctx context.Context, id string) error
	// EndSessionsOfToken removes all sessions with this token, and tells all
	// watchers.
	EndSessionsOfToken(ctx context.Context, tokenHash string) error
	// WatchSessions calls tell for what happens, from one goroutine, until ctx
	// ends or the connection breaks, and returns why. Between [Watching] and its
	// return no end of a session is missed.
	WatchSessions(ctx context.Context, tell func(Event)) error
}

// EventKind says what an [Event] reports.
type EventKind uint8

const (
	// Watching: from now on ends are reported; earlier ones may have been missed.
	Watching EventKind = iota + 1
	// Alive: every end has been reported that happened before Event.Ago ago.
	Alive
	// Ended: the session Event.ID is over.
	Ended
)

// Event is what [Store.WatchSessions] reports.
type Event struct {
	Kind EventKind
	// ID is the session's, for [Ended].
	ID string
	// Ago is how long ago what Watching and Alive say was true: the time that
	// the question took to be answered.
	Ago time.Duration
}
