package policy_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/policy"
)

// options reads lines, each with a + for allow or a - for deny before it, and
// the word unknown for the switch.
func options(lines ...string) policy.Options {
	var o policy.Options
	for _, l := range lines {
		switch {
		case l == "unknown":
			o.DenyUnknown = true
		case l[0] == '+':
			o.Allow = append(o.Allow, l[1:])
		default:
			o.Deny = append(o.Deny, l[1:])
		}
	}
	return o
}

func compiled(t testing.TB, lines ...string) *policy.Policy {
	t.Helper()
	p, err := policy.Compile(options(lines...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLinesGoBeforeTheTable(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	for _, tt := range []struct {
		lines   string // with bars between them
		request string // method, target and perhaps the client
		want    policy.Action
	}{
		// What Jellyfin does not have.
		{"", "GET /Plugin/a", policy.Token},
		{"unknown", "GET /Plugin/a", policy.Deny},
		{"unknown", "OPTIONS /Plugin/a", policy.Token},
		{"unknown", "GET /Artists/AC%2FDC", policy.Token},
		{"unknown", "GET /Genres/100%25", policy.Token},
		{"unknown|+/Plugin/{**r}", "GET /Plugin/a", policy.Token},
		{"unknown|+/Plugin/{**r}", "GET /Plugin", policy.Token},
		{"unknown|+/plugin/{**r}/", "GET /PLUGIN/A/", policy.Token},
		{"unknown|+GET /Plugin/{**r}", "POST /Plugin/a", policy.Deny},
		{"+GET /Plugin/{**r} public", "GET /Plugin/a", policy.Public},
		{"+GET /Plugin/{**r} public", "get /plugin/x/../a", policy.Public},
		{"+GET /Plugin/{**r} public", "POST /Plugin/a", policy.Token},
		{"+GET, head /Plugin/{**r} Media", "HEAD /emby/Plugin/a", policy.Media},
		{"+/Plugin/{x}.jpg image", "GET /Plugin/a.jpg", policy.Image},
		// The most specific line.
		{"-/Plugin/{**r}|+/Plugin/{x}.js public", "GET /Plugin/a.js", policy.Public},
		{"-/Plugin/{**r}|+/Plugin/{x}.js public", "GET /Plugin/a.css", policy.Deny},
		{"+/Plugin/{**r} public|-/Plugin/secret", "GET /Plugin/secret", policy.Deny},
		{"-/{**any}|+/Items|+GET /System/Info/Public public|+GET /Artists/{name}", "GET /Items", policy.Token},
		{"-/{**any}|+/Items|+GET /System/Info/Public public|+GET /Artists/{name}", "GET /System/Info/Public", policy.Public},
		{"-/{**any}|+/Items|+GET /System/Info/Public public|+GET /Artists/{name}", "GET /Artists/AC%2FDC", policy.Token},
		{"-/{**any}|+/Items|+GET /System/Info/Public public|+GET /Artists/{name}", "GET /Users/Me", policy.Deny},
		{"-/{**any}", "GET /sso/2fa", policy.Portal},
		{"-/sso/{**any}", "POST /sso/2fa/authenticate", policy.Portal},
		// A denied path is denied in every spelling.
		{"-GET /Items/{id}/Download", "GET /Items/" + id + "/Download", policy.Deny},
		{"-GET /Items/{id}/Download", "gET /emby/items/" + id + "/%44ownload/", policy.Deny},
		{"-GET /Items/{id}/Download", "GET /Items/" + id + "/%2544ownload", policy.Deny},
		{"-GET /Items/{id}/Download", "GET /Items/" + id + "%2FDownload", policy.Deny},
		{"-GET /Items/{id}/Download", "GET /Item%C5%BF/" + id + "/Download", policy.Deny},
		{"-GET /Items/{id}/Download", "POST /Items/" + id + "/Download", policy.Token},
		{"-/Videos/{id}/stream.{kind}", "GET /Videos/1/Stream.mkv", policy.Deny},
		{"-/Videos/{id}/stream.{kind}", "GET /Videos/1/stream", policy.Media},
		{"-/web/{**r}", "GET /web/", policy.Deny},
		// What is closed for other reasons can be opened to tokens.
		{"+/health", "GET /health", policy.Token},
		{"+GET /metrics token", "GET /metrics", policy.Token},
		{"+GET /metrics token", "POST /metrics", policy.Deny},
		{"+/api-docs/{**r}", "GET /api-docs/swagger/index.html", policy.Token},
		// What is open can be tightened.
		{"+GET /System/Info/Public token", "GET /System/Info/Public", policy.Token},
		{"+GET /Items/{id}/Images/{kind} media", "GET /Items/1/Images/Primary", policy.Media},
		// Where they only share some paths, the table keeps what may not be opened.
		{"+POST /Users/{x}/Nonsense public", "POST /Users/1/Nonsense", policy.Public},
		{"+POST /Users/{x}/Nonsense public", "POST /Users/ForgotPassword/Nonsense", policy.Deny},
		{"+POST /Users/bob/{x} public", "POST /Users/Bob/Authenticate", policy.SignIn},
		{"+POST /Users/bob/{x} public", "POST /Users/Bob/Password", policy.Token},
		{"+POST /Users/bob/{x} public", "POST /Users/Bob/x", policy.Public},
		{"-/{**any}|+/web/{**r} public", "GET /web/ConfigurationPages", policy.Token},
		{"-/{**any}|+/web/{**r} public", "GET /web/main.js", policy.Public},
		{"-/{**any}|+/web/{**r} public", "GET /web/", policy.Page},
		// Clients.
		{"+/Plugin/{**r} public for Streamyfin", "GET /Plugin/a Streamyfin", policy.Public},
		{"+/Plugin/{**r} public for Finamp, streamyfin", "GET /Plugin/a STREAMYFIN", policy.Public},
		{"+/Plugin/{**r} public for Streamyfin", "GET /Plugin/a", policy.Token},
		{"+/Plugin/{**r} public for Streamyfin", "GET /Plugin/a Streamyfin2", policy.Token},
		{"unknown|+/Plugin/{**r} for Streamyfin", "GET /Plugin/a Streamyfin", policy.Token},
		{"unknown|+/Plugin/{**r} for Streamyfin", "GET /Plugin/a Kodi", policy.Deny},
		{"-/SyncPlay/{**r} for Kodi|+/SyncPlay/{**r}", "GET /SyncPlay/List Kodi", policy.Deny},
		{"+/SyncPlay/{**r}|-/SyncPlay/{**r} for Kodi", "GET /SyncPlay/List Kodi", policy.Deny},
		{"+/SyncPlay/{**r}|-/SyncPlay/{**r} for Kodi", "GET /SyncPlay/List", policy.Token},
		{"+/P/x public for Jellyfin Android|+/P/x media for Jellyfin Web", "GET /P/x Jellyfin Web", policy.Media},
	} {
		var lines []string
		if tt.lines != "" {
			lines = strings.Split(tt.lines, "|")
		}
		f := strings.SplitN(tt.request, " ", 3)
		path, err := policy.ParsePath(f[1], policy.Base{})
		if err != nil {
			t.Fatal(err)
		}
		client := ""
		if len(f) == 3 {
			client = f[2]
		}
		if got := compiled(t, lines...).Decide(f[0], path, client); got.Action != tt.want {
			t.Errorf("with %s: Decide(%s) = %v by %s %s, want %v", tt.lines, tt.request, got.Action, got.Rule.Methods, got.Rule.Pattern, tt.want)
		}
	}
}

// TestALineProvesNothingToJellyfin: what the table has closed is opened to live
// tokens only, and Jellyfin's administration stays that.
func TestALineProvesNothingToJellyfin(t *testing.T) {
	p := compiled(t, "+/health", "+POST /System/Restart", "+GET /Users/Me", "+/Plugin", "+GET /System/Logs")
	for _, tt := range []struct {
		method, target      string
		anonymous, elevated bool
	}{
		{"GET", "/health", true, false},
		{"POST", "/System/Restart", true, true},
		{"GET", "/Users/Me", false, false},
		{"GET", "/Plugin", true, false},
		{"GET", "/System/Logs", false, true},
	} {
		d := decide(t, p, tt.method, tt.target)
		if d.Rule.List != "policy.allow" || d.Action != policy.Token || d.Rule.Anonymous != tt.anonymous || d.Elevated != tt.elevated {
			t.Errorf("%s %s = %+v, want anonymous %v and elevated %v", tt.method, tt.target, d, tt.anonymous, tt.elevated)
		}
	}
}

func TestSocketsGoByTheLists(t *testing.T) {
	for _, tt := range []struct {
		lines, target string
		want          policy.Action
	}{
		{"unknown", "/socket", policy.Token},
		{"unknown", "/Plugin", policy.Deny},
		{"-/socket", "/socket", policy.Deny},
		{"-/socket", "/%73ocket/", policy.Deny},
		{"-/socket for Kodi", "/socket", policy.Token},
		{"-POST /Plugin", "/Plugin", policy.Deny},
		{"-/{**r}", "/socket", policy.Deny},
		{"-/{**r}|+GET /socket", "/socket", policy.Token},
		{"+/Plugin public", "/Plugin", policy.Token},
	} {
		path, err := policy.ParsePath(tt.target, policy.Base{})
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled(t, strings.Split(tt.lines, "|")...).Upgrade(path, ""); got.Action != tt.want || got.Method != "GET" {
			t.Errorf("with %s: Upgrade(%s) = %v, want %v", tt.lines, tt.target, got.Action, tt.want)
		}
	}
}

// TestBadLinesAreRefused goes by the golden file, which shows each line with
// what is wrong with it and the way out.
func TestBadLinesAreRefused(t *testing.T) {
	var b strings.Builder
	for _, lines := range []string{
		// Lines that are none.
		"+", "+token", "+GET", "+Plugin/a", "+FETCH /a", "+GET,,POST /a", "+GET,get /a", "-BREW /a",
		"+/a open", "+/a deny", "+/a page", "+/a signin", "+/a token please", "-/a token", "-/a closed", "-/a deny now",
		"+/a for", "+/a token for ", "+/a for ,", "+/a for A,,B", "+/a for A, a", "+/a\x00b", "+/a\u200bb", "+/\xff",
		// Patterns that can never match.
		"+/a/../b", "+/a/./b", "+//a", "+/a//b", "+/a//", `+/a\b`, "+/a%2eb", "+/a/%2e%2e/b", "+/%41", "+/a?x=1", "+/a#b",
		"+/emby/Items", "+/MediaBrowser", "+/embya", "-/Caf\u00e9",
		"+/{", "+/a}", "+/{}", "+/{**}", "+/{*r}", "+/{**r}/a", "+/a{**r}", "+/{id:guid}", "+/{a}{b}", "+/{a}.{b}.{c}",
		"-/sso/2fa", "-GET /sso/2fa/{**r}",
		// What must stay closed, or is asked for by Jellyfin, or is a film.
		"+/sso/2fa/x", "+/sso/{**r}", "+/sso/OID/start", "+POST /Users/AuthenticateByName", "+POST /users/{id}/authenticate", "+/Users/{**r}",
		"+POST /Users/{x} public", "+/{**any}", "+/Startup/User public", "+/startup/{**r}", "+/Users/ForgotPassword", "+/opds", "+GET /opds/{**r}",
		"+/Plugins/TwoFA/x", "+/Plugins/{**r}", "+/TwoFactorAuth/{x}", "+/SSOViews/x public", "+/health public", "+GET /metrics image", "+/api-docs/{**r} media",
		"+GET /Items public", "+GET /Items/{id} image", "+GET /Users/Me media", "+GET /Items/{id}/{**r} public", "+GET /{x} public", "+GET /socket public",
		"+GET /Videos/{id}/stream.{c} public", "+GET /Videos/{id}/stream image", "+HEAD /Audio/{**r} public", "+GET /web/index.html public", "+POST /{x}/{y}/authenticate",
		// Lines that contradict each other.
		"+/a|+/A/", "+/a|-/a", "+GET,POST /a/{x}|-POST,PUT /a/{y}", "+/a/{x}/c public|-/a/b/{y}", "+/P/{x}.js public|-/P/jquery{x}",
		"+/a|+/a public for A", "-/a|+/a for A", "-/a|-/a for A", "+/a public for A|+/a for B, a", "-/a for A, B|-/a for B",
		// Several at once.
		"+/a open|-/a//b|+/c for|+/Startup/User",
	} {
		_, err := policy.Compile(options(strings.Split(lines, "|")...))
		errs := policy.LineErrors(nil)
		if !errors.As(err, &errs) {
			t.Errorf("%q is accepted (%v)", lines, err)
			continue
		}
		for _, e := range errs {
			if e.Cause == "" || e.Hint == "" || e.List == "" {
				t.Errorf("%q: %+v lacks something", lines, e)
			}
			b.WriteString(strings.Map(printable, e.Error()) + "\n\t" + e.Hint + "\n")
		}
	}
	golden(t, "lines.golden", b.String())
}

func printable(r rune) rune {
	if r == utf8.RuneError || !unicode.IsPrint(r) && r != '\n' {
		return '?'
	}
	return r
}

func TestGoodLinesAreAccepted(t *testing.T) {
	for _, lines := range []string{
		"+GET /Users/Public token", "+GET /Users/Me token", "+POST /Users/{x}", "+POST /Users/{id}/Nonsense", "+/Plugins/{id}/x", "+GET /web/ConfigurationPage public",
		"+/Startups/{**r} public", "+/sso2/{**r}", "+/opds2", "+/a|+/a/b|+/a/{x}|+/a/{**r}", "+/a/{x}/c|+/a/b/{y}", "+GET /a|-POST /a",
		"+/a public for A|+/a media for B", "-/a for A|+/a", "+/P/{x}.js public|+/P/jquery{x} public", "-/Users/{**r}", "-/{**any}|+/web/{**r} public",
		"-/a|+/a/b", "+/a.{x}|-/a.b.{x}", "+/Artists/AC%2FDC", "+/100%", "+/a\u00a0 token",
	} {
		if _, err := policy.Compile(options(strings.Split(lines, "|")...)); err != nil {
			t.Errorf("%s: %v", lines, err)
		}
	}
}

func TestLinesAreListed(t *testing.T) {
	var got []string
	for _, r := range compiled(t, "-post /b", "+get, head /a/ public for A,B").Lines() {
		got = append(got, r.List+": "+r.Methods+" "+r.Pattern+" "+r.Action.String()+" "+r.Clients)
	}
	want := []string{"policy.allow: GET,HEAD /a public A, B", "policy.deny: POST /b deny "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
