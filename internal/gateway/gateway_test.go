package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

const (
	chrome  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
	webOS   = "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36 WebAppManager"
	webView = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP2A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/128.0.0.0 Mobile Safari/537.36"
	// The desktop apps, of which two do not call themselves Mozilla.
	qtDesktop = "JellyfinDesktop/2.0.0 (Linux; x86_64) Chrome/122.0.0.0"
	oldPlayer = "JellyfinMediaPlayer 1.12.0 (linux-x86_64 unknown)"
	jellium   = "Mozilla/5.0 jellium-desktop/2.1.0"

	live = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

func TestPasswordEndpointsNeverReachJellyfin(t *testing.T) {
	s := newScene(t, "")
	for _, request := range []string{
		"POST /Users/AuthenticateByName", "post /users/authenticatebyname/", "POST /%55sers/%41uthenticateByName",
		"POST /x/../Users/AuthenticateByName", "POST /web/%2e%2e/Users/AuthenticateByName", "POST //../Users/AuthenticateByName",
		"POST /emby/Users/AuthenticateByName", "POST /emby/Users/%2541uthenticateByName", "POST /MediaBrowser/users/authenticatebyname",
		"POST /Users/0123456789abcdef0123456789abcdef/Authenticate?pw=x", "POST /Users/ForgotPassword", "POST /Users/ForgotPassword/Pin",
		"POST /Startup/User", "GET /Startup/FirstUser", "POST /System/Restart", "GET /opds/", "GET /opds/v1.2/catalog",
		"POST /sso/OID/Auth/x", "GET /SSO/OID/p/x", "GET /SSOViews/x",
	} {
		resp := s.ask(request, "X-Emby-Token", "token")
		if resp.StatusCode != http.StatusForbidden || s.reached() {
			t.Errorf("%s: %d, forwarded %q", request, resp.StatusCode, s.forwarded)
		}
		body, _ := io.ReadAll(resp.Body)
		if !strings.Contains(string(body), `"SignIn":"https://jellyfin.example.org/sso/2fa"`) {
			t.Errorf("%s: body does not say where to sign in: %s", request, body)
		}
	}
}

func TestUnreadableTargetsAreRefused(t *testing.T) {
	s := newScene(t, "")
	for _, request := range []string{
		"GET //web/", "GET /a%00", `GET /a\b`, "GET /a%5Cb", "GET /%zz", "GET http://h/Users/Me", "GET *",
		"GET /emby/%252e%252e/Users/Me", "GET /embyUsers/Me", "GET /emby/emby/Users/Me",
	} {
		if resp := s.ask(request, "X-Emby-Token", "token"); resp.StatusCode != http.StatusBadRequest || s.reached() {
			t.Errorf("%s: %d, forwarded %q", request, resp.StatusCode, s.forwarded)
		}
	}
	for _, method := range []string{"TRACE", "trace", "CONNECT", "BREW", "PROPFIND", "GE\u0422"} {
		for _, path := range []string{"/Items", "/", "/web/", "/sso/2fa", "/sso/2fa/authenticate", "/Users/AuthenticateByName", "/Unknown/Plugin", "/socket"} {
			resp := s.ask(method+" "+path, "X-Emby-Token", "token", "Cookie", "__Host-jellyward="+live, "Connection", "Upgrade", "Upgrade", "websocket",
				"Origin", "https://app.example", "Access-Control-Request-Method", "GET")
			if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") == "" || s.reached() || len(s.portal) > 0 {
				t.Errorf("%s %s: %d, forwarded %q, portal %q", method, path, resp.StatusCode, s.forwarded, s.portal)
			}
		}
	}
}

func TestTheCanonicalFormIsForwarded(t *testing.T) {
	for _, tt := range []struct{ base, request, want string }{
		{"", "get /web/../items?a=%zz&b=;", "GET /items?a=%zz&b=;"},
		{"", "GET /emby/Artists/AC%252FDC", "GET /Artists/AC%2FDC"},
		{"", "GET /Genres/100%25/", "GET /Genres/100%25/"},
		{"/jellyfin", "GET /JellyFin/emby/Items", "GET /jellyfin/Items"},
	} {
		s := newScene(t, tt.base)
		s.ask(tt.request, "X-Emby-Token", "token")
		if diff := cmp.Diff([]string{tt.want}, s.forwarded); diff != "" {
			t.Errorf("%s: forwarded (-want +got):\n%s", tt.request, diff)
		}
	}
}

