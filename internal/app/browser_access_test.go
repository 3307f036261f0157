package app_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// barriers lists what would keep somebody out of the page that is shown, as far
// as a script can tell.
const barriers = `(function () {
	var found = [];
	function all(selector) { return Array.from(document.querySelectorAll(selector)); }
	function shown(e) { return e.offsetWidth > 0; }
	if (!document.documentElement.lang) found.push('no language');
	if (!document.title.trim()) found.push('no title');
	var headings = all('h1').filter(shown).length;
	if (headings !== 1) found.push(headings + ' headings of the first level');
	all('input').filter(shown).forEach(function (e) {
		if (!e.labels.length && !e.getAttribute('aria-label')) found.push('no label: ' + e.id);
	});
	all('button, a[href]').filter(shown).forEach(function (e) {
		if (!e.innerText.trim() && !e.getAttribute('aria-label')) found.push('no name: ' + e.outerHTML);
	});
	all('img').forEach(function (e) { if (!e.hasAttribute('alt')) found.push('no words for ' + e.src); });
	all('[data-message]').forEach(function (e) {
		if (!e.closest('[aria-live]')) found.push('messages are not read out: ' + e.outerHTML);
	});
	all('[aria-describedby]').forEach(function (e) {
		if (!document.getElementById(e.getAttribute('aria-describedby'))) found.push('no description of ' + e.id);
	});
	var ids = all('[id]').map(function (e) { return e.id; });
	ids.forEach(function (id, i) { if (ids.indexOf(id) !== i) found.push('twice the id ' + id); });
	if (document.documentElement.scrollWidth > window.innerWidth) found.push('scrolls sideways');
	return found;
})()`

// isAccessible checks the page that is shown.
func (b *browser) isAccessible() {
	b.t.Helper()
	if found := eval[[]string](b, barriers); len(found) > 0 {
		b.t.Errorf("at %s: %q", eval[string](b, "location.href"), found)
	}
}

// hasFocus waits until an element has the focus, and checks that one sees it
// from across the room.
func (b *browser) hasFocus(selector string) {
	b.t.Helper()
	b.until(`document.activeElement.matches(` + quoted(selector) + `)`)
	if !eval[bool](b, `(function (style) {
		return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
	})(getComputedStyle(document.activeElement))`) {
		b.t.Errorf("the focus on %s cannot be seen", selector)
	}
}

// TestRemoteControl sets up a second factor and signs in with what a
// television's remote control has: arrows, Enter, and a keyboard on the screen.
func TestRemoteControl(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	s.Jellyfin.AddUser("alice", "wonderland")
	b := openBrowser(t, s, host{})
	b.open("/")
	b.hasFocus("#signin-name")
	b.press("alice", kb.ArrowDown)
	b.hasFocus("#signin-password")
	b.press("wonderland", kb.ArrowDown)
	b.hasFocus("[data-reveal]")
	b.press(kb.Enter)
	b.until(`document.querySelector('#signin-password').type === 'text'`)
	b.press(kb.ArrowRight)
	b.hasFocus("#signin-code")
	b.press(kb.ArrowUp, kb.ArrowLeft)
	b.hasFocus("#signin-password")
	b.press(kb.ArrowDown, kb.ArrowDown, kb.ArrowDown)
	b.hasFocus("#signin-form button[type=submit]")
	b.press(kb.Enter)
	b.hasFocus("#offer-accept")
	b.wasRefused("401 /sso/2fa/authenticate")
	b.press(kb.Enter)
	b.shows("#scan")
	app := &codes{secret: b.scans(t)}
	b.press(kb.ArrowDown)
	b.hasFocus("[data-uri]")
	b.press(kb.ArrowDown)
	b.hasFocus("#confirm-code")
	b.press(app.next(t), kb.ArrowDown)
	b.hasFocus("#confirm-form button[type=submit]")
	b.press(kb.Enter)
	b.isHome(t, s, "alice")
}

// TestKeyboard signs in and out with Tab and Enter.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	app := member(t, s, "alice", "wonderland")
	b := openBrowser(t, s, host{})
	b.open("/web/")
	b.hasFocus("#signin-name")
	b.press(kb.Enter)
	b.isTold("#signin", "Please fill in: User name")
	b.press("alice", kb.Tab)
	b.hasFocus("#signin-password")
	b.press("wonderland", kb.Tab)
	b.hasFocus("[data-reveal]")
	b.press(kb.Tab)
	b.hasFocus("#signin-code")
	b.press(app.next(t), kb.Enter)
	b.isHome(t, s, "alice")

	b.open("/sso/2fa/account")
	b.hasFocus("#account .primary")
	b.press(kb.Tab, kb.Tab)
	b.hasFocus("#signout-form button")
	b.press(kb.Enter)
	b.hasFocus("#signin-name")
}

// TestPagesHaveNoBarriers opens what the stories do not pass, on the smallest
// screen too.
func TestPagesHaveNoBarriers(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Jellyfin: []jellyfintest.Option{jellyfintest.WizardOpen()}})
	b := openBrowser(t, s, host{})
	for _, page := range []struct{ path, panel, shown string }{
		{"/sso/2fa", "#signin", "200 /sso/2fa"},
		{"/sso/2fa/enroll", "#enrol", "200 /sso/2fa/enroll"},
		{"/web/", "#notice", "503 /web/"},
	} {
		b.do(chromedp.EmulateViewport(1280, 800))
		b.open(page.path)
		b.shows(page.panel)
		b.wentTo(page.shown)
		b.isAccessible()
		b.do(chromedp.EmulateViewport(320, 568))
		b.isAccessible()
	}
	b.wasRefused("503 /web/")
}
