package jellyfintest

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// tab is a browser with the page open.
type tab struct {
	t   *testing.T
	ctx context.Context
	s   *Server
}

// startBrowser starts one browser for several tests.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is needed")
	}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"))...)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		closeBrowser()
		stop()
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return browser
}

func openTab(t *testing.T, browser context.Context, s *Server) *tab {
	t.Helper()
	window, closeTab := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(window, time.Minute)
	t.Cleanup(func() {
		cancel()
		closeTab()
	})
	return &tab{t: t, ctx: ctx, s: s}
}

func (b *tab) open() {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(b.s.URL+"/web/")); err != nil {
		b.t.Fatal(err)
	}
}

// eval returns the value of a JavaScript expression as text.
func (b *tab) eval(js string) string {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+js+")"))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// until waits for a JavaScript expression to hold, also in a page to come.
func (b *tab) until(js string) {
	b.t.Helper()
	waiting := `new Promise(done => (function look() {
		let holds = false;
		try { holds = !!(` + js + `); } catch { /* not yet */ }
		if (holds) done(true); else setTimeout(look, 20);
	})())`
	for {
		if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](waiting, chromedp.EvalAwaitPromise)); err == nil {
			return
		}
		if b.ctx.Err() != nil {
			b.t.Fatalf("%s never held", js)
		}
	}
}

func (b *tab) shows(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q).offsetWidth > 0", selector))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.shows(selector)
	if err := chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible)); err != nil {
		b.t.Fatalf("click %s: %v", selector, err)
	}
}

func (b *tab) home()  { b.t.Helper(); b.shows("body[data-state=home] #home[data-user=alice]") }
func (b *tab) login() { b.t.Helper(); b.shows("body[data-state=login] #loginPage") }

// signIn fills in jellyfin-web's own form.
func (b *tab) signIn(name, password string) {
	b.t.Helper()
	b.eval(fmt.Sprintf("document.querySelector('#txtManualName').value = %q, document.querySelector('#txtManualPassword').value = %q", name, password))
	b.click(".manualLoginForm button[type=submit]")
}

