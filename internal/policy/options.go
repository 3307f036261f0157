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
// out a token or reset a password without a second factor. Neither touches the
// sign-in pages below /sso/2fa.
//
// The name of a client is what the visitor says it is. It narrows a line, so
// that other apps are not concerned; it keeps nobody out who lies.
func Compile(o Options) (*Policy, error) {
	rules, err := parseRules(routes)
	if err != nil {
		return nil, err
	}
	return compile(rules)
}
