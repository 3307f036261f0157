package policytest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// Generator makes up requests, always the same for a seed: operations, files
// and plugins' paths in spellings that some reader takes for them.
type Generator struct {
	*rand.Rand
	requests []Request // what is spelled
	policies []Listed
	base     policy.Base
}

// Wire is a request as it comes off the wire, and the policy that decides.
type Wire struct {
	Method, Target, Client string
	Base                   policy.Base
	Listed                 Listed
	// ordinary tells that it is spelled as clients do.
	Ordinary bool
}

// String names the request, and whatever else the decision hangs on.
func (w Wire) String() string {
	text := fmt.Sprintf("%s %s below %q", w.Method, w.Target, w.Base)
	if w.Client != "" {
		text += " by " + w.Client
	}
	for _, l := range w.Listed.Lines {
		text += "\n\t" + l.String()
	}
	if w.Listed.Unknown {
		text += "\n\tpolicy.unknown: deny"
	}
	return text
}

// NewGenerator makes a generator of one of a seed's streams, which decides by the
// policies in turn.
func NewGenerator(t testing.TB, seed, stream uint64, policies []Listed) *Generator {
	t.Helper()
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		t.Fatal(err)
	}
	g := &Generator{Rand: rand.New(rand.NewPCG(seed, stream)), policies: policies, base: base}
	for _, op := range Operations(t) {
		if !strings.HasPrefix(op.Name, "(") {
			g.requests = append(g.requests, Request{op.Method, op.Template})
		}
	}
	// What must stay closed comes up more often.
	for _, r := range closedRequests() {
		for range 12 {
			g.requests = append(g.requests, r)
		}
	}
	g.requests = append(g.requests, Ordinary(t)...)
	return g
}

func closedRequests() []Request {
	return []Request{
		{"POST", "/Users/AuthenticateByName"},
		{"POST", "/Users/{userId}/Authenticate"},
		{"POST", "/Users/ForgotPassword"},
		{"POST", "/Users/ForgotPassword/Pin"},
		{"POST", "/Startup/User"},
		{"GET", "/Startup/FirstUser"},
		{"POST", "/System/Restart"},
	}
}

func pick[T any](g *Generator, all ...T) T { return all[g.IntN(len(all))] }

// Next is one more request.
func (g *Generator) Next() Wire {
	r := g.requests[g.IntN(len(g.requests))]
	w := Wire{Method: r.Method, Listed: g.policies[g.IntN(len(g.policies))], Ordinary: g.IntN(4) == 0}
	if g.IntN(3) == 0 {
		w.Client = pick(g, "Streamyfin", "kodi", "FINAMP", "Jellyfin Web")
	}
	if len(w.Listed.Lines) > 0 && g.IntN(4) == 0 { // a path that a line is for
		l := w.Listed.Lines[g.IntN(len(w.Listed.Lines))]
		r.Target = l.Pattern
		w.Method = l.Methods[g.IntN(len(l.Methods))]
	}
	target := g.fill(r.Target)
	if w.Ordinary {
		target = g.ordinarily(target)
	} else {
		target = g.strangely(target)
		w.Method = g.method(w.Method)
	}
	if g.IntN(4) == 0 {
		w.Base = g.base
		target = g.below(target, w.Ordinary)
	}
	w.Target = target + g.query()
	return w
}

// fill puts values for the parameters of a pattern, percent-encoded as clients
// do it.
func (g *Generator) fill(pattern string) string {
	var b strings.Builder
	for rest := pattern; rest != ""; {
		literal, after, braced := strings.Cut(rest, "{")
		b.WriteString(literal)
		if !braced {
			break
		}
		var name string
		name, rest, _ = strings.Cut(after, "}")
		if strings.HasPrefix(name, "**") {
			b.WriteString(pick(g, "x", "x/y", "a.js", "User", "Pin", "start/x"))
			continue
		}
		b.WriteString(pick(g, "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef", "Primary", "0", "ts",
			"AC%2FDC", "Bj%C3%B6rk", "100%25", "%E6%9D%B1%E5%AE%9D", "a%20b", "C%2B%2B", "what%3F", "%23x", "a;b", "x.y", "Guns%20N%27%20Roses",
			"Public", "Me", "AuthenticateByName", "Authenticate", "%5Bx%5D"))
	}
	return b.String()
}

// ordinarily spells a target in a way in which clients spell it: in another
// letter case, below an old prefix, with a slash behind.
func (g *Generator) ordinarily(target string) string {
	target = pick(g, func(s string) string { return s }, lowerOutsideEscapes, upperOutsideEscapes)(target)
	if g.IntN(4) == 0 && !strings.Contains(target, "%25") && !strings.Contains(strings.ToLower(target), "%2f") {
		// What is encoded is decoded twice behind the prefix, which no client means.
		target = pick(g, "/emby", "/Emby", "/mediabrowser") + target
	}
	if g.IntN(8) == 0 && !strings.HasSuffix(target, "/") {
		target += "/"
	}
	return target
}

