package policy

import (
	"slices"
	"strings"
)

// Policy is the compiled table of routes. It is made by [New] and safe for use
// by many goroutines.
type Policy struct {
	root    *node
	rules   []Rule
	unknown Rule // for methods that are not known
	outside Rule // for paths outside the base path
	socket  Rule // for WebSockets
}

// Decision is what [Policy.Decide] says about a request.
type Decision struct {
	// Action is what the request needs before it may pass.
	Action Action
	// Rule is the row that was matched.
	Rule Rule
	// Method is the request's method in its canonical upper case, as it should
	// be forwarded; "" if it is none that we know.
	Method string
	// Elevated tells that Jellyfin asks for an administrator here, in one of the
	// versions at least: its administration.
	Elevated bool
	// Outside tells that the path does not lie below the base path.
	Outside bool
}

func compile(rules []Rule) (*Policy, error) {
	p := &Policy{
		root:  &node{},
		rules: rules,
		unknown: Rule{
			Methods: "(any other)", Pattern: "/{**any}", Action: Deny, Auth: "-", Anonymous: true,
			Why: "a method that Jellyfin has no use for",
		},
		outside: Rule{
			Methods: "*", Pattern: "(outside the base path)", Action: Deny, Auth: "-", Anonymous: true,
			Why: "outside the base path there is nothing of Jellyfin's",
		},
		socket: Rule{
			Methods: "GET", Pattern: "(WebSocket)", Action: Token, Auth: "default",
			Why: "a WebSocket is a remote control for the whole session, on whatever path it is opened",
		},
	}
	for i := range rules {
		if err := p.root.add(&rules[i]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Decide says what a request needs before it may pass. The method counts in
// any ASCII case. A path that no row is for falls to the table's last rows,
// which ask for a token.
//
// The client is what the request calls itself, percent-decoded, "" if it does
// not say. It counts only where a line of the admin's names clients.
//
// A path that is not a denied one, but could be taken for one by a reader more
// careless than Jellyfin (who decodes twice, or takes ſ for s), is denied too.
func (p *Policy) Decide(methodName string, path Path, client string) Decision {
	m := parseMethod(methodName)
	switch {
	case m == methodUnknown:
		return Decision{Action: p.unknown.Action, Rule: p.unknown}
	case path.outside || path.lower == "":
		return Decision{Action: p.outside.Action, Rule: p.outside, Method: m.String(), Outside: true}
	}
	rule := p.match(path.lower, m)
	for _, depth := range path.depths {
		if depth != "" && !rule.closed() {
			rule = suspect(rule, p.match(depth, m))
		}
	}
	return Decision{Action: rule.Action, Rule: rule, Method: m.String(), Elevated: elevated(rule.Auth)}
}

// suspect is the rule for a path that goes to rule and that a careless reader
// would take to another: that one if it is closed.
func suspect(rule, careless Rule) Rule {
	if !careless.closed() {
		return rule
	}
	if careless.Action == Portal {
		careless.Action = Deny // our pages know only their own paths
	}
	careless.Why = "could be taken for " + careless.Pattern + ": " + careless.Why
	return careless
}

// Upgrade says what a WebSocket upgrade on path needs. Jellyfin opens its one
// WebSocket on any path, so this is never less than a token. A path on which
// something is closed, to whatever method, opens none.
func (p *Policy) Upgrade(path Path, client string) Decision {
	for m := range methodCount {
		if d := p.Decide(m.String(), path, client); d.Rule.closed() {
			d.Method = methodGet.String()
			return d
		}
	}
	return Decision{Action: p.socket.Action, Rule: p.socket, Method: methodGet.String()}
}

// Rules is the table, in its own order.
func (p *Policy) Rules() []Rule { return slices.Clone(p.rules) }

// match is the rule for a lower-case path. The table has a last row for
// everything, but should it lose that, nothing passes.
func (p *Policy) match(lower string, m method) Rule {
	if lower == "/" {
		lower = ""
	}
	if r := p.root.find(lower, m); r != nil {
		return *r
	}
	return p.unknown
}

// closed tells that nothing under this rule reaches Jellyfin.
func (r Rule) closed() bool {
	return r.Action == Deny || r.Action == SignIn || r.Action == Portal
}

// elevated tells that one of Jellyfin's authorisation policies asks for an
// administrator.
func elevated(auth string) bool {
	return strings.Contains(auth, "RequiresElevation") || strings.Contains(auth, "Elevated")
}
