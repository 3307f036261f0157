package gateway

import (
	"context"
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/jellyward/jellyward/internal/grant"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/session"
)

// recentFor is how old the session may be with which somebody administers,
// where that takes a recent one.
const recentFor = time.Hour

// livesWithin bounds the question whether a doubtful token lives.
const livesWithin = 5 * time.Second

// asker finds out of the one who asks what needs want to know, from memory where
// that is possible. The error tells that something could not be found out; the
// asker then has what could.
func (g *Gateway) asker(req *request, needs policy.Needs) (policy.Asker, error) {
	a := policy.Asker{Home: req.visitor.Home}
	if needs.Fixed == policy.Guided {
		var err error
		a.Cookie, err = g.hasSession(req)
		return a, err
	}
	if needs.Fixed != policy.Passes || !needs.Credential && !needs.Recent {
		return a, nil
	}
	var tokenErr, cookieErr error
	a.Token, tokenErr = g.hasToken(req, needs)
	a.Granted = needs.Network && !a.Token && g.Grants.Holds(req.visitor.Addr, grant.ItemOf(req.path.Lower()))
	if needs.Recent || !a.Token && !a.Granted {
		a.Cookie, a.Recent, cookieErr = g.hasCookie(req, needs)
	}
	if tokenErr != nil {
		return a, tokenErr
	}
	return a, cookieErr
}

// hasToken tells whether a token is on req. Where Jellyfin itself asks for one,
// any token will do here: Jellyfin judges it, in its own words. Where it does
// not, or where nobody knows (plugins), a token counts only if it lives.
func (g *Gateway) hasToken(req *request, needs policy.Needs) (bool, error) {
	token := req.presented.Token
	if req.doubt != nil {
		return false, req.doubt
	}
	if !req.presented.HasToken() || !needs.Live {
		return req.presented.HasToken(), nil
	}
	live, err := g.Tokens.Alive(req.Context(), token, req.visitor.Addr)
	if live {
		g.prove(req)
	} else if err == nil {
		req.remark = "token is dead at jellyfin"
	}
	return live, err
}

// hasCookie tells whether req carries the cookie of a session, one whose token
// Jellyfin still accepts if needs want it alive: an account may have been
// disabled there. Recent is said of a session that has just begun, if the token
// on the request, should there be one, is its own.
func (g *Gateway) hasCookie(req *request, needs policy.Needs) (cookie, recent bool, err error) {
	// Jellyfin opens a WebSocket for a token only.
	if req.socket {
		return false, false, nil
	}
	s, err := g.session(req)
	switch {
	case isNoSession(err):
		return false, false, nil
	case err != nil:
		return false, false, err
	}
	if needs.Live {
		if live, err := g.Tokens.Alive(req.Context(), s.Token, req.visitor.Addr); !live {
			return false, false, err
		}
	}
	return true, g.isRecent(req, s), nil
}

func (g *Gateway) isRecent(req *request, s session.Session) bool {
	if age := g.now().Sub(s.Created); age < 0 || age >= recentFor {
		return false
	}
	return !req.presented.HasToken() || subtle.ConstantTimeCompare([]byte(req.presented.Token), []byte(s.Token)) == 1
}

func (g *Gateway) hasSession(req *request) (bool, error) {
	s, err := g.session(req)
	if isNoSession(err) {
		return false, nil
	}
	req.session = s
	return err == nil, err
}

// prove notes that Jellyfin has accepted the token of req: its network may fetch
// media.
func (g *Gateway) prove(req *request) {
	g.Grants.Prove(req.visitor.Addr, req.presented.Token, grant.OpenedBy(req.path.Lower()))
}

// learn draws the conclusions of Jellyfin's answer to a request with a token: a
// success where Jellyfin itself asks for one proves that it lives, a 401 makes it
// doubtful, and after a log-out nothing may be left of it.
func (g *Gateway) learn(req *request, status int) {
	token := req.presented.Token
	switch {
	case status == http.StatusUnauthorized:
		g.Tokens.Forget(token)
		g.doubted(req)
		req.remark = "refused by jellyfin"
		if !req.decision.Rule.Anonymous && g.Grants.Knows(token) && !g.livesOn(req) {
			g.endGrants(req)
		}
	case status/100 != 2 && status != http.StatusSwitchingProtocols, req.decision.Rule.Anonymous:
	case isLogout(req):
		g.loggedOut(req)
	default:
		g.Tokens.Confirm(token)
		g.used(req)
		g.prove(req)
	}
}

// livesOn asks Jellyfin whether the token of req lives, although it was answered
// 401: Jellyfin says that also when Quick Connect is off, or when a user may not
// delete something, and a film at home must not end by that.
func (g *Gateway) livesOn(req *request) bool {
	ctx, cancel := context.WithTimeout(lasting(req), livesWithin)
	defer cancel()
	live, err := g.Tokens.Alive(ctx, req.presented.Token, req.visitor.Addr)
	return err == nil && live
}

// loggedOut ends whatever hangs on the token of req.
func (g *Gateway) loggedOut(req *request) {
	g.Tokens.Forget(req.presented.Token)
	g.forgotten(req)
	g.endGrants(req)
	ctx := lasting(req)
	if err := g.Sessions.EndToken(ctx, req.presented.Token); err != nil {
		g.Logger.ErrorContext(ctx, "session was not ended after a log-out", "error", err, "request_id", req.visitor.RequestID)
	}
}

func (g *Gateway) endGrants(req *request) {
	ctx := lasting(req)
	if err := g.Grants.End(ctx, req.presented.Token); err != nil {
		g.Logger.ErrorContext(ctx, "grants were not ended on other replicas", "error", err, "request_id", req.visitor.RequestID)
	}
}

// lasting does not end with the request: who logs out often leaves at once.
func lasting(req *request) context.Context { return context.WithoutCancel(req.Context()) }

func isLogout(req *request) bool {
	return req.decision.Method == http.MethodPost && req.path.Lower() == "/sessions/logout"
}

// holdable tells whether req is one of the questions with which jellyfin-web
// and Kodi find out at their start whether their token still lives.
func holdable(req *request) bool {
	if req.decision.Action != policy.Token || req.decision.Method != http.MethodGet || req.socket || !req.presented.HasToken() {
		return false
	}
	switch req.path.Lower() {
	case "/system/info", "/users/me":
		return true
	}
	return false
}
