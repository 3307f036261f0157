package app_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// need is what an app cannot do without.
type need func(*testing.T, asked, reply)

// needs are the requirements in the words in which they were noted down from
// the apps' sources, each with what it comes to.
var needs = map[string]need{
	"200":        status(200),
	"204":        status(204),
	"101":        status(101),
	"200 always": all(status(200), page),
	"200 always; arrow-key focus; NativeShell.getPlugins() lifts the cover": all(status(200), page),
	"200 script":           all(status(200), typed("text/javascript")),
	"200 true/false":       all(status(200), jsonWith("")),
	"200/206":              status(200, 206),
	"200/206 with CORS":    all(status(200, 206), cors),
	"2xx with CORS":        all(status(200, 204), cors),
	"ok status at the end": status(200, 302),

	"200, JSON with Id": all(status(200), jsonWith("Id")),
	"200 JSON with Id":  all(status(200), jsonWith("Id")),
	"200, JSON with Id; any redirect to HTML, 4xx, 5xx shows an error":           all(status(200), jsonWith("Id")),
	"200, JSON with start_url; never gated":                                      all(status(200), jsonWith("")), // of jellyfin-web's files the fake has only the names
	"200 JSON Secret, Code":                                                      all(status(200), jsonWith("Secret"), jsonWith("Code")),
	"200 JSON with CORS header":                                                  all(status(200), jsonWith("Id"), cors),
	"200 with the same token":                                                    all(status(200), jsonWith("Id")),
	"2xx JSON with Id; else retried every 5 s":                                   all(status(200), jsonWith("Id")),
	"2xx JSON, ProductName Jellyfin Server":                                      all(status(200), jsonWith("ProductName")),
	"exactly 200, ProductName Jellyfin Server, Version":                          all(status(200), jsonWith("ProductName"), jsonWith("Version")),
	"2xx JSON, ProductName Jellyfin Server, Version >= 10.11.0; HTML is refused": all(status(200), jsonWith("ProductName"), jsonWith("Version")),
	"200 JSON with Id and no content-security-policy header":                     all(status(200), jsonWith("Id"), noScriptPolicy),
	"2xx with Access-Control-Allow-*; never gated":                               all(status(200, 204), cors),
	"2xx JSON with CORS, unchanged; failure = server cannot be added":            all(status(200), jsonWith(""), cors, unchangedBranding),

	"200 unchanged branding": all(status(200), unchangedBranding),
	"200 unchanged branding (a button to /sso/2fa would open file:///sso/2fa)": all(status(200), unchangedBranding, cors),
	"200, rewritten is fine": all(status(200), jsonWith("SplashscreenEnabled")),

	"200 jellyfin-web; no frame-ancestors, no X-Frame-Options, no script-src without unsafe-inline; not 302": all(status(200), page, framable, noScriptPolicy),
	"same as document-iframe":                                    all(status(200), page, framable, noScriptPolicy),
	"200 jellyfin-web ungated":                                   all(status(200), page),
	"200 or 302 to /sso/2fa":                                     status(200, 302),
	"302 to /sso/2fa is fine":                                    ledTo("/sso/2fa"),
	"302 to /sso/2fa is fine; status 200 at the end":             ledTo("/sso/2fa"),
	"302 to /sso/2fa is fine; final status < 400":                ledTo("/sso/2fa"),
	"302 to /sso/2fa, strict CSP":                                ledTo("/sso/2fa"),
	"must go on to /web/ when the cookie is valid":               ledTo("/web/"),
	"document without script CSP (loads qrc: and file: scripts)": all(status(200, 302), noScriptPolicy),

	"302 to web/ then 200; base = final URL minus /web/; a redirect to /sso/2fa makes the server unusable": ledTo("web/"),
	"302 web/ then 200; the final URL is opened in the view":                                               ledTo("web/"),
	"302 web/ then 200; no raw /web in a redirect's query":                                                 ledTo("web/"),
	"302 web/ (Jellyfin's own), not /sso/2fa; main-frame 4xx/5xx leaves the app's view":                    ledTo("web/"),

	// Asked only by an app that was led astray before, which it is not.
	"better avoided; should answer as the single slash": status(400),
	"404 now: shows rejected":                           ledTo("/sso/2fa"),

	// jellyfin-web's documents come from Jellyfin as they are; who may frame
	// them is Jellyfin's and the admin's matter.
	"frame-ancestors 'self' must stay": all(status(200), page),

	"200 with password+code":                                        signedIn,
	"200 with password+code; 401 otherwise":                         signedIn,
	"200 with password+code; errors with CORS header":               all(signedIn, cors),
	"200 with password+code; no Quick Connect, no use for /sso/2fa": signedIn,
	"as sign-in":                            signedIn,
	"should accept password+code, UA Web0S": signedIn,
}

func all(needs ...need) need {
	return func(t *testing.T, a asked, r reply) {
		t.Helper()
		for _, n := range needs {
			n(t, a, r)
		}
	}
}

func status(allowed ...int) need {
	return func(t *testing.T, a asked, r reply) {
		t.Helper()
		for _, s := range allowed {
			if r.status == s {
				return
			}
		}
		t.Errorf("%s: %d, the app needs %v", a, r.status, allowed)
	}
}

func typed(media string) need {
	return func(t *testing.T, a asked, r reply) {
		t.Helper()
		if r.media() != media {
			t.Errorf("%s: %s, the app needs %s", a, r.media(), media)
		}
	}
}