func TestEverythingElseNeedsATokenOrACookie(t *testing.T) {
	const header = "Authorization"
	cookie := []string{"Cookie", "__Host-jellyward=" + live}
	for _, tt := range []struct {
		request string
		pairs   []string
		want    int
	}{
		{"GET /Items", nil, 401},
		{"GET /Unknown/Plugin", nil, 401},
		{"GET /Videos/1/stream", nil, 401},
		{"GET /Items", []string{header, `MediaBrowser Token="x"`}, 200},
		{"GET /Items?api_key=invented", nil, 200}, // Jellyfin says what it thinks of that
		{"GET /Videos/1/stream?ApiKey=x", nil, 200},
		{"GET /Videos/1/stream?ApiKey=invented", nil, 401},
		{"GET /Videos/1/stream?ApiKey=invented&api_key=x", nil, 401}, // Jellyfin looks at the first one only
		{"GET /Videos/1/stream?api_key=x", nil, 200},
		{"GET /Videos/1/stream?ApiKey=invented", cookie, 200},
		{"GET /Unknown/Plugin?ApiKey=x", nil, 200},
		{"GET /Unknown/Plugin?ApiKey=invented", nil, 401},
		{"GET /Plugins/1/1.0/Image?ApiKey=invented", nil, 401},
		{"GET /Items?api_key=x", nil, 200},
		{"GET /Items?APIKEY=x", nil, 200},
		{"GET /Items?ApiKey=", nil, 401},
		{"GET /Items", []string{header, `MediaBrowser Token="", Client="x"`}, 401},
		{"GET /Items", []string{header, "Bearer x"}, 401},
		{"GET /Items", cookie, 200},
		{"GET /Videos/1/stream", cookie, 200},
		{"GET /Items", []string{"Cookie", "__Host-jellyward=wrong"}, 401},
		{"GET /Items", []string{"Cookie", "jellyward=" + live}, 401},
		{"GET /Items", []string{"Cookie", "__Host-jellyward=" + live + "; __Host-jellyward=" + live}, 401},
		{"GET /Items", []string{"Connection", "close, X-Emby-Token", "X-Emby-Token", "x"}, 401},
		{"GET /System/Info/Public", nil, 200},
		{"POST /Users/AuthenticateWithQuickConnect", nil, 200},
		{"GET /Items/1/Images/Primary", nil, 200},
		{"HEAD /UserImage?userId=1", nil, 200},
		{"GET /web/main.abc.bundle.js", nil, 200},
	} {
		s := newScene(t, "")
		resp := s.ask(tt.request, tt.pairs...)
		if resp.StatusCode != tt.want || s.reached() != (tt.want == 200) {
			t.Errorf("%s %q: %d, forwarded %q, want %d", tt.request, tt.pairs, resp.StatusCode, s.forwarded, tt.want)
		}
	}
}

