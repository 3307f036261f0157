package portal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/visitor"
)

// browse opens Chromium on the portal. Below /web/ there is an empty page in
// jellyfin-web's place.
func browse(t *testing.T, s *site) (ctx context.Context, origin string) {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is needed; scripts/test installs it")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/sso/2fa") {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<!doctype html><title>jellyfin-web</title>")
			return
		}
		v := s.visitor
		v.Scheme, v.Host = "http", r.Host
		s.handler.ServeHTTP(w, r.WithContext(visitor.With(r.Context(), v)))
	}))
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	if err := chromedp.Do(tab); err != nil { // the browser must outlive the time limit
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tab, time.Minute)
	t.Cleanup(cancel)
	return ctx, server.URL
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// onEveryPage runs script in every page before the page's own.
func onEveryPage(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	})
}

func TestTheDeviceIsWhatItsHostSays(t *testing.T) {
	tests := []struct {
		what, script string
		want         map[string]string // without id where jellyfin-web's is made
	}{
		{
			"a browser", `Object.defineProperty(navigator, 'userAgent', {value: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'});`,
			map[string]string{"name": "Firefox", "client": "Jellyfin Web", "version": ""},
		},
		{
			"Chrome on Android", `Object.defineProperty(navigator, 'userAgent', {value: 'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'});`,
			map[string]string{"name": "Chrome Android", "client": "Jellyfin Web", "version": ""},
		},
		{
			"Chrome on an iPhone", `Object.defineProperty(navigator, 'userAgent', {value: 'Mozilla/5.0 (iPhone; CPU iPhone OS 15_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1'});`,
			map[string]string{"name": "Safari iPhone", "client": "Jellyfin Web", "version": ""},
		},
		{
			"Edge", `Object.defineProperty(navigator, 'userAgent', {value: 'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0'});`,
			map[string]string{"name": "Edge Chromium", "client": "Jellyfin Web", "version": ""},
		},
		{"the Android app", `window.NativeInterface = {getDeviceInformation: function () {
			return JSON.stringify({deviceId: 'a1', deviceName: 'Zo%C3%AB', appName: 'Jellyfin for Android', appVersion: '2.7.1'});
		}};`, map[string]string{"id": "a1", "name": "Zoë", "client": "Jellyfin for Android", "version": "2.7.1"}},
		{
			"the iOS app", `window.ExpoAppInfo = {deviceId: 'e1', deviceName: 'iPad', appName: 'Jellyfin (iPadOS)', appVersion: '1.7.0'};`,
			map[string]string{"id": "e1", "name": "iPad", "client": "Jellyfin (iPadOS)", "version": "1.7.0"},
		},
		{"a desktop app", `window.NativeShell = {AppHost: {
			deviceName: function () { return 'laptop'; }, appName: function () { return 'Jellyfin Desktop'; }, appVersion: function () { return '2.0.0'; }
		}};`, map[string]string{"name": "laptop", "client": "Jellyfin Desktop", "version": "2.0.0"}},
		{
			"an app that throws", `window.NativeInterface = {getDeviceInformation: function () { throw 1; }};`,
			map[string]string{"client": "Jellyfin Web", "version": ""},
		},
	}
	ctx, origin := browse(t, newSite(t))
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			// Every case has a tab of its own, since injected scripts stay.
			tab, closeTab := chromedp.NewContext(ctx)
			defer closeTab()
			do(t, tab, onEveryPage(tt.script), chromedp.Navigate(origin+"/sso/2fa"))
			got := eval[map[string]string](t, tab, `Jellyward.device()`)
			stored := eval[string](t, tab, `localStorage.getItem('_deviceId2') || ''`)
			made := eval[string](t, tab, `atob((localStorage.getItem('_deviceId2') || '').replace(/1+$/, '')).split('|')[0].slice(0, 11)`)
			if _, known := tt.want["id"]; !known {
				if got["id"] != stored || made != "Mozilla/5.0" {
					t.Errorf("id = %q, stored %q, made of %q", got["id"], stored, made)
				}
				delete(got, "id")
			}
			if _, known := tt.want["name"]; !known {
				delete(got, "name")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("device (-want +got):\n%s", diff)
			}
			if back := eval[string](t, tab, `typeof NavigationHelper.goBack`); back != "function" {
				t.Errorf("NavigationHelper.goBack is %s", back)
			}
			do(t, tab, chromedp.Evaluate[chromedp.Void](`localStorage.clear()`))
		})
	}
}

