package policy

import (
	"fmt"
	"slices"
)

// review holds the admin's lines against each other and against the table.
func review(lines []line, table []*row) LineErrors {
	var errs LineErrors
	for i, l := range lines {
		if err := l.touches(table); err != nil {
			errs = append(errs, *err)
		}
		for _, other := range lines[:i] {
			if err := contradiction(other, l); err != nil {
				errs = append(errs, *err)
			}
		}
	}
	return errs
}

// touches tells what is wrong with the line as far as the table is concerned.
//
// A row that the line may not open makes the line a mistake if one of them
// includes the other. If they only share some paths, the row keeps those; a
// parameter that could be anything is not aimed at them.
func (l line) touches(table []*row) *LineError {
	near := l.near(table)
	if l.Action == Deny {
		return l.closesPortal(near)
	}
	for _, m := range l.methods {
		behind := l.behind(near, m)
		restates := slices.ContainsFunc(behind, func(r *row) bool {
			return r.Action == l.Action && !r.unknown && r.shape.includes(l.shape)
		})
		for _, r := range behind {
			within, around := r.shape.includes(l.shape), l.shape.includes(r.shape)
			// What says the same as the row around it has the same exceptions.
			if permits(r, l.Action) || !within && (!around || restates || r.Action == Page) {
				continue
			}
			return l.opens(r, m)
		}
	}
	return nil
}

// closesPortal is the error that all of the line's paths are our own pages'.
func (l line) closesPortal(near []*row) *LineError {
	for _, r := range near {
		if r.Action == Portal && r.shape.includes(l.shape) {
			err := l.errorf("can never match: Jellyward's own sign-in pages are not closed by a line", "take the line out")
			return &err
		}
	}
	return nil
}

// opens is the error that the line would open what r is for.
func (l line) opens(r *row, m method) *LineError {
	why, hint := objection(r)
	example := ""
	if path, _ := l.shape.meets(r.shape); path != r.shape.String() {
		example = " (" + path + ", for example)"
	}
	err := l.errorf(fmt.Sprintf("would open %s %s%s: %s", m, r.Pattern, example, why), hint)
	return &err
}

// near are the rows of the table that share a path with the line.
func (l line) near(table []*row) []*row {
	var near []*row
	for _, r := range table {
		if _, ok := l.shape.meets(r.shape); ok {
			near = append(near, r)
		}
	}
	return near
}

// behind are the rows near the line that a request of method m to one of its
// paths may go to.
func (l line) behind(near []*row, m method) []*row {
	var all, around []*row
	for _, r := range near {
		if !slices.Contains(r.methods, m) {
			continue
		}
		all = append(all, r)
		if r.shape.includes(l.shape) {
			around = append(around, r)
		}
	}
	// What lies around a row that has all of the line's paths has none of them.
	return slices.DeleteFunc(all, func(r *row) bool {
		return slices.ContainsFunc(around, func(nearer *row) bool {
			return nearer != r && r.shape.includes(nearer.shape) && !nearer.shape.includes(r.shape)
		})
	})
}

// permits tells whether a line of policy.allow may give the action to what the
// table's row r is for.
func permits(r *row, a Action) bool {
	switch {
	case r.Sealed:
		return false
	case r.unknown, a == Token:
		return true
	case r.closed():
		return false
	case r.Action == Media:
		return a == Media
	case r.Action == Page:
		return a != Public // it is anybody's already, and shows browsers the way
	}
	return r.Anonymous || r.Action != Token
}

// objection is why permits says no, and the way out.
func objection(r *row) (why, hint string) {
	const (
		leaveOut = "write a pattern, or methods, that leave this out"
		orToken  = "write token as the action, or a pattern that leaves this out"
	)
	switch {
	case r.Action == Portal:
		return "Jellyward's own sign-in pages are never touched", "write a pattern that leaves out what lies below /sso/2fa"
	case r.Sealed:
		return "that stays closed to everybody (" + r.Why + ")", leaveOut
	case r.closed():
		return "that is closed, and a line can open it to signed-in visitors at most", orToken
	case r.Action == Media:
		return "that is a film, a song or a part of one, for which policy.media says who gets it", "take the line out, and set policy.media to open if that is what is meant"
	case r.Action == Page:
		return "that is anybody's already, and leads browsers to the sign-in page", "take the line out"
	}
	return "Jellyfin itself asks for a token there", orToken
}

// contradiction tells what is wrong with b beside a, which stands before it.
func contradiction(a, b line) *LineError {
	if !slices.ContainsFunc(a.methods, func(m method) bool { return slices.Contains(b.methods, m) }) || !shared(a.clients, b.clients) {
		return nil
	}
	path, ok := a.shape.meets(b.shape)
	if !ok {
		return nil
	}
	aInB, bInA := b.shape.includes(a.shape), a.shape.includes(b.shape)
	switch {
	case aInB && bInA:
		return twins(a, b)
	case aInB, bInA, a.Action == b.Action:
		return nil
	}
	err := b.errorf(
		fmt.Sprintf("matches %s, as %s in %s does, and neither is the more specific", path, quoteLine(a.text), a.List),
		"make one of the patterns narrower, so that it is clear which counts there")
	return &err
}

// twins tells what is wrong with two lines of one shape.
func twins(a, b line) *LineError {
	narrow, plain := a, b
	if narrow.clients == nil {
		narrow, plain = b, a
	}
	one := narrow.clients != nil && plain.clients == nil
	var err LineError
	switch {
	case one && narrow.Action == Deny && plain.Action != Deny:
		return nil
	case one && plain.Action == Deny && narrow.Action != Deny:
		err = narrow.errorf(fmt.Sprintf("opens for a client what %s in %s closes, but the name is only what a visitor says", quoteLine(plain.text), plain.List),
			"take one of the two out; policy.unknown deny closes what no line opens")
	case one:
		err = narrow.errorf(fmt.Sprintf("can never count: %s in %s is for the same paths and for every client", quoteLine(plain.text), plain.List),
			"take one of the two out")
	case a.Action == b.Action:
		err = b.errorf(fmt.Sprintf("is for the same paths as %s in %s", quoteLine(a.text), a.List), "take one of the two out")
	default:
		err = b.errorf(fmt.Sprintf("is for the same paths as %s in %s, and contradicts it", quoteLine(a.text), a.List), "take one of the two out")
	}
	return &err
}
