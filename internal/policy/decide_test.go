package policy_test

import (
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

func decide(t *testing.T, p *policy.Policy, method, target string) policy.Decision {
	t.Helper()
	path, err := policy.ParsePath(target, policy.Base{})
	if err != nil {
		t.Fatalf("ParsePath(%s): %v", target, err)
	}
	return p.Decide(method, path, "")
}

func TestDecide(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	p := policy.New()
	for _, tt := range []struct {
		method, target string
		want           policy.Action
	}{
		{"POST", "/Users/AuthenticateByName", policy.SignIn},
		{"pOsT", "/users/authenticatebyname/?format=json", policy.SignIn},
		{"POST", "/emby/Users/%2541uthenticateByName", policy.SignIn},
		{"POST", "/Users/" + id + "/Authenticate?pw=x", policy.SignIn},
		{"GET", "/Users/AuthenticateByName", policy.Token}, // a user by that id, to Jellyfin
		{"POST", "/Users/AuthenticateWithQuickConnect", policy.Public},
		{"POST", "/Users/ForgotPassword", policy.Deny},
		{"POST", "/Users/ForgotPassword/Pin", policy.Deny},
		{"POST", "/Startup/User", policy.Deny},
		{"DELETE", "/Startup/Whatever/Comes", policy.Deny},
		{"GET", "/startup/logger", policy.Deny},
		{"POST", "/System/Restart", policy.Deny},
		{"POST", "/System/Shutdown", policy.Token},
		{"GET", "/opds/books", policy.Deny},
		{"GET", "/OPDS", policy.Deny},
		{"GET", "/sso/2fa", policy.Portal},
		{"POST", "/SSO/2FA/Authenticate", policy.Portal},
		{"GET", "/sso/2fa2", policy.Deny},
		{"POST", "/sso/OID/Auth/provider", policy.Deny},
		{"GET", "/SSOViews/linking", policy.Deny},
		{"POST", "/Plugins/TwoFA/users/" + id + "/totp/disable", policy.Deny},
		{"GET", "/api-docs/openapi.json", policy.Deny},
		{"GET", "/metrics", policy.Deny},
		{"GET", "/health", policy.Deny},
		{"GET", "/System/Info/Public", policy.Public},
		{"GET", "/system/info/public", policy.Public},
		{"GET", "/System/Info", policy.Token},
		{"POST", "/System/Ping", policy.Public},
		{"GET", "/Users/Public", policy.Public},
		{"POST", "/Users/Public", policy.Token},
		{"GET", "/QuickConnect/Initiate", policy.Public},
		{"POST", "/QuickConnect/Authorize", policy.Token},
		{"GET", "/Branding/Css.css", policy.Public},
		{"DELETE", "/Branding/Splashscreen", policy.Token},
		{"GET", "/", policy.Page},
		{"HEAD", "/web", policy.Page},
		{"GET", "/web/index.html", policy.Page},
		{"POST", "/web/index.html", policy.Token},
		{"GET", "/web/main.jellyfin.bundle.js", policy.Public},
		{"GET", "/web/assets/img/icon.png", policy.Public},
		{"GET", "/web/ConfigurationPage?name=x", policy.Token},
		{"GET", "/web/ConfigurationPages", policy.Token},
		{"HEAD", "/robots.txt", policy.Public},
		{"GET", "/favicon.ico", policy.Public},
		{"GET", "/Items/" + id + "/Images/Primary", policy.Image},
		{"HEAD", "/Users/" + id + "/Images/Primary", policy.Image},
		{"POST", "/Items/" + id + "/Images/Primary", policy.Token},
		{"GET", "/Items/" + id + "/Images", policy.Token},
		{"GET", "/Persons/Bj%C3%B6rk/Images/Primary", policy.Image},
		{"GET", "/Artists/AC%2FDC/Images/Primary/0", policy.Image},
		{"GET", "/Plugins/" + id + "/1.0.0.0/Image", policy.Token},
		{"GET", "/Videos/" + id + "/stream.mkv?static=true", policy.Media},
		{"HEAD", "/Videos/" + id + "/stream", policy.Media},
		{"POST", "/Videos/" + id + "/stream", policy.Token},
		{"GET", "/Videos/" + id + "/master.m3u8", policy.Token},
		{"GET", "/Videos/" + id + "/hls/list/stream.m3u8", policy.Token},
		{"GET", "/Videos/" + id + "/hls/list/0.ts", policy.Media},
		{"GET", "/Videos/" + id + "/hls1/list/0.ts", policy.Token},
		{"GET", "/Videos/" + id + "/" + id + "/Subtitles/2/Stream.vtt", policy.Media},
		{"GET", "/Videos/" + id + "/" + id + "/Subtitles/2/0/Stream.vtt", policy.Media},
		{"GET", "/Videos/" + id + "/" + id + "/Subtitles/2/subtitles.m3u8", policy.Token},
		{"GET", "/Audio/" + id + "/stream.flac", policy.Media},
		{"GET", "/Audio/" + id + "/universal", policy.Token},
		{"GET", "/socket", policy.Token},
		{"GET", "/Items", policy.Token},
		{"PATCH", "/Items", policy.Token},
		{"GET", "/JellyfinEnhanced/config", policy.Token},
		{"OPTIONS", "/Users/AuthenticateByName", policy.Token},
		{"OPTIONS", "/Items", policy.Token},
		{"OPTIONS", "/Startup/User", policy.Deny},
		{"TRACE", "/", policy.Deny},
		{"CONNECT", "/", policy.Deny},
		{"PROPFIND", "/web/", policy.Deny},
		{"", "/web/", policy.Deny},
		{"GET ", "/web/", policy.Deny},
	} {
		if got := decide(t, p, tt.method, tt.target); got.Action != tt.want {
			t.Errorf("Decide(%s %s) = %v by %s %s, want %v", tt.method, tt.target, got.Action, got.Rule.Methods, got.Rule.Pattern, tt.want)
		}
	}
}

// TestLookalikesOfClosedRoutesAreClosed: Jellyfin takes none of these for the
// route that they resemble, and they are closed all the same.
func TestLookalikesOfClosedRoutesAreClosed(t *testing.T) {
	p := policy.New()
	for _, tt := range []struct {
		method, target string
		want           policy.Action
	}{
		{"POST", "/Users/%2541uthenticateByName", policy.SignIn},
		{"POST", "/Users/%252541uthenticateByName", policy.SignIn},
		{"POST", "/Users%2FAuthenticateByName", policy.SignIn},
		{"POST", "/U%C5%BFers/AuthenticateByName", policy.SignIn},
		{"POST", "/web/%252e%252e/Users/AuthenticateByName", policy.SignIn},
		{"POST", "/%2565mby/Users/AuthenticateByName", policy.SignIn},
		{"POST", "/%C5%BFtartup/User", policy.Deny},
		{"POST", "/%C5%BFy%C5%BFtem/Re%C5%BFtart", policy.Deny},
		{"GET", "/%C5%BF%C5%BFo/2fa", policy.Deny},
		{"GET", "/sso%2F2fa", policy.Deny},
		{"GET", "/opds%2Fbooks", policy.Deny},
		{"POST", "/Startup/%2F../User", policy.Deny},
		{"POST", "/x/Startup%2F%2F..%2F..%2F..%2FStartup%2FUser", policy.Deny},
	} {
		got := decide(t, p, tt.method, tt.target)
		if got.Action != tt.want {
			t.Errorf("Decide(%s %s) = %v by %s, want %v", tt.method, tt.target, got.Action, got.Rule.Pattern, tt.want)
		}
	}
	if got := decide(t, p, "POST", "/Users/AuthenticateWithQuic%E2%84%AAConnect"); got.Action != policy.Token {
		t.Errorf("a lookalike of an open route is %v, want token", got.Action)
	}
}

func TestDecisionCarriesTheCanonicalMethod(t *testing.T) {
	p := policy.New()
	for method, want := range map[string]string{"get": "GET", "PoSt": "POST", "HEAD": "HEAD", "TRACE": "", "gét": "", "GETS": ""} {
		if got := decide(t, p, method, "/Items").Method; got != want {
			t.Errorf("Decide(%s).Method = %q, want %q", method, got, want)
		}
	}
}

func TestOutsideTheBasePathNothingPasses(t *testing.T) {
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/", "/System/Info/Public", "/sso/2fa", "/web/index.html"} {
		path, err := policy.ParsePath(target, base)
		if err != nil {
			t.Fatal(err)
		}
		if got := policy.New().Decide("GET", path, "").Action; got != policy.Deny {
			t.Errorf("Decide(GET %s) = %v below %s, want deny", target, got, base)
		}
	}
}

