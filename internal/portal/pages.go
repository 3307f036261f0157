package portal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/visitor"
	"github.com/jellyward/jellyward/ui"
)

// What pages say of our own trouble. They are answered with 200 all the same:
// apps that show them take a page with an error status for a broken server.
const (
	noticeStore    = "Signing in is not available right now. Please try again in a moment."
	noticeJellyfin = "Jellyfin does not answer right now. Please try again in a moment."
	noticeSignOut  = "Signing out did not work. Please try again in a moment."
)

// signInPage shows the sign-in form, or leads on whoever is signed in already.
func (p *portal) signInPage(w http.ResponseWriter, r *http.Request) {
	view := ui.SignIn{Place: p.place(r)}
	s, err := p.current(r)
	switch {
	case errors.Is(err, session.ErrNone):
		p.show(w, r, view)
	case err != nil:
		p.trouble(r, "session not looked up", err)
		view.Notice = noticeStore
		p.show(w, r, view)
	case r.URL.Query().Get("fresh") == "1":
		// Administration, and a password for an app, need a session that has
		// just begun.
		p.show(w, r, view)
	case r.URL.Query().Get("again") == "1":
		p.signInAgain(w, r, s, view)
	default:
		p.redirect(w, r, view.Next)
	}
}

// signInAgain serves the button on jellyfin-web's own login page. Whoever
// presses it is signed out as far as jellyfin-web knows, though our cookie
// lives: either the token is dead, then so is the session; or only
// jellyfin-web's record was lost, then it is written again.
func (p *portal) signInAgain(w http.ResponseWriter, r *http.Request, s session.Session, view ui.SignIn) {
	v, _ := visitor.From(r.Context())
	alive, err := p.Jellyfin.Alive(r.Context(), s.Token, v.Addr)
	switch {
	case err != nil:
		p.trouble(r, "token not checked", err)
		view.Notice = noticeJellyfin
	case alive:
		handOff := ui.HandOff{Place: view.Place, ServerID: s.ServerID, UserID: s.UserID, Token: string(s.Token)}
		p.show(w, r, handOff)
		return
	default:
		if err := p.Sessions.End(r.Context(), s.ID); err != nil {
			p.trouble(r, "session of a dead token not ended", err)
		}
		p.dropCookie(w, r)
	}
	p.show(w, r, view)
}

func (p *portal) enrolPage(w http.ResponseWriter, r *http.Request) {
	view := ui.Enrol{Place: p.place(r)}
	p.show(w, r, view)
}

func (p *portal) accountPage(w http.ResponseWriter, r *http.Request) {
	s, err := p.current(r)
	switch {
	case errors.Is(err, session.ErrNone):
		p.toSignIn(w, r)
	case err != nil:
		p.trouble(r, "session not looked up", err)
		view := ui.SignIn{Place: p.place(r), Notice: noticeStore}
		p.show(w, r, view)
	default:
		p.ownAccount(w, r, s)
	}
}

// ownAccount shows the account of s, unless its token is known to be dead. While
// Jellyfin is away devices can be signed out all the same.
func (p *portal) ownAccount(w http.ResponseWriter, r *http.Request, s session.Session) {
	if dead, _ := p.outlived(r, s); dead {
		p.dropCookie(w, r)
		p.toSignIn(w, r)
		return
	}
	p.account(w, r, s, "")
}

// show writes the page of a view.
func (p *portal) show(w http.ResponseWriter, r *http.Request, view any) {
	p.page(w, r, func(w io.Writer) error {
		switch v := view.(type) {
		case ui.SignIn:
			return p.ui.SignIn(w, v)
		case ui.Enrol:
			return p.ui.Enrol(w, v)
		case ui.Account:
			return p.ui.Account(w, v)
		case ui.Connect:
			return p.ui.Connect(w, v)
		case ui.HandOff:
			return p.ui.HandOff(w, v)
		}
		return fmt.Errorf("no page for a %T", view)
	})
}

// page renders first and answers then, so that a page is complete or not there.
func (p *portal) page(w http.ResponseWriter, r *http.Request, render func(io.Writer) error) {
	var body bytes.Buffer
	if err := render(&body); err != nil {
		p.trouble(r, "page not rendered", err)
		http.Error(w, "Internal error.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = w.Write(body.Bytes()) // a visitor who has left is no trouble
}

// asset serves a file whose name tells its content, to be kept for ever.
func (p *portal) asset(w http.ResponseWriter, name string) {
	asset, ok := p.ui.Asset(name)
	if !ok {
		http.Error(w, "Not found.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", asset.ContentType)
	h.Set("Content-Length", strconv.Itoa(len(asset.Body)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Del("CDN-Cache-Control")
	_, _ = w.Write(asset.Body)
}

// trouble logs what is our own fault, with the id that the visitor can quote.
func (p *portal) trouble(r *http.Request, what string, err error) {
	v, _ := visitor.From(r.Context())
	p.log.ErrorContext(r.Context(), "sign-in page in trouble", "trouble", what, "request_id", v.RequestID, "error", err)
}
