package app_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/stage"
)

// bundled are apps that carry a client of their own and ask for no document of
// ours, so that their pages are another origin's.
var bundled = []struct {
	agent  string
	device jellyfin.Device
	file   bool // the page is a file in the app, and its origin "null"
}{
	{
		"Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) AppleWebKit/537.36 (KHTML, like Gecko) 108.0.5359.1/8.0 TV Safari/537.36",
		jellyfin.Device{ID: "dGl6ZW4", Client: "Jellyfin for Tizen", Name: "Samsung Smart TV", Version: "10.11.0"},
		true,
	},
	{
		"Mozilla/5.0 (Linux; Android 11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0.5615.204 Safari/537.36 TitanOS/3.0",
		jellyfin.Device{ID: "8f14e45f", Client: "Jellyfin for Titan OS", Name: "PHILIPS_2024", Version: "10.11.0"},
		false,
	},
	{
		"", // a browser's
		jellyfin.Device{ID: "0b9c1f4e", Client: "Jellyfin Web (Vue)", Name: "Chromium", Version: "0.3.1"}, false,
	},
}

// TestBundledAppsSignInOnTheirOwnPage plays the apps that bring their client
// along: what they ask from another origin is answered so that they can read it,
// their login page says how to type the code, and it signs in.
func TestBundledAppsSignInOnTheirOwnPage(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2"})
	s.Jellyfin.SetBranding(admins)
	s.Jellyfin.Record()
	for _, tt := range bundled {
		t.Run(tt.device.Client, func(t *testing.T) {
			t.Parallel()
			user := "user of " + tt.device.Client
			app := member(t, s, user, "wonderland")
			configuration := `{"servers":[` + quoted(s.Edge.SecureURL()) + `]}`
			shell := shell(tt.device) + `NativeShell.AppHost.deviceId = function () { return ` + quoted(tt.device.ID) + `; };`
			if tt.file {
				shell += configured(configuration)
			}
			b := openBrowser(t, s, host{agent: tt.agent, script: shell})
			page := serveBundle(t, s.Jellyfin, configuration)
			origin := strings.TrimSuffix(page, "/web/index.html")
			if tt.file {
				page, origin = saveBundle(t, s.Jellyfin), "null"
			}
			b.page = parse(t, page).Host
			b.do(chromedp.Navigate(page))

			b.keepsItsForm()
			b.signInThere(user, "wonderland")
			b.until(`document.querySelector('#toast').innerText.indexOf('Invalid username or password') === 0`)
			b.wasRefused("401 /Users/authenticatebyname")
			b.do(chromedp.Reload())
			b.keepsItsForm()
			b.signInThere(user, "wonderland"+app.next(t))
			b.isIn(user)
			hasDevice(t, s, user, tt.device)
			if _, ok := b.cookie(session.SecureCookieName); ok {
				t.Error("the app has been given a cookie")
			}
			if !preflown(s, origin) {
				t.Errorf("no preflight came from %s: this test shows less than it says", origin)
			}
		})
	}
}

// configured answers in a page that is a file for the one other file that it
// would fetch.
func configured(configuration string) string {
	return `(function (real) {
		window.fetch = function (what, how) {
			return what === 'config.json' ? Promise.resolve(new Response(` + quoted(configuration) + `)) : real.call(window, what, how);
		};
	})(window.fetch);`
}

// serveBundle serves jellyfin-web, with that configuration and nothing else, from
// an origin of its own, and returns the address of its page.
func serveBundle(t *testing.T, s *jellyfintest.Server, configuration string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/web/config.json":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(configuration)) // the page fails without it
		case strings.HasPrefix(r.URL.Path, "/web/"):
			s.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/web/index.html"
}

// saveBundle writes jellyfin-web to files, and returns the address of its page
// there.
func saveBundle(t *testing.T, s *jellyfintest.Server) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"index.html", "main.jellyfin.5d41402abc4b2a76b971.css", "session.bundle.js", "disclaimer.bundle.js", "main.jellyfin.bundle.js"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/web/"+name, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("jellyfin-web's %s is answered %d", name, w.Code)
		}
		// A page that is a file may not ask for a manifest.
		body := strings.Replace(w.Body.String(), `<link rel="manifest" href="manifest.json">`, "", 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return (&url.URL{Scheme: "file", Path: filepath.Join(dir, "index.html")}).String()
}

// preflown tells whether a browser asked Jellyfin if a page of that origin may
// sign in.
func preflown(s *stage.Stage, origin string) bool {
	for _, r := range s.Jellyfin.Requests() {
		if r.Method == http.MethodOptions && r.Header.Get("Origin") == origin && strings.EqualFold(r.Target, "/users/authenticatebyname") &&
			strings.Contains(r.Header.Get("Access-Control-Request-Headers"), "authorization") {
			return true
		}
	}
	return false
}
