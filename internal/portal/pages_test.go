package portal_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/portal"
	"github.com/jellyward/jellyward/internal/session"
)

func TestPages(t *testing.T) {
	tests := []struct {
		request  string
		signedIn bool
		status   int
		want     string // in the page, or the Location
	}{
		{"GET /sso/2fa", false, 200, `id="signin-form"`},
		{"HEAD /sso/2fa", false, 200, ""},
		{"GET /sso/2fa?return=%2Fweb%2Findex.html%3Fx%3D1", false, 200, `data-next="/web/index.html?x=1"`},
		{"GET /sso/2fa?return=https%3A%2F%2Fevil.example", false, 200, `data-next="/web/"`},
		{"GET /sso/2fa?again=1", false, 200, `id="signin-form"`},
		{"GET /sso/2fa/enroll", false, 200, `id="enrol-form"`},
		{"GET /sso/2fa/account", false, 303, "/sso/2fa"},
		{"GET /sso/2fa/nothing/here", false, 303, "/sso/2fa"},
		{"HEAD /sso/2fa/nothing", false, 303, "/sso/2fa"},
		{"GET /sso/2fa/authenticate", false, 303, "/sso/2fa"},
		{"POST /sso/2fa", false, 303, "/sso/2fa"},
		{"POST /sso/2fa/nothing", false, 404, ""},
		{"PUT /sso/2fa/authenticate", false, 405, ""},
		{"DELETE /sso/2fa", false, 405, ""},
		{"get /sso/2fa", false, 200, `id="signin-form"`},
		{"GET /sso/2fa/assets/nothing.js", false, 404, ""},

		{"GET /sso/2fa", true, 303, "/web/"},
		{"HEAD /sso/2fa", true, 303, "/web/"},
		{"GET /sso/2fa?return=%2Fweb%2Findex.html%3Fx%3D1", true, 303, "/web/index.html?x=1"},
		{"GET /sso/2fa?return=%2F%2Fevil.example%2Fweb%2F", true, 303, "/web/"},
		{"GET /sso/2fa/enroll", true, 200, `id="enrol-form"`},
		{"GET /sso/2fa/account", true, 200, `signed in as <strong>alice</strong>`},
		{"GET /sso/2fa?again=1", true, 200, `id="handoff"`},
	}
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	cookie, _ := s.signIn(t, "alice", "wonderland", s.enrol(t, "alice", "wonderland"))
	for _, tt := range tests {
		method, target, _ := strings.Cut(tt.request, " ")
		headers := []string{"User-Agent", "Mozilla/5.0"}
		if tt.signedIn {
			headers = append(headers, "Cookie", cookie)
		}
		a := s.do(t, method, target, "", headers...)
		if a.status != tt.status {
			t.Errorf("%s (signed in: %v) answered %d, want %d", tt.request, tt.signedIn, a.status, tt.status)
		}
		if tt.status == http.StatusSeeOther && a.header.Get("Location") != tt.want {
			t.Errorf("%s leads to %q, want %q", tt.request, a.header.Get("Location"), tt.want)
		}
		if tt.status == http.StatusOK && !strings.Contains(a.body, tt.want) {
			t.Errorf("%s lacks %s:\n%s", tt.request, tt.want, a.body)
		}
	}
}

// Apps that show the pages take an error status for a broken server.
func TestNoPageHasAnErrorStatus(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	cookie, _ := s.signIn(t, "alice", "wonderland", s.enrol(t, "alice", "wonderland"))
	visit := func(when string) {
		for _, path := range []string{
			"", "/enroll", "/account", "/x", "?again=1", "?fresh=1", "?return=%zz", "/authenticate",
			"/connect", "/connect?code=123456", "/connect?code=000000", "/connect?code=12", "/connect?code=%zz", "/connect/x", "/connect/allow",
		} {
			for _, c := range []string{"", cookie, "__Host-jellyward=nonsense", cookie + "; " + cookie} {
				for _, method := range []string{"GET", "HEAD"} {
					if a := s.do(t, method, "/sso/2fa"+path, "", "Cookie", c); a.status >= 400 {
						t.Errorf("%s: %s /sso/2fa%s with cookie %q answered %d", when, method, path, c, a.status)
					}
				}
			}
		}
		a := s.do(t, http.MethodPost, "/sso/2fa/signout", "", "Content-Type", "application/x-www-form-urlencoded", "Cookie", "jellyward=x")
		if a.status >= 400 {
			t.Errorf("%s: the sign-out form answered %d", when, a.status)
		}
	}
	visit("all well")
	s.jellyfin.Close()
	visit("jellyfin away")
	_ = s.store.Close()
	visit("redis away")
	a := s.do(t, http.MethodPost, "/sso/2fa/signout", "", "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie)
	if a.status != http.StatusOK || !strings.Contains(a.body, "Signing out did not work") {
		t.Errorf("the sign-out form answered %d", a.status)
	}
}

func TestSecurityHeaders(t *testing.T) {
	s := newSite(t)
	asset := regexp.MustCompile(`/sso/2fa/assets/[a-z0-9.]+`)
	page := s.do(t, http.MethodGet, "/sso/2fa", "")
	for _, a := range []answer{page, s.do(t, http.MethodGet, "/sso/2fa/x", ""), s.post(t, "authenticate", nil), s.post(t, "x", nil)} {
		want := map[string]string{
			"Content-Security-Policy":   "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":    "nosniff",
			"X-Frame-Options":           "DENY",
			"Referrer-Policy":           "same-origin",
			"Cache-Control":             "no-store",
			"CDN-Cache-Control":         "no-store",
			"Strict-Transport-Security": "max-age=31536000",
		}
		for name, value := range want {
			if got := a.header.Get(name); got != value {
				t.Errorf("%s = %q, want %q", name, got, value)
			}
		}
		if a.header.Get("Permissions-Policy") == "" {
			t.Error("no Permissions-Policy")
		}
	}
	assets := asset.FindAllString(page.body, -1)
	if len(assets) < 5 {
		t.Fatalf("assets in the page: %v", assets)
	}
	for _, path := range assets {
		a := s.do(t, http.MethodGet, path, "")
		if a.status != http.StatusOK || a.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || a.header.Get("CDN-Cache-Control") != "" {
			t.Errorf("%s answered %d with %v", path, a.status, a.header)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", path)
		}
	}

	if a := s.do(t, http.MethodGet, "/sso/2fa", "", "User-Agent", "JellyfinMediaPlayer 1.12.0 (linux-x86_64)"); strings.Contains(a.header.Get("Content-Security-Policy"), "-src") {
		t.Errorf("Jellyfin Media Player gets a script policy: %s", a.header.Get("Content-Security-Policy"))
	}
	s.visitor.Scheme = "http"
	if a := s.do(t, http.MethodGet, "/sso/2fa", ""); a.header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS over plain http")
	}
}

