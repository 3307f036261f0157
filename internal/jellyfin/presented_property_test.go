package jellyfin

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/secret"
)

// tokenTexts are what the generated requests present; none is a part of another.
var tokenTexts = []string{"aaaa1111", "bbbb2222", "cc+c%3", `dd"d,4`, "ee ée=5", "ff/6666", "\x00gg77"}

// form draws one way to present a token, as a header or as a part of a query.
func form(t *rapid.T, texts []string) (name, value, query string) {
	text := rapid.SampledFrom(texts).Draw(t, "token")
	device := Device{Client: "Old App", Name: `Ann's "TV"`, ID: "7", Version: "1.2"}
	raw := strings.NewReplacer("\x00", "", `"`, "", ",", "", "+", "", "%", "").Replace(text)
	written := rapid.SampledFrom([]string{
		device.Authorization(secret.Text(text)),
		Device{}.Authorization(secret.Text(text)),
		`mediabrowser Token=` + raw + `, Client=x`,
		`Emby Client="a, Token=b", Token="` + raw + `"`,
		`MediaBrowser Token="` + raw + `", Token="` + raw + `"`,
		`MediaBrowser Token="` + raw + `", Token="zzzz9999"`,
		`MediaBrowser token="` + raw + `", Client="x"`,
		`MediaBrowser Token=` + raw + `=Client=x`,
		`MediaBrowser Client="x"; Token="` + raw + `"`,
		`MediaBrowser Token="", Client="Signed Out", DeviceId="8"`,
		`MediaBrowser Client="Signed%20Out"`,
		"MediaBrowser\tToken=\"" + raw + `" x`,
		"MediaBrowser", "Basic eDp5", "", "Bearer x",
	}).Draw(t, "authorization")
	escaped := strings.ReplaceAll(Device{}.Authorization(secret.Text(text)), `MediaBrowser Token=`, "")
	escaped = strings.Trim(escaped, `"`)
	switch rapid.IntRange(0, 7).Draw(t, "form") {
	case 0, 1:
		return "Authorization", written, ""
	case 2:
		return "X-Emby-Authorization", written, ""
	case 3:
		return "X-Emby-Token", raw, ""
	case 4:
		return "X-MediaBrowser-Token", raw, ""
	}
	return "", "", rapid.SampledFrom([]string{
		"ApiKey=" + escaped, "apikey=" + escaped, "%41piKey=" + escaped, "api_key=" + escaped, "API%5fKEY=" + escaped,
		"ApiKey=", "api_key", "ApiKey%3D" + escaped, "api_key%3D" + escaped + "%26x%3Dy", "x%3Dy%26ApiKey%3D" + escaped,
		"a=b", "Tag=c%2Fd", "=", "", "x;y", "Api\u212Aey=1",
	}).Draw(t, "query")
}

// presentation draws a request.
func presentation(t *rapid.T) (http.Header, string) {
	h := http.Header{}
	var query []string
	for range rapid.IntRange(0, 5).Draw(t, "forms") {
		name, value, part := form(t, tokenTexts)
		if name == "" {
			query = append(query, part)
			continue
		}
		h.Add(name, strings.Trim(value, " \t"))
	}
	if rapid.Bool().Draw(t, "socket") {
		h.Set("Connection", "keep-alive, Upgrade")
		h.Set("Upgrade", "WebSocket")
	}
	return h, strings.Join(query, "&")
}

func drawDialect(t *rapid.T) (Dialect, server) {
	switch rapid.IntRange(0, 3).Draw(t, "dialect") {
	case 0:
		return oldest, servers[0]
	case 1:
		return legacy, servers[1]
	case 2:
		return translated, servers[2]
	}
	return strict, servers[2]
}

// TestExactlyTheJudgedTokenIsForwarded is the law of this file: what a Jellyfin
// of whatever kind finds on a request that was applied is what was judged.
func TestExactlyTheJudgedTokenIsForwarded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range 10 {
			checkPresentation(t)
		}
	})
}

func checkPresentation(t *rapid.T) {
	h, query := presentation(t)
	dialect, model := drawDialect(t)
	checkLaw(t, h, query, dialect, model)
	p, out, outQuery := apply(h, query, dialect)
	for _, text := range append(slices.Clone(tokenTexts), "zzzz9999") {
		if strings.Contains(string(p.Token), text) {
			continue
		}
		if where := find(out, outQuery, text); where != "" {
			t.Fatalf("token %q is judged, but %q goes along in %s", string(p.Token), text, where)
		}
	}
}

