package portal

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/quickconnect"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
	"github.com/jellyward/jellyward/ui"
)

// QuickConnect knows the devices that show six digits. [quickconnect.Book] is
// one.
type QuickConnect interface {
	Look(ctx context.Context, userID, typed string, visitor netip.Addr) (quickconnect.Request, error)
	Allow(ctx context.Context, userID string, token secret.Text, typed string, visitor netip.Addr) error
}

// connectPage asks for the digits that a television shows, or leads to the
// sign-in page and back.
func (p *portal) connectPage(w http.ResponseWriter, r *http.Request) {
	code, err := quickconnect.ParseCode(r.URL.Query().Get("code"))
	if err != nil {
		code = ""
	}
	s, err := p.current(r)
	switch {
	case errors.Is(err, session.ErrNone):
		p.redirect(w, r, p.BasePath+root+"?return="+connectReturn(p.BasePath, code))
	case err != nil:
		p.trouble(r, "session not looked up", err)
		view := ui.SignIn{Place: p.place(r), Notice: noticeStore}
		p.show(w, r, view)
	default:
		p.show(w, r, ui.Connect{Place: p.place(r), UserName: s.UserName, Code: code})
	}
}

// asking is who waits with a code.
type asking struct {
	Ok bool
	// Known is false for a device that did not ask through here.
	Known       bool
	App, Device string
	// Network is where it asked from; SameNetwork tells that it is where the
	// user is.
	Network     string
	SameNetwork bool
	// Age is in seconds.
	Age int
}

// lookAtDevice tells which device waits with a code.
func (p *portal) lookAtDevice(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Code string }
	s, ok := p.stillSignedIn(w, r, &asked)
	if !ok {
		return
	}
	v, _ := visitor.From(r.Context())
	found, err := p.QuickConnect.Look(r.Context(), s.UserID, asked.Code, v.Addr)
	if err != nil {
		p.refuseCode(w, r, err)
		return
	}
	a := asking{Ok: true, Known: found.Seen}
	if found.Seen {
		a.App, a.Device, a.Network = found.Device.Client, found.Device.Name, readable(found.Network)
		a.SameNetwork = found.Network == throttle.NetworkOf(v.Addr).String()
		a.Age = int(max(time.Since(found.At), 0).Seconds())
	}
	p.answer(w, r, http.StatusOK, a)
}

// allowDevice signs the device that waits with a code in as the user.
func (p *portal) allowDevice(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Code string }
	s, ok := p.stillSignedIn(w, r, &asked)
	if !ok {
		return
	}
	v, _ := visitor.From(r.Context())
	if err := p.QuickConnect.Allow(r.Context(), s.UserID, s.Token, asked.Code, v.Addr); err != nil {
		p.refuseCode(w, r, err)
		return
	}
	p.answer(w, r, http.StatusOK, done{Ok: true})
}

// refuseCode says what is wrong with six digits.
func (p *portal) refuseCode(w http.ResponseWriter, r *http.Request, err error) {
	var limit *throttle.LimitError
	switch {
	case errors.Is(err, quickconnect.ErrCode):
		p.answer(w, r, http.StatusBadRequest, failure{Message: "These are not six digits. Look at the television again."})
	case errors.Is(err, jellyfin.ErrCodeUnknown):
		p.answer(w, r, http.StatusNotFound, failure{Message: "Nothing waits with these digits. They are good for 10 minutes: compare them with the television, or let it show new ones."})
	case errors.Is(err, jellyfin.ErrCodeUsed):
		p.answer(w, r, http.StatusConflict, failure{Message: "These digits were allowed already. If it was not you, sign the device out on your account page."})
	case errors.Is(err, jellyfin.ErrQuickConnectOff):
		p.answer(w, r, http.StatusConflict, failure{Message: "Quick Connect is switched off on this server. Ask whoever runs it to switch it on: Dashboard, General, Quick Connect."})
	case errors.Is(err, jellyfin.ErrForbidden):
		p.answer(w, r, http.StatusForbidden, failure{Message: "This account may not sign in on that device now. Ask whoever runs this server."})
	case errors.Is(err, quickconnect.ErrNoSession):
		p.answer(w, r, http.StatusForbidden, failure{Message: "Your session at Jellyfin has ended. Please sign in once more.", SignInAgain: true})
	case errors.As(err, &limit):
		p.refuse(w, r, refusedAs{}, limit)
	default:
		p.trouble(r, "device not allowed", err)
		p.answer(w, r, http.StatusServiceUnavailable, failure{Message: noticeJellyfin, RetryAfter: unavailableFor})
	}
}
