package app_test

import (
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

const inlineScript = `document.head.appendChild(Object.assign(document.createElement('script'), { text: 'window.ran = 1' })), true`

// TestInlineScriptsRunForAdministratorsOnly: plugins' configuration pages carry
// them, and nobody else sees those pages.
func TestInlineScriptsRunForAdministratorsOnly(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	app := member(t, s, "alice", "wonderland", jellyfintest.Admin)
	b := openBrowser(t, s, host{})
	b.open("/web/")
	b.signIn("alice", "wonderland", app.next(t))
	b.isHome(t, s, "alice")
	eval[bool](b, inlineScript)
	b.until(`window.ran === 1`)
}

// TestAForeignScriptDoesNotRun puts one into jellyfin-web as an attacker would,
// and frames the page from another site.
func TestAForeignScriptDoesNotRun(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	app := member(t, s, "alice", "wonderland")
	b := openBrowser(t, s, host{})
	b.open("/web/")
	b.signIn("alice", "wonderland", app.next(t))
	b.isHome(t, s, "alice")
	eval[bool](b, inlineScript)
	b.until(`window.stopped === 1`)
	if eval[bool](b, `!!window.ran`) {
		t.Error("an inline script ran")
	}
	b.mu.Lock()
	for _, fault := range b.faults {
		if !strings.Contains(fault, "script-src") {
			t.Errorf("in the browser: %s", fault)
		}
	}
	b.faults = nil
	b.mu.Unlock()

	headers := eval[[]string](b, `fetch('/web/', { credentials: 'same-origin' }).then(function (r) {
		return ['Content-Security-Policy', 'X-Content-Type-Options', 'Strict-Transport-Security', 'Cache-Control'].map(function (n) { return r.headers.get(n) || ''; });
	})`)
	for i, want := range []string{"frame-ancestors 'self'", "nosniff", "max-age=31536000", "no-store"} {
		if !strings.Contains(headers[i], want) {
			t.Errorf("the document's header %d is %q, want %q in it", i, headers[i], want)
		}
	}
	if eval[string](b, `fetch('/System/Info/Public').then(function (r) { return r.headers.get('Content-Security-Policy') || ''; })`) != "" {
		t.Error("JSON has a content security policy, which an old desktop app takes for a reason to break")
	}
}
