package app_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/stage"
)

// onlyOldForms tells whether a request shows its token in none but the forms that
// Jellyfin 12 has given up.
func onlyOldForms(a asked) bool {
	header := http.Header{}
	for _, h := range a.headers {
		header.Add(h[0], h[1])
	}
	_, query, _ := strings.Cut(a.target, "?")
	reads := func(legacy bool) bool {
		return jellyfin.ReadPresented(header, query, jellyfin.Dialect{Version: "12.0.0", Legacy: legacy}).HasToken()
	}
	return reads(true) && !reads(false)
}

// oldForms are all ways to show a token that Jellyfin 12 has given up, by
// themselves, on an operation that says who is asking.
var oldForms = []asked{
	{step: "X-Emby-Token", headers: [][2]string{{"X-Emby-Token", "{{token}}"}}},
	{step: "X-MediaBrowser-Token", headers: [][2]string{{"X-MediaBrowser-Token", "{{token}}"}}},
	{step: "X-Emby-Authorization", headers: [][2]string{{"X-Emby-Authorization", `MediaBrowser Client="An app", Device="A device", DeviceId="device-0", Version="1.0", Token="{{token}}"`}}},
	{step: "X-Emby-Authorization, Emby", headers: [][2]string{{"X-Emby-Authorization", `Emby UserId="{{user.id}}", Client="An app", Device="A device", DeviceId="device-0", Version="1.0", Token="{{token}}"`}}},
	{step: "the scheme Emby", headers: [][2]string{{"Authorization", `Emby Client="An app", Device="A device", DeviceId="device-0", Version="1.0", Token="{{token}}"`}}},
	{step: "api_key", target: "?api_key={{token}}"},
	{step: "API_KEY beside an empty ApiKey", target: "?ApiKey=&API_KEY={{token}}"},
}

// oldRequests are the requests of real clients that show a token in old forms
// only, and every old form by itself.
func oldRequests() []asked {
	var all []asked
	for _, script := range nativeScripts() {
		all = append(all, script.rows...)
	}
	for _, r := range jellyfintest.AppRequests() {
		all = append(all, asked{client: r.App, step: r.Step, method: r.Method, target: r.Target, headers: r.Headers})
	}
	for _, r := range jellyfintest.Web10_10Requests() {
		all = append(all, asked{client: r.Client, step: r.Step, method: r.Method, target: r.Target, headers: r.Headers, body: r.Body})
	}
	for _, form := range oldForms {
		form.client, form.method, form.target = "any app", http.MethodGet, "/Users/Me"+form.target
		all = append(all, form)
	}
	all = slices.DeleteFunc(all, func(a asked) bool { return !onlyOldForms(a) })
	for i := range all {
		all[i].socket = strings.EqualFold(all[i].header("Upgrade"), "websocket")
		if all[i].method == http.MethodPost && all[i].body == "" {
			all[i].body = "{}"
		}
	}
	return all
}

// TestOldAppsWorkOnJellyfin12 sends what old apps and jellyfin-web of 10.10 ask
// to a Jellyfin 12, which does not look at their tokens. They get what one gives
// them that does, each from a network of its own that has shown nothing before.
// Jellyfin itself sees the token in the new form alone.
func TestOldAppsWorkOnJellyfin12(t *testing.T) {
	requests := oldRequests()
	if len(requests) < 30 {
		t.Fatalf("only %d requests show a token in old forms", len(requests))
	}
	for _, w := range ways[:2] {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, _ := w.play(t, stage.Options{Jellyfin: []jellyfintest.Option{jellyfintest.Version(jellyfintest.V12)}})
			world := newWorld(t, jellyfintest.V12, s, new(seen))
			strict := jellyfintest.Start(t, jellyfintest.Version(jellyfintest.V12))
			inNeed := 0
			for i, a := range requests {
				addr := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
				p := world.pair(t, addr)
				bare := newSite(strict, strict.AddUser("user at "+addr.String(), "wonderland", jellyfintest.Admin), direct(t, strict, addr))
				s.Jellyfin.Record()
				got, want := p.here.ask(t, a), p.bare.ask(t, a)
				if diff := got.like(t, p.here, want, p.bare); diff != "" {
					t.Errorf("%s: differs from a Jellyfin that reads old forms (-bare +here):\n%s", a, diff)
				}
				if want.status >= http.StatusBadRequest {
					t.Errorf("%s: %d from a Jellyfin that reads old forms", a, want.status)
				}
				if refusal := bare.ask(t, a); refusal.status == http.StatusUnauthorized || refusal.status == http.StatusForbidden {
					inNeed++
				}
				forwardedInNewForm(t, s.Jellyfin, a, p.here.token())
			}
			if inNeed < 20 {
				t.Errorf("Jellyfin 12 by itself refused only %d of %d requests", inNeed, len(requests))
			}
			t.Logf("%d requests, of which Jellyfin 12 by itself refuses %d", len(requests), inNeed)
		})
	}
}

