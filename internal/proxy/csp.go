package proxy

import (
	"mime"
	"net/http"
	"strings"

	"github.com/jellyward/jellyward/internal/visitor"
)

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

// hstsYear tells browsers to come back by https only. It does not speak for
// subdomains: next to Jellyfin others may live that have no certificate.
const hstsYear = "max-age=31536000"

// referrerPolicy lets other sites learn our origin and no more. YouTube refuses
// to play a trailer in a page that keeps even that to itself.
const referrerPolicy = "strict-origin-when-cross-origin"

// harden tells the browser to be careful with a document. What Jellyfin or a
// plugin says itself stays: a browser that is given two content security
// policies lets through only what both allow.
func harden(resp *http.Response, c CSP) {
	h := resp.Header
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Referrer-Policy") == "" {
		h.Set("Referrer-Policy", referrerPolicy)
	}
	v, _ := visitor.From(resp.Request.Context())
	if v.Secure() && h.Get("Strict-Transport-Security") == "" {
		h.Set("Strict-Transport-Security", hstsYear)
	}
	// An old desktop app takes a policy on an answer in JSON for a reason to
	// break itself.
	if c == NoCSP || isJSON(h) {
		return
	}
	h.Add("Content-Security-Policy", c.policy(v, framing(h)))
}

// framing returns the frame-ancestors that go with the older X-Frame-Options,
// to which a browser does not listen any more once it knows frame-ancestors.
func framing(h http.Header) string {
	for _, value := range h["X-Frame-Options"] {
		for option := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(option), "DENY") {
				return "'none'"
			}
		}
	}
	return "'self'"
}

// policy writes the policy for what v asked. jellyfin-web 10.11 and 12 run under
// it without a violation. Beyond what they load from their own server it lets in
//
//   - Cast's sender, from www.gstatic.com,
//   - trailers: YouTube's player and the frame that it makes,
//   - pictures, styles and fonts from anywhere by https: metadata providers have
//     the first, the themes that people import into their custom CSS the others.
//     Inline styles must be allowed, so this gives nothing to whoever can write
//     into the page,
//   - the WebSocket by its name, since 'self' does not cover sockets in Safari
//     before 15.4,
//   - blob: and data:, where players and readers of books keep what they unpack.
//
// Workers are bound by the policy of their own answer, and have none.
func (c CSP) policy(v visitor.Visitor, ancestors string) string {
	scripts := "'self' https://www.gstatic.com https://www.youtube.com"
	if c == PluginsCSP {
		scripts += " 'unsafe-inline'"
	}
	return strings.Join([]string{
		"default-src 'self'",
		"script-src " + scripts,
		"style-src 'self' 'unsafe-inline' blob: https:",
		"img-src 'self' data: blob: https:",
		"font-src 'self' data: blob: https:",
		"connect-src 'self'" + socketSource(v),
		"media-src 'self' blob: data:",
		"frame-src 'self' https://www.youtube.com",
		"worker-src 'self' blob:",
		"object-src 'none'",
		"base-uri 'self'",
		"form-action 'self'",
		"frame-ancestors " + ancestors,
	}, "; ")
}

// socketSource names the visitor's host for WebSockets. A host that cannot stand
// in a policy, such as an IPv6 address, is left to 'self'.
func socketSource(v visitor.Visitor) string {
	if v.Host == "" {
		return ""
	}
	for _, c := range []byte(v.Host) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && c != '.' && c != '-' && c != ':' {
			return ""
		}
	}
	if v.Secure() {
		return " wss://" + v.Host
	}
	return " ws://" + v.Host
}

func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json"))
}
