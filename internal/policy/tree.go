package policy

import (
	"fmt"
	"slices"
	"strings"
)

// node is a place in the tree of patterns, one level a segment. A request goes
// to the row that ASP.NET would choose: at each segment a literal goes before
// a segment with parts, that before a parameter, and that before a catch-all,
// and only rows for the method count. Where two patterns have parts and one of
// them includes the other, the narrower goes first, so that of two rows of
// which one includes the other it is always the narrower that is chosen.
type node struct {
	literals map[string]*node // by lower-case text
	parts    []edge
	param    *node
	rows     [methodCount]slot // for paths that end here
	rest     [methodCount]slot // for all below, this place included
}

// edge leads on from a segment that is a parameter with literal text about it.
type edge struct {
	segment
	next *node
}

// slot holds the rows for one method and one shape, those for certain clients
// first.
type slot []*row

// choose is the first row for client, or nil.
func (s slot) choose(client string) *row {
	for _, r := range s {
		if r.concerns(client) {
			return r
		}
	}
	return nil
}

// add puts r into the tree below n. Two rows for one method, one shape of path
// and the same clients are an error.
func (n *node) add(r *row) error {
	at := n
	for _, s := range r.shape.segments {
		at = at.child(s)
	}
	slots := &at.rows
	if r.shape.rest {
		slots = &at.rest
	}
	for _, m := range r.methods {
		for _, old := range slots[m] {
			if shared(old.clients, r.clients) && (old.clients == nil) == (r.clients == nil) {
				return fmt.Errorf("%s %s and %s %s are the same path", r.Methods, r.Pattern, old.Methods, old.Pattern)
			}
		}
		if r.clients == nil {
			slots[m] = append(slots[m], r)
			continue
		}
		slots[m] = slices.Insert(slots[m], 0, r)
	}
	return nil
}

// child is the node that a shape's segment leads to, made if need be.
func (n *node) child(s segment) *node {
	switch {
	case s.params == 0:
		if n.literals == nil {
			n.literals = map[string]*node{}
		}
		if n.literals[s.prefix] == nil {
			n.literals[s.prefix] = &node{}
		}
		return n.literals[s.prefix]
	case s == segment{params: 1}:
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	at := len(n.parts)
	for i, old := range n.parts {
		if old.segment == s {
			return old.next
		}
		if at == len(n.parts) && old.includes(s) {
			at = i
		}
	}
	next := &node{}
	n.parts = slices.Insert(n.parts, at, edge{s, next})
	return next
}

// find is the row for a path below n, or nil. The path is in lower case, and
// each segment of it has its slash before it; the empty path ends here.
func (n *node) find(path string, m method, client string) *row {
	if path == "" {
		if r := n.rows[m].choose(client); r != nil {
			return r
		}
		return n.rest[m].choose(client)
	}
	text, below := path[1:], ""
	if i := strings.IndexByte(text, '/'); i >= 0 {
		text, below = text[:i], text[i:]
	}
	if next := n.literals[text]; next != nil {
		if r := next.find(below, m, client); r != nil {
			return r
		}
	}
	for i := range n.parts {
		if !n.parts[i].match(text) {
			continue
		}
		if r := n.parts[i].next.find(below, m, client); r != nil {
			return r
		}
	}
	if n.param != nil {
		if r := n.param.find(below, m, client); r != nil {
			return r
		}
	}
	return n.rest[m].choose(client)
}
