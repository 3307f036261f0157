package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/stage"
)

// shell is what an app puts into every page to say what it is. Like all apps for
// computers it leaves the device id to jellyfin-web.
func shell(d jellyfin.Device) string {
	return fmt.Sprintf(`window.NativeShell = { AppHost: {
		init: function () {},
		appName: function () { return %s; },
		appVersion: function () { return %s; },
		deviceName: function () { return %s; }
	} };`, quoted(d.Client), quoted(d.Version), quoted(d.Name))
}

// foreign adds scripts to every page by their address, as Jellyfin Media Player
// 1.x does from schemes that only its own engine knows.
const foreign = `document.addEventListener('DOMContentLoaded', function () {
	var script = document.createElement('script');
	script.src = 'data:text/javascript,window.api = {}';
	document.head.appendChild(script);
});`

// plainHost is a name of this machine under which a browser takes nothing for
// secure, so that it sends no Sec-Fetch headers, as at home without https.
const plainHost = "jellyfin.home"

// desktopApps are the apps for computers as they present themselves.
var desktopApps = []struct {
	agent, script string
	device        jellyfin.Device
	// ungated tells that the app is shown jellyfin-web's login page, whose
	// button leads on; others are led to the sign-in page at once.
	ungated bool
	// bridged tells that window.api must be there.
	bridged bool
}{
	{"JellyfinDesktop/2.0.0 (Linux; x86_64) Chrome/122.0.0.0", "", jellyfin.Device{Client: "Jellyfin Desktop", Name: "den", Version: "2.0.0"}, true, false},
	{"JellyfinMediaPlayer 1.12.0 (linux-x86_64 unknown)", foreign, jellyfin.Device{Client: "Jellyfin Media Player", Name: "attic", Version: "1.12.0"}, true, true},
	{"Mozilla/5.0 jellium-desktop/2.1.0", "", jellyfin.Device{Client: "Jellium Desktop", Name: "shed", Version: "2.1.0"}, false, false},
}

// TestDesktopAppsSignInOnThePage plays the apps for computers, with a browser's
// Sec-Fetch headers and without them: each finds the server, signs in on our page
// as itself, and is signed in when it is opened again.
func TestDesktopAppsSignInOnThePage(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	s.Jellyfin.SetBranding(admins)
	s.Jellyfin.Record()
	for _, tt := range desktopApps {
		t.Run(tt.device.Client, func(t *testing.T) {
			t.Parallel()
			b := openBrowser(t, s, host{
				agent: tt.agent, script: shell(tt.device) + tt.script,
				flags: []chromedp.ExecAllocatorOption{chromedp.Flag("host-resolver-rules", "MAP "+plainHost+" 127.0.0.1")},
			})
			plain := parse(t, s.Edge.URL())
			for _, home := range []string{b.home, "http://" + plainHost + ":" + plain.Port()} {
				user := tt.device.Client + "'s at " + home
				app := member(t, s, user, "wonderland")
				b.moveTo(home)
				findsTheServer(t, s.Edge.URL(), tt.agent)
				b.open("/")
				if tt.ungated {
					b.isAtLogin()
					b.wentTo("302 /", "200 /web/")
					b.isBridged(tt.bridged)
					b.click(twoFactors)
				}
				b.shows("#signin")
				b.isBridged(tt.bridged)
				b.signIn(user, "wonderland", app.next(t))
				b.isIn(user)
				device := tt.device
				device.ID = eval[string](b, `localStorage.getItem('_deviceId2')`)
				hasDevice(t, s, user, device)

				b.route()
				b.open("/")
				b.isIn(user)
				b.wentTo("302 /", "200 /web/")
				b.isBridged(tt.bridged)
				b.open("/sso/2fa")
				b.isIn(user)
				b.wentTo("303 /sso/2fa", "200 /web/")
			}
			if _, ok := b.cookie(session.PlainCookieName); !ok {
				t.Error("there is no cookie over plain http")
			}
			if got := sitesNamed(s, tt.agent); !got["same-origin"] || !got[""] {
				t.Errorf("the branding was asked for with Sec-Fetch-Site %v: want both, same-origin and none, or this test shows less than it says", got)
			}
		})
	}
}

// moveTo has the visitor arrive elsewhere from now on.
func (b *browser) moveTo(home string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.home = home
}

// isBridged waits for what the app's own scripts make, if it has some.
func (b *browser) isBridged(want bool) {
	b.t.Helper()
	if want {
		b.until(`window.api && document.readyState === 'complete'`)
	}
}

// findsTheServer looks for the server as these apps do before they show anything:
// they follow a HEAD to where it ends, take what is before the last "/web" for
// the server's address, and ask there who it is.
func findsTheServer(t *testing.T, typed, agent string) {
	t.Helper()
	ask := func(method, address string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("User-Agent", agent)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	resp := ask(http.MethodHead, typed)
	if got := resp.Request.URL.String(); got != typed+"/web/" {
		t.Errorf("the server is looked for at %s", got)
	}
	resp = ask(http.MethodGet, typed+"/System/Info/Public")
	var info struct{ Id, ProductName string }
	if err := json.NewDecoder(resp.Body).Decode(&info); err != nil || info.Id == "" || info.ProductName != "Jellyfin Server" {
		t.Errorf("the server says %d, %+v: %v", resp.StatusCode, info, err)
	}
	// Jellyfin Media Player 1.x takes one here for a reason to break.
	if policy := resp.Header.Get("Content-Security-Policy"); policy != "" {
		t.Errorf("its description has the content security policy %q", policy)
	}
}

// sitesNamed returns the Sec-Fetch-Site headers with which that User-Agent asked
// Jellyfin for its branding.
func sitesNamed(s *stage.Stage, agent string) map[string]bool {
	sites := map[string]bool{}
	for _, r := range s.Jellyfin.Requests() {
		if u, err := url.Parse(r.Target); err == nil && u.Path == "/Branding/Configuration" && r.Header.Get("User-Agent") == agent {
			sites[r.Header.Get("Sec-Fetch-Site")] = true
		}
	}
	return sites
}
