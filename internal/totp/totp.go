// Package totp is the second factor: time-based one-time codes as RFC 6238
// describes them and every authenticator app computes them (SHA-1, six digits,
// steps of 30 seconds).
//
// Checking a code says which step it belongs to ([Secret.Match]); spending that
// step, once and for ever, is the [Store]'s part. Both are needed for a code that
// works once.
package totp

import (
	"context"
	"errors"
	"time"
)

// Period is how long one code is shown.
const Period = 30 * time.Second

// Enrolment is the second factor of one user.
type Enrolment struct {
	// ID tells this second factor from an earlier or later one of the user; it
	// is that of the [Pending] from which it came.
	ID string
	// UserID is Jellyfin's id of the user: names change, ids do not.
	UserID string
	// Name is the user's name as Jellyfin last wrote it.
	Name string
	// Secret is shared with the user's authenticator app.
	Secret Secret
	// Created is when it was confirmed for the first time.
	Created time.Time
}

// Pending is a secret that was shown to a user who has not yet proved, with a
// first code, that an app holds it.
type Pending struct {
	// ID names this showing: who confirms an older one gets [ErrNoPending].
	ID string
	// UserID and Name are the user's, as in [Enrolment].
	UserID, Name string
	// Secret is what was shown.
	Secret Secret
	// Replaces is the ID of the second factor that the user had when it was
	// shown, and proved to have; empty if there was none. If that has changed
	// meanwhile, this secret can no longer be confirmed.
	Replaces string
	// Created is when it was shown.
	Created time.Time
}

var (
	// ErrNotEnrolled means that the user has no second factor.
	ErrNotEnrolled = errors.New("user has no second factor")
	// ErrNoPending means that no secret waits for its first code: none was
	// shown, it is too old, or another one was shown since.
	ErrNoPending = errors.New("no second factor waits to be confirmed")
	// ErrSpent means that the code was used before, or one after it, or that
	// another sign-in is using it at this moment.
	ErrSpent = errors.New("code is spent")
	// ErrUnknownName means that nobody has signed in by this name.
	ErrUnknownName = errors.New("name is not known")
)

// Store keeps second factors. Every method is atomic; [ErrSpent] from any of
// several replicas means that the step is used, everywhere and after any restart.
// An error that is none of this package's means that the store could not be
// asked, and that nobody may be let through.
type Store interface {
	// Enrolment returns the user's second factor, or ErrNotEnrolled.
	Enrolment(ctx context.Context, userID string) (Enrolment, error)
	// PutPending keeps p for ttl, instead of an older one of the same user.
	PutPending(ctx context.Context, p Pending, ttl time.Duration) error
	// Pending returns what waits to be confirmed, or ErrNoPending.
	Pending(ctx context.Context, userID string) (Pending, error)
	// Activate makes the pending secret the user's second factor and spends step,
	// if pendingID is still the one that waits (else ErrNoPending) and step is
	// above the highest that the user has spent (else ErrSpent). Of several
	// callers one succeeds.
	Activate(ctx context.Context, userID, pendingID string, step Step) error
	// Claim reserves step for the caller, for ttl, so that of many sign-ins with
	// one code only one asks Jellyfin. ErrSpent if the step is not above the
	// highest spent one, or somebody else holds it.
	Claim(ctx context.Context, userID string, step Step, ttl time.Duration) (claim string, err error)
	// Spend records step as the highest spent one and ends the claim. ErrSpent if
	// it is not above the highest, or if the claim ran out and somebody else holds
	// the step now.
	Spend(ctx context.Context, userID string, step Step, claim string) error
	// Release gives a claim back unspent. Releasing one that has ended is no error.
	Release(ctx context.Context, userID string, step Step, claim string) error
	// UserID finds the user who last signed in by name, in any letter case, or
	// ErrUnknownName.
	UserID(ctx context.Context, name string) (string, error)
	// PutName records the name that Jellyfin gave userID at a sign-in. The user's
	// former name is forgotten.
	PutName(ctx context.Context, name, userID string) error
	// Enrolments returns all second factors, sorted by name.
	Enrolments(ctx context.Context) ([]Enrolment, error)
	// Reset removes the user's second factor, what waits to be confirmed, and the
	// locks that failures have caused. The highest spent step stays. Resetting a
	// user who has nothing is no error.
	Reset(ctx context.Context, userID string) error
}
