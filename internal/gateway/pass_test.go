package gateway

import (
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/proxy"
)

// local makes a request one of the local listener's.
var local = []string{"Test-Tunnel", "", "Cf-Connecting-Ip", "", "X-Forwarded-Proto", ""}

func TestNobodyOutsideSeesWhoHasAnAccount(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		show          bool
		pairs         []string
		reaches       bool
	}{
		{"outside", "GET /Users/Public", false, nil, false},
		{"spelt otherwise", "get /emby/%55sers/public/", false, nil, false},
		{"with a token", "GET /Users/Public", false, []string{"X-Emby-Token", "x"}, false},
		{"at home", "GET /Users/Public", false, local, true},
		{"shown", "GET /Users/Public", true, nil, true},
	} {
		s := newScene(t, "")
		s.Home, s.Switches.ShowUsers = home, tt.show
		resp := s.ask(tt.request, append(tt.pairs, "Origin", "https://app.example")...)
		if s.reached() != tt.reaches {
			t.Errorf("%s: forwarded %q", tt.name, s.forwarded)
		}
		if tt.reaches {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if h := resp.Header; resp.StatusCode != http.StatusOK || string(body) != "[]" || h.Get("Content-Type") != "application/json; charset=utf-8" ||
			h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q %v", tt.name, resp.StatusCode, body, h)
		}
	}
}

func TestNobodyOutsideIsToldTheAddressAtHome(t *testing.T) {
	for _, tt := range []struct {
		name  string
		show  bool
		pairs []string
		want  proxy.Treatment
	}{
		{"outside", false, nil, proxy.Treatment{Private: true, HideAddress: true}},
		{"at home", false, local, proxy.Treatment{Private: true}},
		{"shown", true, nil, proxy.Treatment{}},
	} {
		s := newScene(t, "")
		s.Home, s.Switches.ShowAddress = home, tt.show
		s.ask("GET /emby/system/info/public", tt.pairs...)
		if !s.reached() || cmp.Diff(tt.want, s.treatment) != "" {
			t.Errorf("%s: forwarded %q, treated %+v", tt.name, s.forwarded, s.treatment)
		}
	}
}

func TestAppsAreToldHowToTypeTheCode(t *testing.T) {
	const hint = "Type the code."
	app := []string{"User-Agent", "Jellyfin for Android TV/0.19.0"}
	browser := []string{"User-Agent", chrome, "Sec-Fetch-Site", "same-origin"}
	for _, tt := range []struct {
		name, request string
		native        bool
		pairs         []string
		want          string
	}{
		{"app", "GET /Branding/Configuration", true, app, hint},
		{"LG", "GET /Branding/Configuration", true, []string{"User-Agent", webOS, "Sec-Fetch-Site", "same-origin"}, hint},
		{"bundle elsewhere", "GET /Branding/Configuration", true, append(browser, "Origin", "https://titanos.jellyfin.org"), hint},
		{"our browser", "GET /Branding/Configuration", true, browser, ""},
		{"style sheet", "GET /Branding/Css", true, app, ""},
		{"no sign-in for apps", "GET /Branding/Configuration", false, app, ""},
	} {
		s := newScene(t, "")
		s.Hint = hint
		if tt.native {
			s.Native = http.NotFoundHandler()
		}
		s.ask(tt.request, tt.pairs...)
		if got := s.treatment.Hint; got != tt.want || !s.reached() {
			t.Errorf("%s: hint %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAppsSignInWhereThereIsSomebodyToAsk(t *testing.T) {
	s := newScene(t, "/jellyfin")
	var asked []string
	s.Native = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery)
	})
	s.ask("post /Jellyfin/EMBY/Users/%2541uthenticateByName/?format=json")
	s.ask("POST /jellyfin/Users/1/Authenticate?pw=x")
	s.ask("POST /jellyfin/Users/ForgotPassword")
	want := []string{"POST /users/authenticatebyname?format=json", "POST /users/1/authenticate?pw=x"}
	if diff := cmp.Diff(want, asked); diff != "" || s.reached() {
		t.Errorf("asked (-want +got), forwarded %q:\n%s", s.forwarded, diff)
	}
	s.state = jellyfin.Unfinished
	if resp := s.ask("POST /jellyfin/Users/AuthenticateByName"); resp.StatusCode != http.StatusServiceUnavailable || len(asked) != 2 {
		t.Errorf("an unfinished server: %d, asked %q", resp.StatusCode, asked)
	}
}

