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
	// Sealed tells that what is closed here gives out a token, resets a
	// password or gets around the second factor, so that no line of an admin's
	// opens it.
	Sealed bool
	// List is the admin's list that the rule is a line of, policy.allow or
	// policy.deny, and "" for a row of the table.
	List string
	// Clients are the names of the clients that a line is for, joined by commas,
	// "" for all.
	Clients string
}

// String is the rule as a line of a list: methods, pattern, action, what Jellyfin
// asks, why. An admin's line says so and for which clients it is.
func (r Rule) String() string {
	action, asks, why := r.Action.String(), r.Auth, r.Why
	if r.Sealed && r.Action == Deny {
		action += sealMark
	}
	if r.List != "" {
		asks, why = r.List, ""
		if r.Clients != "" {
			why = forWord + " " + r.Clients
		}
	}
	return strings.TrimRight(fmt.Sprintf("%-10s %-58s %-6s %-22s %s", r.Methods, r.Pattern, action, asks, why), " ")
}

// sealMark stands behind the action of a row that no line of an admin's opens.
const sealMark = "!"

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
	name, marked := strings.CutSuffix(column[2], sealMark)
	action, err := ParseAction(name)
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
		Sealed:    marked || action == SignIn || action == Portal,
	}, nil
}
