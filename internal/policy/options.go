package policy

// Options are what an admin may change of the table. The zero value changes
// nothing.
type Options struct {
	// DenyUnknown closes every path that Jellyfin itself does not have, a
	// plugin's for example, instead of asking for a token.
	DenyUnknown bool
	// Allow and Deny are lines such as
	//
	//	GET,POST /Streamyfin/{**rest} token for Streamyfin
	//
	// Methods may be left out (all), and so may the action (token; a line of
	// Deny has no other than deny) and the names of clients (everybody).
	Allow, Deny []string
}

// The lists by the names of their settings.
const (
	allowList = "policy.allow"
	denyList  = "policy.deny"
)

// New compiles the table that is part of the program, with nothing changed.
func New() *Policy {
	p, err := Compile(Options{})
	if err != nil {
		panic("policy: " + err.Error()) // a mistake in this package, found by any test
	}
	return p
}

// Compile makes a policy of the table that is part of the program and of what
// the admin changes. Its error is of type [LineErrors] and names every line
// that is wrong.
//
// The lines of both lists form one tree of their own, in which the most
// specific pattern wins, and which goes before the table. A line of Deny closes
// whatever the table says. A line of Allow may open what the table does not
// know, and tighten or loosen some of what it knows, but never what would give
// out a token or reset a password without a second factor, what Jellyfin itself
// asks a token for, or a film: those are mistakes. Where a line and a row that
// it may not open merely share some paths, the row keeps them. Neither list
// touches the sign-in pages below /sso/2fa.
//
// The name of a client is what the visitor says it is. It narrows a line of
// Allow, so that other apps are not concerned; on a line of Deny it is a
// convenience and no protection, since who lies about the name gets past it.
func Compile(o Options) (*Policy, error) {
	rules, err := parseRules(routes)
	if err != nil {
		return nil, err
	}
	return compile(rules, o)
}

// compile is Compile for a table of rules.
func compile(rules []Rule, o Options) (*Policy, error) {
	p := newPolicy()
	var table []*row
	for _, rule := range rules {
		r, err := newRow(rule, nil)
		if err != nil {
			return nil, err
		}
		table = append(table, r)
		if err := p.root.add(r); err != nil {
			return nil, err
		}
	}
	lines, errs := readLists(o)
	errs = append(errs, review(lines, table)...)
	if len(errs) > 0 {
		return nil, errs
	}
	if len(lines) > 0 {
		p.lists = &node{}
	}
	for _, l := range lines {
		p.lines = append(p.lines, l.Rule)
		if err := p.lists.add(l.row); err != nil {
			return nil, err
		}
	}
	if o.DenyUnknown {
		denyUnknown(table)
	}
	for _, r := range table {
		p.rules = append(p.rules, r.Rule)
	}
	return p, nil
}

// newPolicy is a policy without a table, which lets nothing pass.
func newPolicy() *Policy {
	return &Policy{
		root: &node{},
		unknown: &row{Rule: Rule{
			Methods: "(any other)", Pattern: "/{**any}", Action: Deny, Auth: "-", Anonymous: true,
			Why: "a method that Jellyfin has no use for",
		}},
		outside: &row{Rule: Rule{
			Methods: "*", Pattern: "(outside the base path)", Action: Deny, Auth: "-", Anonymous: true,
			Why: "outside the base path there is nothing of Jellyfin's",
		}},
		socket: &row{Rule: Rule{
			Methods: "GET", Pattern: "(WebSocket)", Action: Token, Auth: "default",
			Why: "a WebSocket is a remote control for the whole session, on whatever path it is opened",
		}},
	}
}

// denyUnknown closes the table's last rows, but for OPTIONS, which asks about a
// path and runs nothing there.
func denyUnknown(table []*row) {
	for _, r := range table {
		if r.unknown && r.Methods != methodOptions.String() {
			r.Action = Deny
			r.Why = "not one of Jellyfin's known routes (a plugin's perhaps), and policy.unknown is deny"
		}
	}
}
