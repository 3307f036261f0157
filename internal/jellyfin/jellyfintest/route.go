package jellyfintest

import (
	"cmp"
	"slices"
	"strings"
)

// A route is one operation of the API.
type route struct {
	method   string // upper case; empty for any
	template string
	action   string // Controller.Action
	auth     string // names of the policies, as the endpoint table has them
	segments []segment

	stranger int // recorded status without a token
	user     int // recorded status for an ordinary user; 0 where it was not tried
}

// A segment of a template is a literal, a parameter, or both mixed.
type segment struct {
	literal    string
	parts      []part // of a mixed segment such as "stream.{container}"
	param      string
	constraint string
}

type part struct{ literal, param string }

func (s segment) isLiteral() bool { return s.param == "" && s.parts == nil }

// precedence is ASP.NET Core's: the lower, the sooner.
func (s segment) precedence() int {
	switch {
	case s.isLiteral():
		return 1
	case s.parts != nil, s.constraint != "":
		return 2
	}
	return 3
}

// match reports whether a value fits the segment, and adds what it captures.
func (s segment) match(value string, params map[string]string) bool {
	switch {
	case s.isLiteral():
		return equalFold(s.literal, value)
	case s.parts != nil:
		return matchParts(s.parts, value, params)
	case s.constraint == "guid" && !isGUID(value):
		return false
	}
	params[s.param] = value
	return true
}

// matchParts matches a mixed segment from the right, as ASP.NET Core does: a
// literal is looked for as far right as leaves one character for the parameter
// behind it.
func matchParts(parts []part, value string, params map[string]string) bool {
	end := len(value)
	pending := ""
	for i, p := range slices.Backward(parts) {
		if p.param != "" {
			pending = p.param
			continue
		}
		limit := end
		if pending != "" {
			limit--
		}
		at := lastIndexFold(value[:max(limit, 0)], p.literal)
		if at < 0 || (i == len(parts)-1 && at+len(p.literal) != len(value)) {
			return false
		}
		if pending != "" {
			params[pending] = value[at+len(p.literal) : end]
			pending = ""
		}
		end = at
	}
	if pending == "" {
		return end == 0
	}
	params[pending] = value[:end]
	return end > 0
}

// A router finds the operation for a method and a path.
type router struct{ routes []*route }

// match does what ASP.NET Core's matcher does. It returns nil and the methods
// that would do when the path is known and the method is not, and nil and
// nothing when the path is not known.
//
// Two things follow from how that matcher is built, and are easy to get wrong:
// a segment that equals a literal at its place is never tried as anything that
// the literal itself would not match, and whether a method is allowed is decided
// before mixed segments and constraints are looked at.
func (r *router) match(method, path string) (*route, map[string]string, []string) {
	segments, ok := pathSegments(path)
	if !ok {
		return nil, nil, nil
	}
	survivors := slices.Clone(r.routes)
	for i, value := range segments {
		survivors = narrow(survivors, i, value)
	}
	survivors = slices.DeleteFunc(survivors, func(rt *route) bool { return len(rt.segments) != len(segments) })
	if len(survivors) == 0 {
		return nil, nil, nil
	}
	var allowed []string
	for _, rt := range survivors {
		allowed = append(allowed, rt.method)
	}
	candidates := slices.DeleteFunc(survivors, func(rt *route) bool {
		return rt.method != "" && !equalFold(rt.method, method)
	})
	if len(candidates) == 0 {
		slices.Sort(allowed)
		return nil, nil, slices.Compact(allowed)
	}
	slices.SortStableFunc(candidates, comparePrecedence)
	for _, rt := range candidates {
		params := map[string]string{}
		if rt.matches(segments, params) {
			return rt, params, nil
		}
	}
	return nil, nil, nil
}

// narrow keeps the routes that value leads on to at depth i.
func narrow(survivors []*route, i int, value string) []*route {
	survivors = slices.DeleteFunc(survivors, func(rt *route) bool { return len(rt.segments) <= i })
	known := slices.ContainsFunc(survivors, func(rt *route) bool {
		return rt.segments[i].isLiteral() && equalFold(rt.segments[i].literal, value)
	})
	return slices.DeleteFunc(survivors, func(rt *route) bool {
		if known {
			return !rt.segments[i].match(value, map[string]string{})
		}
		return rt.segments[i].isLiteral()
	})
}

func (rt *route) matches(segments []string, params map[string]string) bool {
	for i, s := range rt.segments {
		if !s.match(segments[i], params) {
			return false
		}
	}
	return true
}

func comparePrecedence(a, b *route) int {
	for i := range a.segments {
		if c := cmp.Compare(a.segments[i].precedence(), b.segments[i].precedence()); c != 0 {
			return c
		}
	}
	return 0
}

// pathSegments parts a path; one slash at the end does not count, and an empty
// segment matches nothing.
func pathSegments(path string) ([]string, bool) {
	path = strings.TrimPrefix(path, "/")
	path = strings.TrimSuffix(path, "/")
	if path == "" {
		return nil, true
	}
	segments := strings.Split(path, "/")
	return segments, !slices.Contains(segments, "")
}

func parseTemplate(template string) []segment {
	values, _ := pathSegments(template)
	segments := make([]segment, len(values))
	for i, v := range values {
		segments[i] = parseSegment(v)
	}
	return segments
}

func parseSegment(v string) segment {
	var parts []part
	for v != "" {
		literal, rest, found := strings.Cut(v, "{")
		if literal != "" {
			parts = append(parts, part{literal: literal})
		}
		if !found {
			break
		}
		param, after, _ := strings.Cut(rest, "}")
		parts = append(parts, part{param: param})
		v = after
	}
	switch {
	case len(parts) > 1:
		return segment{parts: parts}
	case parts[0].param == "":
		return segment{literal: parts[0].literal}
	}
	param, constraint, _ := strings.Cut(parts[0].param, ":")
	return segment{param: param, constraint: constraint}
}

// equalFold compares as .NET's OrdinalIgnoreCase does where one side is ASCII:
// letters outside ASCII never equal ASCII ones.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lastIndexFold(s, sub string) int {
	for i := len(s) - len(sub); i >= 0; i-- {
		if equalFold(s[i:i+len(sub)], sub) {
			return i
		}
	}
	return -1
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
