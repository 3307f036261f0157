package jellyfintest

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP answers as Jellyfin does. It decides by r.RequestURI, the target as
// it was sent.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := r.RequestURI
	if target == "" {
		target = r.URL.RequestURI() // a request made by hand
	}
	c := &call{s: s, st: &s.state, w: w, r: r}
	w.Header().Set("Server", "Kestrel")
	if phase := s.phase(); phase != Started {
		s.record(c, target, none)
		c.starting(phase, target)
		c.answer()
		return
	}
	c.res = s.withPlugins(s.resolve(r.Method, target))
	switch {
	case isPreflight(r) && !c.res.goTo.first:
		c.res.action = none // answered before routing
	case isWebSocket(r) && c.res.endsAtRouting():
		c.res.action = actionSocket // taken over before the action
	}
	s.record(c, target, c.res.action)
	c.forwarded()
	c.serve()
	c.answer()
}

// answer writes what was decided. Nothing is locked any more.
func (c *call) answer() {
	if !wait(c.r, c.delay) || c.after == nil {
		return
	}
	c.after()
}

// wait holds a request up; it reports whether the visitor is still there.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// serve decides what to answer.
func (c *call) serve() {
	switch {
	case c.res.path == "" && c.res.status == http.StatusBadRequest:
		c.empty(http.StatusBadRequest) // Kestrel refuses it
		return
	case c.res.goTo.first:
		c.redirect(c.res.goTo)
		return
	case c.cors():
		return
	}
	if c.s.opts.release == V12 {
		c.w.Header().Set("Content-Language", "en-US")
	}
	switch {
	case c.res.goTo.location != "":
		c.redirect(c.res.goTo)
	case c.res.file != "":
		c.document()
	case c.res.status == http.StatusBadRequest, c.res.status == http.StatusInternalServerError:
		c.failed(c.res.status) // the legacy prefix could not be taken off
	default:
		c.endpoint()
	}
}

// redirect answers with a Location and no body.
func (c *call) redirect(to redirect) {
	c.after = func() {
		location := to.location
		if to.absolute {
			location = c.scheme + "://" + c.host + location
		}
		c.w.Header().Set("Location", location)
		c.w.Header().Set("Content-Length", "0")
		c.w.WriteHeader(to.status)
	}
}

// cors answers preflights and marks what is asked for from another origin, as
// Jellyfin does by default: everybody may.
func (c *call) cors() bool {
	h := c.r.Header
	if h.Get("Origin") == "" {
		return false
	}
	c.w.Header().Set("Access-Control-Allow-Origin", "*")
	if !isPreflight(c.r) {
		return false
	}
	c.w.Header().Set("Access-Control-Allow-Methods", h.Get("Access-Control-Request-Method"))
	if names := h.Get("Access-Control-Request-Headers"); names != "" {
		c.w.Header().Set("Access-Control-Allow-Headers", names)
	}
	c.empty(http.StatusNoContent)
	return true
}

func isPreflight(r *http.Request) bool {
	return equalFold(r.Method, http.MethodOptions) && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// endpoint is what comes after routing: authorisation, WebSockets, the action.
func (c *call) endpoint() {
	c.query = parseQuery(c.res.query)
	cr := c.s.parseCredentials(c.r.Header, c.query)
	c.query = c.query.reparse(c.res.query)
	if refused := c.authorise(cr); refused != 0 {
		c.empty(refused)
		return
	}
	if isWebSocket(c.r) {
		// The socket's own check comes after the query was read again.
		c.openSocket(c.s.parseCredentials(c.r.Header, c.query))
		return
	}
	switch {
	case c.pluginRoute():
	case c.apiDocs():
	case c.res.status == http.StatusMethodNotAllowed:
		c.w.Header().Set("Allow", strings.Join(c.res.allowed, ", "))
		c.empty(http.StatusMethodNotAllowed)
	case c.res.route == nil:
		c.empty(http.StatusNotFound)
	default:
		c.run(cr)
	}
}

// authorise returns the status of a refusal, 0 for none.
func (c *call) authorise(cr credentials) int {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.who = c.st.identify(cr, c.s.opts.now())
	if c.res.route == nil {
		return 0
	}
	return c.refusal(c.res.route)
}

// run runs the action of the route with its body read.
func (c *call) run(cr credentials) {
	c.body, _ = io.ReadAll(io.LimitReader(c.r.Body, maxBody))
	_, _ = io.Copy(io.Discard, c.r.Body) // an upload that nothing here keeps
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.who = c.st.identify(cr, c.s.opts.now())
	if c.who.stranger() && c.refusal(c.res.route) != 0 {
		c.empty(http.StatusUnauthorized) // logged out while the body came
		return
	}
	if c.foreign() {
		c.failed(http.StatusForbidden)
		return
	}
	action, ok := c.s.actions[c.res.route.action]
	if !ok {
		c.generic()
		return
	}
	action(c)
}

func (s *Server) phase() Phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.starting
}

func (s *Server) legacyOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.legacy
}
