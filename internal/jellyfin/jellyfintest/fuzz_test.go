package jellyfintest

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Spelling any letter of a path as a percent encoding, in either case of hex,
// changing the case of letters, and adding segments that cancel out, leads to the
// same action.
func TestARespelledPathRunsTheSameAction(t *testing.T) {
	servers := map[Release]*Server{V10_11: New(), V12: New(Version(V12))}
	rapid.Check(t, func(t *rapid.T) {
		s := servers[rapid.SampledFrom([]Release{V10_11, V12}).Draw(t, "release")]
		rt := rapid.SampledFrom(s.routes.routes).Draw(t, "route")
		method := rt.method
		if method == "" {
			method = "GET"
		}
		plain := madeUp(rt.template)
		var b strings.Builder
		for _, c := range []byte(plain) {
			if c == '/' {
				b.WriteString(rapid.SampledFrom([]string{"/", "/", "/", "/./", "/x/../", "/x/%2e%2E/", "//.%2e/"}).Draw(t, "slash"))
				continue
			}
			if letter := lowerByte(c); letter >= 'a' && letter <= 'z' {
				c = rapid.SampledFrom([]byte{letter, letter - 'a' + 'A'}).Draw(t, "case")
			}
			b.WriteString(rapid.SampledFrom([]string{string(c), fmt.Sprintf("%%%02x", c), fmt.Sprintf("%%%02X", c)}).Draw(t, "spelling"))
		}
		want, got := s.resolve(method, plain).action, s.resolve(strings.ToLower(method), b.String()).action
		if got != want {
			t.Errorf("%s %s runs %s, %s runs %s", method, plain, want, b.String(), got)
		}
	})
}

func FuzzResolve(f *testing.F) {
	for _, row := range BypassTable() {
		f.Add(row.Method, row.Target)
	}
	f.Add("GET", "http://host\\..\\Users/Me?x")
	f.Add("GET", "/emby")
	servers := []*Server{New(), New(Version(V12)), New(BaseURL("/jellyfin"))}
	f.Fuzz(func(t *testing.T, method, target string) {
		for _, s := range servers {
			res := s.resolve(method, target)
			if strings.Contains(res.path, "/../") || strings.Contains(res.path, "\x00") {
				if !strings.Contains(strings.ToLower(target), "%25") {
					t.Errorf("%s %q is seen as %q", method, target, res.path)
				}
			}
			if (res.route == nil) == strings.Contains(res.action, "Controller.") {
				t.Errorf("%s %q: action %s, route %v", method, target, res.action, res.route)
			}
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	f.Add(`MediaBrowser Client="a, Token=b", Token="t"`, "ApiKey=&ApiKey=t")
	f.Add(`Emby ,Token=%4`, "%41piKey=%zz;x")
	s := New()
	f.Fuzz(func(t *testing.T, header, rawQuery string) {
		q := parseQuery(rawQuery)
		cr := s.parseCredentials(map[string][]string{"Authorization": {header}}, q.reparse(rawQuery))
		if cr.token != "" && header == "" && len(q) == 0 {
			t.Errorf("a token %q out of nothing", cr.token)
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"Username":"a","username":1}`))
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := objectFields(decodeText(body, "utf-16"))
		if err == nil {
			_ = text(fields, "Username")
		}
		if plain, err := objectFields(decodeText(body, "")); err == nil && plain != nil {
			for key := range plain {
				if key != strings.ToLower(key) {
					t.Errorf("key %q is not lower case", key)
				}
			}
		}
	})
}