func TestNothingPassesForThePathThatWasNeverParsed(t *testing.T) {
	if got := policy.New().Decide("GET", policy.Path{}, "").Action; got != policy.Deny {
		t.Errorf("Decide of a zero Path = %v, want deny", got)
	}
}

func TestWebSocketsNeedATokenOnAnyPath(t *testing.T) {
	p := policy.New()
	for target, want := range map[string]policy.Action{
		"/socket":                   policy.Token,
		"/System/Info/Public":       policy.Token,
		"/web/":                     policy.Token,
		"/Videos/42/stream":         policy.Token,
		"/embywebsocket/../socket":  policy.Token,
		"/sso/2fa":                  policy.Portal,
		"/Startup/User":             policy.Deny,
		"/Users/AuthenticateByName": policy.SignIn,
		"/System/Restart":           policy.Deny,
	} {
		path, err := policy.ParsePath(target, policy.Base{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Upgrade(path, "").Action; got != want {
			t.Errorf("Upgrade(%s) = %v, want %v", target, got, want)
		}
	}
}

// TestJellyfinsAnswerProvesATokenOnlyWhereItAsksOne guards what the gateway
// relies on: a success on such a row does not make a token live.
func TestJellyfinsAnswerProvesATokenOnlyWhereItAsksOne(t *testing.T) {
	p := policy.New()
	for target, want := range map[string]bool{
		"/Users/Me":              false,
		"/Items":                 false,
		"/Auth/Keys":             false,
		"/web/ConfigurationPage": true,
		"/Plugins/1/2/Image":     true,
		"/Some/Plugin":           true,
		"/Videos/42/stream":      true,
	} {
		if got := decide(t, p, "GET", target).Rule.Anonymous; got != want {
			t.Errorf("GET %s: Anonymous = %v, want %v", target, got, want)
		}
	}
}
