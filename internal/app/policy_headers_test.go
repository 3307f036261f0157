package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// Requests that differ only in how they show a token. {{a}} and {{b}} are tokens
// that live.
const (
	whoAmI   = "GET /Users/Me HTTP/1.1"
	oneFilm  = "GET /Videos/" + jellyfintest.MovieID + "/stream?static=true HTTP/1.1"
	filmWith = "GET /Videos/" + jellyfintest.MovieID + "/stream?static=true&"
)

// game is a request on whose token two readers could disagree.
type game struct {
	what, line, headers string
	// status is the first answer's, and status12 is where Jellyfin 12 differs.
	status, status12 int
	// shown is the token that Jellyfin is shown if it gets the request, "" for
	// none, and shown12 is where Jellyfin 12 differs.
	shown, shown12 string
}

var games = []game{
	{"one token", whoAmI, "Authorization: MediaBrowser Token=\"{{a}}\"\r\n", 200, 0, "{{a}}", ""},
	{"two Authorization headers", whoAmI, "Authorization: MediaBrowser Token=\"{{a}}\"\r\nAuthorization: MediaBrowser Token=\"{{b}}\"\r\n", 200, 0, "{{a}}", ""},
	{"a wrong Authorization header first", whoAmI, "Authorization: MediaBrowser Token=\"wrong\"\r\nAuthorization: MediaBrowser Token=\"{{b}}\"\r\n", 401, 0, "wrong", ""},
	{"two tokens in one header", whoAmI, "Authorization: MediaBrowser Token=\"{{a}}\", Token=\"{{b}}\"\r\n", 200, 0, "{{b}}", ""},
	{"a token in lower case", whoAmI, "Authorization: MediaBrowser token=\"{{a}}\"\r\n", 401, 0, "", ""},
	{"a folded token", whoAmI, "Authorization: MediaBrowser\r\n Token=\"{{a}}\"\r\n", 200, 0, "{{a}}", ""},
	{"a token with a quote in it", whoAmI, "Authorization: MediaBrowser Token=\"{{a}}\"\"x\"\r\n", 401, 0, `{{a}}""x`, ""},
	{"the old scheme", whoAmI, "Authorization: Emby Token=\"{{a}}\"\r\n", 200, 0, "{{a}}", ""},
	{"another scheme", whoAmI, "Authorization: Bearer {{a}}\r\n", 401, 0, "", ""},
	{"another scheme, and the old header", whoAmI, "Authorization: Bearer x\r\nX-Emby-Authorization: MediaBrowser Token=\"{{a}}\"\r\n", 401, 0, "", ""},
	{"the old header", whoAmI, "X-Emby-Authorization: MediaBrowser Token=\"{{a}}\"\r\n", 200, 0, "{{a}}", ""},
	{"an old token", whoAmI, "X-Emby-Token: {{a}}\r\n", 200, 0, "{{a}}", ""},
	{"an old token twice", whoAmI, "X-Emby-Token: {{a}}\r\nX-Emby-Token: {{a}}\r\n", 401, 0, "{{a}},{{a}}", ""},
	{"an old token with a space before the colon", whoAmI, "X-Emby-Token : {{a}}\r\n", 400, 0, "", ""},
	{"an old token with underscores", whoAmI, "X_Emby_Token: {{a}}\r\n", 401, 0, "", ""},
	{"an old token that the next hop shall not see", whoAmI, "Connection: X-Emby-Token\r\nX-Emby-Token: {{a}}\r\n", 401, 0, "", ""},
	{"an old token that is spared", whoAmI, "Connection: Authorization\r\nAuthorization: MediaBrowser Token=\"{{b}}\"\r\nX-Emby-Token: {{a}}\r\n", 200, 0, "{{a}}", ""},
	{"an old and a new token", "GET /Users/Me?ApiKey={{b}} HTTP/1.1", "X-Emby-Token: {{a}}\r\n", 200, 0, "{{a}}", "{{b}}"},
	{"a wrong old and a right new token", "GET /Users/Me?ApiKey={{b}} HTTP/1.1", "X-Emby-Token: wrong\r\n", 401, 200, "wrong", "{{b}}"},
	{"a key", "GET /Users/Me?ApiKey={{a}} HTTP/1.1", "", 200, 0, "{{a}}", ""},
	{"an encoded key", "GET /Users/Me?%61pi%4bey={{a}} HTTP/1.1", "", 200, 0, "{{a}}", ""},
	{"two keys", "GET /Users/Me?ApiKey={{a}}&apikey={{b}} HTTP/1.1", "", 401, 0, "{{a}},{{b}}", ""},
	{"an empty key", "GET /Users/Me?ApiKey=&api_key={{a}} HTTP/1.1", "", 200, 0, "{{a}}", ""},
	{"a key behind a semicolon", "GET /Users/Me?a=b;ApiKey={{a}} HTTP/1.1", "", 401, 0, "", ""},
	{"a query that is encoded as a whole", "GET /Users/Me?ApiKey%3D{{a}} HTTP/1.1", "", 401, 0, "", ""},
	{"a fragment", "GET /Users/Me?ApiKey={{a}}#x HTTP/1.1", "", 400, 0, "", ""},
	{"a fragment in the path", "GET /Users/Me#?ApiKey={{a}} HTTP/1.1", "", 400, 0, "", ""},
	{"absolute form", "GET http://jellyfin.example.org/Users/Me?ApiKey={{a}} HTTP/1.1", "", 400, 0, "", ""},
	{"a zero byte", "GET /Users/Me?ApiKey={{a}}%00 HTTP/1.1", "", 401, 0, "{{a}}\x00", ""},
	{"10 KB of token", whoAmI, "X-Emby-Token: " + strings.Repeat("a", 10<<10) + "\r\n", 401, 0, strings.Repeat("a", 10<<10), ""},
	{"7 KB of key", "GET /Users/Me?ApiKey=" + strings.Repeat("a", 7<<10) + " HTTP/1.1", "", 401, 0, strings.Repeat("a", 7<<10), ""},
	{"10 KB of key, which Kestrel does not read", "GET /Users/Me?ApiKey=" + strings.Repeat("a", 10<<10) + " HTTP/1.1", "", 414, 0, "", ""},
	{"100 parameters", "GET /Users/Me?" + strings.Repeat("a=b&", 100) + "api_key={{a}} HTTP/1.1", "", 200, 0, "{{a}}", ""},
	{"two lengths that differ", whoAmI, "Content-Length: 2\r\nContent-Length: 20\r\n", 400, 0, "", ""},
	{"two hosts", whoAmI, "Host: evil.example\r\nX-Emby-Token: {{a}}\r\n", 400, 0, "", ""},

	{"film: no token", oneFilm, "", 401, 0, "", ""},
	{"film: an old key", filmWith + "api_key={{a}} HTTP/1.1", "", 200, 0, "{{a}}", ""},
	{"film: a wrong token first", filmWith + "ApiKey={{a}} HTTP/1.1", "Authorization: MediaBrowser Token=\"wrong\"\r\n", 401, 0, "", ""},
	{"film: a wrong old token first", filmWith + "ApiKey={{a}} HTTP/1.1", "X-MediaBrowser-Token: wrong\r\n", 401, 200, "", "{{a}}"},
	{"film: two keys", filmWith + "ApiKey={{a}}&ApiKey={{a}} HTTP/1.1", "", 401, 0, "", ""},
	{"film: a query that is encoded as a whole", "GET /Videos/" + jellyfintest.MovieID + "/stream?ApiKey%3D{{a}} HTTP/1.1", "", 401, 0, "", ""},
	{"film: a zero byte", filmWith + "ApiKey=%00 HTTP/1.1", "", 401, 0, "", ""},
	{"film: a quote", filmWith + "ApiKey=%22{{a}}%22 HTTP/1.1", "", 401, 0, "", ""},
	{"film: 10 KB of key", filmWith + "ApiKey=" + strings.Repeat("a", 10<<10) + " HTTP/1.1", "", 401, 0, "", ""},
	{"film: 100 parameters", filmWith + strings.Repeat("api_key=&", 100) + "APIKEY={{a}} HTTP/1.1", "", 200, 0, "{{a}}", ""},
	{"film: a token that the next hop shall not see", oneFilm, "Connection: close, X-Emby-Token\r\nX-Emby-Token: {{a}}\r\n", 401, 0, "", ""},
}

