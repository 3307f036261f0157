package policy

import (
	"errors"
	"fmt"
	"strings"
)

// shape is what a pattern says about paths, without the names of its
// parameters and in lower case.
type shape struct {
	segments []segment
	rest     bool // any number of further segments, none included
}

// segment is one segment of a shape: the literal prefix, or one or two
// parameters with literal text about them ("stream.{container}",
// "{segment}.{container}"). A parameter stands for one byte or more.
type segment struct {
	prefix, separator, suffix string
	params                    int
}

// parseShape reads a pattern.
func parseShape(pattern string) (shape, error) {
	if pattern == "" || pattern[0] != '/' {
		return shape{}, fmt.Errorf("pattern %q does not begin with a slash", pattern)
	}
	var s shape
	if pattern == "/" {
		return s, nil
	}
	for text := range strings.SplitSeq(pattern[1:], "/") {
		switch {
		case s.rest:
			return shape{}, fmt.Errorf("pattern %s goes on after a catch-all", pattern)
		case text == "":
			return shape{}, fmt.Errorf("pattern %s has an empty segment", pattern)
		case strings.HasPrefix(text, "{**") && strings.IndexByte(text, '}') == len(text)-1:
			s.rest = true
			continue
		}
		one, err := parseSegment(lowered(text))
		if err != nil {
			return shape{}, fmt.Errorf("pattern %s: %w", pattern, err)
		}
		s.segments = append(s.segments, one)
	}
	return s, nil
}

func parseSegment(text string) (segment, error) {
	prefix, after, braced := strings.Cut(text, "{")
	if !braced {
		if strings.Contains(text, "}") {
			return segment{}, fmt.Errorf("%q lacks an opening brace", text)
		}
		return segment{prefix: text}, nil
	}
	name, suffix, closed := strings.Cut(after, "}")
	if !closed {
		return segment{}, fmt.Errorf("%q lacks a closing brace", text)
	}
	s := segment{prefix: prefix, suffix: suffix, params: 1}
	separator, second, two := strings.Cut(suffix, "{")
	if two {
		s.separator, s.suffix, s.params = separator, "", 2
		if separator == "" || strings.IndexByte(second, '}') != len(second)-1 {
			return segment{}, errors.New(quoteLine(text) + " is not understood: two parameters at most, with text between them and none behind")
		}
	}
	if strings.ContainsAny(name+s.prefix+s.separator+s.suffix, "{}*") {
		return segment{}, fmt.Errorf("%q is not understood", text)
	}
	return s, nil
}

// String is the shape as a path, if it is one, in lower case.
func (s shape) String() string {
	path := ""
	for _, one := range s.segments {
		if one.params > 0 {
			return ""
		}
		path += "/" + one.prefix
	}
	if s.rest {
		return ""
	}
	return path
}

// match tells whether a path's segment, in lower case, is one of s.
func (s *segment) match(text string) bool {
	if s.params == 0 {
		return text == s.prefix
	}
	if len(text) <= len(s.prefix)+len(s.suffix) || !strings.HasPrefix(text, s.prefix) || !strings.HasSuffix(text, s.suffix) {
		return false
	}
	if s.params == 1 {
		return true
	}
	inner := text[len(s.prefix) : len(text)-len(s.suffix)]
	i := strings.Index(inner[1:], s.separator)
	return i >= 0 && i+1+len(s.separator) < len(inner)
}

// includes tells whether every path of t is one of s.
func (s shape) includes(t shape) bool {
	n := len(s.segments)
	if s.rest && len(t.segments) < n || !s.rest && (t.rest || len(t.segments) != n) {
		return false
	}
	for i := range s.segments {
		if !s.segments[i].includes(t.segments[i]) {
			return false
		}
	}
	return true
}

// meets tells whether some path is one of both s and t, and names one.
func (s shape) meets(t shape) (path string, ok bool) {
	if len(s.segments) > len(t.segments) {
		s, t = t, s
	}
	if len(s.segments) < len(t.segments) && !s.rest {
		return "", false
	}
	for i, b := range t.segments {
		a := segment{params: 1}
		if i < len(s.segments) {
			a = s.segments[i]
		}
		text, ok := a.meets(b)
		if !ok {
			return "", false
		}
		path += "/" + text
	}
	if path == "" {
		path = "/"
	}
	return path, true
}

// meets tells whether some text is one of both s and t, and names one.
func (s segment) meets(t segment) (text string, ok bool) {
	switch {
	case s.params == 0:
		return s.prefix, t.match(s.prefix)
	case t.params == 0:
		return t.prefix, s.match(t.prefix)
	}
	return common(s.tokens(), t.tokens())
}

// foreign stands for what no pattern says: it is in no path.
const foreign = "\x00"

// includes tells whether every text of t is one of s. What s has of literal text
// must lie within t's: so it is enough to look at the one text in which t's
// parameters are something that s does not name.
func (s segment) includes(t segment) bool {
	text := t.prefix
	if t.params > 0 {
		text += foreign
	}
	if t.params > 1 {
		text += t.separator + foreign
	}
	return s.match(text + t.suffix)
}

// Tokens of a segment beside the bytes of its literal text.
const (
	anyOne  = -1 // one byte, whatever it is
	anyMore = -2 // any number of bytes
)

func (s segment) tokens() []int {
	var all []int
	literal := func(text string) {
		for i := range len(text) {
			all = append(all, int(text[i]))
		}
	}
	literal(s.prefix)
	if s.params > 0 {
		all = append(all, anyOne, anyMore)
	}
	if s.params > 1 {
		literal(s.separator)
		all = append(all, anyOne, anyMore)
	}
	literal(s.suffix)
	return all
}

// common finds a text that two lists of tokens both stand for, if there is one.
func common(a, b []int) (text string, ok bool) {
	dead := map[[2]int]bool{} // places from which there is no way to the end
	var walk func(i, j int) ([]byte, bool)
	walk = func(i, j int) (tail []byte, ok bool) {
		if i == len(a) && j == len(b) {
			return nil, true
		}
		if dead[[2]int{i, j}] {
			return nil, false
		}
		defer func() { dead[[2]int{i, j}] = !ok }()
		if i < len(a) && a[i] == anyMore {
			if tail, ok = walk(i+1, j); ok {
				return tail, ok
			}
		}
		if j < len(b) && b[j] == anyMore {
			if tail, ok = walk(i, j+1); ok {
				return tail, ok
			}
		}
		if i == len(a) || j == len(b) {
			return nil, false
		}
		c, fits := both(a[i], b[j])
		if !fits {
			return nil, false
		}
		// What takes any number stays where it is; with two of them there is
		// nothing to gain.
		next := [2]int{i + 1, j + 1}
		switch {
		case a[i] == anyMore && b[j] == anyMore:
			return nil, false
		case a[i] == anyMore:
			next[0] = i
		case b[j] == anyMore:
			next[1] = j
		}
		if tail, ok = walk(next[0], next[1]); ok {
			tail = append(tail, c)
		}
		return tail, ok
	}
	reversed, ok := walk(0, 0)
	out := make([]byte, 0, len(reversed))
	for i := len(reversed) - 1; i >= 0; i-- {
		out = append(out, reversed[i])
	}
	return string(out), ok
}

// both is a byte that two tokens stand for.
func both(a, b int) (byte, bool) {
	switch {
	case a < 0 && b < 0:
		return 'x', true
	case a < 0:
		return byte(b), true
	case b < 0, a == b:
		return byte(a), true
	}
	return 0, false
}
