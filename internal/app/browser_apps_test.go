package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
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
	shown := b.interceptsAsAndroid()
	b.open("/")
	select {
	case <-shown:
	case <-time.After(androidWaits):
		t.Fatalf("the app gives up: no bundle was asked for, at %s", b.scene())
	}
	b.isAtLogin()
	b.wentTo("302 /", "200 /web/")
	if got := eval[string](b, `window.NativeShell.AppHost.appName()`); got != "Jellyfin for Android" {
		t.Errorf("on the login page the app's shell calls itself %q", got)
	}

	b.click(twoFactors)
	b.until(`window.NavigationHelper`)
	eval[bool](b, `window.NavigationHelper.goBack(), true`) // what the app's back key does
	b.isAtLogin()
	b.click(twoFactors)
	b.signIn("alice", "wonderland", app.next(t))
	b.isHome(t, s, "alice")
	wasMintedFor(t, s, jellyfin.Device{ID: "c0ffee", Name: "Küche 9", Client: "Jellyfin for Android", Version: "2.7.1"})
	b.until(`window.NativeShell`) // put into the page after the sign-in too
	// After the log-in the app reads the first entry.
	if first := eval[string](b, whoIsStored); first != "alice" {
		t.Errorf("the first entry is %s's", first)
	}
}

// androidWaits is how long the app waits with an invisible view before it goes
// back to its choice of servers.
const androidWaits = 10 * time.Second

// mainBundle is the path that shows the app that it has found jellyfin-web.
var mainBundle = regexp.MustCompile(`.*/main\.[^/\s]+\.bundle\.js`)

// interceptsAsAndroid answers in the app's place for what it keeps to itself:
// jellyfin-web's main bundle, before which it puts its shell, and the shell. The
// channel is closed when the app shows its view.
func (b *browser) interceptsAsAndroid() <-chan struct{} {
	b.t.Helper()
	const (
		injection = `['/native/nativeshell.js', document.currentScript.src + '&deferred=true'].forEach(function (src) {
			document.head.appendChild(Object.assign(document.createElement('script'), { src: src, async: false }));
		});`
		nativeShell = `window.NativeShell = { AppHost: {
			appName: function () { return JSON.parse(NativeInterface.getDeviceInformation()).appName; }
		} };`
	)
	shown := make(chan struct{})
	var once sync.Once
	answer := func(id fetch.RequestID, body string) {
		_, _ = chromedp.Call(b.ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{ // fails when the test is over
			RequestID: id, ResponseCode: http.StatusOK, Body: []byte(body),
			ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type", Value: "application/javascript"}},
		})
	}
	err := chromedp.Listen(b.ctx, func(event any) {
		e, ok := event.(*fetch.EventRequestPaused)
		if !ok {
			return
		}
		u, err := url.Parse(e.Request.URL)
		switch {
		case err == nil && strings.Contains(u.Path, "/native/"):
			go answer(e.RequestID, nativeShell)
		case err == nil && mainBundle.MatchString(u.Path) && !strings.Contains(u.RawQuery, "deferred"):
			once.Do(func() { close(shown) })
			go answer(e.RequestID, injection)
		default:
			go func() {
				_, _ = chromedp.Call(b.ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID}) // as above
			}()
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(call(fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{ResourceType: network.ResourceTypeScript}}}))
	return shown
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

// hasDevice checks that the device is the one on which that user has a token at
// Jellyfin.
func hasDevice(t *testing.T, s *stage.Stage, user string, want jellyfin.Device) {
	t.Helper()
	var devices []jellyfin.Device
	for _, d := range s.Jellyfin.Devices() {
		if d.UserName == user {
			devices = append(devices, jellyfin.Device{ID: d.ID, Name: d.Name, Client: d.Client, Version: d.Version})
		}
	}
	if diff := cmp.Diff([]jellyfin.Device{want}, devices); diff != "" {
		t.Errorf("%s's devices at Jellyfin (-want +got):\n%s", user, diff)
	}
}

// signInThere fills in jellyfin-web's own form and sends it.
func (b *browser) signInThere(name, password string) {
	b.t.Helper()
	b.until(`!document.querySelector('#txtManualName').value`)
	b.fill("#txtManualName", name)
	b.fill("#txtManualPassword", password)
	b.click("#loginPage .manualLoginForm button[type=submit]")
}

// isIn waits for jellyfin-web to be open for that user, with live updates.
func (b *browser) isIn(name string) {
	b.t.Helper()
	b.until(`document.body.dataset.state === 'home' && document.querySelector('#home').dataset.user === ` + quoted(name))
	b.until(`document.querySelector('#home').dataset.socket === 'open'`)
	if got := eval[string](b, whoIsStored); got != name {
		b.t.Errorf("the stored token is %q's, want %q's", got, name)
	}
}

// keepsItsForm checks that the login page says how to type the code and has
// nothing else of ours, for an app that cannot follow our button.
func (b *browser) keepsItsForm() {
	b.t.Helper()
	b.until(`document.body.dataset.state === 'login'`)
	if !b.isShown("#loginPage .manualLoginForm") || b.isShown(twoFactors) {
		b.t.Error("the login page was changed for an app that cannot follow its button")
	}
	if got := b.read("#loginPage .loginDisclaimer"); !strings.HasPrefix(got, "Type your six-digit code") || !strings.HasSuffix(got, admins.LoginDisclaimer) {
		b.t.Errorf("the login page says %q; want how to type the code, and the admin's words", got)
	}
}

// TestWebOSFramesJellyfinWeb: LG's app shows the document in a frame of a page
// of its own and puts scripts and styles into it. There is no way for it to our
// page, so it must find jellyfin-web as it is, and sign in with its form.
func TestWebOSFramesJellyfinWeb(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2"})
	s.Jellyfin.SetBranding(admins)
	app := member(t, s, "alice", "wonderland")
	b := openBrowser(t, s, webOS)
	page := filepath.Join(t.TempDir(), "index.html")
	source := fmt.Sprintf(`<!doctype html><title>app</title><iframe width="900" height="700" src="%s/web/index.html#/home"></iframe>`, b.home)
	if err := os.WriteFile(page, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate((&url.URL{Scheme: "file", Path: page}).String()))

	frame := b.frame()
	frame.keepsItsForm()
	for _, script := range []string{
		`window.AppInfo = { deviceId: 'TFYgV2ViMFM', deviceName: 'LG Smart TV', appName: 'Jellyfin for WebOS', appVersion: '1.2.2' };`,
		`window.NativeShell = { AppHost: {
			appName: function () { return AppInfo.appName; }, appVersion: function () { return AppInfo.appVersion; },
			deviceId: function () { return AppInfo.deviceId; }, deviceName: function () { return AppInfo.deviceName; }
		} };`,
	} {
		eval[bool](frame, `document.head.appendChild(Object.assign(document.createElement('script'), { text: `+quoted(script)+` })), true`)
	}
	if !eval[bool](frame, `!!window.NativeShell`) {
		t.Fatal("the app cannot put its scripts into the document")
	}
	frame.signInThere("alice", "wonderland"+app.next(t))
	frame.isIn("alice")
	hasDevice(t, s, "alice", jellyfin.Device{ID: "TFYgV2ViMFM", Name: "LG Smart TV", Client: "Jellyfin for WebOS", Version: "1.2.2"})
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
