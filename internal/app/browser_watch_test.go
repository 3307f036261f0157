package app_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/stage"
)

// watchScript reports what a page's content security policy has stopped.
const watchScript = `document.addEventListener('securitypolicyviolation', function (e) {
	window.stopped = (window.stopped || 0) + 1;
	console.error('content security policy: ' + e.effectiveDirective + ' stopped ' + e.blockedURI);
});`

// watch notes what happens in the tab.
func (b *browser) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.notHost(e.Request.URL)
		if r := e.RedirectResponse; r != nil && e.Type == network.ResourceTypeDocument {
			b.note(r)
		}
	case *network.EventWebSocketCreated:
		b.notHost(e.URL)
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument && e.FrameID == b.mainFrame() {
			b.note(e.Response)
		}
		// Chromium itself asks for the icon of a page that names none.
		if path := b.path(e.Response.URL); e.Response.Status >= 400 && path != "/favicon.ico" {
			b.refused = append(b.refused, fmt.Sprint(e.Response.Status, " ", path))
		}
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprint("exception: ", e.ExceptionDetails.Text, " ", wordsOf([]*runtime.RemoteObject{e.ExceptionDetails.Exception})))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			b.faults = append(b.faults, fmt.Sprint("console: ", wordsOf(e.Args)))
		}
	case *log.EventEntryAdded:
		// What the network refused is in b.refused.
		if e.Entry.Source != log.EntrySourceNetwork && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			b.faults = append(b.faults, fmt.Sprint("log: ", e.Entry.Level, ": ", e.Entry.Text))
		}
	}
}

func wordsOf(args []*runtime.RemoteObject) string {
	var words []string
	for _, a := range args {
		if a == nil {
			continue
		}
		words = append(words, string(a.Value)+a.Description)
	}
	return strings.Join(words, " ")
}

func (b *browser) mainFrame() cdp.FrameID {
	return cdp.FrameID(chromedp.FromContext(b.ctx).Target.TargetID)
}

// note keeps the answer to a navigation.
func (b *browser) note(r *network.Response) {
	path, _, _ := strings.Cut(b.path(r.URL), "?")
	b.documents = append(b.documents, fmt.Sprint(r.Status, " ", path))
}

// notHost notes a request that leaves for another host.
func (b *browser) notHost(address string) {
	u, err := url.Parse(address)
	_, ours, _ := strings.Cut(b.origin(), "://")
	switch {
	case err == nil && (u.Scheme == "data" || u.Scheme == "blob" || u.Scheme == "file"):
	case err == nil && u.Host != "" && (u.Host == ours || u.Host == b.page):
	default:
		b.faults = append(b.faults, "a request for "+address)
	}
}

// judge fails the test for what was watched, unless it was allowed, and for a
// window that was opened.
func (b *browser) judge() {
	all, err := chromedp.Targets(b.ctx)
	if err != nil {
		b.t.Errorf("list the windows: %v", err)
	}
	windows := slices.DeleteFunc(all, func(i *target.Info) bool { return i.Type != "page" })
	if len(windows) > 1 {
		b.t.Errorf("%d windows are open", len(windows))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Errorf("in the browser: %s", fault)
	}
	if len(b.refused) > 0 {
		b.t.Errorf("requests were refused: %q", b.refused)
	}
}

// wasRefused checks which requests were refused since the last call, and allows
// them.
func (b *browser) wasRefused(want ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff(want, b.refused); diff != "" {
		b.t.Errorf("refused requests (-want +got):\n%s", diff)
	}
	b.refused = nil
}

// route returns what the window was sent to since the last call, each with the
// status of the answer and without its query.
func (b *browser) route() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.documents
	b.documents = nil
	return seen
}

// wentTo checks the route.
func (b *browser) wentTo(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.route()); diff != "" {
		b.t.Errorf("documents (-want +got):\n%s", diff)
	}
}

// TestTheBrowserIsWatched does what no page of ours may do, so that the other
// tests' silence means something.
func TestTheBrowserIsWatched(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	b := openBrowser(t, s, host{})
	b.open("/sso/2fa")
	eval[bool](b, `document.head.appendChild(Object.assign(document.createElement('script'), { text: 'window.ran = 1' })), true`)
	eval[bool](b, `document.body.appendChild(Object.assign(new Image(), { src: 'https://127.0.0.2:1/x.png' })), true`)
	b.until(`window.stopped === 2 && !window.ran`)
	eval[bool](b, `setTimeout(function () { window.thrown = 1; throw new Error('oops'); }), true`)
	b.until(`window.thrown`)
	eval[bool](b, `fetch('/sso/2fa/assets/nothing.js').then(function () { return true; })`)
	b.wasRefused("404 /sso/2fa/assets/nothing.js")

	b.mu.Lock()
	defer b.mu.Unlock()
	for _, want := range []string{"script-src-elem stopped inline", "img-src stopped https://127.0.0.2:1/x.png", "oops"} {
		if !slices.ContainsFunc(b.faults, func(fault string) bool { return strings.Contains(fault, want) }) {
			t.Errorf("nobody saw %q", want)
		}
	}
	b.faults = nil
	b.notHost("https://127.0.0.2:1/x.png")
	if len(b.faults) != 1 {
		t.Error("a request for another host is nothing special")
	}
	b.faults = nil
}
