package policy

import (
	"fmt"
	"slices"
	"strings"
)

// row is a rule, taken apart for the tree.
type row struct {
	Rule
	methods []method
	shape   shape
	clients []string // nil for everybody
	// elevated tells that Jellyfin asks for an administrator.
	elevated bool
	// withheld is what Jellyfin tells anybody here, and visitors from outside are
	// not told.
	withheld Withheld
	// unknown tells that this is one of the table's last rows, for what Jellyfin
	// itself does not have.
	unknown bool
}

// newRow takes r apart.
func newRow(r Rule, clients []string) (*row, error) {
	methods, err := r.methods()
	if err != nil {
		return nil, err
	}
	s, err := parseShape(r.Pattern)
	if err != nil {
		return nil, err
	}
	return &row{
		Rule: r, methods: methods, shape: s, clients: clients,
		elevated: strings.Contains(r.Auth, "Elevat"),
		withheld: withheldBy(r),
		unknown:  r.List == "" && s.everything(),
	}, nil
}

// methods are the methods that a rule is for.
func (r Rule) methods() ([]method, error) {
	var all []method
	if r.Methods == "*" {
		for m := range methodCount {
			all = append(all, m)
		}
		return all, nil
	}
	for name := range strings.SplitSeq(r.Methods, ",") {
		m := parseMethod(name)
		if m == methodUnknown || m.String() != name {
			return nil, fmt.Errorf("%s %s: unknown method %q", r.Methods, r.Pattern, name)
		}
		all = append(all, m)
	}
	return all, nil
}

// concerns tells whether the row is for who calls itself client.
func (r *row) concerns(client string) bool {
	if r.clients == nil {
		return true
	}
	for _, name := range r.clients {
		if equalFoldASCII(name, client) {
			return true
		}
	}
	return false
}

// shared tells whether somebody belongs to both lists of clients, of which nil
// is everybody.
func shared(a, b []string) bool {
	if a == nil || b == nil {
		return true
	}
	return slices.ContainsFunc(a, func(one string) bool {
		return slices.ContainsFunc(b, func(other string) bool { return equalFoldASCII(one, other) })
	})
}

// closed tells that nothing under this rule reaches Jellyfin.
func (r *row) closed() bool {
	return r.Action == Deny || r.Action == SignIn || r.Action == Portal
}

// particular tells that the row is about certain paths. A path that merely
// could be taken for any other is no suspect.
func (r *row) particular() bool { return !r.shape.everything() }

// everything tells that s is /{**any}.
func (s shape) everything() bool { return s.rest && len(s.segments) == 0 }
