package apppass

import (
	"context"
	"errors"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// ErrChanged means that a kept session was not replaced: somebody else was
// faster.
var ErrChanged = errors.New("the kept session has changed meanwhile")

// Kept is a session of a user's that is kept to authorise apps with.
type Kept struct {
	// UserID is whose it is.
	UserID string
	// Token is its token, sealed in the store.
	Token secret.Text
	// DeviceID is the device id that it was minted for, which nobody else has.
	DeviceID string
	// Created is when.
	Created time.Time
}

// Store keeps app passwords and the sessions that authorise for them. Errors
// other than [ErrUnknown], [ErrElsewhere], [ErrTooMany] and [ErrChanged] mean that
// it could not be asked.
type Store interface {
	// PutAppPassword keeps a new one, found by a keyed hash of password, unless
	// the user has max already ([ErrTooMany]).
	PutAppPassword(ctx context.Context, p AppPassword, password secret.Text, max int) error
	// FindAppPassword returns the one of this password, or [ErrUnknown].
	FindAppPassword(ctx context.Context, password secret.Text) (AppPassword, error)
	// AppPasswords returns the user's, in no order.
	AppPasswords(ctx context.Context, userID string) ([]AppPassword, error)
	// UseAppPassword notes a use, unless it was revoked ([ErrUnknown]), and
	// returns the use before, if there was one. Of many uses at once each gets
	// another one as the one before. A bound one may be used on the device id
	// of its first use only ([ErrElsewhere]); of two first uses at once one wins.
	UseAppPassword(ctx context.Context, userID, id string, use Use, bound bool) (before Use, err error)
	// DropAppPassword removes one. Removing one that is gone is no error.
	DropAppPassword(ctx context.Context, userID, id string) error
	// PutKept keeps k in the place of the session whose token's hash is replaces,
	// "" for none, or returns [ErrChanged].
	PutKept(ctx context.Context, k Kept, replaces string) error
	// Kept returns the user's kept session, or [ErrUnknown].
	Kept(ctx context.Context, userID string) (Kept, error)
	// DropKept removes the user's kept session if its token's hash is this.
	DropKept(ctx context.Context, userID, tokenHash string) error
}
