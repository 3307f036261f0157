package policy

import (
	"fmt"
	"strings"
)

// node is a place in the tree of patterns, one level a segment. A request goes
// to the rule that ASP.NET would choose: at each segment a literal goes before
// a segment with parts, that before a parameter, and that before a catch-all,
// and only patterns that have a rule for the method count.
type node struct {
	literals map[string]*node // by lower-case text
	parts    []partsEdge
	param    *node
	rules    [methodCount]*Rule // for paths that end here
	rest     [methodCount]*Rule // for all below, this place included
}

// partsEdge leads on from a segment that is a parameter with literal text about
// it ("stream.{container}") or two parameters with a separator between them
// ("{segment}.{container}").
type partsEdge struct {
	prefix, separator, suffix string
	next                      *node
}

// add puts r into the tree below n. Two rules for one method and one shape of
// path are an error.
func (n *node) add(r *Rule) error {
	methods, err := r.methods()
	if err != nil {
		return err
	}
	if r.Pattern == "" || r.Pattern[0] != '/' {
		return fmt.Errorf("pattern %q does not begin with a slash", r.Pattern)
	}
	at, slots := n, (*[methodCount]*Rule)(nil)
	for segment := range strings.SplitSeq(strings.TrimPrefix(r.Pattern, "/"), "/") {
		switch {
		case slots != nil:
			return fmt.Errorf("pattern %s goes on after a catch-all", r.Pattern)
		case strings.HasPrefix(segment, "{**"):
			slots = &at.rest
		case segment != "":
			if at, err = at.child(segment); err != nil {
				return fmt.Errorf("pattern %s: %w", r.Pattern, err)
			}
		case r.Pattern != "/":
			return fmt.Errorf("pattern %s has an empty segment", r.Pattern)
		}
	}
	if slots == nil {
		slots = &at.rules
	}
	for _, m := range methods {
		if old := slots[m]; old != nil {
			return fmt.Errorf("%s %s and %s %s are the same path", r.Methods, r.Pattern, old.Methods, old.Pattern)
		}
		slots[m] = r
	}
	return nil
}

// child is the node that a pattern's segment leads to, made if need be.
func (n *node) child(segment string) (*node, error) {
	before, after, braced := strings.Cut(segment, "{")
	if !braced {
		return n.literal(strings.ToLower(segment)), nil
	}
	_, after, closed := strings.Cut(after, "}")
	if !closed {
		return nil, fmt.Errorf("%q lacks a closing brace", segment)
	}
	e := partsEdge{prefix: strings.ToLower(before), suffix: strings.ToLower(after)}
	if separator, name, two := strings.Cut(after, "{"); two {
		if separator == "" || !strings.HasSuffix(name, "}") || strings.Count(name, "}") > 1 {
			return nil, fmt.Errorf("%q is not understood", segment)
		}
		e.separator, e.suffix = strings.ToLower(separator), ""
	}
	if e == (partsEdge{}) {
		if n.param == nil {
			n.param = &node{}
		}
		return n.param, nil
	}
	return n.edge(e), nil
}

func (n *node) literal(text string) *node {
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	if n.literals[text] == nil {
		n.literals[text] = &node{}
	}
	return n.literals[text]
}

func (n *node) edge(e partsEdge) *node {
	for _, old := range n.parts {
		if old.prefix == e.prefix && old.separator == e.separator && old.suffix == e.suffix {
			return old.next
		}
	}
	e.next = &node{}
	n.parts = append(n.parts, e)
	return e.next
}

// find is the rule for a path below n, or nil. The path is in lower case, and
// each segment of it has its slash before it; the empty path ends here.
func (n *node) find(path string, m method) *Rule {
	if path == "" {
		if n.rules[m] != nil {
			return n.rules[m]
		}
		return n.rest[m]
	}
	segment, below := path[1:], ""
	if i := strings.IndexByte(segment, '/'); i >= 0 {
		segment, below = segment[:i], segment[i:]
	}
	if next := n.literals[segment]; next != nil {
		if r := next.find(below, m); r != nil {
			return r
		}
	}
	for i := range n.parts {
		if !n.parts[i].match(segment) {
			continue
		}
		if r := n.parts[i].next.find(below, m); r != nil {
			return r
		}
	}
	if n.param != nil {
		if r := n.param.find(below, m); r != nil {
			return r
		}
	}
	return n.rest[m]
}

// match tells whether a segment has the edge's literal text and something for
// each parameter.
func (e *partsEdge) match(segment string) bool {
	if len(segment) <= len(e.prefix)+len(e.suffix) || !strings.HasPrefix(segment, e.prefix) || !strings.HasSuffix(segment, e.suffix) {
		return false
	}
	if e.separator == "" {
		return true
	}
	inner := segment[len(e.prefix) : len(segment)-len(e.suffix)]
	if len(inner) < 2 {
		return false
	}
	i := strings.Index(inner[1:], e.separator)
	return i >= 0 && i+1+len(e.separator) < len(inner)
}
