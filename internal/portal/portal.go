// Package portal serves /sso/2fa: the pages on which people sign in, enrol a
// second factor and sign out, and the JSON that the pages and other programs
// post to. It is the only package that knows gin.
package portal

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/signin"
)

// SignIn is the ceremony behind the forms. [signin.Service] is one.
type SignIn interface {
	SignIn(ctx context.Context, req signin.Request) (jellyfin.Session, error)
	Enrol(ctx context.Context, req signin.Request) (signin.Enrolment, error)
	Confirm(ctx context.Context, req signin.Request) (jellyfin.Session, error)
	Discard(ctx context.Context, token secret.Text)
}

// Sessions keeps who is signed in. [session.Manager] is one.
type Sessions interface {
	Create(ctx context.Context, s session.Session) (secret.Text, session.Session, error)
	Lookup(ctx context.Context, value string) (session.Session, error)
	End(ctx context.Context, id string) error
}

// Jellyfin tells whether a token still lives. [jellyfin.Client] is one.
type Jellyfin interface {
	Alive(ctx context.Context, token secret.Text, visitor netip.Addr) (bool, error)
}

// Options are what the portal is made of. SignIn, Sessions and Jellyfin are
// required.
type Options struct {
	SignIn   SignIn
	Sessions Sessions
	Jellyfin Jellyfin
	// BasePath is the path below which everything is published: empty, or like
	// "/jellyfin". The requests that the handler gets do not carry it any more.
	BasePath string
	// PublicURL is the scheme and host, with or without BasePath, that visitors
	// are to use; empty means the one that each visitor asked.
	PublicURL string
	// SessionMaxAge is how long the cookie lives; zero means 30 days.
	SessionMaxAge time.Duration
	// Logger reports our own trouble; nil discards it.
	Logger *slog.Logger
}

// New returns the handler for /sso/2fa and everything below it. It expects
// canonical paths (lower case, without the base path and a trailing slash) and
// the visitor in the request's context.
func New(o Options) http.Handler {
	panic("being written")
}
