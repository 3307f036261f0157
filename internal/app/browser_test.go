package app_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	protocol "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/jellyward/jellyward/internal/stage"
)

// browserTime bounds what one browser does in one test. It is only ever used
// up by a page that does not do what the test waits for.
const browserTime = 90 * time.Second

// browser is a Chromium with a profile of its own. All that happens in its
// first tab is watched, and what no page of ours may ever do fails the test.
type browser struct {
	t   *testing.T
	ctx context.Context
	// home is where visitors arrive, base path included, without a slash at
	// the end.
	home string
	// page is the host of an app's own page that is not ours, if it has one.
	page string

	mu        sync.Mutex
	documents []string // what the window was sent to: "302 /"
	refused   []string // what was answered with an error: "401 /sso/2fa/authenticate"
	faults    []string
}

// host is what a browser says of itself, or an app that shows pages in a web
// view.
type host struct {
	// agent is the User-Agent; empty means Chromium's own.
	agent string
	// script runs in every page before the page's own.
	script string
	// headers go out with every request.
	headers network.Headers
	// flags are Chromium's own.
	flags []chromedp.ExecAllocatorOption
}

// openBrowser starts a browser for the visitors of s. It comes by HTTPS to the
// edge's front, as all browsers do, and ends with the test.
func openBrowser(t *testing.T, s *stage.Stage, h host) *browser {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.Edge.SecureURL(), "https://"), &tls.Config{RootCAs: s.Edge.RootCAs()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return openBrowserAt(t, s.Edge.SecureURL()+s.Config.BasePath, conn.ConnectionState().PeerCertificates[0], h)
}

// openBrowserAt starts a browser for what lies below home. It trusts the
// certificate there as it trusts Cloudflare's: to ignore errors instead would
// change how Chromium caches.
func openBrowserAt(t *testing.T, home string, certificate *x509.Certificate, h host) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is needed; scripts/test installs it")
	}
	key := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:])),
		chromedp.WindowSize(1280, 800),
	)
	options = append(options, h.flags...)
	if h.agent != "" {
		options = append(options, chromedp.UserAgent(h.agent))
	}
	ctx, cancel := context.WithTimeout(t.Context(), browserTime)
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(ctx), options...)
	tab, closeTab := chromedp.NewContext(allocator, chromedp.WithErrorf(t.Logf))
	t.Cleanup(func() {
		closeTab()
		stop()
		cancel()
	})
	b := &browser{t: t, home: home}
	// The tab outlives the deadline, so that it can be closed in good order.
	if err := chromedp.Do(tab); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	b.ctx, cancel = context.WithDeadline(tab, deadline(ctx))
	t.Cleanup(cancel)
	if err := chromedp.Listen(b.ctx, b.watch); err != nil {
		t.Fatal(err)
	}
	b.do(
		call(protocol.AddScriptToEvaluateOnNewDocument, protocol.AddScriptToEvaluateOnNewDocumentParams{Source: watchScript + h.script}),
		call(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: h.headers}),
		// Without a screen no window is in front.
		call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}),
	)
	t.Cleanup(b.judge)
	return b
}

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

// call is a command of the protocol as a step.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

func (b *browser) origin() string {
	u, err := url.Parse(b.home)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}

// path is address without our own home.
func (b *browser) path(address string) string { return strings.TrimPrefix(address, b.home) }

// do runs steps in the tab.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%v, at %s", err, b.scene())
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for an expression to hold, also in a page that comes later. Where
// it throws it does not hold.
func (b *browser) until(condition string) {
	b.t.Helper()
	waiting := `new Promise(function (done) {
		(function look() {
			var holds = false;
			try { holds = !!(` + condition + `); } catch (e) { /* not yet */ }
			if (holds) done(true); else setTimeout(look, 10);
		})();
	})`
	for {
		// An error means that the page went away meanwhile.
		if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](waiting, chromedp.EvalAwaitPromise)); err == nil {
			return
		}
		if b.ctx.Err() != nil {
			b.t.Fatalf("%s never held, at %s", condition, b.scene())
		}
	}
}

// scene describes what the window shows, for failures.
func (b *browser) scene() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 5*time.Second)
	defer cancel()
	words, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + ': ' + document.body.innerText.slice(0, 400)`))
	if err != nil {
		return err.Error()
	}
	return words
}

// open goes to an address below home.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.home + path))
}

// shows waits until the element is there to be seen.
func (b *browser) shows(selector string) {
	b.t.Helper()
	b.until(visible(selector))
}

func visible(selector string) string {
	return fmt.Sprintf(`(function (e) { return e && e.offsetWidth > 0 && getComputedStyle(e).visibility === 'visible'; })(document.querySelector(%s))`, quoted(selector))
}

// isShown tells whether the element can be seen now.
func (b *browser) isShown(selector string) bool {
	b.t.Helper()
	return eval[bool](b, "!!"+visible(selector))
}

// read returns what an element says.
func (b *browser) read(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%s).innerText.trim()`, quoted(selector)))
}

// click clicks with the mouse on what can be seen, used and hit.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.until(visible(selector) + ` && !document.querySelector(` + quoted(selector) + `).disabled`)
	at := eval[[]float64](b, fmt.Sprintf(`(function (e) {
		e.scrollIntoView({ block: 'center' });
		var box = e.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
		return e.contains(document.elementFromPoint(x, y)) ? [x, y] : [];
	})(document.querySelector(%s))`, quoted(selector)))
	if len(at) == 0 {
		b.t.Fatalf("something lies over %s, at %s", selector, b.scene())
	}
	b.do(chromedp.MouseClickXY(at[0], at[1]))
}

// press types keys to whatever has the focus.
func (b *browser) press(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// fill types text into an empty field.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.click(selector)
	b.press(text)
}

// quoted writes text as a JavaScript string.
func quoted(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(raw)
}

// cookie returns the browser's cookie of that name, if there is one.
func (b *browser) cookie(name string) (network.Cookie, bool) {
	b.t.Helper()
	all, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.home + "/"}})
	if err != nil {
		b.t.Fatal(err)
	}
	i := slices.IndexFunc(all.Cookies, func(c *network.Cookie) bool { return c.Name == name })
	if i < 0 {
		return network.Cookie{}, false
	}
	return *all.Cookies[i], true
}

// signIn fills in the sign-in page and sends it.
func (b *browser) signIn(name, password, code string) {
	b.t.Helper()
	b.fill("#signin-name", name)
	b.fill("#signin-password", password)
	if code != "" {
		b.fill("#signin-code", code)
	}
	b.click("#signin-form button[type=submit]")
}