func TestPagesCarryNothingThatTheVisitorSent(t *testing.T) {
	s := newSite(t)
	const mark = `"><script>alert(1)</script>`
	for _, path := range []string{"", "/enroll"} {
		a := s.do(t, http.MethodGet, "/sso/2fa"+path+"?return=%2Fweb%2F%22%3E%3Cscript%3Ealert(1)", "",
			"X-Forwarded-Host", mark, "X-Forwarded-Proto", mark, "Forwarded", mark, "User-Agent", mark, "Referer", mark)
		if strings.Contains(a.body, "alert(1)") {
			t.Errorf("%s repeats what was sent:\n%s", path, a.body)
		}
	}
	for _, inline := range []string{"onclick=", "onload=", "style=", "<style", "javascript:"} {
		if a := s.do(t, http.MethodGet, "/sso/2fa", ""); strings.Contains(a.body, inline) {
			t.Errorf("the page has inline code: %s", inline)
		}
	}
}

func TestSigningInAgain(t *testing.T) {
	signedIn := func(t *testing.T) (*site, string) {
		s := newSite(t)
		s.jellyfin.AddUser("alice", "wonderland")
		cookie, _ := s.signIn(t, "alice", "wonderland", s.enrol(t, "alice", "wonderland"))
		return s, cookie
	}
	t.Run("the token lives", func(t *testing.T) {
		s, cookie := signedIn(t)
		a := s.do(t, http.MethodGet, "/sso/2fa?again=1&return=%2Fweb%2F%23%2Fhome", "", "Cookie", cookie)
		token := s.jellyfin.LiveTokens()[0]
		for _, want := range []string{`data-token="` + token.Value + `"`, `data-server="` + s.jellyfin.ServerID() + `"`, `data-user="` + token.Device.UserID + `"`, `data-next="/web/#/home"`} {
			if !strings.Contains(a.body, want) {
				t.Errorf("the page lacks %s:\n%s", want, a.body)
			}
		}
		if a.header.Get("Cache-Control") != "no-store" {
			t.Error("a page with a token may be stored")
		}
	})
	t.Run("the token is dead", func(t *testing.T) {
		s, cookie := signedIn(t)
		s.jellyfin.Revoke(s.jellyfin.LiveTokens()[0].Value)
		a := s.do(t, http.MethodGet, "/sso/2fa?again=1", "", "Cookie", cookie)
		if a.status != http.StatusOK || !strings.Contains(a.body, "signin-form") || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
			t.Errorf("answered %d, Set-Cookie %q", a.status, a.header.Get("Set-Cookie"))
		}
		_, value, _ := strings.Cut(cookie, "=")
		if _, err := s.sessions.Lookup(t.Context(), value); err == nil || err.Error() != session.ErrNone.Error() {
			t.Errorf("the session lives: %v", err)
		}
	})
	t.Run("jellyfin does not answer", func(t *testing.T) {
		s, cookie := signedIn(t)
		s.jellyfin.Close()
		a := s.do(t, http.MethodGet, "/sso/2fa?again=1", "", "Cookie", cookie)
		if a.status != http.StatusOK || !strings.Contains(a.body, "Jellyfin does not answer") || a.header.Get("Set-Cookie") != "" {
			t.Errorf("answered %d, Set-Cookie %q", a.status, a.header.Get("Set-Cookie"))
		}
	})
}

func TestBasePath(t *testing.T) {
	s := newSite(t, func(o *portal.Options) { o.BasePath = "/jellyfin" })
	a := s.do(t, http.MethodGet, "/sso/2fa?return=%2Fjellyfin%2Fweb%2F", "")
	for _, want := range []string{`data-base="/jellyfin"`, `data-next="/jellyfin/web/"`, `href="/jellyfin/sso/2fa/enroll?return=%2fjellyfin%2fweb%2f"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %s:\n%s", want, a.body)
		}
	}
	for _, stray := range []string{`"/sso/2fa`, `"/web/`} {
		if strings.Contains(a.body, stray) {
			t.Errorf("the page has %s without the base path", stray)
		}
	}
	if a := s.do(t, http.MethodGet, "/sso/2fa/x", ""); a.header.Get("Location") != "/jellyfin/sso/2fa" {
		t.Errorf("an unknown page leads to %q", a.header.Get("Location"))
	}
}

func TestWithoutAVisitorNothingIsServed(t *testing.T) {
	s := newSite(t)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sso/2fa", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "form") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}
