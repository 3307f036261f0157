package jellyfintest

import (
	"net/http"
)

// SetPlugins switches the routes on that popular plugins add: /opds, which
// takes a password by HTTP Basic, and /sso with everything below it, which
// signs people in. They are anonymous, and no table of Jellyfin's operations
// knows them. They count as "Plugin.Opds" and "Plugin.Sso".
func (s *Server) SetPlugins(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.plugins = on
}

func (s *Server) pluginsOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.plugins
}

// withPlugins looks at a path that Jellyfin itself does not know.
func (s *Server) withPlugins(res resolution) resolution {
	if res.status != http.StatusNotFound || !s.pluginsOn() {
		return res
	}
	for prefix, action := range map[string]string{"/opds": "Plugin.Opds", "/sso": "Plugin.Sso", "/ssoviews": "Plugin.Sso"} {
		if _, ok := pathSegments(res.path); ok && startsWithSegments(res.path, prefix) {
			res.action, res.status, res.plugin = action, http.StatusOK, true
		}
	}
	return res
}

// pluginRoute answers for a plugin.
func (c *call) pluginRoute() bool {
	if c.res.plugin {
		c.send(http.StatusOK, "text/html", []byte("<!DOCTYPE html><title>Plugin</title><p>A plugin answers to anybody here.</p>"))
	}
	return c.res.plugin
}
