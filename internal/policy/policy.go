package policy

import "slices"

// Policy is the compiled table of routes with the admin's lists before it. It
// is made by [New] or [Compile] and safe for use by many goroutines.
type Policy struct {
	root    *node
	lists   *node // nil without lists
	rules   []Rule
	lines   []Rule
	unknown *row // for methods that are not known
	outside *row // for paths outside the base path
	socket  *row // for WebSockets
}

// Decision is what [Policy.Decide] says about a request.
type Decision struct {
	// Action is what the request needs before it may pass.
	Action Action
	// Rule is the row or the admin's line that was matched. Of a line that
	// opens something, Auth and Anonymous are those of the row behind it.
	Rule Rule
	// Method is the request's method in its canonical upper case, as it should
	// be forwarded; "" if it is none that we know.
	Method string
	// Elevated tells that Jellyfin asks for an administrator here, in one of the
	// versions at least: its administration.
	Elevated bool
	// Withheld is what Jellyfin tells anybody in its answer, and visitors from
	// outside are not told, unless [Switches] say so.
	Withheld Withheld
	// Outside tells that the path does not lie below the base path.
	Outside bool
}

// verdict is what a row comes to for one path.
type verdict struct {
	*row       // the table's row, or the admin's line
	table *row // the table's row for the same path
}

// Decide says what a request needs before it may pass. The method counts in
// any ASCII case. A path that no row is for falls to the table's last rows,
// which ask for a token unless the options say otherwise.
//
// The client is what the request calls itself, percent-decoded, "" if it does
// not say. It counts only where a line of the admin's names clients.
//
// A path that is not a denied one, but could be taken for one by a reader more
// careless than Jellyfin (who decodes twice, or takes ſ for s), is denied too.
func (p *Policy) Decide(methodName string, path Path, client string) Decision {
	m := parseMethod(methodName)
	if m == methodUnknown {
		return Decision{Action: p.unknown.Action, Rule: p.unknown.Rule}
	}
	v, suspect := p.judge(m, path, client)
	d := v.decision(m)
	d.Outside = path.outside
	if suspect {
		if d.Action == Portal {
			d.Action, d.Rule.Action = Deny, Deny // our pages know only their own paths
		}
		d.Rule.Why = "could be taken for " + d.Rule.Pattern + ": " + d.Rule.Why
	}
	return d
}

// judge finds the verdict on a path. If it is suspect, the verdict is that on
// what a careless reader would take the path for.
func (p *Policy) judge(m method, path Path, client string) (v verdict, suspect bool) {
	if path.outside || path.lower == "" {
		return verdict{p.outside, p.outside}, false
	}
	v = p.match(path.lower, m, client)
	for _, depth := range path.depths {
		if depth == "" || v.closed() {
			continue
		}
		if careless := p.match(depth, m, client); careless.closed() && careless.particular() {
			return careless, true
		}
	}
	return v, false
}

// match is what the table and the lists say about a lower-case path. The table
// has a last row for everything, but should it lose that, nothing passes.
func (p *Policy) match(lower string, m method, client string) verdict {
	if lower == "/" {
		lower = ""
	}
	table := p.root.find(lower, m, client)
	if table == nil {
		return verdict{p.unknown, p.unknown}
	}
	if p.lists == nil || table.Action == Portal {
		return verdict{table, table}
	}
	line := p.lists.find(lower, m, client)
	if line == nil || line.Action != Deny && !permits(table, line.Action) {
		return verdict{table, table}
	}
	return verdict{line, table}
}

// decision is the verdict for the outside.
func (v verdict) decision(m method) Decision {
	d := Decision{Action: v.Action, Rule: v.Rule, Method: m.String(), Elevated: v.table.elevated, Withheld: v.table.withheld}
	if v.row != v.table {
		d.Rule.Auth = v.table.Auth
		// What was closed may be so because Jellyfin's own question proves
		// nothing: it takes visitors for neighbours.
		d.Rule.Anonymous = v.table.Anonymous || v.table.closed()
	}
	return d
}

// Upgrade says what a WebSocket upgrade on path needs. Jellyfin opens its one
// WebSocket on any path, so this is never less than a token. A path on which
// something is closed, to whatever method, opens none.
func (p *Policy) Upgrade(path Path, client string) Decision {
	for m := range methodCount {
		v, _ := p.judge(m, path, client)
		if v.closed() && (m == methodGet || v.particular()) {
			d := p.Decide(m.String(), path, client)
			d.Method = methodGet.String()
			return d
		}
	}
	return verdict{p.socket, p.socket}.decision(methodGet)
}

// Rules is the table, in its own order.
func (p *Policy) Rules() []Rule { return slices.Clone(p.rules) }

// Lines are the admin's lines, those that allow first, in their own order.
func (p *Policy) Lines() []Rule { return slices.Clone(p.lines) }
