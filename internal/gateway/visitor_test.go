package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin"
)

func TestATunnelledRequestHasExactlyOneAddress(t *testing.T) {
	for _, address := range []string{"", "garbage", "[2001:db8::1]:80", "203.0.113.9, 10.0.0.1", "10.0.0.5", "127.0.0.1", "::ffff:192.168.1.5", "fe80::1%eth0", "0.0.0.0", "fd00::5", "fec0::5"} {
		s := newScene(t, "")
		if resp := s.ask("GET /System/Info/Public", "Cf-Connecting-Ip", address); resp.StatusCode != http.StatusBadRequest || s.reached() {
			t.Errorf("address %q: %d, forwarded %q", address, resp.StatusCode, s.forwarded)
		}
	}
	s := newScene(t, "")
	r := httptest.NewRequest(http.MethodGet, "/System/Info/Public", nil)
	r.Header["Test-Tunnel"] = []string{"1"}
	r.Header["Cf-Connecting-Ip"] = []string{"203.0.113.9", "203.0.113.9"}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || s.reached() {
		t.Errorf("two addresses: %d", w.Code)
	}
	for address, want := range map[string]string{"203.0.113.9": "203.0.113.9", "2001:DB8::1": "2001:db8::1", "::ffff:203.0.113.9": "203.0.113.9"} {
		s := newScene(t, "")
		s.ask("GET /System/Info/Public", "Cf-Connecting-Ip", address, "X-Forwarded-For", "192.168.1.5")
		if got := s.visitor.Addr.String(); got != want || !s.visitor.Secure() {
			t.Errorf("address %q became %q, scheme %q", address, got, s.visitor.Scheme)
		}
	}
}

func TestOnTheLocalListenerTheSocketCounts(t *testing.T) {
	s := newScene(t, "")
	s.ask("GET /System/Info/Public", "Test-Tunnel", "", "X-Forwarded-For", "127.0.0.1", "X-Forwarded-Proto", "https")
	if got := s.visitor; got.Addr.String() != "192.0.2.1" || got.Scheme != "http" || got.Tunnelled {
		t.Errorf("visitor = %+v", got)
	}
}

func TestAHostThatIsNoneIsRefused(t *testing.T) {
	for _, host := range []string{"", `"><script>`, "a b", "a/b", strings.Repeat("a", 300)} {
		s := newScene(t, "")
		r := httptest.NewRequest(http.MethodGet, "/web/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest {
			t.Errorf("host %q: %d", host, w.Code)
		}
	}
}

