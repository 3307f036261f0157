package policy_test

import (
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/policy/policytest"
)

// FuzzParsePath holds whatever comes against the laws: a fixed point, seen and
// run by Jellyfin as decided, never open for what is closed.
func FuzzParsePath(f *testing.F) {
	l := policytest.NewLaws(f)
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range policytest.Ordinary(f) {
		f.Add(r.Method, r.Target, false)
		f.Add(r.Method, "/jellyfin/emby"+r.Target, true)
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
		if err := l.Check(method, target, under); err != nil {
			t.Errorf("%s %q below %q: %v", method, target, under, err)
		}
	})
}

// FuzzDecide holds whatever comes against the models of the servers, with
// whatever lists an admin may have written.
func FuzzDecide(f *testing.F) {
	base, err := policy.ParseBase("/jellyfin")
	if err != nil {
		f.Fatal(err)
	}
	o := policytest.NewOracle(f)
	g := policytest.NewGenerator(f, *differentialSeed, 1, policytest.MakeLists(f, *differentialSeed, 60))
	for range 120 {
		w := g.Next()
		lists := w.Listed.Options()
		f.Add(w.Method, w.Target, w.Client, w.Base.String() != "", strings.Join(lists.Allow, ";"), strings.Join(lists.Deny, ";"), lists.DenyUnknown)
	}
	f.Fuzz(func(t *testing.T, method, target, client string, below bool, allow, deny string, unknown bool) {
		if len(allow)+len(deny) > 500 {
			return
		}
		lists := policy.Options{DenyUnknown: unknown, Allow: strings.Split(allow, ";"), Deny: strings.Split(deny, ";")}
		w := policytest.Wire{Method: method, Target: target, Client: client, Listed: policytest.CompileSome(t, lists)}
		if below {
			w.Base = base
		}
		if err := o.JudgeExactly(w, policytest.Rule(w)); err != nil {
			t.Errorf("%s\n%v", w, err)
		}
	})
}
