package portal

import (
	"context"
	"net/http"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
)

// finishFor bounds what is done about a session or a token after the visitor's
// hanging up no longer counts.
const finishFor = 15 * time.Second

// current returns the session that the request's cookie stands for, or
// [session.ErrNone].
func (p *portal) current(r *http.Request) (session.Session, error) {
	v, _ := visitor.From(r.Context())
	value, ok := session.FromRequest(r, v.Secure())
	if !ok {
		return session.Session{}, session.ErrNone
	}
	return p.Sessions.Lookup(r.Context(), value)
}

// open makes a session of what Jellyfin minted and sets its cookie. If that
// fails, or the visitor has left, the token is logged out.
func (p *portal) open(w http.ResponseWriter, r *http.Request, minted jellyfin.Session, device jellyfin.Device) error {
	v, _ := visitor.From(r.Context())
	before, beforeErr := p.current(r)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), finishFor)
	defer cancel()
	given := issued.Details{Kind: issued.Browser, Device: device, Visitor: v.Addr}
	if _, err := p.Devices.Record(ctx, minted, given); err != nil {
		p.SignIn.Discard(ctx, minted.Token)
		return err
	}
	value, opened, err := p.Sessions.Create(ctx, session.Session{
		UserID:     minted.UserID,
		UserName:   minted.UserName,
		Admin:      minted.Admin,
		Token:      minted.Token,
		DeviceID:   device.ID,
		DeviceName: device.Name,
		ServerID:   minted.ServerID,
		Network:    throttle.NetworkOf(v.Addr).String(),
	})
	if err != nil {
		p.SignIn.Discard(ctx, minted.Token)
		return err
	}
	if err := r.Context().Err(); err != nil {
		p.close(ctx, r, opened.ID, minted.Token)
		return err
	}
	http.SetCookie(w, session.Cookie(value, v.Secure(), p.SessionMaxAge))
	p.keep(r, minted, v.Addr)
	if beforeErr == nil {
		// The cookie is replaced, so nobody can reach the former session.
		p.close(ctx, r, before.ID, before.Token)
	}
	return nil
}

// close ends a session and its token.
func (p *portal) close(ctx context.Context, r *http.Request, id string, token secret.Text) {
	if err := p.Sessions.End(ctx, id); err != nil {
		p.trouble(r, "session not ended", err)
	}
	p.SignIn.Discard(ctx, token)
}

// dropCookie deletes the cookie in the browser.
func (p *portal) dropCookie(w http.ResponseWriter, r *http.Request) {
	v, _ := visitor.From(r.Context())
	http.SetCookie(w, session.Cookie("", v.Secure(), -1))
}