// navigation is what a browser sends when a person opens a page.
func navigation(agent string) []string {
	return []string{"User-Agent", agent, "Accept", "text/html,*/*", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
}

func TestOnlyPeopleAreLedToTheSignInPage(t *testing.T) {
	const signIn = "/sso/2fa?return=%2Fweb%2F"
	with := func(pairs []string, more ...string) []string { return append(append([]string{}, pairs...), more...) }
	for _, tt := range []struct {
		name, request string
		pairs         []string
		location      string
	}{
		{"browser", "GET /web/", navigation(chrome), signIn},
		{"root", "GET /", navigation(chrome), signIn},
		{"no slash", "GET /web", navigation(chrome), signIn},
		{"index", "GET /web/index.html", navigation(chrome), "/sso/2fa?return=%2Fweb%2Findex.html"},
		{"classic login", "GET /web/index.html?x=login.html", navigation(chrome), "/sso/2fa?return=%2Fweb%2Findex.html%3Fx%3Dlogin.html"},
		{"conditional", "GET /web/", with(navigation(chrome), "If-None-Match", `"1"`), signIn},
		{"spelt otherwise", "gEt /Web/%69ndex.html/", navigation(chrome), "/sso/2fa?return=%2FWeb%2Findex.html%2F"},
		{"old browser", "GET /web/", []string{"User-Agent", chrome, "Accept", "text/html"}, signIn},
		{"jellium", "GET /web/", navigation("Mozilla/5.0 jellium-desktop/1.0"), signIn},
		{"signed in", "GET /web/", with(navigation(chrome), "Cookie", "__Host-jellyward="+live), ""},
		{"head", "HEAD /web/", navigation(chrome), ""},
		{"fetch", "GET /web/", []string{"User-Agent", chrome, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, ""},
		{"frame", "GET /web/index.html", []string{"User-Agent", chrome, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, ""},
		{"LG", "GET /web/index.html", navigation(webOS), ""},
		{"LG, old engine", "GET /web/index.html", []string{"User-Agent", webOS, "Accept", "text/html"}, ""},
		{"Android", "GET /", navigation(webView), ""},
		{"Android by header", "GET /", with(navigation(chrome), "X-Requested-With", "org.jellyfin.mobile"), ""},
		{"Qt desktop", "GET /web/", navigation("JellyfinDesktop/2.0 (Linux; x86_64) Chrome/122.0.0.0"), ""},
		{"media player", "GET /", navigation("JellyfinMediaPlayer 1.12.0 (linux-x86_64)"), ""},
		{"program", "GET /", []string{"User-Agent", "curl/8"}, ""},
		{"manifest", "GET /web/manifest.json", navigation(chrome), ""},
		{"config", "GET /web/config.json", navigation(chrome), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "")
			resp := s.ask(tt.request, tt.pairs...)
			if got := resp.Header.Get("Location"); got != tt.location {
				t.Errorf("Location = %q, want %q", got, tt.location)
			}
			if s.reached() != (tt.location == "") {
				t.Errorf("forwarded %q", s.forwarded)
			}
			if tt.location != "" && (resp.StatusCode != http.StatusFound || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("CDN-Cache-Control") != "no-store") {
				t.Errorf("redirect: %d %v", resp.StatusCode, resp.Header)
			}
		})
	}
}

func TestOnlyBrowsersOnOurOriginGetTheButton(t *testing.T) {
	same := []string{"User-Agent", chrome, "Sec-Fetch-Site", "same-origin"}
	for _, tt := range []struct {
		name, request string
		pairs         []string
		want          bool
	}{
		{"browser", "GET /Branding/Configuration", same, true},
		{"style sheet", "GET /branding/css", same, true},
		{"style sheet by name", "GET /Branding/Css.css", same, true},
		{"plain http", "GET /Branding/Configuration", []string{"User-Agent", chrome}, true},
		{"own origin", "GET /Branding/Configuration", append(same, "Origin", "https://jellyfin.example.org"), true},
		{"other page", "GET /Branding/Splashscreen", same, false},
		{"foreign origin", "GET /Branding/Configuration", append(same, "Origin", "https://titanos.jellyfin.org"), false},
		{"file", "GET /Branding/Configuration", []string{"User-Agent", chrome, "Origin", "file://"}, false},
		{"cross-site", "GET /Branding/Configuration", []string{"User-Agent", chrome, "Sec-Fetch-Site", "cross-site"}, false},
		{"LG", "GET /Branding/Configuration", []string{"User-Agent", webOS, "Sec-Fetch-Site", "same-origin"}, false},
		{"Android TV", "GET /Branding/Configuration", []string{"User-Agent", "Jellyfin for Android TV/0.19.0 via jellyfin-sdk-kotlin (OkHttp/5)"}, false},
		{"Moonfin", "GET /Branding/Configuration", []string{"User-Agent", "Mozilla/5.0 (compatible; Moonfin/1.0)"}, false},
		{"Qt desktop", "GET /Branding/Configuration", []string{"User-Agent", qtDesktop, "Sec-Fetch-Site", "same-origin"}, true},
		{"Qt desktop, plain http", "GET /Branding/Configuration", []string{"User-Agent", qtDesktop}, true},
		{"Qt desktop, style sheet", "GET /Branding/Css.css", []string{"User-Agent", qtDesktop}, true},
		{"media player", "GET /Branding/Configuration", []string{"User-Agent", oldPlayer, "Sec-Fetch-Site", "same-origin"}, true},
		{"media player, plain http", "GET /Branding/Configuration", []string{"User-Agent", oldPlayer}, true},
		{"media player, its own page", "GET /Branding/Configuration", []string{"User-Agent", oldPlayer, "Origin", "file://"}, false},
		{"Jellium", "GET /Branding/Configuration", []string{"User-Agent", jellium, "Sec-Fetch-Site", "same-origin"}, true},
		{"Jellium, plain http", "GET /Branding/Configuration", []string{"User-Agent", jellium}, true},
		{"Jellium by its old name", "GET /Branding/Configuration", []string{"User-Agent", "Mozilla/5.0 jellyfin-desktop/2.0.0"}, true},
		{"desktop, cross-site", "GET /Branding/Configuration", []string{"User-Agent", qtDesktop, "Sec-Fetch-Site", "cross-site"}, false},
		{"Android", "GET /Branding/Configuration", []string{"User-Agent", webView, "X-Requested-With", "org.jellyfin.mobile"}, true},
		{"Xbox", "GET /Branding/Configuration", []string{"User-Agent", chrome + " Edg/148.0.0.0 WebView2 Xbox"}, true},
		{"old iPhone", "GET /Branding/Configuration", []string{"User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 15_8 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"}, true},
		{"a name in passing", "GET /Branding/Configuration", []string{"User-Agent", "Player/1 " + qtDesktop}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "")
			s.Native, s.Hint = http.NotFoundHandler(), "Type your code."
			s.ask(tt.request, tt.pairs...)
			// Whoever gets no button keeps the form, and reads how to use it.
			if got, want := s.treatment.Hint != "", !tt.want && tt.request == "GET /Branding/Configuration"; got != want {
				t.Errorf("told how to type the code = %v, want %v", got, want)
			}
			if got := s.treatment.Branding; got != tt.want {
				t.Errorf("rewritten = %v, want %v", got, tt.want)
			}
			if shared := tt.request != "GET /Branding/Splashscreen"; s.treatment.Private != shared {
				t.Errorf("private = %v, want %v: who asks decides what is answered", s.treatment.Private, shared)
			}
			s.Branding = false
			s.ask(tt.request, tt.pairs...)
			if s.treatment.Branding {
				t.Error("rewritten although switched off")
			}
		})
	}
}

