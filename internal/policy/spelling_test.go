package policy_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/policy/policytest"
)

func TestOrdinarySpellingsPass(t *testing.T) {
	l := policytest.NewLaws(t)
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range policytest.Ordinary(t) {
		for _, target := range []string{r.Target, strings.ToLower(r.Target), r.Target + "?x=1", "/emby" + r.Target, "/mediabrowser" + strings.ToUpper(r.Target)} {
			if err := l.Check(r.Method, target, policy.Base{}); err != nil {
				t.Errorf("%s %s: %v", r.Method, target, err)
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
// gets that one's row (see [policytest.Laws.Check]). If the original is closed, nothing is
// forwarded that even a careless reader would take for it.
func TestRespellingIsDecidedAlikeOrRefused(t *testing.T) {
	// More than rapid's hundred, unless the command line says how many.
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := flag.Set("rapid.checks", "2000"); err != nil {
			t.Fatal(err)
		}
	}
	l := policytest.NewLaws(t)
	requests := policytest.Ordinary(t)
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(requests).Draw(t, "request")
		method := recaseMethod(t, r.Method)
		spelled := respell(t, r.Target)
		under := policy.Base{}
		original, err := policy.ParsePath(r.Target, under)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.IntRange(0, 3).Draw(t, "base") == 0 {
			under = base
			spelled = "/" + encode(t, recase(t, "jellyfin"), 1) + spelled
		}
		if err := l.Check(method, spelled, under); err != nil {
			t.Fatalf("%s %s: %v", method, spelled, err)
		}
		p, err := policy.ParsePath(spelled, under)
		if err != nil || p.Outside() {
			return
		}
		want, got := l.Policy.Decide(r.Method, original, ""), l.Policy.Decide(method, p, "")
		if p.Lower() == original.Lower() && got != want {
			t.Fatalf("%s %s is decided by %s, %s by %s", method, spelled, got.Rule.Pattern, r.Target, want.Rule.Pattern)
		}
		if careless(p.String()) == careless(r.Target) && policytest.Closed(want.Action) && !policytest.Closed(got.Action) {
			t.Fatalf("%s %s is %v, %s is %v", method, spelled, got.Action, r.Target, want.Action)
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
		decoded, err := policytest.Decode(path)
		if err != nil {
			return path
		}
		path = decoded
	}
	path = strings.ToLower(policytest.RemoveDots(path))
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	for _, prefix := range []string{"/jellyfin", "/emby", "/mediabrowser"} {
		path = strings.TrimPrefix(path, prefix)
	}
	return strings.TrimSuffix(path, "/")
}
