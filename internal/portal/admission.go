package portal

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/jellyward/jellyward/internal/visitor"
)

// contentPolicy allows our own files and nothing else. Pictures may also come
// as data: the QR code does.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " + framePolicy

// framePolicy is the part that does not concern scripts.
const framePolicy = "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// scriptedAgent begins the User-Agent of Jellyfin Media Player 1.x, which adds
// scripts of its own from other schemes to every page and breaks without them.
const scriptedAgent = "JellyfinMediaPlayer "

// admission wraps next with what holds for every request: the visitor is
// known, every answer carries the security headers, and other sites' pages
// cannot post.
func (p *portal) admission(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	if origin := originOf(p.PublicURL); origin != "" {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			p.log.Error("public URL is not usable as an origin", "error", err)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok := visitor.From(r.Context())
		if !ok || !v.Addr.IsValid() {
			p.log.ErrorContext(r.Context(), "request without a visitor reached the portal")
			http.Error(w, "Internal error.", http.StatusInternalServerError)
			return
		}
		secureHeaders(w.Header(), r, v)
		r = r.WithContext(r.Context())
		r.Method = strings.ToUpper(r.Method)
		// What the visitor asked counts, also behind a proxy that says it
		// otherwise.
		r.Host = v.Host
		if err := protection.Check(r); err != nil {
			p.answer(w, r, http.StatusForbidden, failure{Message: "This request came from another site."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func secureHeaders(h http.Header, r *http.Request, v visitor.Visitor) {
	policy := contentPolicy
	if strings.HasPrefix(r.UserAgent(), scriptedAgent) {
		policy = framePolicy
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with that, browsers send "Origin: null" with our own
	// forms, and on plain HTTP nothing else tells them from a foreign one.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("CDN-Cache-Control", "no-store")
	if v.Secure() {
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// originOf returns scheme and host of a URL, or nothing.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