// credentials is jellyfin-web's record.
type credentials struct {
	Servers []map[string]any
	Extra   string `json:",omitempty"`
}

func TestCredentialsAreWrittenAsJellyfinWebReadsThem(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	secret := s.enrol(t, "alice", "wonderland")
	ctx, origin := browse(t, s)
	do(t, ctx, chromedp.Navigate(origin+"/web/"), chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`localStorage.setItem('jellyfin_credentials', JSON.stringify({Extra: 'kept', Servers: [
		{Id: 'other', Name: 'Elsewhere', ManualAddress: 'https://other.example', AccessToken: 'theirs', UserId: 'u2'},
		{Id: 'stale', ManualAddress: %q, AccessToken: 'stale'},
		{Id: %q, Name: 'Mine', ManualAddress: 'http://old.example', AccessToken: 'dead', UserId: 'x'}
	]})), localStorage.setItem('enableAutoLogin', 'false')`, strings.ToUpper(origin), s.jellyfin.ServerID())))
	do(t, ctx,
		chromedp.Navigate(origin+"/sso/2fa?return=%2Fweb%2Findex.html%3Fx%3D1"),
		chromedp.SendKeys(chromedp.CSS("#signin-name"), "alice"),
		chromedp.SendKeys(chromedp.CSS("#signin-password"), "wonderland"),
		chromedp.SendKeys(chromedp.CSS("#signin-code"), s.code(secret)),
	)
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS("#signin-form button[type=submit]"))); err != nil {
		t.Fatal(err)
	}
	if at := eval[string](t, ctx, `location.pathname + location.search`); at != "/web/index.html?x=1" {
		t.Errorf("landed at %s", at)
	}
	token := s.jellyfin.LiveTokens()[0]
	if id := eval[string](t, ctx, `localStorage.getItem('_deviceId2')`); id != token.Device.ID {
		t.Errorf("token was minted for device %q, stored is %q", token.Device.ID, id)
	}
	got := readCredentials(t, ctx)
	if len(got.Servers) == 0 || got.Servers[0]["DateLastAccessed"] == nil {
		t.Fatalf("credentials = %+v", got)
	}
	delete(got.Servers[0], "DateLastAccessed")
	other := map[string]any{"Id": "other", "Name": "Elsewhere", "ManualAddress": "https://other.example", "AccessToken": "theirs", "UserId": "u2"}
	want := credentials{Extra: "kept", Servers: []map[string]any{{
		"Id": s.jellyfin.ServerID(), "Name": "Mine", "ManualAddress": origin, "manualAddressOnly": true, "LastConnectionMode": 2.0,
		"UserId": token.Device.UserID, "AccessToken": token.Value,
	}, other}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
	if auto := eval[string](t, ctx, `localStorage.getItem('enableAutoLogin')`); auto != "true" {
		t.Errorf("enableAutoLogin = %q", auto)
	}

	// Signing out takes the token out again, and only ours.
	do(t, ctx, chromedp.Navigate(origin+"/sso/2fa/account"))
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS("#signout-form button"))); err != nil {
		t.Fatal(err)
	}
	if at := eval[string](t, ctx, `location.pathname`); at != "/sso/2fa" {
		t.Errorf("signing out leads to %s", at)
	}
	s.wantTokens(t, 0)
	got = readCredentials(t, ctx)
	if got.Servers[0]["AccessToken"] != nil || got.Servers[0]["UserId"] != nil {
		t.Errorf("our entry after signing out: %v", got.Servers[0])
	}
	if diff := cmp.Diff(other, got.Servers[1]); diff != "" {
		t.Errorf("the other server's entry (-want +got):\n%s", diff)
	}
}

func readCredentials(t *testing.T, ctx context.Context) credentials {
	t.Helper()
	var c credentials
	if err := json.Unmarshal([]byte(eval[string](t, ctx, `localStorage.getItem('jellyfin_credentials')`)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}