// forwardedInNewForm wants every request that Jellyfin has seen with the token to
// carry it once, where Jellyfin 12 looks for it.
func forwardedInNewForm(t *testing.T, server *jellyfintest.Server, a asked, token string) {
	t.Helper()
	strict := jellyfin.Dialect{Version: "12.0.0"}
	seen := 0
	for _, r := range server.Requests() {
		_, query, _ := strings.Cut(r.Target, "?")
		times := strings.Count(r.Target, token)
		for _, values := range r.Header {
			times += strings.Count(strings.Join(values, " "), token)
		}
		if times == 0 {
			continue // what the program asks for itself
		}
		seen++
		if reads := string(jellyfin.ReadPresented(r.Header, query, strict).Token) == token; !reads || times != 1 {
			t.Errorf("%s: Jellyfin saw the token %d times in %s, and reads it: %t", a, times, r.Target, reads)
		}
	}
	if seen == 0 {
		t.Errorf("%s: Jellyfin never saw the token", a)
	}
}

// TestOldFormsCanBeLeftAlone switches the translation off: then Jellyfin 12
// decides, which does not see the tokens, and media need another proof.
func TestOldFormsCanBeLeftAlone(t *testing.T) {
	s := play(t, stage.Options{
		Jellyfin: []jellyfintest.Option{jellyfintest.Version(jellyfintest.V12)},
		Change:   func(c *config.Config) { c.Policy.Legacy = false },
	})
	world := newWorld(t, jellyfintest.V12, s, new(seen))
	for i, a := range oldRequests() {
		p := world.pair(t, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}))
		got := p.here.ask(t, a)
		if !slices.Contains([]policy.Action{policy.Token, policy.Media}, actionOf(t, a)) {
			continue // open to anybody
		}
		if got.status != http.StatusUnauthorized && got.status != http.StatusForbidden {
			t.Errorf("%s: %d, want a refusal", a, got.status)
		}
	}
}

// TestAChromecastProvesItsNetwork lets a receiver fetch a film as it does, with
// nothing but the address that the sender made. That is a proof, also where
// Jellyfin does not look at it: then the network may fetch without.
func TestAChromecastProvesItsNetwork(t *testing.T) {
	perTunnel(t, func(t *testing.T, release jellyfintest.Release, s *stage.Stage) {
		world := newWorld(t, release, s, new(seen))
		home, elsewhere := world.pair(t, netip.MustParseAddr("198.51.100.50")), world.pair(t, netip.MustParseAddr("198.51.100.51"))
		receiver := [][2]string{{"Origin", "https://apps.jellyfin.org"}, {"Range", "bytes=0-"}}
		bare := asked{client: "chromecast", step: "without", method: http.MethodGet, target: "/videos/{{movie.id}}/stream.mp4?static=true", headers: receiver}
		signed := bare
		signed.step, signed.target = "with api_key", bare.target+"&api_key={{token}}"
		refused(t, home.here, "before the token was shown", bare)
		for _, a := range []asked{signed, bare} {
			got := home.step(t, a)
			if got.status != http.StatusPartialContent || got.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %d, CORS %q", a, got.status, got.header.Get("Access-Control-Allow-Origin"))
			}
		}
		refused(t, elsewhere.here, "from another network", bare)
	})
}

// actionOf is what the policy says about a request.
func actionOf(t *testing.T, a asked) policy.Action {
	t.Helper()
	if a.socket {
		return policy.Token
	}
	path, err := policy.ParsePath(strings.NewReplacer("{{", "", "}}", "").Replace(a.target), policy.Base{})
	if err != nil {
		t.Fatal(err)
	}
	return policy.New().Decide(a.method, path, "").Action
}
