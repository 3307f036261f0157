package app_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/cli"
	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// TestAnEndReachesTheOtherReplicaWithinASecond ends tokens at one replica in each
// way there is. The other refuses them, one that lets only tokens from here
// through like one that does not care, and their WebSockets are closed.
func TestAnEndReachesTheOtherReplicaWithinASecond(t *testing.T) {
	for name, change := range map[string]func(*config.Config){"any": func(*config.Config) {}, "here": onlyHere} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := storetest.StartRedis(t).URL
			one := here(t, redis)
			two := play(t, stage.Options{Redis: redis, Protocol: "http2", Server: one.Jellyfin, Logger: discard(), Change: func(c *config.Config) {
				c.KeyFile = one.Config.KeyFile
				change(c)
			}})
			home := moveIn(t, one, "203.0.113.9")
			extra := handset{stage: one, addr: "203.0.113.9", name: "tablet"}
			extra.quickConnect(t, home.alice)
			alice := home.alice
			for _, end := range []struct {
				what string
				app  handset
				by   func()
			}{
				{"a device that is signed out on the account page", home.television, func() {
					alice.wants(t, "devices/signout", "Id", secret.Text(home.television.token).Hash())
				}},
				{"an app password that is revoked", home.appPassword, func() { alice.wants(t, "passwords/revoke", "Id", alice.appPasswordID(t, one)) }},
				{"an app that logs out", home.code, func() {
					if status := home.code.ask(t, http.MethodPost, "/Sessions/Logout", "", nil); status != http.StatusNoContent {
						t.Errorf("log-out: %d", status)
					}
				}},
				{"all that an admin signs out", extra, func() { signOutAtTheTerminal(t, one, "alice") }},
			} {
				there := end.app.at(two)
				there.addr = "198.51.100.20" // where nobody else opens the network
				end.app.isLetIn(t, end.what+", here")
				there.isLetIn(t, end.what+", there")
				sockets := []<-chan time.Time{end.app.listen(t), there.listen(t)}
				end.by()
				began := time.Now()
				within(t, end.what, func() bool { return there.me(t) == http.StatusUnauthorized && there.film(t) == http.StatusUnauthorized })
				end.app.isKeptOut(t, end.what+", here")
				there.isKeptOut(t, end.what+", there")
				if status := there.holding("").film(t); status != http.StatusUnauthorized {
					t.Errorf("%s: a player without a token goes on: %d", end.what, status)
				}
				for _, closed := range sockets {
					took := (<-closed).Sub(began)
					t.Logf("%s: WebSocket was closed after %v", end.what, took.Round(time.Millisecond))
					if took > 5*time.Second {
						t.Errorf("%s: WebSocket was closed only after %v", end.what, took)
					}
				}
			}
			if alice.signedIn(t) || alice.at(two, "203.0.113.9").signedIn(t) {
				t.Error("the browser is signed in after all")
			}
			eventually(t, "Jellyfin to have no token left", func() bool { return len(one.Jellyfin.LiveTokens()) == 0 })
		})
	}
}

// listen opens a WebSocket, and tells when the server has ended it.
func (h handset) listen(t *testing.T) <-chan time.Time {
	t.Helper()
	socket, status := h.socket(t)
	if socket == nil {
		t.Fatalf("WebSocket: %d", status)
	}
	closed := make(chan time.Time, 1)
	go func() {
		defer func() { closed <- time.Now() }()
		for op, err := byte(0), error(nil); op != opClose && err == nil; {
			op, _, err = socket.read()
		}
	}()
	return closed
}

// wants posts to an endpoint of the account page, and wants a success.
func (p *person) wants(t *testing.T, endpoint, name, value string) {
	t.Helper()
	if status, a, _ := p.post(t, endpoint, map[string]string{name: value}); status != http.StatusOK {
		t.Errorf("%s: %d %s", endpoint, status, a.ErrorMessage)
	}
}

// appPasswordID is the id of the user's only app password, as the account page
// has it.
func (p *person) appPasswordID(t *testing.T, s *stage.Stage) string {
	t.Helper()
	resp, err := p.http.Get(p.base + "/sso/2fa/account")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var page bytes.Buffer
	if _, err := page.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	_, rest, found := bytes.Cut(page.Bytes(), []byte(`data-revoke="`))
	id, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed {
		t.Fatalf("the account page has no app password: %d", resp.StatusCode)
	}
	return string(id)
}

