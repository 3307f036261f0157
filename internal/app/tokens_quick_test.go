package app_test

import (
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/stage"
)

// generations are those of Jellyfin, each behind another protocol of the tunnel.
var generations = map[jellyfintest.Release]string{jellyfintest.V10_11: "http2", jellyfintest.V12: "quic"}

// poll asks whether the device was allowed.
func (h handset) poll(t *testing.T, secret string) (status int, allowed bool) {
	t.Helper()
	var state struct{ Authenticated bool }
	status = h.ask(t, http.MethodGet, "/QuickConnect/Connect?secret="+secret, "", &state)
	return status, state.Authenticated
}

// TestACodeThatWasForgottenIsWorthNothing lets ten minutes and more pass at
// Jellyfin, which forgets codes and their secrets then.
func TestACodeThatWasForgottenIsWorthNothing(t *testing.T) {
	for release, protocol := range generations {
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			var later atomic.Int64
			s := play(t, stage.Options{Protocol: protocol, Change: onlyHere, Logger: discard(), Jellyfin: []jellyfintest.Option{
				jellyfintest.Version(release), jellyfintest.VideoSize(1000),
				jellyfintest.Clock(func() time.Time { return time.Now().Add(time.Duration(later.Load())) }),
			}})
			alice := moveIn(t, s, "203.0.113.9").alice
			pass := func() { later.Add(int64(11 * time.Minute)) }
			forgotten := func(what string, h *handset, secret string) {
				t.Helper()
				if status, _ := h.poll(t, secret); status != http.StatusNotFound {
					t.Errorf("%s: polled: %d, want 404", what, status)
				}
				if status := h.redeem(t, secret); status != http.StatusNotFound || h.token != "" {
					t.Errorf("%s: comes for its token: %d %q, want 404", what, status, h.token)
				}
			}
			before := holdingsOf(s.Jellyfin)

			slow := handset{stage: s, addr: "198.51.100.20", name: "slow"}
			code, waiting := slow.showCode(t)
			if status, allowed := slow.poll(t, waiting); status != http.StatusOK || allowed {
				t.Errorf("polled in time: %d, allowed %t", status, allowed)
			}
			pass()
			forgotten("never allowed", &slow, waiting)
			if status, a, _ := alice.post(t, "connect/allow", map[string]string{"Code": code}); status != http.StatusNotFound || !strings.Contains(a.ErrorMessage, "10 minutes") {
				t.Errorf("allowed too late: %d %s", status, a.ErrorMessage)
			}
			forgotten("allowed too late", &slow, waiting)
			unchanged(t, s.Jellyfin, "a code that was forgotten", before)

			// Jellyfin has made the token of a device that was allowed, which
			// nobody can have any more. Its user sees it, and can sign it out.
			gone := handset{stage: s, addr: "198.51.100.21", name: "gone"}
			code, waiting = gone.showCode(t)
			alice.wants(t, "connect/allow", "Code", code)
			made := madeSince(s.Jellyfin, before)
			pass()
			forgotten("allowed, and never came", &gone, waiting)
			if len(made) != 1 {
				t.Fatalf("%d tokens were made by allowing a device", len(made))
			}
			alice.wants(t, "devices/signout", "Id", secret.Text(made[0]).Hash())
			unchanged(t, s.Jellyfin, "a device that never came, signed out", before)
		})
	}
}

// hereOn plays a stage of that Jellyfin on which only tokens that were given out
// here count.
func hereOn(t *testing.T, release jellyfintest.Release, protocol string) *stage.Stage {
	t.Helper()
	return play(t, stage.Options{Protocol: protocol, Change: onlyHere, Logger: discard(), Jellyfin: []jellyfintest.Option{
		jellyfintest.Version(release), jellyfintest.VideoSize(1000),
	}})
}

// madeSince are the tokens that live now, and did not before.
func madeSince(j *jellyfintest.Server, before holdings) []string {
	var made []string
	old := strings.Join(before.Tokens, " ")
	for _, token := range j.LiveTokens() {
		if !strings.Contains(old, token.Value) {
			made = append(made, token.Value)
		}
	}
	return made
}

