package app_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/cli"
	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// TestOnlyTokensFromHerePass shows tokens from elsewhere, and from here by every
// way in.
func TestOnlyTokensFromHerePass(t *testing.T) {
	t.Parallel()
	s := here(t, "")
	home := moveIn(t, s, "203.0.113.9")
	stolen := s.Jellyfin.Issue(s.Jellyfin.AddUser("bob", "builder").ID, jellyfintest.Device{ID: "elsewhere", Name: "Elsewhere", Client: "App", Version: "1"}).Value
	alices := s.Jellyfin.Issue(home.user(t, s), jellyfintest.Device{ID: "laptop", Name: "Laptop", Client: "App", Version: "1"}).Value
	for name, token := range map[string]string{"a token of bob's": stolen, "a token of alice's": alices, "an API key": s.Jellyfin.AddAPIKey("seerr")} {
		thief := handset{stage: s, addr: "198.51.100.66", name: "thief", token: token}
		thief.isKeptOut(t, name)
		if status := (handset{stage: s, addr: thief.addr, name: "player"}).film(t); status != http.StatusUnauthorized {
			t.Errorf("%s opened its network for a player without a token: %d", name, status)
		}
		for form, target := range map[string]string{
			"ApiKey": "/Users/Me?ApiKey=", "api_key": "/Users/Me?api_key=", "upper case": "/Users/Me?APIKEY=", "old prefix": "/emby/Users/Me?api_key=",
		} {
			if status := thief.holding("").ask(t, http.MethodGet, target+url.QueryEscape(token), "", nil); status != http.StatusUnauthorized {
				t.Errorf("%s in the address as %s: %d", name, form, status)
			}
		}
		for _, header := range []string{"X-Emby-Token", "X-MediaBrowser-Token"} {
			resp, _ := visit(t, thief.transport(), http.MethodGet, "/Users/Me", nil, header, token)
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s in %s: %d", name, header, resp.StatusCode)
			}
		}
	}
	for way, app := range home.all() {
		app.isLetIn(t, way)
		app.addr = "198.51.100.7"
		app.isLetIn(t, way+", from another network")
	}
	// At home any token will do.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Local+"/Users/Me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Emby-Token", stolen)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("any token at home: %d", resp.StatusCode)
	}
}

// user is alice's id.
func (h *belongings) user(t *testing.T, s *stage.Stage) string {
	t.Helper()
	for _, token := range s.Jellyfin.LiveTokens() {
		if token.Value == h.browser.token {
			return token.UserID
		}
	}
	t.Fatal("alice's browser is not signed in")
	return ""
}

// isLetIn fails unless the app's token counts on API, media and WebSocket.
func (h handset) isLetIn(t *testing.T, who string) {
	t.Helper()
	socket, status := h.socket(t)
	if socket == nil {
		t.Errorf("%s: WebSocket: %d", who, status)
	} else {
		socket.close()
	}
	if me, film := h.me(t), h.film(t); me != http.StatusOK || film != http.StatusOK {
		t.Errorf("%s: API %d, film %d", who, me, film)
	}
}

// isKeptOut fails if the app's token counts anywhere.
func (h handset) isKeptOut(t *testing.T, who string) {
	t.Helper()
	socket, status := h.socket(t)
	if socket != nil || status != http.StatusUnauthorized && status != http.StatusForbidden {
		t.Errorf("%s: WebSocket: %d", who, status)
	}
	if me, film := h.me(t), h.film(t); me != http.StatusUnauthorized || film != http.StatusUnauthorized {
		t.Errorf("%s: API %d, film %d", who, me, film)
	}
}

// TestAListedKeyPassesFromItsNetworks lists a key as the command line prints it.
func TestAListedKeyPassesFromItsNetworks(t *testing.T) {
	t.Parallel()
	jellyfin := jellyfintest.Start(t, jellyfintest.VideoSize(1000))
	listed, anywhere, other := jellyfin.AddAPIKey("seerr"), jellyfin.AddAPIKey("stats"), jellyfin.AddAPIKey("other")
	s := play(t, stage.Options{Server: jellyfin, Protocol: "http2", Logger: discard(), Change: func(c *config.Config) {
		onlyHere(c)
		c.Policy.APIKeys = []string{keyLine(t, "seerr", listed, "--from", "203.0.113.0/24,2001:db8:1::/48"), keyLine(t, "stats", anywhere)}
	}})
	for _, tt := range []struct {
		name, key, addr string
		passes          bool
	}{
		{"from its network", listed, "203.0.113.200", true},
		{"from its other network", listed, "2001:db8:1::7", true},
		{"from elsewhere", listed, "198.51.100.1", false},
		{"from the network next to it", listed, "203.0.112.255", false},
		{"from nearly its other network", listed, "2001:db8:2::7", false},
		{"a key for anywhere", anywhere, "198.51.100.2", true},
		{"a key that is not listed", other, "203.0.113.201", false},
		{"a key in other letters", strings.ToUpper(listed), "203.0.113.202", false},
	} {
		seerr := handset{stage: s, addr: tt.addr, name: "seerr", token: tt.key}
		if !tt.passes {
			seerr.isKeptOut(t, tt.name)
			continue
		}
		if users, film := seerr.ask(t, http.MethodGet, "/Users", "", nil), seerr.film(t); users != http.StatusOK || film != http.StatusOK {
			t.Errorf("%s: API %d, film %d", tt.name, users, film)
		}
		if socket, status := seerr.socket(t); socket == nil {
			t.Errorf("%s: WebSocket: %d", tt.name, status)
		}
	}
}

// keyLine is what an admin copies from the command's answer.
func keyLine(t *testing.T, name, key string, more ...string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	code := cli.Run(t.Context(), cli.Process{
		Args: append([]string{"apikey", "add", name}, more...), Stdin: strings.NewReader(key + "\n"), Stdout: &out, Stderr: &complaints,
	})
	if code != 0 {
		t.Fatalf("apikey add: %d, %s", code, complaints.String())
	}
	for line := range strings.Lines(out.String()) {
		if line, found := strings.CutPrefix(line, "    - "); found {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("apikey add printed no line: %q", out.String())
	return ""
}
