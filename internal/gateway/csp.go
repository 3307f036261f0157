package gateway

import (
	"fmt"
	"strings"

	"github.com/jellyward/jellyward/internal/proxy"
)

// WebCSP says which content security policy jellyfin-web's documents get. The
// zero value fits everybody.
type WebCSP uint8

const (
	// AutoCSP allows inline scripts to administrators, whose plugins' settings
	// pages carry them, and to nobody else.
	AutoCSP WebCSP = iota
	// StrictCSP never allows inline scripts.
	StrictCSP
	// PluginsCSP always does.
	PluginsCSP
	// NoCSP leaves the documents as they are.
	NoCSP
)

// ParseWebCSP reads the words of the setting policy.web_csp: auto, strict,
// plugins and off.
func ParseWebCSP(word string) (WebCSP, error) {
	switch word {
	case "auto":
		return AutoCSP, nil
	case "strict":
		return StrictCSP, nil
	case "plugins":
		return PluginsCSP, nil
	case "off":
		return NoCSP, nil
	}
	return StrictCSP, fmt.Errorf("%q is none of auto, strict, plugins, off", word)
}

// mediaPlayer begins the User-Agent of Jellyfin Media Player 1.x, which adds
// scripts from schemes of its own to the document.
const mediaPlayer = "JellyfinMediaPlayer "

// csp is the content security policy of a document for the one who asks. Two
// apps that host jellyfin-web do not work with any: LG's frames it and puts
// scripts into it, and Jellyfin Media Player adds some.
func (g *Gateway) csp(req *request) proxy.CSP {
	agent := req.UserAgent()
	if isWebOS(agent) || strings.HasPrefix(agent, mediaPlayer) {
		return proxy.NoCSP
	}
	switch {
	case g.WebCSP == NoCSP:
		return proxy.NoCSP
	case g.WebCSP == PluginsCSP, g.WebCSP == AutoCSP && req.session.Admin:
		return proxy.PluginsCSP
	}
	return proxy.StrictCSP
}
