package app_test

import (
	"net/http"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// TestWithoutRedisNobodyIsLetInUnchecked kills Redis and brings it back. Whoever
// needs a check gets 503 meanwhile, whoever does not goes on.
func TestWithoutRedisNobodyIsLetInUnchecked(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			redis := storetest.StartRedis(t)
			s, _ := w.play(t, stage.Options{
				Redis: redis.URL, Jellyfin: []jellyfintest.Option{jellyfintest.VideoSize(filmSize)}, Logger: discard(),
			})
			s.Jellyfin.AddUser("alice", "wonderland")
			base, client := visitor(s)
			browser := browserClient(t)
			browser.Transport = client.Transport
			alice := &person{name: "alice", password: "wonderland", base: base, http: browser, device: "home"}
			app := newAsker(s, alice.enrol(t).AuthenticatedUser.AccessToken)
			inBrowser := append([]string{"Cookie", cookies(t, alice)}, chrome...)
			page := newAsker(s, "")
			if resp, _ := page.get(t.Context(), t, "/web/", inBrowser...); resp.StatusCode != http.StatusOK {
				t.Fatalf("the page before all: %d", resp.StatusCode)
			}
			film := app.playFilm(t)
			before := len(s.Jellyfin.LiveTokens())

			redis.Kill(t)
			code := alice.code(t)
			checkNoStore := func() {
				t.Helper()
				for endpoint, key := range map[string]string{"authenticate": "Otp", "enroll": "Otp", "confirm": "Code"} {
					status, a, resp := alice.post(t, endpoint, alice.fields(key, code))
					if status != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || a.Secret != "" || len(resp.Cookies()) > 0 {
						t.Errorf("%s without Redis: %d %+v, want 503 with Retry-After", endpoint, status, a)
					}
				}
			}
			checkNoStore()
			// A session that was looked up just now counts for a moment, no longer.
			eventually(t, "503 for the page", func() bool {
				resp, _ := page.get(t.Context(), t, "/web/", inBrowser...)
				return resp.StatusCode == http.StatusServiceUnavailable
			})
			if resp, body := page.get(t.Context(), t, "/UserViews", "Cookie", cookies(t, alice)); resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("the cookie without Redis: %d %.100q, want 503", resp.StatusCode, body)
			}
			if resp, _ := page.get(t.Context(), t, "/sso/2fa", inBrowser...); resp.StatusCode != http.StatusOK {
				t.Errorf("our own page without Redis: %d", resp.StatusCode)
			}
			// No check of ours is needed for these.
			for path, want := range map[string]int{"/Users/Me": 200, "/System/Info/Public": 200, "/Videos/" + jellyfintest.MovieID + "/stream.webm": 200} {
				if status := app.status(t, path); status != want {
					t.Errorf("GET %s without Redis: %d, want %d", path, status, want)
				}
			}
			checkNoStore()
			if err := film.rest(); err != nil {
				t.Errorf("the film broke off with Redis: %v", err)
			}
			if after := len(s.Jellyfin.LiveTokens()); after != before {
				t.Errorf("%d tokens live at Jellyfin, want %d", after, before)
			}

			redis.Start(t)
			eventually(t, "the page again", func() bool {
				resp, _ := page.get(t.Context(), t, "/web/", inBrowser...)
				return resp.StatusCode == http.StatusOK
			})
			if status, a, _ := alice.post(t, "authenticate", alice.fields("Otp", code)); status != http.StatusOK {
				t.Errorf("the same code with Redis back: %d %+v, want 200", status, a)
			}
		})
	}
}

// TestATokenThatRedisDidNotSeeIsLoggedOut kills Redis while Jellyfin checks the
// password: the code cannot be spent, so nobody gets in.
func TestATokenThatRedisDidNotSeeIsLoggedOut(t *testing.T) {
	t.Parallel()
	redis := storetest.StartRedis(t)
	jellyfin, m := meddled(t)
	s := play(t, stage.Options{Redis: redis.URL, NoTunnel: true, Logger: discard(), Server: jellyfin})
	s.Jellyfin.AddUser("alice", "wonderland")
	alice := &person{name: "alice", password: "wonderland", base: s.Local, http: http.DefaultClient, device: "home"}
	alice.enrol(t)
	before := len(s.Jellyfin.LiveTokens())
	other := *alice
	other.device = "new"
	meddling(m, byNamePath, func() { redis.Kill(t) })
	if status, _, _ := other.post(t, "authenticate", other.fields("Otp", alice.code(t))); status != http.StatusServiceUnavailable {
		t.Errorf("a sign-in that Redis did not see: %d, want 503", status)
	}
	eventually(t, "the token's end", func() bool { return len(s.Jellyfin.LiveTokens()) == before })
}
