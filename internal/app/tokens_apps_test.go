package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// TestAppsSignInBelowABasePath lets alice sign in everywhere at a server that is
// not at the root, and nowhere above.
func TestAppsSignInBelowABasePath(t *testing.T) {
	for release, protocol := range generations {
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			s := play(t, stage.Options{Protocol: protocol, BasePath: "/jellyfin", Change: onlyHere, Logger: discard(), Jellyfin: []jellyfintest.Option{
				jellyfintest.Version(release), jellyfintest.VideoSize(1000),
			}})
			home := moveIn(t, s, "203.0.113.9")
			for way, app := range home.all() {
				app.addr = "198.51.100.7"
				app.isLetIn(t, way)
			}
			before, asked := holdingsOf(s.Jellyfin), s.Jellyfin.Count(authenticateByName)
			app := handset{stage: s, addr: "198.51.100.8", name: "lost"}
			for _, path := range []string{byNamePath, "/emby" + byNamePath, "/jellyfin/jellyfin" + byNamePath, "/jellyfin/..//jellyfin" + byNamePath, byQuickPath} {
				resp, text := visit(t, app.transport(), http.MethodPost, path, strings.NewReader(`{"Username":"alice","Pw":"`+home.made+`"}`),
					"Authorization", app.header(), "Content-Type", jsonKind)
				if resp.StatusCode < 300 || strings.Contains(text, "AccessToken") {
					t.Errorf("POST %s: %d %.100s", path, resp.StatusCode, text)
				}
			}
			if status := app.signIn(t, "alice", "wonderland"); status != http.StatusUnauthorized {
				t.Errorf("a password alone: %d, want 401", status)
			}
			if n := s.Jellyfin.Count(authenticateByName) - asked; n != 0 {
				t.Errorf("Jellyfin was asked for a password %d times", n)
			}
			unchanged(t, s.Jellyfin, "refused sign-ins", before)
			if status := home.code.ask(t, http.MethodPost, "/Sessions/Logout", "", nil); status != http.StatusNoContent {
				t.Errorf("log-out: %d", status)
			}
			home.code.isKeptOut(t, "an app that logged out")
			home.alice.wants(t, "passwords/revoke", "Id", home.alice.appPasswordID(t, s))
			home.appPassword.isKeptOut(t, "an app whose password was revoked")
		})
	}
}

// TestOnePasswordIsForOneApp types one app password into Streamyfin, which hands
// it on to Seerr, so that two apps sign in with it: the second signs the first
// out. With an app password for each, both go on. Streamyfin's is in a network of
// the user's, and Seerr on a server elsewhere.
func TestOnePasswordIsForOneApp(t *testing.T) {
	t.Parallel()
	s := here(t, "")
	home := moveIn(t, s, "203.0.113.9")
	streamyfin, seerr := home.appPassword, handset{stage: s, addr: "198.51.100.30", name: "Seerr"}
	both := func(when string, first, second bool) {
		t.Helper()
		for app, goesOn := range map[handset]bool{streamyfin: first, seerr: second} {
			app.addr = "198.51.100." + map[bool]string{true: "31", false: "32"}[app == seerr] // where nobody else opens the network
			if goesOn {
				app.isLetIn(t, app.name+", "+when)
			} else {
				app.isKeptOut(t, app.name+", "+when)
			}
		}
	}
	if status := seerr.signIn(t, "alice", home.made); status != http.StatusOK {
		t.Fatalf("Seerr with Streamyfin's password: %d", status)
	}
	both("with one app password", false, true)
	if status := streamyfin.signIn(t, "alice", home.made); status != http.StatusOK {
		t.Fatalf("Streamyfin, once more: %d", status)
	}
	both("with one app password, the other way round", true, false)

	// Now as it should be.
	before := len(s.Jellyfin.LiveTokens())
	if status := seerr.signIn(t, "alice", home.alice.appPassword(t, "Seerr")); status != http.StatusOK {
		t.Fatalf("Seerr with a password of its own: %d", status)
	}
	both("with an app password each", true, true)
	if after := len(s.Jellyfin.LiveTokens()); after != before+1 {
		t.Errorf("%d tokens, want one more than %d", after, before)
	}
}

// TestAWrongCodeOpensNoWindow types wrong digits wherever a user can, from the
// network and with the session and the devices of one who is signed in. A rival
// let the password alone pass after that for a while. Here it stays refused, and
// Jellyfin does not hear of it.
func TestAWrongCodeOpensNoWindow(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2", Logger: discard(), Jellyfin: []jellyfintest.Option{jellyfintest.VideoSize(1000)}})
	home := moveIn(t, s, "203.0.113.9")
	fresh := handset{stage: s, addr: home.code.addr, name: "a device of today"}
	code, waiting := fresh.showCode(t)
	wrong := strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, code)
	before, asked := holdingsOf(s.Jellyfin), s.Jellyfin.Count(authenticateByName)
	devices := []handset{home.code, home.appPassword, home.television, home.browser}
	onPage := func(endpoint string, more ...string) int {
		status, _, _ := home.alice.post(t, endpoint, home.alice.fields(more...))
		return status
	}
	for i, tt := range []struct {
		what string
		try  func() int
		want int
	}{
		{"wrong digits allowed on the page", func() int { return onPage("connect/allow", "Code", wrong) }, http.StatusNotFound},
		{"wrong digits looked at on the page", func() int { return onPage("connect/look", "Code", wrong) }, http.StatusOK},
		{"wrong digits allowed with a token", func() int {
			return home.code.ask(t, http.MethodPost, "/QuickConnect/Authorize?code="+wrong, "", nil)
		}, http.StatusNotFound},
		{"digits that nobody allowed", func() int { return fresh.redeem(t, waiting) }, http.StatusNotFound},
		{"an invented secret", func() int { return fresh.redeem(t, strings.Repeat("AB", 32)) }, http.StatusNotFound},
		{"a wrong code on the page", func() int { return onPage("authenticate", "Otp", home.alice.wrongCode()) }, http.StatusUnauthorized},
		{"no code on the page", func() int { return onPage("authenticate") }, http.StatusUnauthorized},
	} {
		if status := tt.try(); status != tt.want {
			t.Errorf("%s: %d, want %d", tt.what, status, tt.want)
		}
		// Refusals take their time, so not every device tries each time. One that
		// signs in anew may send its old token along.
		known := devices[i%len(devices)]
		if i%2 == 0 {
			known.token = ""
		}
		for _, app := range []handset{fresh, known} {
			if status := app.signIn(t, "alice", "wonderland"); status != http.StatusUnauthorized || app.token != "" {
				t.Errorf("after %s: the password alone on %s: %d, want 401", tt.what, app.name, status)
			}
		}
	}
	if n := s.Jellyfin.Count(authenticateByName) - asked; n != 0 {
		t.Errorf("Jellyfin was asked for a password %d times", n)
	}
	unchanged(t, s.Jellyfin, "wrong digits", before)
	for way, app := range home.all() {
		app.isLetIn(t, way+", after all that")
	}
}
