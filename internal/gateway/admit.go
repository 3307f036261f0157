package gateway

import (
	"net/http"
	"time"

	"github.com/jellyward/jellyward/internal/proxy"
)

// token forwards what needs a token, or our cookie.
func (g *Gateway) token(w *recorder, req *request) {
	if !g.admits(w, req, false) {
		return
	}
	t := proxy.Treatment{Private: true, Hold: holdable(req)}
	if req.presented.HasToken() {
		t.Answered = func(status int) { g.learn(req, status) }
	}
	g.forward(w, req, t)
}

// media forwards what Jellyfin would serve to anyone: with a live token, our
// cookie, or for a network that has shown a live token lately.
func (g *Gateway) media(w *recorder, req *request) {
	if g.admits(w, req, g.grants.holds(req.visitor.Addr, time.Now())) {
		g.forward(w, req, proxy.Treatment{Private: true})
	}
}

// admits tells whether req may go to Jellyfin, and answers if not. Where
// Jellyfin itself asks for a token, any token will do here: Jellyfin judges it,
// in its own words. Where it does not, or where nobody knows (plugins), a token
// counts only if it lives.
func (g *Gateway) admits(w http.ResponseWriter, req *request, granted bool) bool {
	switch {
	case req.presented.HasToken() && !req.decision.Rule.Anonymous, granted:
		return true
	case req.socket:
		g.refuseSocket(w, req)
		return false
	}
	live, err := g.showsLiveToken(req)
	if err == nil && !live {
		live, err = g.hasLiveSession(req)
	}
	switch {
	case err != nil:
		g.Logger.ErrorContext(req.Context(), "visitor could not be checked", "error", err, "request_id", req.visitor.RequestID)
		g.refuse(w, req.Request, unavailable)
		return false
	case !live:
		g.refuse(w, req.Request, refusal{
			status:  http.StatusUnauthorized,
			message: "This needs you to be signed in.",
			signIn:  g.signInURL(req.visitor),
		})
	}
	return live
}

// showsLiveToken tells whether Jellyfin accepts one of the tokens on req, in
// whatever form it is: Chromecast sends one that Jellyfin 12 does not look at.
func (g *Gateway) showsLiveToken(req *request) (bool, error) {
	for _, token := range req.presented.Tokens {
		live, err := g.Tokens.Alive(req.Context(), token, req.visitor.Addr)
		if err != nil {
			return false, err
		}
		if live {
			g.grants.add(req.visitor.Addr, time.Now())
			return true, nil
		}
	}
	return false, nil
}

// hasLiveSession tells whether req carries the cookie of a session whose token
// Jellyfin still accepts: an account may have been disabled there.
func (g *Gateway) hasLiveSession(req *request) (bool, error) {
	s, err := g.session(req)
	switch {
	case isNoSession(err):
		return false, nil
	case err != nil:
		return false, err
	case !req.decision.Rule.Anonymous:
		return true, nil // Jellyfin asks for a token itself, and sees none
	}
	return g.Tokens.Alive(req.Context(), s.Token, req.visitor.Addr)
}

// learn draws the conclusions of Jellyfin's answer to a request with a token: a
// success where Jellyfin itself asks for one proves that it lives, a 401 that it
// does not, and a log-out ends our sessions that hold it.
func (g *Gateway) learn(req *request, status int) {
	switch {
	case status == http.StatusUnauthorized:
		for _, token := range req.presented.Tokens {
			g.Tokens.Forget(token)
		}
		return
	case status/100 != 2 && status != http.StatusSwitchingProtocols, req.decision.Rule.Anonymous:
		return
	}
	if isLogout(req) {
		g.endSessions(req)
		return
	}
	g.grants.add(req.visitor.Addr, time.Now())
	if len(req.presented.Tokens) == 1 {
		g.Tokens.Confirm(req.presented.Tokens[0])
	}
}

func isLogout(req *request) bool {
	return req.decision.Method == http.MethodPost && req.path.Lower() == "/sessions/logout"
}
