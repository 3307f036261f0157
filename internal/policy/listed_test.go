package policy_test

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// listed is a policy with an admin's lists, and what the lists say by a second
// reader, who knows only of regular expressions.
type listed struct {
	policy  *policy.Policy
	unknown bool
	lines   []listLine
}

// listLine is a line as the second reader has it.
type listLine struct {
	pattern    string
	methods    []string
	action     policy.Action
	clients    []string
	expr       *regexp.Regexp
	precedence string // a digit a segment, as ASP.NET has them, and the more literal text the sooner
}

func (l listLine) String() string {
	return strings.Join(l.methods, ",") + " " + l.pattern + " " + l.action.String() + " for " + strings.Join(l.clients, ", ")
}

// newListLine reads a rule of [policy.Policy.Lines].
func newListLine(r policy.Rule) listLine {
	l := listLine{pattern: r.Pattern, methods: methodsOf(r), action: r.Action}
	if r.Clients != "" {
		l.clients = strings.Split(r.Clients, ", ")
	}
	expr := "^"
	for _, segment := range segmentsOf(r.Pattern) {
		if strings.HasPrefix(segment, "{**") {
			expr += "(/[^/]+)*"
			l.precedence += "9"
			continue
		}
		expr += "/" + anyName.ReplaceAllString(regexp.QuoteMeta(asciiLower(segment)), "[^/]+")
		l.precedence += segmentPrecedence(segment)
	}
	l.expr = regexp.MustCompile(expr + "$")
	return l
}

// segmentPrecedence sorts a literal first, then segments with parts by how much
// literal text they have, then parameters.
func segmentPrecedence(segment string) string {
	switch {
	case !strings.Contains(segment, "{"):
		return "1"
	case strings.HasPrefix(segment, "{") && strings.Index(segment, "}") == len(segment)-1:
		return "3"
	}
	literal := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(segment, "")
	return "2" + string(rune('z'-len(literal)))
}

var anyName = regexp.MustCompile(`\\\{[^}]*\\\}`)

func asciiLower(s string) string { return strings.Map(lowerASCII, s) }

// says is the line that counts for a path as routing sees it, if there is one.
func (l listed) says(method, path, client string) (listLine, bool) {
	path = asciiLower(path)
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	} else {
		path = ""
	}
	var best listLine
	found := false
	for _, line := range l.lines {
		if !slices.Contains(line.methods, strings.ToUpper(method)) || !line.expr.MatchString(path) || !line.isFor(client) {
			continue
		}
		if !found || line.precedence < best.precedence || line.precedence == best.precedence && line.action == policy.Deny {
			best, found = line, true
		}
	}
	return best, found
}

func (l listLine) isFor(client string) bool {
	return l.clients == nil || slices.ContainsFunc(l.clients, func(name string) bool { return asciiLower(name) == asciiLower(client) })
}

// makeLists makes up policies. The first have no lists.
func makeLists(t testing.TB, seed uint64, count int) []listed {
	t.Helper()
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	var patterns []string
	for _, r := range policy.New().Rules() {
		patterns = append(patterns, r.Pattern)
	}
	all := []listed{{policy: policy.New()}}
	for len(all) < count {
		if len(all)%3 == 0 {
			all = append(all, all[0])
			continue
		}
		o := policy.Options{DenyUnknown: g.IntN(3) == 0}
		for range g.IntN(8) {
			o.Allow = append(o.Allow, g.line(patterns, false))
		}
		for range g.IntN(6) {
			o.Deny = append(o.Deny, g.line(patterns, true))
		}
		all = append(all, compileSome(t, o))
	}
	return all
}

// compileSome compiles the options without the lines that are refused.
func compileSome(t testing.TB, o policy.Options) listed {
	t.Helper()
	for {
		p, err := policy.Compile(o)
		if err == nil {
			l := listed{policy: p, unknown: o.DenyUnknown}
			for _, r := range p.Lines() {
				l.lines = append(l.lines, newListLine(r))
			}
			return l
		}
		errs := policy.LineErrors(nil)
		if !errors.As(err, &errs) {
			t.Fatal(err)
		}
		wrong := func(list string) func(string) bool {
			return func(line string) bool {
				return slices.ContainsFunc(errs, func(e policy.LineError) bool {
					return e.List == list && e.Line == strings.Join(strings.Fields(line), " ")
				})
			}
		}
		o.Allow = slices.DeleteFunc(o.Allow, wrong("policy.allow"))
		o.Deny = slices.DeleteFunc(o.Deny, wrong("policy.deny"))
	}
}

// line makes up a line: one of the table's patterns or a plugin's, made wider or
// narrower.
func (g *generator) line(patterns []string, deny bool) string {
	pattern := patterns[g.IntN(len(patterns))]
	if g.IntN(3) == 0 {
		pattern = pick(g, "/Plugin/{x}", "/Plugin/{**r}", "/Plugin/{x}.js", "/Plugin/jquery.{x}", "/Plugin/a/{x}", "/Plugin", "/{**any}", "/SyncPlay/{**r}", "/web/{**r}", "/Users/0/{x}", "/Items/{x}/0", "/Videos/0/{x}")
	}
	segments := strings.Split(pattern[1:], "/")
	switch at := g.IntN(len(segments)); g.IntN(4) {
	case 0: // wider by the end
		segments = append(segments[:at], "{**rest}")
	case 1: // wider by a segment
		if !strings.HasPrefix(segments[at], "{**") {
			segments[at] = "{any}"
		}
	case 2: // narrower by a segment
		if strings.HasPrefix(segments[at], "{") && !strings.HasPrefix(segments[at], "{**") {
			segments[at] = pick(g, "Public", "0", "Primary", "x.{y}")
		}
	}
	line := pick(g, "", "", "* ", "GET ", "GET,HEAD ", "POST ", "post, Delete ") + "/" + strings.Join(segments, "/")
	if !deny {
		line += pick(g, "", " token", " public", " media", " image")
	}
	return line + pick(g, "", "", "", " for Streamyfin", " for Kodi, Finamp")
}