// sight is what Jellyfin sees of one request, but for the way that it came.
type sight struct {
	Line   string
	Header http.Header
}

// TestEveryWayInReadsATokenAlike plays the games through the tunnel and over the
// local listener. Both answer alike, and Jellyfin sees one request with one token
// at most, which is the one that it would have chosen itself.
func TestEveryWayInReadsATokenAlike(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		release jellyfintest.Release
		tunnel  way
	}{{jellyfintest.V10_11, ways[1]}, {jellyfintest.V12, ways[0]}} {
		t.Run(tt.release.String(), func(t *testing.T) {
			t.Parallel()
			var first map[int]sight
			for _, w := range []way{ways[2], tt.tunnel} {
				seen := playGames(t, w, tt.release)
				if first != nil && len(seen) == 0 {
					t.Fatal("nothing reached Jellyfin")
				}
				if diff := cmp.Diff(first, seen); first != nil && diff != "" {
					t.Errorf("%s differs from %s in what Jellyfin sees:\n%s", w.name, ways[2].name, diff)
				}
				first = seen
			}
		})
	}
}

func playGames(t *testing.T, w way, release jellyfintest.Release) map[int]sight {
	t.Helper()
	s, base := w.play(t, stage.Options{
		Jellyfin: []jellyfintest.Option{jellyfintest.Version(release)},
		Change:   func(c *config.Config) { c.Policy.Media = "token" },
		Logger:   discard(),
	})
	user := s.Jellyfin.AddUser("alice", "wonderland123")
	a := s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "a"}).Value
	b := s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "b"}).Value
	name, unname := strings.NewReplacer("{{a}}", a, "{{b}}", b), strings.NewReplacer(a, "{{a}}", b, "{{b}}")
	s.Jellyfin.Record()
	for i, g := range games {
		text := fmt.Sprintf("%s\r\nHost: jellyfin.example.org\r\n%s: %d\r\n%s\r\n", g.line, rowHeader, i, g.headers)
		statuses := converse(t, g.what, base, name.Replace(text)+last)
		if want, _ := g.on(release); len(statuses) == 0 || statuses[0] != want {
			t.Errorf("%s, %v, %s: answered %v, want %d first", w.name, release, g.what, statuses, want)
		}
	}
	seen := map[int]sight{}
	for _, r := range s.Jellyfin.Requests() {
		row, err := strconv.Atoi(r.Header.Get(rowHeader))
		if err != nil {
			continue // the program's own question
		}
		what := w.name + ", " + release.String() + ", " + games[row].what
		if _, twice := seen[row]; twice {
			t.Errorf("%s: reached Jellyfin twice", what)
		}
		_, want := games[row].on(release)
		checkOneToken(t, what, r, name.Replace(want))
		seen[row] = sight{unname.Replace(r.Method + " " + r.Target), withoutWay(r.Header, unname)}
	}
	return seen
}

