package app_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/totp"
)

// twoFactors is the button on jellyfin-web's own login page.
const twoFactors = "#loginPage .loginDisclaimer form button"

// member adds a user whose second factor is set up already, and returns the app
// that shows the codes.
func member(t *testing.T, s *stage.Stage, name, password string, changes ...func(*jellyfintest.User)) *codes {
	t.Helper()
	s.Jellyfin.AddUser(name, password, changes...)
	p := &person{name: name, password: password, base: s.Edge.URL() + s.Config.BasePath, http: http.DefaultClient, device: "elsewhere"}
	p.spent = totp.StepAt(time.Now()) - 1
	s.Jellyfin.Revoke(p.enrol(t).AuthenticatedUser.AccessToken)
	return &codes{secret: p.secret, spent: p.spent}
}

// joins sets up a second factor for alice in the browser, which signs her in.
func (b *browser) joins(t *testing.T, s *stage.Stage) *codes {
	t.Helper()
	s.Jellyfin.AddUser("alice", "wonderland")
	app := &codes{secret: b.enrols(t)}
	b.fill("#confirm-code", app.next(t))
	b.click("#confirm-form button[type=submit]")
	b.isHome(t, s, "alice")
	b.route()
	return app
}

// isAtLogin waits for jellyfin-web's own login page, which must lead to ours and
// leave what the admin wrote.
func (b *browser) isAtLogin() {
	b.t.Helper()
	b.until(`document.body.dataset.state === 'login' && location.hash === '#/login'`)
	for selector, want := range map[string]bool{
		twoFactors:                      true,
		"#loginPage .btnQuick":          true,
		"#loginPage .manualLoginForm":   false,
		"#loginPage .visualLoginForm":   false,
		"#loginPage .btnForgotPassword": false,
	} {
		if got := b.isShown(selector); got != want {
			b.t.Errorf("on the login page %s is shown: %v, want %v", selector, got, want)
		}
	}
	if got := b.read(twoFactors); got != "Sign in with two factors" {
		b.t.Errorf("the button says %q", got)
	}
	if got := b.read("#loginPage .loginDisclaimer"); !strings.HasPrefix(got, "Be kind.") {
		b.t.Errorf("the admin's own words are now %q", got)
	}
	if got := eval[string](b, `getComputedStyle(document.querySelector('#serverName')).color`); got != "rgb(1, 2, 3)" {
		b.t.Errorf("the admin's own style is lost: %s", got)
	}
}

var admins = jellyfintest.Branding{LoginDisclaimer: "Be kind.", CustomCSS: "#serverName { color: rgb(1, 2, 3); }"}

// TestWayBackAfterLoggingOut logs out inside jellyfin-web. Its login page comes
// without a document, so that only what is on it can lead back.
func TestWayBackAfterLoggingOut(t *testing.T) {
	for _, tt := range []struct {
		release jellyfintest.Release
		base    string
		refused []string // 12 logs out twice
	}{
		{jellyfintest.V10_11, "/jellyfin", nil},
		{jellyfintest.V12, "", []string{"401 /Sessions/Logout"}},
	} {
		t.Run(tt.release.String(), func(t *testing.T) {
			t.Parallel()
			s := play(t, stage.Options{BasePath: tt.base, Jellyfin: []jellyfintest.Option{jellyfintest.Version(tt.release)}})
			s.Jellyfin.SetBranding(admins)
			b := openBrowser(t, s, host{})
			app := b.joins(t, s)

			b.click("#logout")
			b.isAtLogin()
			b.wentTo()
			b.wasRefused(tt.refused...)
			b.click(twoFactors)
			b.shows("#signin")
			b.wentTo("200 /sso/2fa")
			b.signIn("alice", "wonderland", app.next(t))
			b.isHome(t, s, "alice")
			b.wentTo("200 /web/")
			b.isItself(t, s)
		})
	}
}

// TestWayBackWithADeadToken has the token end at Jellyfin, as an admin does who
// removes a device, while our cookie lives on.
func TestWayBackWithADeadToken(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	s.Jellyfin.SetBranding(admins)
	b := openBrowser(t, s, host{})
	app := b.joins(t, s)

	for _, token := range s.Jellyfin.LiveTokens() {
		s.Jellyfin.Revoke(token.Value)
	}
	b.do(chromedp.Reload())
	b.isAtLogin()
	b.wasRefused("401 /System/Info")
	b.click(twoFactors)
	b.shows("#signin")
	b.signIn("alice", "wonderland", app.next(t))
	b.isHome(t, s, "alice")
	if got := b.route(); got[len(got)-1] != "200 /web/" {
		t.Errorf("documents: %q", got)
	}
}

