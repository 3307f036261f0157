package jellyfintest

import (
	"errors"
	"net/http"
	"strings"
)

// resolution is what becomes of a request target before anything runs.
type resolution struct {
	path   string // what routing sees: decoded, without base URL and prefix
	query  string // as sent
	action string // Controller.Action, "405" or "-"
	status int    // set where the request ends here: 400, 404, 405, 500

	route   *route
	params  map[string]string
	allowed []string // methods, with status 405
	file    string   // a file of jellyfin-web
	plugin  bool     // a plugin's route
	goTo    redirect
}

// endsAtRouting reports whether nothing before routing answers.
func (r resolution) endsAtRouting() bool {
	refused := r.status == http.StatusBadRequest || r.status == http.StatusInternalServerError
	return !refused && r.goTo.location == "" && r.file == ""
}

type redirect struct {
	status   int
	location string
	absolute bool // written with scheme and host
	first    bool // made before anything else, CORS included
}

const none = "-"

// resolve goes the way of a request target through Kestrel and Jellyfin's
// pipeline up to and including routing.
func (s *Server) resolve(method, target string) resolution {
	raw, query, err := splitTarget(target)
	if err != nil {
		return resolution{action: none, status: http.StatusBadRequest}
	}
	path, err := kestrelPath(raw)
	if err != nil {
		return resolution{action: none, status: http.StatusBadRequest}
	}
	res := resolution{path: path, query: query, action: none}
	if to, ok := s.baseRedirect(path); ok {
		res.goTo = redirect{status: http.StatusFound, location: to, first: true}
		return res
	}
	if !s.cutBase(&res) {
		res.status = http.StatusNotFound
		return res
	}
	if s.opts.release != V12 {
		rest, err := trimLegacyPrefix(res.path)
		switch {
		case errors.Is(err, errNull):
			res.status = http.StatusInternalServerError
			return res
		case err != nil:
			res.status = http.StatusBadRequest
			return res
		}
		res.path = rest
	}
	if s.webFile(method, &res) {
		return res
	}
	if equalFold(res.path, "/robots.txt") {
		res.goTo = redirect{status: http.StatusFound, location: "web/robots.txt"}
		return res
	}
	res.route, res.params, res.allowed = s.routes.match(method, res.path)
	switch {
	case res.route != nil:
		res.action = res.route.action
	case res.allowed != nil:
		res.action, res.status = "405", http.StatusMethodNotAllowed
	default:
		res.status = http.StatusNotFound
	}
	return res
}

// cutBase takes the base URL off the path; false when the path does not lie
// below it.
func (s *Server) cutBase(res *resolution) bool {
	base := s.opts.baseURL
	if base == "" {
		return true
	}
	rest := res.path[len(base):] // baseRedirect saw the prefix
	if rest != "" && rest[0] != '/' {
		return false
	}
	res.path = rest
	return true
}

// baseRedirect reports where a path leads that Jellyfin redirects to its web
// client before anything else: the root, and all that lacks the base URL.
func (s *Server) baseRedirect(path string) (string, bool) {
	base := s.opts.baseURL
	inside := len(path) >= len(base) && equalFold(path[:len(base)], base)
	if inside && path != "" && !equalFold(path, base) && !equalFold(path, base+"/") {
		return "", false
	}
	if equalFold(path, "/health") || equalFold(path, "/health/") {
		return base + "/health", true
	}
	return relativeTo(path, base+"/web/"), true
}

// relativeTo writes the path to as seen from a document at from.
func relativeTo(from, to string) string {
	common := 0
	for i := 0; i < len(from) && i < len(to) && from[i] == to[i]; i++ {
		if from[i] == '/' {
			common = i + 1
		}
	}
	return strings.Repeat("../", strings.Count(from[common:], "/")) + to[common:]
}