// on is what comes of a game on one generation of Jellyfin.
func (g game) on(release jellyfintest.Release) (status int, shown string) {
	status, shown = g.status, g.shown
	if release == jellyfintest.V12 && g.status12 != 0 {
		status = g.status12
	}
	if release == jellyfintest.V12 && g.shown12 != "" {
		shown = g.shown12
	}
	return status, shown
}

// withoutWay is a header without what is said of the way here.
func withoutWay(h http.Header, unname *strings.Replacer) http.Header {
	plain := http.Header{}
	for name, values := range h {
		if strings.HasPrefix(name, "X-Forwarded-") {
			continue
		}
		for _, value := range values {
			plain.Add(name, unname.Replace(value))
		}
	}
	return plain
}

// checkOneToken looks at the token of a request that came through: every server
// finds the same one, and nothing else.
func checkOneToken(t *testing.T, what string, r jellyfintest.Request, want string) {
	t.Helper()
	_, query, _ := strings.Cut(r.Target, "?")
	for _, setting := range []string{"on", "off"} {
		d := jellyfin.DialectFor("10.11.11", setting, false)
		if got := string(jellyfin.ReadPresented(r.Header, query, d).Token); got != want {
			t.Errorf("%s: a server with old forms %s sees the token %.80q, want %.80q", what, setting, got, want)
		}
	}
	values, err := url.ParseQuery(strings.ReplaceAll(query, ";", "%3B"))
	if err != nil {
		t.Errorf("%s: query %.80q: %v", what, query, err)
	}
	tokens := len(r.Header.Values("Authorization"))
	for name, all := range values {
		if name = strings.ToLower(name); name == "apikey" || name == "api_key" {
			tokens += len(slices.DeleteFunc(slices.Clone(all), func(v string) bool { return v == "" }))
		}
	}
	if tokens > 1 {
		t.Errorf("%s: %d tokens went on: %.200q %v", what, tokens, r.Target, r.Header["Authorization"])
	}
	for _, name := range []string{"X-Emby-Token", "X-Mediabrowser-Token", "X-Emby-Authorization", "Connection"} {
		if values := r.Header[name]; values != nil {
			t.Errorf("%s: %s went on: %.80q", what, name, values)
		}
	}
}