// jsonWith wants JSON with a key at its top, or any if key is empty.
func jsonWith(key string) need {
	return func(t *testing.T, a asked, r reply) {
		t.Helper()
		if !r.isJSON() {
			t.Errorf("%s: %s, the app needs JSON", a, r.media())
			return
		}
		if key != "" && r.field(t, key) == nil {
			t.Errorf("%s: no %s in %.200s", a, key, r.body)
		}
	}
}

func page(t *testing.T, a asked, r reply) {
	t.Helper()
	if r.media() != "text/html" || !strings.Contains(string(r.body), "<html") {
		t.Errorf("%s: %s %.100q, the app needs a page", a, r.media(), r.body)
	}
}

func cors(t *testing.T, a asked, r reply) {
	t.Helper()
	if origin := r.header.Get("Access-Control-Allow-Origin"); origin != "*" {
		t.Errorf("%s: Access-Control-Allow-Origin is %q, the app needs *", a, origin)
	}
}

func ledTo(location string) need {
	return func(t *testing.T, a asked, r reply) {
		t.Helper()
		to, query, _ := strings.Cut(r.header.Get("Location"), "?")
		if r.status != http.StatusFound && r.status != http.StatusSeeOther || to != location || strings.Contains(query, "/web") {
			t.Errorf("%s: %d to %q, the app needs to come to %s", a, r.status, r.header.Get("Location"), location)
		}
	}
}

func framable(t *testing.T, a asked, r reply) {
	t.Helper()
	if r.header.Get("X-Frame-Options") != "" || strings.Contains(r.header.Get("Content-Security-Policy"), "frame-ancestors") {
		t.Errorf("%s: the app cannot frame this: %v", a, r.header)
	}
}

func noScriptPolicy(t *testing.T, a asked, r reply) {
	t.Helper()
	if policy := r.header.Get("Content-Security-Policy"); policy != "" {
		t.Errorf("%s: the app's own scripts are stopped by %q", a, policy)
	}
}

func unchangedBranding(t *testing.T, a asked, r reply) {
	t.Helper()
	if strings.Contains(string(r.body), "sso/2fa") {
		t.Errorf("%s: a button that leads nowhere: %.200s", a, r.body)
	}
}

// signedIn wants Jellyfin's answer to a sign-in.
func signedIn(t *testing.T, a asked, r reply) { all(status(200), jsonWith("AccessToken"))(t, a, r) }

// TestAppsThatHostJellyfinWebGoOn replays what apps ask that host, frame or
// bundle jellyfin-web, and holds the answers to what the apps need, and to what
// a bare Jellyfin answers, but for the listed differences.
func TestAppsThatHostJellyfinWebGoOn(t *testing.T) {
	rows := jellyfintest.AppRequests()
	if len(rows) != 65 {
		t.Fatalf("%d requests, want 65", len(rows))
	}
	var met seen
	replay := func(t *testing.T, release jellyfintest.Release, s *stage.Stage) {
		w := newWorld(t, release, s, &met)
		pairs := map[string]*pair{}
		for _, r := range rows {
			p := pairs[r.App]
			if p == nil {
				p = w.pair(t, netip.AddrFrom4([4]byte{198, 51, 100, byte(len(pairs))}))
				pairs[r.App] = p
			}
			p.app(t, r)
		}
		for _, p := range pairs {
			p.finish(t)
		}
	}
	t.Run("replay", func(t *testing.T) {
		perTunnel(t, replay)
		otherwiseSet(t, replay)
	})
	elsewhere := []string{"password sign-in in a browser", "sign-in with an empty password", "old prefix on Jellyfin 12", "document that the browser has already", "login page's style in a browser"}
	for _, d := range differences {
		if !slices.Contains(elsewhere, d.name) && !met.names[d.name] {
			t.Errorf("no app met the difference %q", d.name)
		}
	}
}

// app makes one request of an app.
func (p *pair) app(t *testing.T, r jellyfintest.AppRequest) {
	t.Helper()
	a := asked{client: r.App, step: r.Step, method: r.Method, target: r.Target, headers: r.Headers}
	a.socket = strings.EqualFold(a.header("Upgrade"), "websocket")
	if a.header("Cookie") != "" {
		p.signInOnce(t)
		a.signedIn = true
	}
	if a.header("Content-Type") == "application/json" {
		a.body = "{}"
	}
	if a.path() == "/users/authenticatebyname" {
		a.body = `{"Username":"{{user.name}}","Pw":"{{password}}"}`
	}
	got := p.step(t, a)
	meets, known := needs[r.Expects]
	if !known {
		t.Fatalf("%s: nobody has said what %q comes to", a, r.Expects)
	}
	meets(t, a, got)
}

// signInOnce is signIn for the first request that comes with a cookie.
func (p *pair) signInOnce(t *testing.T) {
	t.Helper()
	if p.here.names["{{gateway.cookie}}"] == "" {
		p.signIn(t)
	}
}

// signIn gives the app our cookie, by signing in on its page. Jellyfin ends the
// token that the device had before, so the app goes on with the new one.
func (p *pair) signIn(t *testing.T) {
	t.Helper()
	visitor := visiting(t, p.here.user.Name, p.here.transport)
	if phone := p.here.browser; phone != nil && phone.name == visitor.name {
		visitor.secret, visitor.spent = phone.secret, phone.spent
		_, answer, _ := visitor.signIn(t)
		p.here.rename(answer.AuthenticatedUser.AccessToken)
	} else {
		p.here.rename(visitor.enrol(t).AuthenticatedUser.AccessToken)
	}
	p.here.browser = visitor
	p.here.names["{{gateway.cookie}}"] = cookies(t, visitor)
}