// store writes what a sign-in elsewhere on the same origin leaves behind.
func (b *tab) store(address, token string, u User) {
	b.t.Helper()
	credentials, err := json.Marshal(map[string]any{"Servers": []any{map[string]any{
		"ManualAddress": address, "manualAddressOnly": true, "LastConnectionMode": 2,
		"Id": b.s.ServerID(), "UserId": u.ID, "AccessToken": token,
	}}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.eval(fmt.Sprintf("(localStorage.setItem('enableAutoLogin', 'true'), localStorage.setItem('jellyfin_credentials', %q))", credentials))
}

func (b *tab) storedToken() string {
	b.t.Helper()
	return b.eval("String(JSON.parse(localStorage.getItem('jellyfin_credentials')).Servers[0].AccessToken)")
}

// The page is tried in one browser; each server is an origin of its own there.
func TestThePage(t *testing.T) {
	browser := startBrowser(t)
	for _, r := range []Release{V10_11, V12} {
		t.Run(r.String()+"/signs in, plays and signs out", func(t *testing.T) { pageSignsInPlaysAndSignsOut(t, browser, r) })
		t.Run(r.String()+"/takes what is stored", func(t *testing.T) { pageTakesWhatIsStored(t, browser, r) })
	}
	t.Run("shows branding", func(t *testing.T) { pageShowsBranding(t, browser) })
}

func pageSignsInPlaysAndSignsOut(t *testing.T, browser context.Context, r Release) {
	s := Start(t, Version(r), BaseURL("/jellyfin"))
	s.AddUser("alice", "wonderland")
	b := openTab(t, browser, s)
	b.open()
	b.login()
	b.signIn("alice", "wrong")
	b.until("document.querySelector('#toast').textContent.startsWith('Invalid username')")
	b.signIn("alice", "wonderland")
	b.home()
	b.shows("#home[data-socket=open]")
	b.click("#play")
	b.shows("#home[data-film=playing]")
	tokens := s.LiveTokens()
	if len(tokens) != 1 || tokens[0].ID != b.eval("localStorage.getItem('_deviceId2')") || tokens[0].Client != "Jellyfin Web" {
		t.Errorf("live tokens: %+v, want one of this browser", tokens)
	}

	s.Record()
	b.click("#logout")
	b.login()
	if got, want := s.Count("SessionController.ReportSessionEnded"), int(r)+1; got != want {
		t.Errorf("asked %d times to log out, want %d", got-1, want)
	}
	for _, req := range s.Requests() {
		if strings.HasSuffix(req.Target, "/web/") {
			t.Errorf("signing out loaded the document %s", req.Target)
		}
	}
	if left := s.LiveTokens(); len(left) != 0 || b.storedToken() != "null" {
		t.Errorf("left after the log-out: %v, stored %s", left, b.storedToken())
	}
	if err := s.AwaitSockets(b.ctx, 0); err != nil {
		t.Errorf("socket still open: %v", err)
	}
}

func pageTakesWhatIsStored(t *testing.T, browser context.Context, r Release) {
	s := Start(t, Version(r))
	alice := s.AddUser("alice", "wonderland")
	token := func() string {
		return s.Issue(alice.ID, Device{ID: "d", Name: "n", Client: "Jellyfin Web", Version: "1"}).Value
	}
	b := openTab(t, browser, s)
	b.open()
	b.login()

	b.store(s.URL, token(), alice)
	b.open()
	b.home()
	b.open()
	b.home()

	b.store(strings.ToUpper(s.URL), token(), alice) // the same, ignoring case
	b.open()
	b.home()

	b.store(s.URL+"/", token(), alice)
	b.open()
	b.login()
	if got := b.storedToken(); got != "undefined" {
		t.Errorf("a wrong address left the token %s", got)
	}

	b.store(s.URL, token(), alice)
	b.eval("localStorage.setItem('enableAutoLogin', 'false')")
	b.open()
	b.login()

	b.store(s.URL, token(), alice)
	s.SetUser(alice.ID, func(u *User) { u.NoRemoteAccess = true }) // we are at home: no matter
	b.open()
	b.home()
	s.Revoke(b.storedToken())
	b.open()
	b.login()
	if got := b.storedToken(); got != "null" {
		t.Errorf("a dead token stays stored: %s", got)
	}
}

// What survives of a disclaimer was tried with jellyfin-web's own sanitiser.
func pageShowsBranding(t *testing.T, browser context.Context) {
	s := Start(t)
	s.SetBranding(Branding{
		CustomCSS: "#loginPage .manualLoginForm{display:none!important}",
		LoginDisclaimer: "House rules *apply*.\n\n<form action=\"/sso/2fa\" method=\"get\">\n<input type=\"hidden\" name=\"a\" value=\"b\">" +
			"<button type=\"submit\" class=\"raised\" onclick=\"document.title='ran'\" formaction=\"https://evil.example\"><span>Two factors</span></button>\n</form>\n\n" +
			"<script>document.title='ran'</script><a id=\"out\" href=\"https://example.org\" target=\"_self\">out</a> <a id=\"js\" href=\"javascript:document.title='ran'\">js</a>" +
			"<img src=\"x\" onerror=\"document.title='ran'\"><iframe src=\"/web/\"></iframe>",
	})
	b := openTab(t, browser, s)
	b.open()
	b.login()
	const in = "document.querySelector('.loginDisclaimer')"
	for js, want := range map[string]string{
		in + ".querySelectorAll('script, iframe, [onclick], [onerror], [formaction]').length": "0",
		in + ".querySelector('form').getAttribute('action')":                                  "/sso/2fa",
		in + ".querySelector('form input[type=hidden][name=a]').value":                        "b",
		in + ".querySelector('form button span').textContent":                                 "Two factors",
		in + ".querySelector('#out').target":                                                  "_blank",
		in + ".querySelector('#js').hasAttribute('href')":                                     "false",
		in + ".querySelector('p').textContent":                                                "House rules *apply*.",
		"getComputedStyle(document.querySelector('.manualLoginForm')).display":                "none",
		"document.querySelector('.btnQuick').hidden":                                          "false",
		"document.title": "Jellyfin (fake)",
	} {
		if got := b.eval(js); got != want {
			t.Errorf("%s is %s, want %s", js, got, want)
		}
	}
	s.Record()
	b.click(".loginDisclaimer button")
	b.until("location.pathname !== '/web/'")
	if !slices.ContainsFunc(s.Requests(), func(r Request) bool {
		return r.Target == "/sso/2fa?a=b" && r.Header.Get("Sec-Fetch-Dest") == "document"
	}) {
		t.Errorf("the button led this tab to %v", s.Requests())
	}
}
