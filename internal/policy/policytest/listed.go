package policytest

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// Listed is a policy with an admin's lists, and what the lists say by a second
// reader, who knows only of regular expressions.
type Listed struct {
	Policy  *policy.Policy
	Unknown bool
	Lines   []Line
}

// Line is a line as the second reader has it.
type Line struct {
	Pattern    string
	Methods    []string
	Action     policy.Action
	Clients    []string
	expr       *regexp.Regexp
	precedence string // a digit a segment, as ASP.NET has them, and the more literal text the sooner
}

// String is the line as an admin would write it.
func (l Line) String() string {
	return strings.Join(l.Methods, ",") + " " + l.Pattern + " " + l.Action.String() + " for " + strings.Join(l.Clients, ", ")
}

// newListLine reads a rule of [policy.Policy.Lines].
func newListLine(r policy.Rule) Line {
	l := Line{Pattern: r.Pattern, Methods: methodsOf(r), Action: r.Action}
	if r.Clients != "" {
		l.Clients = strings.Split(r.Clients, ", ")
	}
	expr := "^"
	for _, segment := range Segments(r.Pattern) {
		if strings.HasPrefix(segment, "{**") {
			expr += "(/[^/]+)*"
			l.precedence += "9"
			continue
		}
		expr += "/" + anyName.ReplaceAllString(regexp.QuoteMeta(Lower(segment)), "[^/]+")
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

// Lower has the letters of ASCII, and no others, in lower case.
func Lower(s string) string { return strings.Map(lowerASCII, s) }

// says is the line that counts for a path as routing sees it, if there is one.
func (l Listed) says(method, path, client string) (Line, bool) {
	var best Line
	found := false
	for _, line := range l.Lines {
		if !line.Covers(method, path, client) {
			continue
		}
		if !found || line.precedence < best.precedence || line.precedence == best.precedence && line.Action == policy.Deny {
			best, found = line, true
		}
	}
	return best, found
}

// Covers tells whether the line is for a request, whatever other lines say. A
// slash at the end of the path counts for nothing.
func (l Line) Covers(method, path, client string) bool {
	return slices.Contains(l.Methods, strings.ToUpper(method)) && l.expr.MatchString(Lower(strings.TrimSuffix(path, "/"))) && l.isFor(client)
}

func (l Line) isFor(client string) bool {
	return l.Clients == nil || slices.ContainsFunc(l.Clients, func(name string) bool { return Lower(name) == Lower(client) })
}

// Options are the lists as an admin would write them.
func (l Listed) Options() policy.Options {
	o := policy.Options{DenyUnknown: l.Unknown}
	for _, r := range l.Policy.Lines() {
		text := r.Methods + " " + r.Pattern
		if r.Action != policy.Deny {
			text += " " + r.Action.String()
		}
		if r.Clients != "" {
			text += " for " + r.Clients
		}
		if r.Action == policy.Deny {
			o.Deny = append(o.Deny, text)
			continue
		}
		o.Allow = append(o.Allow, text)
	}
	return o
}

// MakeLists makes up policies. The first have no lists.
func MakeLists(t testing.TB, seed uint64, count int) []Listed {
	t.Helper()
	g := &Generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	var patterns []string
	for _, r := range policy.New().Rules() {
		patterns = append(patterns, r.Pattern)
	}
	all := []Listed{{Policy: policy.New()}}
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
		all = append(all, CompileSome(t, o))
	}
	return all
}

// CompileSome compiles the options without the lines that are refused.
func CompileSome(t testing.TB, o policy.Options) Listed {
	t.Helper()
	for {
		p, err := policy.Compile(o)
		if err == nil {
			l := Listed{Policy: p, Unknown: o.DenyUnknown}
			for _, r := range p.Lines() {
				l.Lines = append(l.Lines, newListLine(r))
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
func (g *Generator) line(patterns []string, deny bool) string {
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
