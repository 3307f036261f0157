// Package issued remembers every Jellyfin token that was given out here: to
// whom, how, for which app on which device, from where, and when it was last
// used. So a user can see the devices that are signed in and sign them out, a
// token from elsewhere can be turned away, and one that was ended stays ended,
// also while Jellyfin is away and cannot be told.
//
// The laws:
//   - A token is recorded before it is handed out.
//   - A token that was ended is refused here at once and on other replicas
//     within a second, for longer than anybody remembers Jellyfin's opinion of
//     it, and until Jellyfin has logged it out.
//   - Nobody but Jellyfin and this program, with its key, can read a token out
//     of the store: what finds it is its hash.
//
// A token from before all this was recorded is not known, like one from
// elsewhere: where only those that were given out here pass, whoever has it
// signs in once more.
package issued

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

var (
	// ErrUnknown means that no such token is recorded.
	ErrUnknown = errors.New("no token like this was given out here")
	// ErrEnded means that the token was ended here.
	ErrEnded = errors.New("the token was ended here")
	// ErrUnavailable means that the store could not be asked. Nobody may be let
	// through by what it would have said.
	ErrUnavailable = errors.New("what was given out is not available")
)

// Kind is the way in by which a token was given out.
type Kind string

// The ways in.
const (
	Browser      Kind = "browser"       // the page, with password and code
	Code         Kind = "code"          // an app, with the code behind the password
	AppPassword  Kind = "app-password"  // an app, with a password made for it
	QuickConnect Kind = "quick-connect" // a device that showed a code
)

// Token is what is known of one token. The token itself is not in it.
type Token struct {
	// ID is [secret.Text.Hash] of the token. It is no secret.
	ID string
	// UserID is Jellyfin's, 32 hexadecimal digits; UserName as Jellyfin spelt it.
	UserID, UserName string
	// Kind is how it was given out.
	Kind Kind
	// Client, DeviceName and DeviceID are what the app calls itself.
	Client, DeviceName, DeviceID string
	// Network is where it was given out to: an address, or an IPv6 /64.
	Network string
	// LastNetwork is where it was last used from.
	LastNetwork string
	// AppPassword is the id of the app password it came from, or "".
	AppPassword string
	// Created is when it was given out, Seen when it was last used; the latter
	// is up to [SeenEvery] old.
	Created, Seen time.Time
}

// SeenEvery is how often the last use of a token is written down.
const SeenEvery = 5 * time.Minute

// Bounds on what is kept. A user's tokens beyond the last are ended, least
// recently used first.
const (
	maxPerUser = 200
	maxText    = 200
)

// Jellyfin is what the registry asks of a Jellyfin server.
// [jellyfin.Client] is one.
type Jellyfin interface {
	Logout(ctx context.Context, token secret.Text) error
	Alive(ctx context.Context, token secret.Text, visitor netip.Addr) (bool, error)
}

// Options are what a [Registry] is made of. Store and Jellyfin are required.
type Options struct {
	Store    Store
	Jellyfin Jellyfin
	// MaxAge ends tokens of other kinds than [Browser] after this time; zero
	// means never.
	MaxAge time.Duration
	// Ended, if not nil, is called for each token that is ended through this
	// replica, before Jellyfin is told, or that this replica finds to be dead:
	// whoever has let it in must forget it.
	Ended func(ctx context.Context, token secret.Text)
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
	// Logger takes the audit lines; nil discards them.
	Logger *slog.Logger
}
