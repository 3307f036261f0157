package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/jellyward/jellyward/internal/stage"
)

// gadget is an app on some device, which speaks to Jellyfin through the tunnel.
type gadget struct {
	base, name, token string
}

// ask sends one request as the app does, and decodes the answer into out, which
// may be nil.
func (g *gadget) ask(t *testing.T, method, target, body string, out any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.base+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	header := `MediaBrowser Client="Test TV", Device="` + g.name + `", DeviceId="` + url.QueryEscape(g.name) + `", Version="1.0"`
	if g.token != "" {
		header += `, Token="` + g.token + `"`
	}
	r.Header.Set("Authorization", header)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK && out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			t.Fatalf("%s %s answered %q: %v", method, target, raw, err)
		}
	}
	return resp.StatusCode
}

// signIn posts name and password, and keeps the token.
func (g *gadget) signIn(t *testing.T, name, password string) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"Username": name, "Pw": password})
	if err != nil {
		t.Fatal(err)
	}
	var result struct{ AccessToken string }
	status := g.ask(t, http.MethodPost, "/Users/AuthenticateByName", string(body), &result)
	g.token = result.AccessToken
	return status
}

// TestAnAppPasswordInTheBrowser makes a password for an app, by keyboard, signs
// the app in with it, and takes it back.
func TestAnAppPasswordInTheBrowser(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	app := member(t, s, "alice", "wonderland")
	b := openBrowser(t, s, host{})
	b.open("/web/")
	b.signIn("alice", "wonderland", app.next(t))
	b.isHome(t, s, "alice")

	b.open("/sso/2fa/account")
	b.shows("#password-name")
	b.isAccessible()
	b.until(`!document.querySelector('#password-form button').disabled`)
	b.fill("#password-name", "Living room")
	b.press(kb.Enter)
	b.shows("#made")
	b.isAccessible()
	b.click("[data-copy]")
	b.until(`document.querySelector('#made [data-message]').textContent === 'Copied.'`)
	// Pages may not read the clipboard, so what is written there is caught.
	eval[bool](b, `!!(navigator.clipboard.writeText = function (text) { window.copied = text; return Promise.reject(new Error('full')); })`)
	b.click("[data-copy]")
	b.until(`document.querySelector('#made [data-message]').textContent.indexOf('does not copy') > 0`)
	if copied := eval[string](b, `window.copied`); copied != b.read("[data-made]") {
		t.Errorf("%q was copied", copied)
	}
	tv := &gadget{base: s.Edge.URL(), name: "Living room"}
	if status := tv.signIn(t, "Alice", strings.ToUpper(b.read("[data-made]"))); status != http.StatusOK {
		t.Fatalf("the app's sign-in was answered %d", status)
	}
	if status := tv.ask(t, http.MethodGet, "/Users/Me", "", nil); status != http.StatusOK {
		t.Errorf("the app is answered %d", status)
	}

	b.click("#made .primary")
	b.until(`document.querySelector('[data-revoke]') && document.body.innerText.indexOf('by Test TV on Living room') > 0`)
	b.do(chromedp.EmulateViewport(320, 568))
	b.isAccessible()
	b.click("[data-revoke]")
	b.until(`document.querySelector('#password-form') && !document.querySelector('[data-revoke]')`)
	if status := tv.ask(t, http.MethodGet, "/Users/Me", "", nil); status != http.StatusUnauthorized {
		t.Errorf("after its password was revoked the app is answered %d", status)
	}
	if status := tv.signIn(t, "alice", "wonderland"); status != http.StatusUnauthorized {
		t.Errorf("a bare password is answered %d", status)
	}
}

// TestATelevisionInTheBrowser lets a television in that shows six digits: the
// user follows its address, signs in, sees who asks, and allows it.
func TestATelevisionInTheBrowser(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	app := member(t, s, "alice", "wonderland")
	tv := &gadget{base: s.Edge.URL(), name: "Bedroom"}
	var pending struct{ Code, Secret string }
	if status := tv.ask(t, http.MethodPost, "/QuickConnect/Initiate", "", &pending); status != http.StatusOK {
		t.Fatalf("initiate is answered %d", status)
	}

	b := openBrowser(t, s, host{})
	b.open("/sso/2fa/connect?code=" + pending.Code)
	b.signIn("alice", "wonderland", app.next(t))
	b.shows("#ask")
	b.isAccessible()
	if got := b.read("[data-device]"); got != "Bedroom" {
		t.Errorf("the page says that %q asks", got)
	}
	b.click("#ask-allow")
	b.shows("#done")

	var state struct{ Authenticated bool }
	tv.ask(t, http.MethodGet, "/QuickConnect/Connect?secret="+pending.Secret, "", &state)
	var result struct {
		AccessToken string
		User        struct{ Name string }
	}
	status := tv.ask(t, http.MethodPost, "/Users/AuthenticateWithQuickConnect", `{"Secret":"`+pending.Secret+`"}`, &result)
	if !state.Authenticated || status != http.StatusOK || result.User.Name != "alice" {
		t.Fatalf("the television gets %d as %q", status, result.User.Name)
	}
	tv.token = result.AccessToken

	b.click("#done .primary")
	b.until(`document.body.innerText.indexOf('Test TV on Bedroom') > 0`)
	const signOut = `[data-end][aria-label="Sign out Test TV on Bedroom"]`
	b.click(signOut)
	b.until(`document.querySelector('#devices-title') && !document.querySelector('` + signOut + `')`)
	if status := tv.ask(t, http.MethodGet, "/Users/Me", "", nil); status != http.StatusUnauthorized {
		t.Errorf("signed out, the television is answered %d", status)
	}

	b.open("/sso/2fa/connect")
	b.until(`!document.querySelector('#connect-form button').disabled`)
	b.fill("#connect-code", "12 34")
	b.press(kb.Enter)
	b.isTold("#connect", "not six digits")
	b.do(chromedp.EmulateViewport(320, 568))
	b.isAccessible()
}