func lowerOutsideEscapes(s string) string { return outsideEscapes(s, strings.ToLower) }
func upperOutsideEscapes(s string) string { return outsideEscapes(s, strings.ToUpper) }

// outsideEscapes changes a target but for its percent-encoded octets.
func outsideEscapes(s string, change func(string) string) string {
	parts := strings.Split(s, "%")
	for i, part := range parts {
		if i == 0 || len(part) < 2 {
			parts[i] = change(part)
			continue
		}
		parts[i] = part[:2] + change(part[2:])
	}
	return strings.Join(parts, "%")
}

// strangely spells a target in a way that gets around path rules elsewhere.
func (g *Generator) strangely(target string) string {
	segments := strings.Split(strings.TrimPrefix(target, "/"), "/")
	depth := pick(g, 0, 0, 1, 1, 1, 2, 3)
	for i := range segments {
		segments[i] = g.encode(g.recase(segments[i]), depth)
	}
	segments = g.pad(segments)
	if g.IntN(3) == 0 {
		segments = slices.Insert(segments, 0, g.encode(g.recase(pick(g, "emby", "mediabrowser")), 1))
		segments = g.pad(segments)
	}
	out := "/" + strings.Join(segments, "/")
	if g.IntN(10) == 0 {
		at := g.IntN(len(segments)) + 1
		separator := pick(g, "//", "%2F", "%2f", "%252F", `\`, "%5C", "/;/", "%00", "%0a", ";x=1/")
		out = "/" + strings.Join(segments[:at], "/") + separator + strings.Join(segments[at:], "/")
	}
	return out + pick(g, "", "", "", "", "/", "/.", "%20", "//", "/%2e", "#", ".", "%2F")
}

var intoLookalikes = strings.NewReplacer("s", "%C5%BF", "k", "%E2%84%AA", "i", "%C4%B1")

func (g *Generator) recase(s string) string {
	switch g.IntN(5) {
	case 0:
		return lowerOutsideEscapes(s)
	case 1:
		return upperOutsideEscapes(s)
	case 2:
		return intoLookalikes.Replace(s)
	case 3:
		b := []byte(s)
		for i := range b {
			if c := b[i] | 0x20; 'a' <= c && c <= 'z' && !inEscape(s, i) && g.IntN(2) == 0 {
				b[i] ^= 0x20
			}
		}
		return string(b)
	}
	return s
}

// inEscape tells that s[i] is one of the hex digits of an octet.
func inEscape(s string, i int) bool {
	return i > 0 && s[i-1] == '%' || i > 1 && s[i-2] == '%'
}

// encode percent-encodes some characters, again and again depth times.
func (g *Generator) encode(s string, depth int) string {
	for level := range depth {
		var b strings.Builder
		for i := range len(s) {
			if level > 0 && s[i] == '%' || level == 0 && s[i] != '%' && !inEscape(s, i) && g.IntN(3) == 0 {
				fmt.Fprintf(&b, pick(g, "%%%02x", "%%%02X"), s[i])
				continue
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	return s
}

// pad puts segments in that dot segments take out again.
func (g *Generator) pad(segments []string) []string {
	for range g.IntN(3) {
		at := g.IntN(len(segments) + 1)
		dots := pick(g, "..", "%2e%2e", ".%2E", "%2e.", "%252e%252e")
		switch g.IntN(4) {
		case 0:
			segments = slices.Insert(segments, at, pick(g, ".", "%2e", "%2E", "%252e"))
		case 1:
			segments = slices.Insert(segments, 0, dots)
		case 2:
			segments = slices.Insert(segments, at, pick(g, "x", "web", "emby", "sso", "Plugin", ""), dots)
		}
	}
	return segments
}

func (g *Generator) method(method string) string {
	switch g.IntN(8) {
	case 0:
		return strings.ToLower(method)
	case 1:
		return method[:1] + strings.ToLower(method[1:])
	case 2:
		return pick(g, "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND")
	}
	return method
}

// below puts the base path before a target, in any case, and sometimes wrongly.
func (g *Generator) below(target string, ordinary bool) string {
	if ordinary {
		return pick(g, "/jellyfin", "/Jellyfin", "/JELLYFIN") + target
	}
	return pick(g, "", "/jellyfin", "/"+g.encode(g.recase("jellyfin"), 1), "/x/../jellyfin", "/jellyfin/jellyfin", "/jellyfinx", "/jellyfin/..", "/emby/jellyfin") + target
}

func (g *Generator) query() string {
	return pick(g, "", "", "", "?", "?api_key=x", "?x=/../../Users", "?%2e%2e")
}
