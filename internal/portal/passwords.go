package portal

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/visitor"
	"github.com/jellyward/jellyward/ui"
)

// AppPasswords makes passwords for single apps. [apppass.Service] is one.
type AppPasswords interface {
	Make(ctx context.Context, userID, userName, name string) (secret.Text, apppass.AppPassword, error)
	List(ctx context.Context, userID string) ([]apppass.AppPassword, error)
	Revoke(ctx context.Context, userID, id string) error
}

// Keeper keeps what signs apps in for a user. [apppass.Keeper] is one.
type Keeper interface {
	Ensure(ctx context.Context, fresh jellyfin.Session, visitor netip.Addr) error
	Ready(ctx context.Context, userID string) error
}

// freshFor is how long after signing in with a second factor somebody may make
// a password that needs none. A cookie that was stolen later makes no other key.
const freshFor = time.Hour

// appPasswords lists the user's app passwords for the account page.
func (p *portal) appPasswords(ctx context.Context, userID string) ([]ui.AppPassword, error) {
	all, err := p.AppPasswords.List(ctx, userID)
	if err != nil {
		return nil, err
	}
	list := make([]ui.AppPassword, 0, len(all))
	for _, a := range all {
		item := ui.AppPassword{ID: a.ID, Name: a.Name, Created: a.Created}
		if len(a.Uses) > 0 {
			item.Last = appUse(a.Uses[0])
		}
		if len(a.Uses) > 1 && a.Uses[1].DeviceID != a.Uses[0].DeviceID {
			item.SignedOut = appUse(a.Uses[1])
		}
		list = append(list, item)
	}
	return list, nil
}

func appUse(u apppass.Use) ui.AppUse {
	return ui.AppUse{App: u.Client, Name: u.DeviceName, From: readable(u.Network), At: u.At}
}

// madePassword is the one answer that shows an app password.
type madePassword struct {
	Ok       bool
	Password string
}

// makePassword makes an app password and shows it once.
func (p *portal) makePassword(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Name string }
	s, ok := p.stillSignedIn(w, r, &asked)
	if !ok {
		return
	}
	if time.Since(s.Created) > freshFor {
		p.answer(w, r, http.StatusForbidden, failure{
			Message: "It is a while since you signed in. Please sign in once more, then make the app password.", SignInAgain: true,
		})
		return
	}
	v, _ := visitor.From(r.Context())
	err := p.Keeper.Ensure(r.Context(), jellyfin.Session{UserID: s.UserID, UserName: s.UserName, Token: s.Token}, v.Addr)
	if err == nil {
		// Quick Connect may have been switched off since.
		err = p.Keeper.Ready(r.Context(), s.UserID)
	}
	if err != nil {
		status, f := p.notReady(r, err)
		p.answer(w, r, status, f)
		return
	}
	password, _, err := p.AppPasswords.Make(r.Context(), s.UserID, s.UserName, asked.Name)
	switch {
	case errors.Is(err, apppass.ErrName):
		p.answer(w, r, http.StatusBadRequest, failure{Message: "Give it a name of at most 60 letters.", Fields: map[string]string{"Name": "1 to 60 letters."}})
	case errors.Is(err, apppass.ErrTooMany):
		p.answer(w, r, http.StatusConflict, failure{Message: "You have as many app passwords as there can be. Revoke one that you do not need."})
	case err != nil:
		p.trouble(r, "app password not made", err)
		p.refuse(w, r, refusedAs{}, signin.ErrUnavailable)
	default:
		p.answer(w, r, http.StatusOK, madePassword{Ok: true, Password: string(password)})
	}
}

// revokePassword takes an app password back, and signs the app out.
func (p *portal) revokePassword(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		ID string `json:"Id"`
	}
	s, ok := p.signedIn(w, r, &asked)
	if !ok {
		return
	}
	// One that is gone already is as the user wished.
	if err := p.AppPasswords.Revoke(r.Context(), s.UserID, asked.ID); err != nil && !errors.Is(err, apppass.ErrUnknown) {
		p.trouble(r, "app password not revoked", err)
		p.refuse(w, r, refusedAs{}, signin.ErrUnavailable)
		return
	}
	p.answer(w, r, http.StatusOK, done{Ok: true})
}

// notReady says why no app can be signed in for the user, and the way out.
func (p *portal) notReady(r *http.Request, err error) (status int, f failure) {
	switch {
	case errors.Is(err, jellyfin.ErrQuickConnectOff):
		return http.StatusConflict, failure{Message: "Quick Connect is switched off on this server, and apps are signed in by it. Ask whoever runs the server to switch it on: Dashboard, General, Quick Connect."}
	case errors.Is(err, apppass.ErrNoKeeper):
		return http.StatusForbidden, failure{Message: "This server does not have a session of yours any more that could sign an app in. Please sign in here once more.", SignInAgain: true}
	}
	if errors.Is(err, jellyfin.ErrForbidden) {
		return http.StatusForbidden, failure{Message: "Jellyfin does not let your account sign an app in from here just now. Ask whoever runs the server whether it may be used from outside, and at this time."}
	}
	p.trouble(r, "keeper not ready", err)
	return http.StatusServiceUnavailable, failure{Message: noticeStore, RetryAfter: unavailableFor}
}

// keep makes sure that the user's app passwords go on working: Jellyfin may have
// ended what signs apps in, when the user's password was changed. Without it the
// browser is signed in all the same.
func (p *portal) keep(r *http.Request, fresh jellyfin.Session, from netip.Addr) {
	has, err := p.AppPasswords.List(r.Context(), fresh.UserID)
	if err == nil && len(has) > 0 {
		err = p.Keeper.Ensure(r.Context(), fresh, from)
	}
	if err != nil {
		p.log.WarnContext(r.Context(), "no session kept for app passwords", "user_id", fresh.UserID, "error", err)
	}
}

// account shows the account page. What it lists may be unknown for the moment;
// signing out must work all the same.
func (p *portal) account(w http.ResponseWriter, r *http.Request, s session.Session, notice string) {
	view := ui.Account{Place: p.place(r), UserName: s.UserName, ServerID: s.ServerID, UserID: s.UserID, Notice: notice}
	var err, cause error
	view.Devices, err = p.devices(r.Context(), s)
	view.AppPasswords, cause = p.appPasswords(r.Context(), s.UserID)
	if err = errors.Join(err, cause); err != nil {
		p.trouble(r, "account not read", err)
		view.Unknown = true
	}
	p.show(w, r, view)
}
