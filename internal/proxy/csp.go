package proxy

// CSP says which content security policy a document gets.
type CSP uint8

const (
	// NoCSP is none at all, not even frame-ancestors: for apps that frame
	// jellyfin-web or put scripts of their own into it.
	NoCSP CSP = iota
	// StrictCSP lets jellyfin-web run as it is, and no inline script.
	StrictCSP
	// PluginsCSP is StrictCSP with inline scripts, which plugins' configuration
	// pages carry.
	PluginsCSP
)
