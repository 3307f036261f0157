package session

import (
	"net/http"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// The names of the cookie. Browsers accept the first only over https, for this
// host and for all its paths, so that no other host below the domain can set it.
const (
	SecureCookieName = "__Host-jellyward"
	PlainCookieName  = "jellyward"
)

// IsCookie tells whether name is one of ours: it must not be passed on to
// Jellyfin.
func IsCookie(name string) bool { return name == SecureCookieName || name == PlainCookieName }

func cookieName(secure bool) string {
	if secure {
		return SecureCookieName
	}
	return PlainCookieName
}

// Cookie returns the cookie that carries value for maxAge; secure tells that the
// browser speaks https. A negative maxAge makes one that deletes it.
func Cookie(value secret.Text, secure bool, maxAge time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name:     cookieName(secure),
		Value:    string(value),
		Path:     "/",
		MaxAge:   int(maxAge / time.Second),
		Secure:   secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
	if maxAge < 0 {
		c.Value, c.MaxAge = "", -1
	}
	return c
}

// FromRequest returns the value of our cookie, if the request carries exactly one
// of the right name: two mean that somebody else has planted one.
func FromRequest(r *http.Request, secure bool) (string, bool) {
	cookies := r.CookiesNamed(cookieName(secure))
	if len(cookies) != 1 || cookies[0].Value == "" {
		return "", false
	}
	return cookies[0].Value, true
}
