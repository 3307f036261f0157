package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/visitor"
)

// isPerson tells whether req is a person's who opens a document of jellyfin-web in
// a browser. Documents are public code, so leading people to the sign-in page
// guides them and protects nothing: whatever is not plainly a person gets what
// Jellyfin says.
func isPerson(req *request) bool {
	return req.decision.Method == http.MethodGet && isNavigation(req.Request)
}

// toHTTPS leads a person who opened a page of ours or of jellyfin-web over plain
// HTTP through the tunnel to the same page over https, if the admin says that
// this is where visitors come, and tells whether it did.
func (g *Gateway) toHTTPS(w http.ResponseWriter, req *request) bool {
	secure := g.PublicURL != nil && g.PublicURL.Scheme == "https" && strings.EqualFold(g.PublicURL.Host, req.visitor.Host)
	if !secure || !req.visitor.Tunnelled || req.Header.Get("X-Forwarded-Proto") != "http" {
		return false
	}
	if a := req.decision.Action; a != policy.Portal && a != policy.Page {
		return false
	}
	if req.decision.Method != http.MethodGet || !isNavigation(req.Request) {
		return false
	}
	location := "https://" + req.visitor.Host + req.path.String()
	if query := req.path.RawQuery(); query != "" {
		location += "?" + query
	}
	ownHeaders(w.Header(), req.Request)
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusPermanentRedirect)
	return true
}

// toSignIn sends the visitor to the sign-in page and tells it the way back,
// percent-encoded: one desktop app searches for "/web" in the whole address.
func (g *Gateway) toSignIn(w http.ResponseWriter, req *request) {
	back := req.path.String()
	if req.path.Lower() == "/" || req.path.Lower() == "/web" {
		back = g.Base.String() + "/web/"
	}
	if query := req.path.RawQuery(); query != "" {
		back += "?" + query
	}
	ownHeaders(w.Header(), req.Request)
	w.Header().Set("Location", g.signInPath()+"?return="+url.QueryEscape(back))
	w.WriteHeader(http.StatusFound)
}

// isNavigation tells whether a person opens a page at the top of a browser's
// window. Apps that host jellyfin-web do the same in frames (LG), with HEAD
// (Xbox, desktop), or in a web view that must see a bundle before it shows
// itself (Android); none of them may be redirected.
func isNavigation(r *http.Request) bool {
	agent := r.UserAgent()
	if !strings.HasPrefix(agent, "Mozilla/5.0") || isWebOS(agent) || strings.Contains(agent, "; wv)") {
		return false
	}
	if strings.HasPrefix(r.Header.Get("X-Requested-With"), "org.jellyfin.") {
		return false
	}
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	if mode != "" || dest != "" {
		return mode == "navigate" && dest == "document"
	}
	// Old browsers, and all of them on plain HTTP, send no Sec-Fetch headers.
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// isWebOS tells LG's televisions, whose app frames jellyfin-web and puts inline
// scripts into it.
func isWebOS(agent string) bool { return strings.Contains(agent, "Web0S") }

// desktopApps begin the User-Agents of the apps for computers: Jellyfin Desktop,
// Jellyfin Media Player 1.x, and Jellium Desktop under its new and its old name.
// They open jellyfin-web at the top of a window, on our own origin.
var desktopApps = []string{"JellyfinDesktop/", mediaPlayer, "Mozilla/5.0 jellium-desktop/", "Mozilla/5.0 jellyfin-desktop/"}

func isDesktopApp(agent string) bool {
	return slices.ContainsFunc(desktopApps, func(name string) bool { return strings.HasPrefix(agent, name) })
}

// session returns the session of the request's cookie, [session.ErrNone], or
// what kept the store from answering.
func (g *Gateway) session(req *request) (session.Session, error) {
	value, ok := session.FromRequest(req.Request, req.visitor.Secure())
	if !ok {
		return session.Session{}, session.ErrNone
	}
	return g.Sessions.Lookup(req.Context(), value)
}

func isNoSession(err error) bool { return errors.Is(err, session.ErrNone) }

// signInPath is the path of our sign-in page.
func (g *Gateway) signInPath() string { return g.Base.String() + "/sso/2fa" }

// SignInURL is the whole address of our sign-in page.
func (g *Gateway) SignInURL(v visitor.Visitor) string {
	if g.PublicURL != nil {
		return g.PublicURL.Scheme + "://" + g.PublicURL.Host + g.signInPath()
	}
	return v.Origin() + g.signInPath()
}
