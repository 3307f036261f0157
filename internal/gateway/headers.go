package gateway

import (
	"net/http"
	"strings"

	"github.com/jellyward/jellyward/internal/visitor"
)

// cleanConnection removes the headers that Connection names before anything is
// decided on them, since no one behind us will see them. Only an upgrade to a
// WebSocket survives.
func cleanConnection(r *http.Request) {
	socket := wantsSocket(r)
	for _, line := range r.Header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" {
				if !strings.EqualFold(name, "Upgrade") {
					r.Header.Del(name)
				}
			}
		}
	}
	r.Header.Del("Connection")
	if !socket {
		r.Header.Del("Upgrade")
		return
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
}

// wantsSocket tells whether r asks for a WebSocket, which Jellyfin opens on
// any path.
func wantsSocket(r *http.Request) bool {
	return strings.EqualFold(r.Method, http.MethodGet) &&
		hasToken(r.Header["Connection"], "upgrade") && hasToken(r.Header["Upgrade"], "websocket")
}

func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// isPreflight tells whether req is a CORS preflight, which Jellyfin answers
// before it looks for an action.
func isPreflight(req *request) bool {
	return req.decision.Method == http.MethodOptions &&
		req.Header.Get("Origin") != "" && req.Header.Get("Access-Control-Request-Method") != ""
}

// foreignOrigin tells whether r comes from a page of another origin.
func foreignOrigin(r *http.Request, v visitor.Visitor) bool {
	origin := r.Header.Get("Origin")
	return origin != "" && !strings.EqualFold(origin, v.Origin())
}

func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("CDN-Cache-Control", "no-store")
}
