// Package native signs apps in: phones, televisions and players that know only
// Jellyfin's own login form. Whoever uses one types the six digits of the second
// factor right behind the password. They are taken off here, checked and spent as
// on our own page, and only then is Jellyfin asked, with the password alone; what
// it answers goes to the app unchanged.
//
// Its laws:
//   - Jellyfin is asked to check a password only after a valid code was shown for
//     the user of that name.
//   - What Jellyfin reads was written here. The app's body is read once, as
//     Jellyfin would read it, and never forwarded.
//   - Nothing depends on a device id: apps change theirs between phases, and
//     anyone can send any.
//   - A token that does not reach the app, as far as can be told, is logged out.
package native

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
)

// SignIn is the ceremony behind the login form. [signin.Service] is one.
type SignIn interface {
	SignInApp(ctx context.Context, req signin.Request) (jellyfin.Session, error)
	Discard(ctx context.Context, token secret.Text)
}

// AppPasswords signs an app in with a password that was made here for it alone.
// [apppass.Service] does. What it claims goes there and nowhere else; a session
// from it is recorded already.
type AppPasswords interface {
	Claims(ctx context.Context, typed secret.Text) (bool, error)
	Redeem(ctx context.Context, as jellyfin.Credentials) (jellyfin.Session, error)
}

// Issued remembers tokens before they are handed out. [issued.Registry] does.
type Issued interface {
	Record(ctx context.Context, s jellyfin.Session, d issued.Details) (issued.Token, error)
	Discard(ctx context.Context, token secret.Text)
}

// Options are what a [Handler] is made of. SignIn and Present are required.
type Options struct {
	// PasswordLogin lets apps sign in with a code behind the password, or with
	// an app password. Without it the handler refuses everything.
	PasswordLogin bool
	SignIn        SignIn
	// Present reads what a request's headers and raw query say of its sender,
	// as [jellyfin.ReadPresented] does.
	Present func(h http.Header, rawQuery string) jellyfin.Presented
	// AppPasswords is nil if there are none.
	AppPasswords AppPasswords
	// Issued is nil if nothing is to be remembered.
	Issued Issued
	// Where is the address at which a visitor's browser signs in; nil leaves it
	// out of refusals.
	Where func(v visitor.Visitor) string
	// Logger takes what went wrong; nil discards it.
	Logger *slog.Logger
}

// Handler answers requests for Jellyfin's own password endpoints, as the gateway
// hands them over: with a [visitor.Visitor] in the context, the canonical path in
// lower case and without the base path, the query as sent, the method in
// capitals. See [New].
type Handler struct {
	o   Options
	log *slog.Logger
}

// New returns a handler.
func New(o Options) *Handler {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Handler{o: o, log: log}
}

// signInPath is the one password endpoint that apps use. That with the password
// in its address stays closed: addresses end up in logs.
const signInPath = "/users/authenticatebyname"

// Takes tells whether r is a sign-in that apps may try. Everything else that is
// sent to a password endpoint is refused with 403, whoever sends it.
//
// Jellyfin's own web client is kept out because in a browser our page does it
// better. LG's televisions run the same client without a way to that page, so
// that they are let in. Nobody gains by pretending to be one or the other: the
// code is needed all the same.
func (h *Handler) Takes(r *http.Request) bool {
	return h.o.PasswordLogin && r.Method == http.MethodPost && r.URL.Path == signInPath &&
		!isWebClient(h.o.Present(r.Header, r.URL.RawQuery).Device, r)
}

func isWebClient(d jellyfin.Device, r *http.Request) bool {
	return strings.EqualFold(strings.TrimSpace(d.Client), "Jellyfin Web") && !strings.Contains(r.UserAgent(), "Web0S")
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.Takes(r) {
		h.refuse(w, r, h.closed(r))
		return
	}
	req, err := h.read(w, r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	ctx := r.Context()
	if ofAnotherSite(r) {
		ctx = throttle.Apart(ctx, throttle.Pages)
	}
	session, err := h.signIn(ctx, req)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.handOut(w, r, session)
}

// ofAnotherSite tells whether r comes from a page of another origin. Some apps are
// such pages, so they are let in. But any page may try that somebody has open, so
// their tries are counted apart from those of apps at home.
func ofAnotherSite(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		v, _ := visitor.From(r.Context())
		return !strings.EqualFold(origin, v.Origin())
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}