func TestEveryDocumentGetsThePolicyThatFits(t *testing.T) {
	cookie := append(navigation(chrome), "Cookie", "__Host-jellyward="+live)
	for _, tt := range []struct {
		name  string
		csp   WebCSP
		admin bool
		pairs []string
		want  proxy.CSP
	}{
		{"a user", AutoCSP, false, cookie, proxy.StrictCSP},
		{"an administrator", AutoCSP, true, cookie, proxy.PluginsCSP},
		{"an app without a cookie", AutoCSP, true, navigation(webView), proxy.StrictCSP},
		{"always strict", StrictCSP, true, cookie, proxy.StrictCSP},
		{"always plugins", PluginsCSP, false, cookie, proxy.PluginsCSP},
		{"off", NoCSP, false, cookie, proxy.NoCSP},
		{"LG", AutoCSP, false, navigation(webOS), proxy.NoCSP},
		{"LG, strict", StrictCSP, false, navigation(webOS), proxy.NoCSP},
		{"media player", StrictCSP, false, navigation("JellyfinMediaPlayer 1.12.0 (linux-x86_64)"), proxy.NoCSP},
		{"desktop", AutoCSP, false, navigation("JellyfinDesktop/2.0"), proxy.StrictCSP},
	} {
		s := newScene(t, "")
		s.WebCSP, s.admin = tt.csp, tt.admin
		s.ask("GET /web/", tt.pairs...)
		if !s.reached() || !s.treatment.Document || s.treatment.CSP != tt.want {
			t.Errorf("%s: forwarded %q, %+v; want %v", tt.name, s.forwarded, s.treatment, tt.want)
		}
	}
	for word, want := range map[string]WebCSP{"auto": AutoCSP, "strict": StrictCSP, "plugins": PluginsCSP, "off": NoCSP} {
		if got, err := ParseWebCSP(word); err != nil || got != want {
			t.Errorf("ParseWebCSP(%q) = %v, %v", word, got, err)
		}
	}
	if got, err := ParseWebCSP("lax"); err == nil || got == NoCSP {
		t.Errorf("ParseWebCSP(lax) = %v, %v", got, err)
	}
}

func TestOneTokenAtMostGoesOn(t *testing.T) {
	for _, tt := range []struct {
		version, request string
		pairs            []string
		forwarded        string
		authorization    string
	}{
		{"10.11.11", "GET /Items?ApiKey=a&api_key=b", []string{"X-Emby-Token", "c"}, "GET /Items", `MediaBrowser Token="c"`},
		{"12.0", "GET /Items?ApiKey=a&api_key=b", []string{"X-Emby-Token", "c"}, "GET /Items?ApiKey=a", ""},
		{"12.0", "GET /Items?api_key=b", nil, "GET /Items?ApiKey=b", ""},
		{"12.0", "GET /Videos/1/stream?static=true&api_key=b", nil, "GET /Videos/1/stream?static=true&ApiKey=b", ""},
		{"12.0", "GET /System/Info/Public?ApiKey=a&api_key=b", nil, "GET /System/Info/Public?ApiKey=a", ""},
		{"12.0", "GET /Items/1/Images/Primary?api_key=b&tag=1", []string{"Authorization", `MediaBrowser Token="a"`}, "GET /Items/1/Images/Primary?tag=1", `MediaBrowser Token="a"`},
		{"12.0", "GET /web/?api_key=b", []string{"User-Agent", "curl/8"}, "GET /web/?ApiKey=b", ""},
	} {
		s := newScene(t, "")
		s.Dialect = func() jellyfin.Dialect { return jellyfin.DialectFor(tt.version, "auto", true) }
		s.ask(tt.request, tt.pairs...)
		if diff := cmp.Diff([]string{tt.forwarded}, s.forwarded); diff != "" {
			t.Errorf("%s, %s: forwarded (-want +got):\n%s", tt.version, tt.request, diff)
		}
		if got := s.header.Get("Authorization"); got != tt.authorization || s.header.Get("X-Emby-Token") != "" {
			t.Errorf("%s, %s: Authorization %q, X-Emby-Token %q", tt.version, tt.request, got, s.header.Get("X-Emby-Token"))
		}
	}
	s := newScene(t, "")
	s.Switches.Media = policy.WithToken
	s.Dialect = func() jellyfin.Dialect { return jellyfin.DialectFor("12.0", "auto", false) }
	if resp := s.ask("GET /Videos/1/stream?api_key=x"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("with translation off api_key proves something: %d", resp.StatusCode)
	}
}
