package policy_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/policy"
)

// ordinary are requests as a client would spell them, one for every operation,
// with made-up values for the parameters.
func ordinary(t testing.TB) []request {
	t.Helper()
	var all []request
	for _, op := range readOperations(t) {
		if strings.HasPrefix(op.name, "(") {
			continue
		}
		all = append(all, request{op.method, example(op.template)})
	}
	for _, more := range []string{
		"GET /", "GET /web/", "GET /web/index.html", "HEAD /web/", "GET /web/main.jellyfin.bundle.js", "GET /robots.txt", "GET /favicon.ico",
		"GET /health", "GET /metrics", "GET /api-docs/openapi.json", "GET /startup/logger", "GET /sso/2fa", "POST /sso/2fa/authenticate",
		"GET /SSO/OID/start/x", "GET /SSOViews/linking", "GET /opds", "GET /opds/books", "GET /MyPlugin/Thing", "OPTIONS /Items",
		"GET /Artists/AC%2FDC", "GET /Genres/100%25", "GET /Persons/Bj%C3%B6rk/Images/Primary", "GET /Studios/%E6%9D%B1%E5%AE%9D",
	} {
		method, target, _ := strings.Cut(more, " ")
		all = append(all, request{method, target})
	}
	return all
}

type request struct{ method, target string }

// example fills a template's parameters.
func example(template string) string {
	var b strings.Builder
	for template != "" {
		literal, rest, found := strings.Cut(template, "{")
		b.WriteString(literal)
		if !found {
			break
		}
		var name string
		name, template, _ = strings.Cut(rest, "}")
		switch {
		case strings.Contains(name, "ontainer"), strings.Contains(name, "ormat"):
			b.WriteString("ts")
		case strings.HasSuffix(strings.ToLower(name), "index"), strings.Contains(name, "Ticks"):
			b.WriteString("0")
		default:
			b.WriteString("0123456789abcdef0123456789abcdef")
		}
	}
	return b.String()
}

func TestOrdinarySpellingsPass(t *testing.T) {
	l := newLaws(t)
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ordinary(t) {
		for _, target := range []string{r.target, strings.ToLower(r.target), r.target + "?x=1", "/emby" + r.target, "/mediabrowser" + strings.ToUpper(r.target)} {
			if err := l.check(r.method, target, policy.Base{}); err != nil {
				t.Errorf("%s %s: %v", r.method, target, err)
			}
			if _, err := policy.ParsePath(target, policy.Base{}); err != nil {
				t.Errorf("ParsePath(%s): %v", target, err)
			}
			if p, err := policy.ParsePath("/JellyFin"+target, base); err != nil || p.Outside() {
				t.Errorf("ParsePath(/JellyFin%s): outside %v, %v", target, p.Outside(), err)
			}
		}
	}
}

