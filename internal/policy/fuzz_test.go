package policy_test

import (
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// FuzzParsePath holds whatever comes against the laws: a fixed point, seen and
// run by Jellyfin as decided, never open for what is closed.
func FuzzParsePath(f *testing.F) {
	l := newLaws(f)
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range ordinary(f) {
		f.Add(r.method, r.target, false)
		f.Add(r.method, "/jellyfin/emby"+r.target, true)
	}
	for _, rows := range recordings() {
		for i, row := range rows {
			if i < 100 || i%20 == 0 { // the first are the known bypasses
				f.Add(row.Method, row.Target, i%2 == 0)
			}
		}
	}
	f.Fuzz(func(t *testing.T, method, target string, below bool) {
		under := policy.Base{}
		if below {
			under = base
		}
		if err := l.check(method, target, under); err != nil {
			t.Errorf("%s %q below %q: %v", method, target, under, err)
		}
	})
}

// FuzzDecide holds whatever comes against the models of the servers, with
// whatever lists an admin may have written.
func FuzzDecide(f *testing.F) {
	o := newOracle(f)
	g := newGenerator(f, *differentialSeed, 1, makeLists(f, *differentialSeed, 60))
	for range 120 {
		w := g.next()
		var allow, deny []string
		for _, l := range w.listed.policy.Lines() {
			text := l.Methods + " " + l.Pattern
			if l.Clients != "" {
				text += " for " + l.Clients
			}
			if l.Action == policy.Deny {
				deny = append(deny, text)
				continue
			}
			allow = append(allow, strings.Replace(text, l.Pattern, l.Pattern+" "+l.Action.String(), 1))
		}
		f.Add(w.method, w.target, w.client, w.base.String() != "", strings.Join(allow, ";"), strings.Join(deny, ";"), w.listed.unknown)
	}
	f.Fuzz(func(t *testing.T, method, target, client string, below bool, allow, deny string, unknown bool) {
		if len(allow)+len(deny) > 500 {
			return
		}
		lists := policy.Options{DenyUnknown: unknown, Allow: strings.Split(allow, ";"), Deny: strings.Split(deny, ";")}
		w := wire{method: method, target: target, client: client, listed: compileSome(t, lists)}
		if below {
			w.base = g.base
		}
		if err := o.judgeExactly(w, rule(w)); err != nil {
			t.Errorf("%s\n%v", w, err)
		}
	})
}