func TestAnUnfinishedServerIsNotPublished(t *testing.T) {
	for _, tt := range []struct {
		state   jellyfin.Readiness
		request string
		pairs   []string
		want    int
		reached bool
	}{
		{jellyfin.Unfinished, "GET /web/", navigation(chrome), 503, false},
		{jellyfin.Unfinished, "GET /System/Info/Public", nil, 503, false},
		{jellyfin.Unfinished, "POST /Startup/User", nil, 503, false},
		{jellyfin.Unfinished, "GET /Users/Me?ApiKey=x", nil, 503, false},
		{jellyfin.Starting, "GET /System/Info/Public", nil, 503, false},
		{jellyfin.Starting, "GET /Items?ApiKey=x", nil, 503, false},
		{jellyfin.Starting, "GET /Users/Me?ApiKey=x", nil, 200, true},
		{jellyfin.Starting, "GET /system/info?ApiKey=x", nil, 200, true},
		{jellyfin.Starting, "GET /Users/Me", nil, 503, false},
		{jellyfin.Away, "GET /Items?ApiKey=x", nil, 502, false},
		{jellyfin.Away, "GET /System/Info?ApiKey=x", nil, 200, true},
	} {
		s := newScene(t, "")
		s.state = tt.state
		resp := s.ask(tt.request, tt.pairs...)
		if resp.StatusCode != tt.want || s.reached() != tt.reached {
			t.Errorf("%v, %s: %d, forwarded %q; want %d", tt.state, tt.request, resp.StatusCode, s.forwarded, tt.want)
		}
		if tt.reached && !s.treatment.Hold {
			t.Errorf("%v, %s: is not held", tt.state, tt.request)
		}
		if !tt.reached && resp.Header.Get("Retry-After") == "" {
			t.Errorf("%v, %s: no Retry-After", tt.state, tt.request)
		}
	}
}