// respell spells a target in another way that some reader may take for the
// same.
func respell(t *rapid.T, target string) string {
	segments := strings.Split(strings.TrimPrefix(target, "/"), "/")
	prefix := rapid.SampledFrom([]string{"", "", "", "emby", "mediabrowser"}).Draw(t, "prefix")
	depth := rapid.SampledFrom([]int{0, 0, 1, 1, 1, 2, 3}).Draw(t, "depth")
	for i := range segments {
		segments[i] = encode(t, recase(t, segments[i]), depth)
	}
	segments = pad(t, segments)
	if prefix != "" {
		segments = slices.Insert(segments, 0, encode(t, recase(t, prefix), 1))
		segments = pad(t, segments)
	}
	separator := rapid.SampledFrom([]string{"/", "/", "/", "/", "/", "//", "%2F", "%2f", "%252F", `\`, "%5C", "/;/"}).Draw(t, "separator")
	out := "/" + strings.Join(segments, "/")
	if separator != "/" {
		at := rapid.IntRange(0, strings.Count(out, "/")-1).Draw(t, "at")
		parts := strings.Split(out[1:], "/")
		out = "/" + strings.Join(parts[:at+1], "/")
		if at+1 < len(parts) {
			out += separator + strings.Join(parts[at+1:], "/")
		}
	}
	return out + rapid.SampledFrom([]string{"", "", "", "/", "/.", "/x/..", "//", "/%2e", "?x=1", "?pw%3Dx", "#x", "%00", "%20", "%09", ".json", ";a=b", "%23"}).Draw(t, "end")
}

// recase changes the letter case here and there.
func recase(t *rapid.T, s string) string {
	switch rapid.SampledFrom([]string{"", "", "lower", "upper", "mix", "fold"}).Draw(t, "case") {
	case "lower":
		return strings.ToLower(s)
	case "upper":
		return strings.ToUpper(s)
	case "fold":
		return strings.NewReplacer("s", "%C5%BF", "k", "%E2%84%AA").Replace(s)
	case "mix":
		b := []byte(s)
		for i := range b {
			if c := b[i] | 0x20; 'a' <= c && c <= 'z' && (i == 0 || b[i-1] != '%') && rapid.Bool().Draw(t, "flip") {
				b[i] ^= 0x20
			}
		}
		return string(b)
	}
	return s
}

// encode percent-encodes some characters, again and again depth times.
func encode(t *rapid.T, s string, depth int) string {
	for level := range depth {
		var b strings.Builder
		for i := range len(s) {
			if level > 0 && s[i] == '%' || level == 0 && s[i] != '%' && rapid.IntRange(0, 2).Draw(t, "encode") == 0 {
				fmt.Fprintf(&b, rapid.SampledFrom([]string{"%%%02x", "%%%02X"}).Draw(t, "hex"), s[i])
				continue
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	return s
}

// pad puts segments in that dot segments take out again.
func pad(t *rapid.T, segments []string) []string {
	dot := rapid.SampledFrom([]string{".", "%2e", "%2E", "%252e"})
	dots := rapid.SampledFrom([]string{"..", "%2e%2e", ".%2E", "%2e.", "%252e%252e"})
	for range rapid.IntRange(0, 2).Draw(t, "pads") {
		at := rapid.IntRange(0, len(segments)).Draw(t, "pad at")
		switch rapid.IntRange(0, 3).Draw(t, "pad") {
		case 0:
			segments = slices.Insert(segments, at, dot.Draw(t, "dot"))
		case 1:
			segments = slices.Insert(segments, 0, dots.Draw(t, "dots"))
		case 2:
			segments = slices.Insert(segments, at, rapid.SampledFrom([]string{"x", "web", "emby", "sso", ""}).Draw(t, "filler"), dots.Draw(t, "dots"))
		}
	}
	return segments
}

// TestRespellingIsDecidedAlikeOrRefused: a spelling that Jellyfin takes for the
// original gets the original's row. One that Jellyfin takes for something else
// gets that one's row (see [laws.check]). If the original is closed, nothing is
// forwarded that even a careless reader would take for it.
func TestRespellingIsDecidedAlikeOrRefused(t *testing.T) {
	// More than rapid's hundred, unless the command line says how many.
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := flag.Set("rapid.checks", "2000"); err != nil {
			t.Fatal(err)
		}
	}
	l := newLaws(t)
	requests := ordinary(t)
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(requests).Draw(t, "request")
		method := recaseMethod(t, r.method)
		spelled := respell(t, r.target)
		under := policy.Base{}
		original, err := policy.ParsePath(r.target, under)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.IntRange(0, 3).Draw(t, "base") == 0 {
			under = base
			spelled = "/" + encode(t, recase(t, "jellyfin"), 1) + spelled
		}
		if err := l.check(method, spelled, under); err != nil {
			t.Fatalf("%s %s: %v", method, spelled, err)
		}
		p, err := policy.ParsePath(spelled, under)
		if err != nil || p.Outside() {
			return
		}
		want, got := l.policy.Decide(r.method, original, ""), l.policy.Decide(method, p, "")
		if p.Lower() == original.Lower() && got != want {
			t.Fatalf("%s %s is decided by %s, %s by %s", method, spelled, got.Rule.Pattern, r.target, want.Rule.Pattern)
		}
		if careless(p.String()) == careless(r.target) && closed(want.Action) && !closed(got.Action) {
			t.Fatalf("%s %s is %v, %s is %v", method, spelled, got.Action, r.target, want.Action)
		}
	})
}

func recaseMethod(t *rapid.T, method string) string {
	return rapid.SampledFrom([]string{method, method, strings.ToLower(method), method[:1] + strings.ToLower(method[1:])}).Draw(t, "method")
}

// careless is what a reader would make of a target who decodes as long as there
// is something to decode, and resolves dot segments then.
func careless(target string) string {
	path, _, _ := strings.Cut(target, "?")
	for range 5 {
		for _, octet := range []string{"%2f", "%2F"} {
			path = strings.ReplaceAll(path, octet, "/")
		}
		decoded, err := kestrelDecode(path)
		if err != nil {
			return path
		}
		path = decoded
	}
	path = strings.ToLower(kestrelDots(path))
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	for _, prefix := range []string{"/jellyfin", "/emby", "/mediabrowser"} {
		path = strings.TrimPrefix(path, prefix)
	}
	return strings.TrimSuffix(path, "/")
}