// TestACodeIsAllowedOnce allows one code again and again: on the page, by its
// user and by another, and with tokens. The device stays the first one's.
func TestACodeIsAllowedOnce(t *testing.T) {
	for release, protocol := range generations {
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			s := hereOn(t, release, protocol)
			home := moveIn(t, s, "203.0.113.9")
			s.Jellyfin.AddUser("bob", "builder")
			bob := visiting(t, "bob", through(s.Edge, netip.MustParseAddr("203.0.113.10")))
			bob.password, bob.device = "builder", "bob's browser"
			bobs := bob.enrol(t).AuthenticatedUser.AccessToken
			before := holdingsOf(s.Jellyfin)

			television := handset{stage: s, addr: "198.51.100.22", name: "another television"}
			code, waiting := television.showCode(t)
			home.alice.wants(t, "connect/allow", "Code", code)
			made := madeSince(s.Jellyfin, before)
			again := func(when string) {
				t.Helper()
				for who, p := range map[string]*person{"alice": home.alice, "bob": bob} {
					if status, a, _ := p.post(t, "connect/allow", map[string]string{"Code": code}); status != http.StatusConflict || !strings.Contains(a.ErrorMessage, "already") {
						t.Errorf("%s, by %s: %d %s, want 409", when, who, status, a.ErrorMessage)
					}
				}
				for who, token := range map[string]string{"alice": home.code.token, "bob": bobs} {
					if status := home.code.holding(token).ask(t, http.MethodPost, "/QuickConnect/Authorize?code="+code, "", nil); status < 400 {
						t.Errorf("%s, with a token of %s's: %d", when, who, status)
					}
				}
			}
			again("allowed again")
			for range 2 { // Jellyfin gives the same answer as often as it is asked
				if status := television.redeem(t, waiting); status != http.StatusOK || len(made) != 1 || television.token != made[0] {
					t.Errorf("the device comes for its token: %d, one of %d", status, len(made))
				}
			}
			again("allowed again when the device has its token")
			if after := madeSince(s.Jellyfin, before); len(after) != 1 || after[0] != television.token {
				t.Errorf("%d tokens were made with one code", len(after))
			}
			television.isLetIn(t, "the television")
			var me struct{ Name string }
			if television.ask(t, http.MethodGet, "/Users/Me", "", &me); me.Name != "alice" {
				t.Errorf("the television is %q's", me.Name)
			}
		})
	}
}

// TestWithoutQuickConnectTheRestWorks switches Quick Connect off at Jellyfin, by
// which app passwords and the page for televisions work. They say so, and leave
// nothing behind; the code behind the password does not need it.
func TestWithoutQuickConnectTheRestWorks(t *testing.T) {
	for release, protocol := range generations {
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			s := hereOn(t, release, protocol)
			home := moveIn(t, s, "203.0.113.9")
			app := handset{stage: s, addr: "198.51.100.23", name: "newcomer"}
			early, waiting := app.showCode(t)
			before := holdingsOf(s.Jellyfin)
			s.Jellyfin.SetQuickConnect(false)

			resp, text := visit(t, app.transport(), http.MethodPost, byNamePath, strings.NewReader(`{"Username":"alice","Pw":"`+home.made+`"}`),
				"Authorization", app.header(), "Content-Type", jsonKind)
			if resp.StatusCode != http.StatusForbidden || !strings.Contains(text, "Quick Connect") {
				t.Errorf("app password: %d %s, want 403 and why", resp.StatusCode, text)
			}
			for _, page := range []struct{ endpoint, name, value string }{{"passwords", "Name", "Phone"}, {"connect/allow", "Code", early}} {
				status, a, _ := home.alice.post(t, page.endpoint, map[string]string{page.name: page.value})
				if status != http.StatusConflict || !strings.Contains(a.ErrorMessage, "Quick Connect is switched off") {
					t.Errorf("%s: %d %s, want 409 and why", page.endpoint, status, a.ErrorMessage)
				}
			}
			if status := app.ask(t, http.MethodPost, "/QuickConnect/Initiate", "", nil); status != http.StatusUnauthorized {
				t.Errorf("ask for a code: %d, want Jellyfin's 401", status)
			}
			if status, _ := app.poll(t, waiting); status != http.StatusUnauthorized {
				t.Errorf("poll: %d, want Jellyfin's 401", status)
			}
			if status := app.redeem(t, waiting); status != http.StatusUnauthorized || app.token != "" {
				t.Errorf("come for a token: %d, want Jellyfin's 401", status)
			}
			unchanged(t, s.Jellyfin, "without Quick Connect", before)

			// A user with a second factor of today can sign in, but make no app password.
			s.Jellyfin.AddUser("carol", "wonderland")
			carol := visiting(t, "carol", through(s.Edge, netip.MustParseAddr("203.0.113.10")))
			carol.device = "carol's browser"
			carol.enrol(t)
			if status, a, _ := carol.post(t, "passwords", map[string]string{"Name": "Phone"}); status != http.StatusConflict {
				t.Errorf("a first app password: %d %s, want 409", status, a.ErrorMessage)
			}
			phone := handset{stage: s, addr: "198.51.100.24", name: "carol's phone"}
			if status := phone.signIn(t, "carol", "wonderland"+carol.code(t)); status != http.StatusOK {
				t.Errorf("code behind the password: %d", status)
			}
			phone.isLetIn(t, "an app that signed in with a code")
			for way, app := range home.all() {
				app.isLetIn(t, way+", signed in before")
			}

			s.Jellyfin.SetQuickConnect(true)
			if status := home.appPassword.signIn(t, "alice", home.made); status != http.StatusOK {
				t.Errorf("app password, when it is on again: %d", status)
			}
			home.alice.wants(t, "connect/allow", "Code", early)
			if status := app.redeem(t, waiting); status != http.StatusOK {
				t.Errorf("a code from before, when it is on again: %d", status)
			}
		})
	}
}
