package portal

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/visitor"
)

// signedIn reads what somebody who is signed in has posted, and answers if
// nobody is, or if it cannot be read. While Jellyfin is away a session counts
// whose token may be dead: signing devices out must work.
func (p *portal) signedIn(w http.ResponseWriter, r *http.Request, into any) (session.Session, bool) {
	s, ok, _ := p.sender(w, r, into)
	return s, ok
}

// stillSignedIn is [portal.signedIn] for what could outlast the session: letting
// somebody else in. Jellyfin ends all of a user's tokens when the password
// changes, and no cookie from before may open a door after that.
func (p *portal) stillSignedIn(w http.ResponseWriter, r *http.Request, into any) (session.Session, bool) {
	s, ok, doubt := p.sender(w, r, into)
	if doubt != nil {
		p.answer(w, r, http.StatusServiceUnavailable, failure{Message: noticeJellyfin, RetryAfter: unavailableFor})
		return session.Session{}, false
	}
	return s, ok
}

// sender finds out who has posted something. The doubt is why nobody knows
// whether the session's token lives.
func (p *portal) sender(w http.ResponseWriter, r *http.Request, into any) (s session.Session, ok bool, doubt error) {
	if err := readJSON(w, r, into); err != nil {
		p.refuse(w, r, refusedAs{}, err)
		return session.Session{}, false, nil
	}
	s, err := p.current(r)
	switch {
	case errors.Is(err, session.ErrNone):
		p.answer(w, r, http.StatusUnauthorized, failure{Message: "You are not signed in any more. Load this page again."})
		return session.Session{}, false, nil
	case err != nil:
		p.trouble(r, "session not looked up", err)
		p.refuse(w, r, refusedAs{}, signin.ErrUnavailable)
		return session.Session{}, false, nil
	}
	dead, doubt := p.outlived(r, s)
	if dead {
		p.dropCookie(w, r)
		p.answer(w, r, http.StatusUnauthorized, failure{Message: "Your session at Jellyfin has ended. Please sign in once more.", SignInAgain: true})
		return session.Session{}, false, nil
	}
	return s, true, doubt
}

// askedFor bounds the question whether a session's token lives.
const askedFor = 5 * time.Second

// outlived tells whether the token of s is dead at Jellyfin, and ends s then.
func (p *portal) outlived(r *http.Request, s session.Session) (bool, error) {
	ctx, cancel := context.WithTimeout(r.Context(), askedFor)
	defer cancel()
	v, _ := visitor.From(r.Context())
	alive, err := p.Jellyfin.Alive(ctx, s.Token, v.Addr)
	if err != nil {
		p.trouble(r, "token not checked", err)
		return false, err
	}
	if alive {
		return false, nil
	}
	if err := p.Sessions.End(r.Context(), s.ID); err != nil {
		p.trouble(r, "session of a dead token not ended", err)
	}
	return true, nil
}
