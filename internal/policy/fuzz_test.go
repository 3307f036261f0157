package policy_test

import (
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
