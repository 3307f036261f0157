// Package apppass lets an app sign in with a password that was made for it
// alone. Jellyfin does not know such a password: Jellyward finds it by a keyed
// hash and turns it into a session by Quick Connect, in the app's own name, and
// the app gets Jellyfin's ordinary answer.
//
// Its laws:
//   - A password is shown once. What is kept cannot be turned back into it, nor
//     be searched without a key that is not in Redis.
//   - It is worth something only together with the name of the user who made it.
//   - One app at a time: who signs in with it ends the token that the one before
//     got.
//   - A revoked password opens nothing, and the token that came from it ends.
//   - A token that is not handed out is logged out, whatever happens meanwhile.
//   - What cannot be checked is not let through: [ErrUnavailable].
package apppass

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

// Errors of the package, beside [*throttle.LimitError] and, from Jellyfin,
// [jellyfin.ErrQuickConnectOff], [jellyfin.ErrDevice] and
// [jellyfin.ErrForbidden].
var (
	// ErrRefused means that the password is none, or not this user's, or bound
	// to another device. Which of these it was is only in the log.
	ErrRefused = errors.New("name or app password refused")
	// ErrUnknown is a [Store]'s error where it has nothing.
	ErrUnknown = errors.New("no such app password or kept session")
	// ErrElsewhere is a [Store]'s error to the use of a bound app password on
	// another device than the first.
	ErrElsewhere = errors.New("the app password is bound to another device")
	// ErrTooMany means that the user has as many as there may be.
	ErrTooMany = fmt.Errorf("a user has %d app passwords at most", MaxPerUser)
	// ErrName means that the name for a new one is empty, too long, or holds
	// characters that cannot be shown.
	ErrName = errors.New("an app password needs a name")
	// ErrNoKeeper means that no session of the user's is at hand that could
	// authorise the app: the user has to sign in at the page once more.
	ErrNoKeeper = errors.New("no session of the user's can authorise the app")
	// ErrUnavailable means that Jellyfin or the store gave no answer, so that
	// nothing was decided.
	ErrUnavailable = errors.New("app passwords are not available")
)

// Bounds on what a user may have.
const (
	// MaxPerUser is how many app passwords a user may have.
	MaxPerUser = 20
	// MaxName is how long the name of one may be, in characters.
	MaxName = 60
)

// AppPassword is what is known of one. The password itself is not in it.
type AppPassword struct {
	// ID is random and no secret.
	ID string
	// UserID is Jellyfin's, 32 hexadecimal digits; UserName as Jellyfin spelt it.
	UserID, UserName string
	// Name is what the user calls it.
	Name string
	// Created is when it was made.
	Created time.Time
	// Uses are the last sign-in with it and the one before, whose token ended
	// then; the latest first.
	Uses []Use
	// SignedIn tells that the token of the last sign-in lives. Only
	// [Service.List] fills it in.
	SignedIn bool
	// FirstDevice is the device id that it was first used with.
	FirstDevice string
}

// Use is one sign-in with an app password.
type Use struct {
	// TokenID names the token that came from it, as [issued.Token] does.
	TokenID string
	// Client and DeviceName are what the app calls itself.
	Client, DeviceName string
	// DeviceID is the app's.
	DeviceID string
	// Network is where it came from.
	Network string
	// At is when.
	At time.Time
}

// Jellyfin is what is asked of a Jellyfin server. [jellyfin.Client] is one.
type Jellyfin interface {
	QuickConnectEnabled(ctx context.Context) (bool, error)
	Initiate(ctx context.Context, device jellyfin.Device, visitor netip.Addr) (jellyfin.QuickConnect, error)
	Authorize(ctx context.Context, token secret.Text, code, userID string, visitor netip.Addr) error
	Redeem(ctx context.Context, request secret.Text, profile jellyfin.Profile, visitor netip.Addr) (jellyfin.Session, error)
	Alive(ctx context.Context, token secret.Text, visitor netip.Addr) (bool, error)
}

// Issued is where tokens are recorded. [issued.Registry] is one.
type Issued interface {
	Record(ctx context.Context, s jellyfin.Session, d issued.Details) (issued.Token, error)
	List(ctx context.Context, userID string) ([]issued.Token, error)
	End(ctx context.Context, userID, id string) error
	Discard(ctx context.Context, token secret.Text)
}

// Names finds users by name, as Jellyfin compares names. A [totp.Store] does.
type Names interface {
	// UserID returns totp.ErrUnknownName for a name that nobody is known by.
	UserID(ctx context.Context, name string) (string, error)
}