func TestWithoutTheStoreNobodyPassesUnchecked(t *testing.T) {
	s := newScene(t, "")
	s.redisAway = true
	cookie := []string{"Cookie", "__Host-jellyward=" + live}
	for _, request := range []string{"GET /Items", "GET /Videos/1/stream"} {
		if resp := s.ask(request, cookie...); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || s.reached() {
			t.Errorf("%s: %d, forwarded %q", request, resp.StatusCode, s.forwarded)
		}
	}
	page := append(cookie, "User-Agent", chrome, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	if resp := s.ask("GET /web/", page...); resp.StatusCode != 503 || s.reached() {
		t.Errorf("document: %d, forwarded %q", resp.StatusCode, s.forwarded)
	}
	if resp := s.ask("GET /Items", "X-Emby-Token", "x"); resp.StatusCode != 200 {
		t.Errorf("a token needs no store, yet: %d", resp.StatusCode)
	}
}

func TestACookieIsWorthWhatItsTokenIs(t *testing.T) {
	s := newScene(t, "")
	s.sessionToken = "dead" // the account was disabled at Jellyfin, for example
	cookie := []string{"Cookie", "__Host-jellyward=" + live}
	for _, request := range []string{"GET /Videos/1/stream", "GET /Unknown/Plugin"} {
		if resp := s.ask(request, cookie...); resp.StatusCode != 401 || s.reached() {
			t.Errorf("%s: %d, forwarded %q", request, resp.StatusCode, s.forwarded)
		}
	}
}

func TestATokenThatCannotBeCheckedOpensNothing(t *testing.T) {
	s := newScene(t, "")
	s.jellyfinAway = true
	for _, request := range []string{"GET /Videos/1/stream?ApiKey=x", "GET /Unknown/Plugin?ApiKey=x"} {
		if resp := s.ask(request); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || s.reached() {
			t.Errorf("%s: %d, forwarded %q", request, resp.StatusCode, s.forwarded)
		}
	}
}

func TestJellyfinsAnswersTeachWhichTokensLive(t *testing.T) {
	for _, tt := range []struct {
		request              string
		status               int
		confirmed, forgotten []secret.Text
	}{
		{"GET /Items?ApiKey=x", 200, []secret.Text{"x"}, nil},
		{"GET /Items?ApiKey=x", 401, nil, []secret.Text{"x"}},
		{"GET /Items?ApiKey=x", 404, nil, nil},
		{"GET /Unknown/Plugin?ApiKey=x", 200, nil, nil},
		{"GET /Items?ApiKey=x&api_key=y", 200, []secret.Text{"x"}, nil},
		{"POST /Sessions/Logout?ApiKey=x", 204, nil, []secret.Text{"x"}},
	} {
		s := newScene(t, "")
		s.status = tt.status
		s.ask(tt.request)
		if diff := cmp.Diff(tt.confirmed, s.confirmed); diff != "" {
			t.Errorf("%s, %d: confirmed (-want +got):\n%s", tt.request, tt.status, diff)
		}
		if diff := cmp.Diff(tt.forgotten, s.forgotten); diff != "" {
			t.Errorf("%s, %d: forgotten (-want +got):\n%s", tt.request, tt.status, diff)
		}
	}
}

func TestAWebSocketNeedsAToken(t *testing.T) {
	upgrade := []string{"Connection", "keep-alive, Upgrade", "Upgrade", "websocket"}
	for _, tt := range []struct {
		request string
		pairs   []string
		want    int
	}{
		{"GET /socket", nil, 403},
		{"GET /socket?ApiKey=x", nil, 200},
		{"GET /socket?ApiKey%3Dx", nil, 200},
		{"GET /System/Info/Public", nil, 403},
		{"GET /socket", []string{"Cookie", "__Host-jellyward=" + live}, 403},
		{"GET /Startup/User?ApiKey=x", nil, 403},
		{"GET /opds/?ApiKey=x", nil, 403},
	} {
		s := newScene(t, "")
		resp := s.ask(tt.request, append(tt.pairs, upgrade...)...)
		if resp.StatusCode != tt.want || s.reached() != (tt.want == 200) {
			t.Errorf("%s: %d, forwarded %q, want %d", tt.request, resp.StatusCode, s.forwarded, tt.want)
		}
		if s.reached() && (s.header.Get("Upgrade") != "websocket" || s.header.Get("Connection") != "Upgrade") {
			t.Errorf("%s: upgrade was lost: %v", tt.request, s.header)
		}
	}
	s := newScene(t, "")
	s.ask("GET /Items?ApiKey=x", "Connection", "Upgrade", "Upgrade", "h2c")
	if s.header.Get("Upgrade") != "" {
		t.Errorf("an upgrade to something else went through: %v", s.header)
	}
}

func TestALogoutEndsOurSession(t *testing.T) {
	s := newScene(t, "")
	s.status = http.StatusNoContent
	s.ask("POST /sessions/logout", "Authorization", `MediaBrowser Token="gone"`)
	if diff := cmp.Diff([]secret.Text{"gone"}, s.ended); diff != "" {
		t.Errorf("ended tokens (-want +got):\n%s", diff)
	}
	s.ended, s.status = nil, http.StatusUnauthorized
	s.ask("POST /Sessions/Logout", "Authorization", `MediaBrowser Token="other"`)
	if len(s.ended) != 0 {
		t.Errorf("a refused log-out ended %v", s.ended)
	}
}

func TestALogoutEndsOurSessionAlsoIfTheVisitorLeaves(t *testing.T) {
	s := newScene(t, "")
	s.status = http.StatusNoContent
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/Sessions/Logout?ApiKey=gone", nil)
	s.ServeHTTP(httptest.NewRecorder(), r)
	if diff := cmp.Diff([]secret.Text{"gone"}, s.ended); diff != "" {
		t.Errorf("ended tokens (-want +got):\n%s", diff)
	}
}

func TestPortalSeesOneSpelling(t *testing.T) {
	for _, tt := range []struct{ base, request, want string }{
		{"", "GET /SSO/%32FA/", "GET /sso/2fa"},
		{"", "post /emby/sso/2fa/Authenticate", "POST /sso/2fa/authenticate"},
		{"/jellyfin", "GET /jellyfin/sso/2fa/assets/App.css", "GET /sso/2fa/assets/app.css"},
	} {
		s := newScene(t, tt.base)
		s.state = jellyfin.Unfinished // our own pages are shown all the same
		s.ask(tt.request)
		if diff := cmp.Diff([]string{tt.want}, s.portal); diff != "" || s.reached() {
			t.Errorf("%s (-want +got):\n%s", tt.request, diff)
		}
	}
	s := newScene(t, "/jellyfin")
	if resp := s.ask("GET /sso/2fa"); resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/jellyfin/web/" {
		t.Errorf("outside the base path: %d %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	if resp := s.ask("POST /Users/AuthenticateByName"); resp.StatusCode != http.StatusNotFound || s.reached() {
		t.Errorf("outside the base path: %d", resp.StatusCode)
	}
}