// fataler is a test of any kind.
type fataler interface{ Fatalf(string, ...any) }

// checkLaw checks all that must be true of any request.
func checkLaw(t fataler, h http.Header, query string, dialect Dialect, model server) {
	p, out, outQuery := apply(h, query, dialect)
	want := model.token(h, query, isSocket(h))
	if want == "" && dialect.Translate {
		want = servers[1].token(h, query, isSocket(h))
	}
	if string(p.Token) != want {
		t.Fatalf("token %q, Jellyfin %s takes %q", string(p.Token), model.name, want)
	}
	for _, s := range servers {
		for _, socket := range []bool{false, true} {
			if got := s.token(out, outQuery, socket); got != string(p.Token) {
				t.Fatalf("judged %q, and Jellyfin %s finds %q (socket: %v) in %q ? %q", string(p.Token), s.name, got, socket, out, outQuery)
			}
		}
	}
	checkWithout(t, h, p)
	for _, name := range []string{"X-Emby-Authorization", "X-Emby-Token", "X-Mediabrowser-Token"} {
		if _, there := out[name]; there {
			t.Fatalf("%s is forwarded", name)
		}
	}
	if n := len(out["Authorization"]); n > 1 {
		t.Fatalf("%d Authorization headers", n)
	}
	again, twice, twiceQuery := apply(out, outQuery, dialect)
	if again.Token != p.Token || again.Device != p.Device || twiceQuery != outQuery || !reflect.DeepEqual(twice, out) {
		t.Fatalf("applied again, %q ? %q becomes %q ? %q", out, outQuery, twice, twiceQuery)
	}
}

// checkWithout checks that no Jellyfin finds a token on a request whose token was
// taken off, and that the device stays.
func checkWithout(t fataler, h http.Header, p Presented) {
	bare, out := p.WithoutToken(), h.Clone()
	query := bare.Apply(out)
	if bare.HasToken() || bare.Device != p.Device {
		t.Fatalf("without a token: token %q, device %+v", string(bare.Token), bare.Device)
	}
	for _, s := range servers {
		for _, socket := range []bool{false, true} {
			if got := s.token(out, query, socket); got != "" {
				t.Fatalf("without a token, Jellyfin %s finds %q (socket: %v) in %q ? %q", s.name, got, socket, out, query)
			}
		}
	}
}

func apply(h http.Header, query string, d Dialect) (Presented, http.Header, string) {
	out := h.Clone()
	p := ReadPresented(h, query, d)
	return p, out, p.Apply(out)
}

// find tells where text is in a request, as it is or encoded up to three times.
func find(h http.Header, query, text string) string {
	for i := range 3 {
		if strings.Contains(query, text) {
			return "the query"
		}
		query = urlDecode(query)
		for name, values := range h {
			for _, v := range values {
				for range i {
					v = urlDecode(v)
				}
				if strings.Contains(v, text) {
					return name
				}
			}
		}
	}
	return ""
}

func FuzzPresented(f *testing.F) {
	f.Add(`MediaBrowser Client="x", Token="abc"`, "", "", "", "ApiKey=abc", uint8(0))
	f.Add(`Emby Token=a%62c, Token="d"`, `Bearer x`, `MediaBrowser Token="e"`, "f", "api_key=g&%41piKey=h&ApiKey=", uint8(2))
	f.Add("", "", "", "", "ApiKey%3Dabc%26x%3Dy", uint8(4))
	f.Add("Emby Client=\xff", "", "", "a", "", uint8(0))
	f.Add(`MediaBrowser Token= "a", =b=c,,"d=e`, "", "", "é\xff", "&=&==&%3D&x%3Dy%26api_key%3D1", uint8(7))
	f.Fuzz(func(t *testing.T, first, second, embyHeader, embyToken, query string, kind uint8) {
		h := http.Header{}
		for _, line := range [][2]string{{"Authorization", first}, {"Authorization", second}, {"X-Emby-Authorization", embyHeader}, {"X-Emby-Token", embyToken}} {
			value := strings.Trim(line[1], " \t")
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return // net/http does not let it in
			}
			if line[1] != "" {
				h.Add(line[0], value)
			}
		}
		if kind&4 != 0 {
			h.Set("Connection", "Upgrade")
			h.Set("Upgrade", "websocket")
		}
		d := []Dialect{strict, translated, legacy, oldest}[kind&3]
		checkLaw(t, h, query, d, []server{servers[2], servers[2], servers[1], servers[0]}[kind&3])
	})
}
