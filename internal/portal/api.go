package portal

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/visitor"
)

// The answers have the keys of a plugin that people have scripts for.
type (
	authenticated struct {
		Ok                bool
		ServerAddress     string
		AuthenticatedUser json.RawMessage
	}
	confirmed struct {
		Success           bool
		ServerAddress     string
		AuthenticatedUser json.RawMessage
	}
	enrolled struct {
		Secret     string
		OtpAuthURI string `json:"OtpAuthUri"`
		QrPng      string
	}
	signedOut struct {
		Ok bool
	}
)

// authenticate signs in with name, password and code.
func (p *portal) authenticate(w http.ResponseWriter, r *http.Request) {
	p.signInWith(w, r, refusedAs{verdict: "Ok", code: "Otp"}, p.SignIn.SignIn, func(user json.RawMessage, address string) any {
		return authenticated{Ok: true, ServerAddress: address, AuthenticatedUser: user}
	})
}

// confirm makes a pending second factor the one in force, and signs in.
func (p *portal) confirm(w http.ResponseWriter, r *http.Request) {
	p.signInWith(w, r, refusedAs{verdict: "Success", code: "Code"}, p.SignIn.Confirm, func(user json.RawMessage, address string) any {
		return confirmed{Success: true, ServerAddress: address, AuthenticatedUser: user}
	})
}

// signInWith is what authenticate and confirm share.
func (p *portal) signInWith(w http.ResponseWriter, r *http.Request, as refusedAs,
	ceremony func(context.Context, signin.Request) (jellyfin.Session, error),
	success func(user json.RawMessage, address string) any,
) {
	req, err := p.read(w, r, as)
	if err != nil {
		p.refuse(w, r, as, err)
		return
	}
	minted, err := ceremony(r.Context(), req)
	if err != nil {
		p.refuse(w, r, as, err)
		return
	}
	if err := p.open(w, r, minted, req.Device); err != nil {
		p.trouble(r, "session not opened", err)
		p.refuse(w, r, as, signin.ErrUnavailable)
		return
	}
	v, _ := visitor.From(r.Context())
	p.answer(w, r, http.StatusOK, success(minted.Raw, p.serverAddress(v)))
}

// enroll makes a new second factor, which counts once it is confirmed.
func (p *portal) enroll(w http.ResponseWriter, r *http.Request) {
	as := refusedAs{verdict: "Ok", code: "Otp"}
	req, err := p.read(w, r, as)
	if err != nil {
		p.refuse(w, r, as, err)
		return
	}
	enrolment, err := p.SignIn.Enrol(r.Context(), req)
	if err != nil {
		p.refuse(w, r, as, err)
		return
	}
	p.answer(w, r, http.StatusOK, enrolled{
		Secret:     enrolment.Secret.Base32(),
		OtpAuthURI: enrolment.URI,
		QrPng:      "data:image/png;base64," + base64.StdEncoding.EncodeToString(enrolment.PNG),
	})
}

func (p *portal) read(w http.ResponseWriter, r *http.Request, as refusedAs) (signin.Request, error) {
	b, err := readBody(w, r)
	if err != nil {
		return signin.Request{}, err
	}
	code := b.Otp
	if as.code == "Code" {
		code = b.Code
	}
	return request(r, b, code)
}

// signOut ends the session and logs its token out. A form, which is what the
// account page sends, is led back to the sign-in page.
func (p *portal) signOut(w http.ResponseWriter, r *http.Request) {
	kind := mediaType(r)
	isForm := kind == "application/x-www-form-urlencoded"
	if !isForm && kind != "application/json" && r.Header.Get("Content-Type") != "" {
		p.refuse(w, r, refusedAs{verdict: "Ok"}, &inputError{http.StatusUnsupportedMediaType, "Send JSON or nothing."})
		return
	}
	s, err := p.current(r)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), finishFor)
		defer cancel()
		if err = p.Sessions.End(ctx, s.ID); err == nil {
			p.SignIn.Discard(ctx, s.Token)
		}
	}
	switch {
	case err == nil || errors.Is(err, session.ErrNone):
		p.dropCookie(w, r)
		if isForm {
			p.toSignIn(w, r)
			return
		}
		p.answer(w, r, http.StatusOK, signedOut{Ok: true})
	case isForm:
		p.trouble(r, "session not ended", err)
		p.account(w, r, s, noticeSignOut)
	default:
		p.trouble(r, "session not ended", err)
		p.refuse(w, r, refusedAs{verdict: "Ok"}, signin.ErrUnavailable)
	}
}

// serverAddress is where the visitor's Jellyfin is.
func (p *portal) serverAddress(v visitor.Visitor) string {
	address := p.PublicURL
	if address == "" {
		address = v.Origin()
	}
	if p.BasePath != "" && strings.HasSuffix(address, p.BasePath) {
		return address
	}
	return address + p.BasePath
}