func TestRefusalsCanBeReadAcrossOrigins(t *testing.T) {
	s := newScene(t, "")
	for _, request := range []string{"GET /Items", "POST /Users/AuthenticateByName", "GET //x"} {
		if got := s.ask(request, "Origin", "https://app.example").Header.Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s: Access-Control-Allow-Origin = %q", request, got)
		}
	}
	resp := s.ask("OPTIONS /Users/AuthenticateByName", "Origin", "https://app.example", "Access-Control-Request-Method", "POST")
	if resp.StatusCode != http.StatusOK || !s.reached() {
		t.Errorf("preflight: %d, forwarded %q", resp.StatusCode, s.forwarded)
	}
}

func TestTheLogHoldsNoSecrets(t *testing.T) {
	s := newScene(t, "")
	for _, request := range []string{
		"GET /Items?ApiKey=s3cret", "GET /Items?api_key=s3cret", "GET /QuickConnect/Connect?secret=s3cret",
		"POST /Users/1/Authenticate?pw=s3cret", "DELETE /Auth/Keys/s3cret", "GET /%zz?ApiKey=s3cret",
	} {
		s.ask(request, "X-Emby-Token", "s3cret", "Cookie", "__Host-jellyward=s3cret", "User-Agent", "s3cret", "Authorization", `MediaBrowser Token="s3cret"`)
	}
	log := s.log.String()
	if strings.Contains(log, "s3cret") {
		t.Errorf("the log shows a secret:\n%s", log)
	}
	for _, want := range []string{"client=203.0.113.9", "path=/Items", "decision=token", "status=200", "request_id=", "took="} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}

func TestPagesOverPlainHTTPMoveToHTTPS(t *testing.T) {
	plain := append(navigation(chrome), "X-Forwarded-Proto", "http")
	for _, tt := range []struct {
		name, public, request string
		pairs                 []string
		location              string
	}{
		{"document", "https://jellyfin.example.org", "GET /web/?a=b", plain, "https://jellyfin.example.org/web/?a=b"},
		{"sign-in page", "https://jellyfin.example.org", "GET /sso/2fa", plain, "https://jellyfin.example.org/sso/2fa"},
		{"https", "https://jellyfin.example.org", "GET /sso/2fa", navigation(chrome), ""},
		{"no public URL", "", "GET /sso/2fa", plain, ""},
		{"plain public URL", "http://jellyfin.example.org", "GET /sso/2fa", plain, ""},
		{"another host", "https://other.example.org", "GET /sso/2fa", plain, ""},
		{"a program", "https://jellyfin.example.org", "GET /sso/2fa", []string{"X-Forwarded-Proto", "http", "User-Agent", "curl/8"}, ""},
		{"a post", "https://jellyfin.example.org", "POST /sso/2fa", plain, ""},
		{"a script", "https://jellyfin.example.org", "GET /web/main.js", plain, ""},
		{"not through the tunnel", "https://jellyfin.example.org", "GET /sso/2fa", append(plain, "Test-Tunnel", ""), ""},
	} {
		s := newScene(t, "")
		if tt.public != "" {
			public, err := url.Parse(tt.public)
			if err != nil {
				t.Fatal(err)
			}
			s.PublicURL = public
		}
		resp := s.ask(tt.request, tt.pairs...)
		if got := resp.Header.Get("Location"); got != tt.location || (tt.location != "") != (resp.StatusCode == http.StatusPermanentRedirect) {
			t.Errorf("%s: %d, Location = %q, want %q", tt.name, resp.StatusCode, got, tt.location)
		}
	}
}

func TestOurOwnAnswersCarrySafeHeaders(t *testing.T) {
	for _, request := range []string{"GET /Items", "POST /Users/AuthenticateByName", "TRACE /Items", "GET /web/", "GET /health"} {
		s := newScene(t, "")
		h := s.ask(request, navigation(chrome)...).Header
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Cdn-Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=31536000",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s = %q, want %q", request, name, h.Get(name), want)
			}
		}
		if h := s.ask(request, "X-Forwarded-Proto", "http").Header; h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS over plain HTTP", request)
		}
	}
}
