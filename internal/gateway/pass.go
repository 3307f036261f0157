package gateway

import (
	"io"
	"net/http"
	"strings"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/proxy"
	"github.com/jellyward/jellyward/internal/visitor"
)

// pass sends req to Jellyfin, with what its answer needs on the way back.
func (g *Gateway) pass(w http.ResponseWriter, req *request) {
	switch req.decision.Action {
	case policy.Page:
		g.forward(w, req, proxy.Treatment{Document: true, CSP: g.csp(req)})
	case policy.Public:
		g.public(w, req)
	case policy.Image:
		g.forward(w, req, proxy.Treatment{Private: g.Switches.Images != policy.Open})
	case policy.Token:
		if !g.keepsPassword(w, req) {
			return
		}
		t := proxy.Treatment{Private: true, Hold: holdable(req)}
		if req.presented.HasToken() {
			t.Answered = func(status int) { g.learn(req, status) }
		}
		if !g.quickConnect(w, req, t) {
			g.forward(w, req, t)
		}
	case policy.Media:
		g.forward(w, req, proxy.Treatment{Private: true})
	default:
		g.refuse(w, req.Request, g.closed(req)) // no other action passes
	}
}

// public answers what anyone may ask. What is answered differently to different
// visitors stays out of shared caches for all of them: Cloudflare stores .css
// files by default.
func (g *Gateway) public(w http.ResponseWriter, req *request) {
	isGet := req.decision.Method == http.MethodGet
	switch {
	case req.decision.Withheld == policy.Address:
		g.forward(w, req, proxy.Treatment{Private: !g.Switches.ShowAddress})
	case isGet && isBranding(req.path.Lower()):
		g.branding(w, req)
	case g.quickConnect(w, req, proxy.Treatment{}):
	default:
		g.forward(w, req, proxy.Treatment{})
	}
}

// nobody says in Jellyfin's form that there are no users to choose from.
func nobody(w http.ResponseWriter, req *request) {
	h := w.Header()
	ownHeaders(h, req.Request)
	if req.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", "2")
	_, _ = io.WriteString(w, "[]") // nobody to tell if the visitor has gone
}

// branding answers for what login pages show. A browser's leads to our sign-in
// page, an app's says how to type the code.
func (g *Gateway) branding(w http.ResponseWriter, req *request) {
	t := proxy.Treatment{Private: g.Branding || g.hints()}
	switch {
	case ownBrowser(req.Request, req.visitor):
		t.Branding = g.Branding
	case g.hints() && req.path.Lower() == "/branding/configuration":
		t.Hint = g.Hint
	}
	g.forward(w, req, t)
}

// hints tells whether apps can sign in and are told how.
func (g *Gateway) hints() bool { return g.Native != nil && g.Hint != "" }

// isBranding tells whether path is that of what login pages show.
func isBranding(path string) bool {
	switch path {
	case "/branding/configuration", "/branding/css", "/branding/css.css":
		return true
	}
	return false
}

// ownBrowser tells whether an API call comes from jellyfin-web on our own origin,
// in a browser or in an app that works as one, so that a link to our sign-in page
// makes sense there. Native apps show the disclaimer as text, and bundled clients
// would follow the link into nothing. Over plain HTTP only the name is left to
// tell by.
func ownBrowser(r *http.Request, v visitor.Visitor) bool {
	agent := r.UserAgent()
	if isWebOS(agent) || foreignOrigin(r, v) {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	return isDesktopApp(agent) || strings.HasPrefix(agent, "Mozilla/5.0 (") &&
		(strings.Contains(agent, "AppleWebKit/") || strings.Contains(agent, "Gecko/"))
}
