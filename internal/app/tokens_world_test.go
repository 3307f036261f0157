package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/totp"
)

// handset is an app on a phone or a television, at one address.
type handset struct {
	stage             *stage.Stage
	addr, name, token string
}

// at is the same app, coming by way of another replica.
func (h handset) at(s *stage.Stage) handset {
	h.stage = s
	return h
}

// holding is another app with a token that it has from somewhere.
func (h handset) holding(token string) handset {
	h.token = token
	return h
}

func (h handset) transport() http.RoundTripper {
	return through(h.stage.Edge, netip.MustParseAddr(h.addr))
}

func (h handset) header() string {
	header := fmt.Sprintf(`MediaBrowser Client="Test app", Device=%q, DeviceId=%q, Version="1.0"`, h.name, url.QueryEscape(h.name))
	if h.token != "" {
		header += fmt.Sprintf(`, Token=%q`, h.token)
	}
	return header
}

// ask sends one request below the base path as the app does, and decodes an answer
// of 200 into out, which may be nil.
func (h handset) ask(t *testing.T, method, target, body string, out any) int {
	t.Helper()
	resp, text := visit(t, h.transport(), method, h.stage.Config.BasePath+target, strings.NewReader(body), "Authorization", h.header(), "Content-Type", "application/json")
	if resp.StatusCode == http.StatusOK && out != nil {
		if err := json.Unmarshal([]byte(text), out); err != nil {
			t.Fatalf("%s %s answered %q: %v", method, target, text, err)
		}
	}
	return resp.StatusCode
}

// me asks the API who the token's user is.
func (h handset) me(t *testing.T) int {
	t.Helper()
	return h.ask(t, http.MethodGet, "/Users/Me", "", nil)
}

// film fetches a film with the token.
func (h handset) film(t *testing.T) int {
	t.Helper()
	return h.ask(t, http.MethodGet, filmPath, "", nil)
}

// socket opens a WebSocket, and returns nil if it was refused with status.
func (h handset) socket(t *testing.T) (s *webSocket, status int) {
	t.Helper()
	target := "https://" + publicHost + h.stage.Config.BasePath + "/socket?api_key=" + h.token + "&deviceId=" + url.QueryEscape(h.name)
	s, resp := dialSocket(t, h.transport(), target, http.Header{})
	return s, resp.StatusCode
}

// signIn posts name and password, and keeps the token.
func (h *handset) signIn(t *testing.T, name, password string) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"Username": name, "Pw": password})
	if err != nil {
		t.Fatal(err)
	}
	var result struct{ AccessToken string }
	status := h.ask(t, http.MethodPost, "/Users/AuthenticateByName", string(body), &result)
	h.token = result.AccessToken
	return status
}

// quickConnect shows a code, has p allow it on our page, and keeps the token.
func (h *handset) quickConnect(t *testing.T, p *person) {
	t.Helper()
	code, secret := h.showCode(t)
	if status, a, _ := p.post(t, "connect/allow", map[string]string{"Code": code}); status != http.StatusOK {
		t.Fatalf("allow the code: %d %s", status, a.ErrorMessage)
	}
	if status := h.redeem(t, secret); status != http.StatusOK {
		t.Fatalf("sign in by Quick Connect: %d", status)
	}
}

func (h *handset) showCode(t *testing.T) (code, secret string) {
	t.Helper()
	var pending struct{ Code, Secret string }
	if status := h.ask(t, http.MethodPost, "/QuickConnect/Initiate", "", &pending); status != http.StatusOK {
		t.Fatalf("ask for a code: %d", status)
	}
	return pending.Code, pending.Secret
}

func (h *handset) redeem(t *testing.T, secret string) int {
	t.Helper()
	var result struct{ AccessToken string }
	status := h.ask(t, http.MethodPost, "/Users/AuthenticateWithQuickConnect", `{"Secret":"`+secret+`"}`, &result)
	h.token = result.AccessToken
	return status
}

// belongings is alice with all that she can sign in: a browser, and apps in three
// ways.
type belongings struct {
	alice                                  *person
	browser, code, appPassword, television handset
	// made is the app password.
	made string
}

// moveIn lets alice sign in everywhere, from the address.
func moveIn(t *testing.T, s *stage.Stage, addr string) *belongings {
	t.Helper()
	s.Jellyfin.AddUser("alice", "wonderland")
	app := func(name string) handset { return handset{stage: s, addr: addr, name: name} }
	h := &belongings{
		alice:   visiting(t, "alice", through(s.Edge, netip.MustParseAddr(addr))),
		browser: app("device-0"), code: app("phone"), appPassword: app("player"), television: app("television"),
	}
	h.alice.base += s.Config.BasePath
	h.alice.spent = totp.StepAt(time.Now()) - 1
	h.browser.token = h.alice.enrol(t).AuthenticatedUser.AccessToken
	if status := h.code.signIn(t, "alice", "wonderland"+h.alice.code(t)); status != http.StatusOK {
		t.Fatalf("code behind the password: %d", status)
	}
	h.made = h.alice.appPassword(t, "Player")
	if status := h.appPassword.signIn(t, "alice", h.made); status != http.StatusOK {
		t.Fatalf("app password: %d", status)
	}
	h.television.quickConnect(t, h.alice)
	return h
}

// all are the tokens' holders by the way in which they got in.
func (h *belongings) all() map[string]handset {
	return map[string]handset{"browser": h.browser, "code": h.code, "app password": h.appPassword, "quick connect": h.television}
}

// at is alice, coming by way of another replica with the same cookie.
func (p *person) at(s *stage.Stage, addr string) *person {
	other := *p
	client := *p.http
	client.Transport = through(s.Edge, netip.MustParseAddr(addr))
	other.http = &client
	return &other
}

// onlyHere lets only those tokens through that were given out here.
func onlyHere(c *config.Config) { c.Policy.Tokens = "here" }

// here plays a stage on which only tokens that were given out here count.
func here(t *testing.T, redis string) *stage.Stage {
	t.Helper()
	return play(t, stage.Options{Protocol: "http2", Redis: redis, Change: onlyHere, Logger: discard(), Jellyfin: []jellyfintest.Option{jellyfintest.VideoSize(1000)}})
}

// holdings is what Jellyfin has of tokens and devices.
type holdings struct {
	Tokens  []string
	Devices []string
}

func holdingsOf(j *jellyfintest.Server) holdings {
	var h holdings
	for _, token := range j.LiveTokens() {
		h.Tokens = append(h.Tokens, token.Value)
	}
	for _, d := range j.Devices() {
		h.Devices = append(h.Devices, d.Client+" on "+d.Name+" of "+d.UserName)
	}
	slices.Sort(h.Devices) // they come in the order of their last use
	return h
}

// unchanged waits until Jellyfin has what it had before; log-outs take a moment.
func unchanged(t *testing.T, j *jellyfintest.Server, what string, before holdings) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		diff := cmp.Diff(before, holdingsOf(j))
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s: Jellyfin has other tokens or devices (-before +after):\n%s", what, diff)
			return
		}
	}
}
