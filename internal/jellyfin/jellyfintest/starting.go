package jellyfintest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Phase is how far a server has come that is starting.
type Phase int

const (
	// Started is a server that is up.
	Started Phase = iota
	// Migrating is the first phase: a small server of its own answers 503 with
	// Retry-After to everything, but public info (200, camelCase) and health.
	Migrating
	// Loading is the second phase: everything is 503 without Retry-After.
	Loading
)

// SetStarting puts the server into a phase of its start, or ends it.
func (s *Server) SetStarting(p Phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.starting = p
}

// starting answers for a server that is not up.
func (c *call) starting(phase Phase, target string) {
	c.forwarded()
	raw, _, err := splitTarget(target)
	if err != nil {
		c.empty(http.StatusBadRequest)
		return
	}
	path, err := kestrelPath(raw)
	if err != nil {
		c.empty(http.StatusBadRequest)
		return
	}
	if phase == Loading {
		c.loading(path)
		return
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	switch path = c.belowBase(path); {
	case startsWithSegments(path, "/System/Info/Public"):
		info := c.publicInfo()
		info.StartupWizardCompleted = false // whatever it is
		b, _ := json.Marshal(info)          // cannot fail
		c.send(http.StatusOK, "application/json; charset=utf-8", camelCase(b))
	case startsWithSegments(path, "/health"):
		c.send(http.StatusOK, "text/plain", []byte("Degraded"))
	case startsWithSegments(path, "/startup/logger"):
		c.startupLog()
	default:
		c.w.Header().Set("Retry-After", "005")
		c.send(http.StatusServiceUnavailable, "text/html", []byte(c.startingPage()))
	}
}

// startupLine stands for the log that a server shows to visitors at home.
const startupLine = "[ERR] Jellyfin.Server.Migrations: a line of the server's log, for visitors at home only"

func (c *call) startingPage() string {
	lines := ""
	if c.inNetwork() {
		lines = "<p>" + startupLine + "</p>"
	}
	return "<!DOCTYPE html><html><body><h1>Jellyfin is starting</h1>" + lines + "</body></html>"
}

func (c *call) startupLog() {
	if !c.inNetwork() {
		c.empty(http.StatusUnauthorized)
		return
	}
	c.send(http.StatusOK, "text/plain", []byte(startupLine+"\n"))
}

func (c *call) loading(path string) {
	if base := c.s.opts.baseURL; equalFold(path, base+"/") || equalFold(path, base) {
		c.redirect(redirect{status: http.StatusFound, location: "api-docs/swagger"})
		return
	}
	c.send(http.StatusServiceUnavailable, "text/html", []byte("Jellyfin Server is loading. Please try again shortly."))
}

func (c *call) belowBase(path string) string {
	base := c.s.opts.baseURL
	if base != "" && startsWithSegments(path, base) {
		return path[len(base):]
	}
	return path
}

// startsWithSegments is ASP.NET Core's: the prefix ends where a segment does.
func startsWithSegments(path, prefix string) bool {
	if len(path) < len(prefix) || !equalFold(path[:len(prefix)], prefix) {
		return false
	}
	return len(path) == len(prefix) || path[len(prefix)] == '/' || strings.HasSuffix(prefix, "/")
}
