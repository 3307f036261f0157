package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/visitor"
	"github.com/jellyward/jellyward/ui"
)

// refusal is an answer of our own in Jellyfin's place. Its words say what to
// do and never why something inside failed.
type refusal struct {
	status int
	// title heads the page that a person sees; empty means that the status
	// has a usual one.
	title   string
	message string
	// signIn is where to sign in, if that helps.
	signIn string
	// retryAfter, if not zero, says when to ask again.
	retryAfter time.Duration
}

var unfinished = refusal{
	status: http.StatusServiceUnavailable,
	title:  "Jellyfin is not set up yet",
	message: "The start-up wizard of this Jellyfin server was not finished. Until it is, nothing is shown here, because whoever finished it would own the server. " +
		"At home, open Jellyfin's own address in a browser and go through the wizard to its end; this page goes away by itself.",
	retryAfter: 30 * time.Second,
}

var unavailable = refusal{
	status:     http.StatusServiceUnavailable,
	message:    "Sign-ins cannot be checked just now. Please try again in a moment.",
	retryAfter: 5 * time.Second,
}

var notHome = refusal{
	status:  http.StatusForbidden,
	message: "Administration is open at home only. At home, use Jellyfin's own address.",
}

// passwordAlone refuses Jellyfin's own sign-in.
func (g *Gateway) passwordAlone(req *request) refusal {
	return refusal{
		status:  http.StatusForbidden,
		message: "A password alone does not sign in here. Sign in with your second factor.",
		signIn:  g.SignInURL(req.visitor),
	}
}

// closed refuses what nobody gets.
func (g *Gateway) closed(req *request) refusal {
	return refusal{
		status:  http.StatusForbidden,
		message: "This is not available from outside.",
		signIn:  g.SignInURL(req.visitor),
	}
}

// unauthorized refuses who is not signed in, and a WebSocket without a token as
// Jellyfin does.
func (g *Gateway) unauthorized(req *request) refusal {
	if req.socket {
		return refusal{status: http.StatusForbidden, message: "A WebSocket needs a token."}
	}
	return refusal{
		status:  http.StatusUnauthorized,
		message: "This needs you to be signed in.",
		signIn:  g.SignInURL(req.visitor),
	}
}

// notRecent refuses administration with a session or token that is too old.
func (g *Gateway) notRecent(req *request) refusal {
	return refusal{
		status:  http.StatusForbidden,
		message: "Administration needs a browser that has signed in within the last hour. Sign in again.",
		signIn:  g.SignInURL(req.visitor) + "?fresh=1",
	}
}

// noticePolicy is the content security policy of our notices: our own files and
// nothing inline.
const noticePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Failed answers a visitor whose request got no answer from Jellyfin.
func (g *Gateway) Failed(w http.ResponseWriter, r *http.Request, status int) {
	rf := refusal{status: status}
	switch status {
	case http.StatusServiceUnavailable:
		rf.title, rf.retryAfter = "Jellyfin is starting", 5*time.Second
		rf.message = "Jellyfin is starting. Please try again in a few seconds."
	case http.StatusGatewayTimeout:
		rf.title = "Jellyfin takes too long"
		rf.message = "Jellyfin did not answer in time. Please try again in a moment."
	default:
		rf.title, rf.retryAfter = "Jellyfin is away", 5*time.Second
		rf.message = "Jellyfin does not answer just now. Please try again in a moment."
	}
	g.refuse(w, r, rf)
}

// refuse writes rf: a page for a person who opened one, short JSON for a
// program. Callers from other origins may read it, as they may read Jellyfin's
// own answers.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, rf refusal) {
	h := w.Header()
	ownHeaders(h, r)
	if r.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	if rf.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(rf.retryAfter/time.Second)))
	}
	if isNavigation(r) && strings.EqualFold(r.Method, http.MethodGet) {
		g.refusePage(w, rf)
		return
	}
	body, err := json.Marshal(struct {
		Error  string
		SignIn string `json:",omitempty"`
	}{rf.message, rf.signIn})
	if err != nil {
		w.WriteHeader(rf.status)
		return
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rf.status)
	_, _ = w.Write(body) // nobody to tell if the visitor has gone
}

// ownHeaders are on every answer of our own: nobody stores it, guesses its type
// or learns from it where the visitor was, and browsers that came over https
// never come over http again.
func ownHeaders(h http.Header, r *http.Request) {
	noStore(h)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if v, ok := visitor.From(r.Context()); ok && v.Secure() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func (g *Gateway) refusePage(w http.ResponseWriter, rf refusal) {
	title := rf.title
	if title == "" {
		title = http.StatusText(rf.status)
	}
	place := ui.Place{Base: g.Base.String(), Next: g.Base.String() + "/web/"}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", noticePolicy)
	w.WriteHeader(rf.status)
	// An error is the visitor's who has gone.
	_ = g.Pages.Notice(w, ui.Notice{Place: place, Title: title, Message: rf.message, SignIn: rf.signIn})
}