// signOutAtTheTerminal is what an admin does beside the running program.
func signOutAtTheTerminal(t *testing.T, s *stage.Stage, name string, more ...string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	code := cli.Run(context.WithoutCancel(t.Context()), cli.Process{
		Args: append([]string{"user", "signout", name}, more...),
		Environ: []string{
			"JELLYWARD_REDIS_URL=" + string(s.Config.Redis.URL), "JELLYWARD_KEY_FILE=" + s.Config.KeyFile,
			"JELLYWARD_DATA_DIR=" + s.Config.DataDir, "JELLYWARD_CONFIG=/dev/null",
		},
		Stdout: &out, Stderr: &complaints,
	})
	if code != 0 {
		t.Errorf("user signout: %d, %s", code, complaints.String())
	}
	return out.String()
}

// TestARestartForgetsNoToken stops the program and starts it again. What was
// given out still counts, and what was ended while Jellyfin was away does not; it
// is logged out when both are back.
func TestARestartForgetsNoToken(t *testing.T) {
	t.Parallel()
	s := here(t, storetest.StartRedis(t).URL)
	home := moveIn(t, s, "203.0.113.9")
	restart(t.Context(), t, s)
	for way, app := range home.all() {
		app.isLetIn(t, way+", after a restart")
	}
	if !home.alice.signedIn(t) {
		t.Error("the browser is signed out by a restart")
	}

	address := s.Config.Jellyfin.URL.Host
	s.Jellyfin.Close()
	home.alice.wants(t, "devices/signout", "Id", secret.Text(home.television.token).Hash())
	home.television.addr = "198.51.100.40" // where nobody else opens the network
	out := func(when string, want int) {
		t.Helper()
		if me, film := home.television.me(t), home.television.film(t); me != want || film != want {
			t.Errorf("%s: API %d, film %d, want %d", when, me, film, want)
		}
	}
	reopen(t, s.Jellyfin, address)
	eventually(t, "Jellyfin again", func() bool { return home.code.me(t) == http.StatusOK })
	out("ended while Jellyfin was away", http.StatusUnauthorized)
	restart(t.Context(), t, s)
	out("ended before a restart", http.StatusUnauthorized)
	eventually(t, "the log-out at Jellyfin", func() bool {
		for _, token := range s.Jellyfin.LiveTokens() {
			if token.Value == home.television.token {
				return false
			}
		}
		return true
	})
	out("logged out", http.StatusUnauthorized)
	home.code.isLetIn(t, "another app")
}

// TestWithoutRedisNoUnknownTokenPasses kills Redis where only tokens from here
// count.
func TestWithoutRedisNoUnknownTokenPasses(t *testing.T) {
	t.Parallel()
	redis := storetest.StartRedis(t)
	s := here(t, redis.URL)
	home := moveIn(t, s, "203.0.113.9")
	home.alice.wants(t, "devices/signout", "Id", secret.Text(home.television.token).Hash())
	redis.Kill(t)
	ended, never := home.television, home.television.holding("0123456789abcdef0123456789abcdef")
	ended.addr, never.addr = "198.51.100.30", "198.51.100.31"
	for range 3 {
		if socket, status := ended.socket(t); socket != nil {
			t.Errorf("an ended token opened a WebSocket: %d", status)
		}
		if me, film := ended.me(t), ended.film(t); me != http.StatusUnauthorized || film != http.StatusUnauthorized {
			t.Errorf("an ended token without Redis: API %d, film %d, want 401", me, film)
		}
		if me, film := never.me(t), never.film(t); me != http.StatusServiceUnavailable || film != http.StatusServiceUnavailable {
			t.Errorf("a token that nobody knows without Redis: API %d, film %d, want 503", me, film)
		}
		if socket, status := never.socket(t); socket != nil || status != http.StatusServiceUnavailable {
			t.Errorf("a token that nobody knows without Redis: WebSocket %d, want 503", status)
		}
	}
	// One that was seen just now counts for a moment, no longer.
	eventually(t, "503 for a token from here", func() bool { return home.code.me(t) == http.StatusServiceUnavailable })
	redis.Start(t)
	eventually(t, "the app again", func() bool { return home.code.me(t) == http.StatusOK })
	ended.isKeptOut(t, "an ended token with Redis back") // as far as Redis has written it down
}