// TestWayBackWithALostRecord has only jellyfin-web's record go: the button hands
// it over again, and nobody has to sign in.
func TestWayBackWithALostRecord(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2"})
	s.Jellyfin.SetBranding(admins)
	b := openBrowser(t, s, host{})
	b.joins(t, s)
	const signIns = "UserController.AuthenticateUserByName"
	before, tokens := s.Jellyfin.Count(signIns), s.Jellyfin.LiveTokens()

	eval[bool](b, `localStorage.removeItem('jellyfin_credentials'), true`)
	b.do(chromedp.Reload())
	b.isAtLogin()
	b.click(twoFactors)
	b.until(`document.body.dataset.state === 'home'`)
	b.isHome(t, s, "alice")
	b.wentTo("200 /web/", "200 /sso/2fa", "200 /web/")
	if after := s.Jellyfin.Count(signIns); after != before {
		t.Errorf("%d new sign-ins at Jellyfin", after-before)
	}
	if now := s.Jellyfin.LiveTokens(); len(now) != 1 || now[0].Value != tokens[0].Value {
		t.Errorf("tokens %v, want still %v", now, tokens)
	}
}

// TestWhoIsSignedInIsLedOn opens the sign-in page with a cookie that is good,
// and then Jellyfin with one that nobody knows.
func TestWhoIsSignedInIsLedOn(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{BasePath: "/jellyfin"})
	app := member(t, s, "alice", "wonderland")
	b := openBrowser(t, s, host{})
	b.open("/sso/2fa?return=%2Fjellyfin%2Fweb%2F%23%2Fsearch")
	b.signIn("alice", "wonderland", app.next(t))
	b.until(`document.body.dataset.state === 'home' && location.hash === '#/search'`)
	b.wentTo("200 /sso/2fa", "200 /web/")

	b.open("/sso/2fa")
	b.isHome(t, s, "alice")
	b.wentTo("303 /sso/2fa", "200 /web/")

	known, _ := b.cookie(session.SecureCookieName)
	b.do(
		call(network.SetCookie, network.SetCookieParams{
			URL: b.home, Name: known.Name, Value: strings.Repeat("A", len(known.Value)), Path: "/", Secure: new(true), HTTPOnly: new(true),
		}),
		chromedp.Reload(),
	)
	b.shows("#signin")
	b.wentTo("302 /web/", "200 /sso/2fa")
}

// TestACachedPageIsNoWayIn puts the program in front of a Jellyfin whose page
// the browser has kept from before. Its conditional request must lead to the
// sign-in page, and not be answered with "not modified".
func TestACachedPageIsNoWayIn(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	var behind atomic.Pointer[url.URL]
	var condition atomic.Value
	door := httptest.NewTLSServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			if r.In.URL.Path == "/web/" {
				condition.Store(r.In.Header.Get("If-None-Match"))
			}
			r.SetURL(behind.Load())
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.Edge.RootCAs()}},
	})
	t.Cleanup(door.Close)
	behind.Store(parse(t, s.Jellyfin.URL))
	b := openBrowserAt(t, door.URL, door.Certificate(), host{})
	b.open("/web/")
	b.shows("#loginPage .manualLoginForm")
	b.wentTo("200 /web/")

	behind.Store(parse(t, s.Edge.SecureURL()))
	b.do(chromedp.Reload())
	b.shows("#signin")
	b.wentTo("302 /web/", "200 /sso/2fa")
	if condition.Load() == "" {
		t.Error("the browser made no condition: this test shows nothing")
	}
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestADeepLinkSurvivesTheSignIn opens one of jellyfin-web's own addresses, the
// part of which that counts is never sent to a server.
func TestADeepLinkSurvivesTheSignIn(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	app := member(t, s, "alice", "wonderland")
	b := openBrowser(t, s, host{})
	b.open("/web/#/details?id=1")
	b.hasFocus("#signin-name")
	b.press("alice", kb.Tab, "wonderland", kb.Tab, kb.Tab, app.next(t), kb.Enter)
	b.until(`document.body.dataset.state === 'home' && location.hash === '#/details?id=1'`)
}
