package app_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// TestJellyfinWeb10_10GoesOn replays what jellyfin-web of 10.10 asks of its own
// server, which was read and not recorded: a fresh browser that tries its own
// login page, then a session that was begun at /sso/2fa, up to the log-out. It
// presents its token in forms that later versions have given up.
func TestJellyfinWeb10_10GoesOn(t *testing.T) {
	rows := jellyfintest.Web10_10Requests()
	if len(rows) != 37 {
		t.Fatalf("%d requests, want 37", len(rows))
	}
	for _, w := range ways {
		if w.protocol == "" {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			release := jellyfintest.V10_10
			s, _ := w.play(t, stage.Options{Jellyfin: []jellyfintest.Option{jellyfintest.Version(release)}})
			var met seen
			p := newWorld(t, release, s, &met).pair(t, netip.MustParseAddr("198.51.100.10"))
			for _, r := range rows {
				a := asked{client: "jellyfin-web", step: r.Step, method: r.Method, target: r.Target, headers: r.Headers, body: r.Body}
				a.socket = strings.EqualFold(a.header("Upgrade"), "websocket")
				if a.header("Cookie") != "" {
					a.signedIn = true
					p.signInOnce(t)
				}
				p.step(t, a)
			}
			for _, name := range []string{"password sign-in in a browser", "document without our cookie", "login page's texts in a browser"} {
				if !met.names[name] {
					t.Errorf("no request met the difference %q", name)
				}
			}
			for _, token := range s.Jellyfin.LiveTokens() {
				if token.ID == "device-0" {
					t.Error("the log-out left a token behind")
				}
			}
		})
	}
}
