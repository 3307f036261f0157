package app_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/stage"
)

// The apps that show jellyfin-web in a web view, as they present themselves on
// every page.
var (
	android = host{
		agent: "Mozilla/5.0 (Linux; Android 16; Pixel 9 Build/BP2A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/148.0.0.0 Mobile Safari/537.36",
		script: `window.NativeInterface = { getDeviceInformation: function () {
			return JSON.stringify({ deviceId: 'c0ffee', deviceName: encodeURIComponent('Küche 9'), appName: 'Jellyfin for Android', appVersion: '2.7.1' });
		} };`,
		headers: network.Headers{"X-Requested-With": "org.jellyfin.mobile"},
	}
	expo = host{
		agent:  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
		script: `window.ExpoAppInfo = { appName: 'Jellyfin (iOS)', appVersion: '1.7.0', deviceId: 'f00d', deviceName: 'Bob’s phone' };`,
	}
	xbox = host{
		agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36 Edg/148.0.0.0 WebView2 Xbox",
		script: `window.asked = 0;
			window.NativeShell = {
				AppHost: {
					appName: function () { return 'jellyfin-uwp'; },
					appVersion: function () { return '1.0.0.0'; },
					deviceName: function () { return 'Xbox'; }
				},
				getPlugins: function () { window.asked++; return []; }
			};`,
	}
	webOS = host{agent: "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36 WebAppManager"}
)

// TestAndroidSignsInFromTheLoginPage: the app shows its view only after
// jellyfin-web's own document has loaded, so that the way leads over the button.
func TestAndroidSignsInFromTheLoginPage(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	s.Jellyfin.SetBranding(admins)
	app := member(t, s, "alice", "wonderland")
	s.Jellyfin.Record()
	b := openBrowser(t, s, android)
	b.open("/")
	b.isAtLogin()
	b.wentTo("302 /", "200 /web/")

	b.click(twoFactors)
	b.until(`window.NavigationHelper`)
	eval[bool](b, `window.NavigationHelper.goBack(), true`) // what the app's back key does
	b.isAtLogin()
	b.click(twoFactors)
	b.signIn("alice", "wonderland", app.next(t))
	b.isHome(t, s, "alice")
	wasMintedFor(t, s, jellyfin.Device{ID: "c0ffee", Name: "Küche 9", Client: "Jellyfin for Android", Version: "2.7.1"})
	// After the log-in the app reads the first entry.
	if first := eval[string](b, whoIsStored); first != "alice" {
		t.Errorf("the first entry is %s's", first)
	}
}

// TestAppsAreLedToTheSignInPage: the others are led there as browsers are, and
// sign in as the device that the app says it is.
func TestAppsAreLedToTheSignInPage(t *testing.T) {
	for _, tt := range []struct {
		name  string
		app   host
		want  jellyfin.Device
		asked int // how often the page asks the app to show it
	}{
		{"Expo", expo, jellyfin.Device{ID: "f00d", Name: "Bob’s phone", Client: "Jellyfin (iOS)", Version: "1.7.0"}, 0},
		{"Xbox", xbox, jellyfin.Device{Name: "Xbox", Client: "jellyfin-uwp", Version: "1.0.0.0"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage.Options{})
			app := member(t, s, "alice", "wonderland")
			s.Jellyfin.Record()
			s.Jellyfin.Record()
			b := openBrowser(t, s, tt.app)
			b.open("/")
			b.hasFocus("#signin-name")
			b.wentTo("302 /", "200 /sso/2fa")
			if asked := eval[int](b, `window.asked || 0`); asked != tt.asked {
				t.Errorf("the page asked for plugins %d times, want %d", asked, tt.asked)
			}
			b.signIn("alice", "wonderland", app.next(t))
			b.isHome(t, s, "alice")
			if tt.want.ID == "" {
				tt.want.ID = eval[string](b, `localStorage.getItem('_deviceId2')`)
			}
			wasMintedFor(t, s, tt.want)
		})
	}
}

// wasMintedFor checks which device the token was asked for that alone is live at
// Jellyfin.
func wasMintedFor(t *testing.T, s *stage.Stage, want jellyfin.Device) {
	t.Helper()
	var asked []jellyfin.Device
	for _, r := range s.Jellyfin.Requests() {
		if r.Action == "UserController.AuthenticateUserByName" {
			asked = append(asked, jellyfin.ReadPresented(r.Header, "", jellyfin.Dialect{}).Device)
		}
	}
	if diff := cmp.Diff([]jellyfin.Device{want}, asked); diff != "" {
		t.Errorf("sign-ins at Jellyfin (-want +got):\n%s", diff)
	}
	if devices := s.Jellyfin.Devices(); len(devices) != 1 || devices[0].ID != want.ID || devices[0].Client != want.Client {
		t.Errorf("devices at Jellyfin: %+v", devices)
	}
}

// TestWebOSFramesJellyfinWeb: LG's app shows the document in a frame of a page
// of its own and puts scripts and styles into it. There is no way for it to our
// page, so it must find jellyfin-web as it is.
func TestWebOSFramesJellyfinWeb(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2"})
	s.Jellyfin.SetBranding(admins)
	b := openBrowser(t, s, webOS)
	page := filepath.Join(t.TempDir(), "index.html")
	source := fmt.Sprintf(`<!doctype html><title>app</title><iframe width="900" height="700" src="%s/web/index.html#/home"></iframe>`, b.home)
	if err := os.WriteFile(page, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate((&url.URL{Scheme: "file", Path: page}).String()))

	frame := b.frame()
	frame.until(`document.body.dataset.state === 'login'`)
	if !frame.isShown("#loginPage .manualLoginForm") || frame.isShown(twoFactors) {
		t.Error("the login page was changed for an app that cannot follow its button")
	}
	if got := frame.read("#loginPage .loginDisclaimer"); !strings.HasPrefix(got, "Type your six-digit code") || !strings.HasSuffix(got, admins.LoginDisclaimer) {
		t.Errorf("the login page says %q; want how to type the code, and the admin's words", got)
	}
	if !eval[bool](frame, `(function () {
		var script = document.createElement('script');
		script.text = 'window.AppInfo = { deviceName: "LG Smart TV" };';
		document.head.appendChild(script);
		return !!window.AppInfo;
	})()`) {
		t.Error("the app cannot put its script into the document")
	}
}

// frame returns the frame in the page, which has a process of its own, as if it
// were a browser.
func (b *browser) frame() *browser {
	b.t.Helper()
	found := chromedp.WaitNewTarget(b.ctx, func(info *target.Info) bool { return info.Type == "iframe" })
	all, err := chromedp.Targets(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	var id target.ID
	for _, info := range all {
		if info.Type == "iframe" {
			id = info.TargetID
		}
	}
	if id == "" {
		select {
		case id = <-found:
		case <-b.ctx.Done():
			b.t.Fatal("there is no frame")
		}
	}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id))
	b.t.Cleanup(cancel)
	f := &browser{t: b.t, ctx: ctx, home: b.home}
	if err := chromedp.Listen(ctx, f.watch); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(f.judge)
	return f
}
