package policy

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed routes.txt
var routes string

// Rule is one row of the table of routes.
type Rule struct {
	// Methods are the methods it is for, upper case and joined by commas, or
	// "*" for all that are known.
	Methods string
	// Pattern is the path as ASP.NET would write it: "{name}" stands for one
	// segment or a part of one, "{**name}" for any number of segments.
	Pattern string
	// Action is what a request needs before it passes.
	Action Action
	// Auth is what Jellyfin itself asks, by the names of its own policies:
	// "anonymous", "default", "RequiresElevation" and so on. Where Jellyfin 10.10
	// asks something else, that stands before a bar. It is "-" where nothing of
	// Jellyfin's answers.
	Auth string
	// Anonymous tells that Jellyfin itself asks for no token, so that its
	// answer proves nothing about a token on the request.
	Anonymous bool
	// Why is the reason for Action, for admins.
	Why string
}

// parseRules reads the table: one rule a line, in columns split by blanks, the
// last of which is the rest of the line. Empty lines and those that begin with
// # are for readers.
func parseRules(table string) ([]Rule, error) {
	var rules []Rule
	for n, line := range strings.Split(table, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRule(line)
		if err != nil {
			return nil, fmt.Errorf("routes line %d: %w", n+1, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func parseRule(line string) (Rule, error) {
	var column [4]string
	for i := range column {
		var rest string
		column[i], rest, _ = strings.Cut(line, " ")
		line = strings.TrimLeft(rest, " ")
	}
	if line == "" {
		return Rule{}, fmt.Errorf("%s %s has no reason", column[0], column[1])
	}
	action, err := parseAction(column[2])
	if err != nil {
		return Rule{}, err
	}
	return Rule{
		Methods:   column[0],
		Pattern:   column[1],
		Action:    action,
		Auth:      column[3],
		Anonymous: column[3] == "anonymous" || column[3] == "-",
		Why:       line,
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
