package policy_test

import (
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/policy/policytest"
)

// TestOutcomesNeverGrowWithLess: whoever shows more gets no less, and a strict
// switch lets nothing pass that a loose one does not. Tried for every decision
// of the table, every asker and every setting.
func TestOutcomesNeverGrowWithLess(t *testing.T) {
	decisions := map[policy.Decision]bool{}
	p := policy.New()
	for _, r := range policytest.Ordinary(t) {
		d := decide(t, p, r.Method, r.Target)
		d.Rule = policy.Rule{Anonymous: d.Rule.Anonymous}
		decisions[d] = true
	}
	for d := range decisions {
		for _, s := range allSwitches() {
			for _, a := range allAskers() {
				passes := d.For(a, s) == policy.Passes
				for _, more := range moreThan(a) {
					if passes && d.For(more, s) != policy.Passes {
						t.Errorf("%+v passes for %+v and not for %+v", d, a, more)
					}
				}
				for _, looser := range looserThan(s) {
					if passes && d.For(a, looser) != policy.Passes {
						t.Errorf("%+v passes for %+v with %+v and not with %+v", d, a, s, looser)
					}
				}
				if passes && (d.Action == policy.Deny || d.Action == policy.SignIn || d.Action == policy.Portal) {
					t.Errorf("%+v passes", d)
				}
				if passes && d.Action == policy.Token && !a.Token && !a.Cookie {
					t.Errorf("%+v passes for %+v", d, a)
				}
			}
		}
	}
}

func allSwitches() []policy.Switches {
	var all []policy.Switches
	for media := policy.WithToken; media <= policy.Open; media++ {
		for images := policy.WithToken; images <= policy.Open; images++ {
			for admin := policy.AdminToken; admin <= policy.AdminHome; admin++ {
				all = append(all, policy.Switches{Media: media, Images: images, Admin: admin})
			}
		}
	}
	return all
}

// looserThan are the switches with one of them turned a step, or off.
func looserThan(s policy.Switches) []policy.Switches {
	var all []policy.Switches
	if s.Media < policy.Open {
		all = append(all, policy.Switches{Media: s.Media + 1, Images: s.Images, Admin: s.Admin})
	}
	if s.Images < policy.Open {
		all = append(all, policy.Switches{Media: s.Media, Images: s.Images + 1, Admin: s.Admin})
	}
	return append(all, policy.Switches{Media: s.Media, Images: s.Images, Admin: policy.AdminToken})
}

func allAskers() []policy.Asker {
	var all []policy.Asker
	for bits := range 32 {
		all = append(all, policy.Asker{Token: bits&1 > 0, Cookie: bits&2 > 0, Recent: bits&4 > 0, Granted: bits&8 > 0, Home: bits&16 > 0})
	}
	return all
}

func moreThan(a policy.Asker) []policy.Asker {
	all := []policy.Asker{a, a, a, a, a}
	all[0].Token, all[1].Cookie, all[2].Recent, all[3].Granted, all[4].Home = true, true, true, true, true
	return all
}

func TestNeeds(t *testing.T) {
	p := policy.New()
	strict := policy.Switches{Admin: policy.AdminRecent}
	home := policy.Switches{Media: policy.WithNetwork, Admin: policy.AdminHome}
	for _, tt := range []struct {
		method, target string
		switches       policy.Switches
		asker          policy.Asker
		want           policy.Outcome
	}{
		{"GET", "/Videos/1/stream", strict, policy.Asker{Granted: true}, policy.Unauthorized},
		{"GET", "/Videos/1/stream", strict, policy.Asker{Home: true}, policy.Unauthorized},
		{"GET", "/Videos/1/stream", strict, policy.Asker{Token: true}, policy.Passes},
		{"GET", "/Videos/1/stream", home, policy.Asker{Granted: true}, policy.Passes},
		{"GET", "/Items", home, policy.Asker{Granted: true, Home: true}, policy.Unauthorized},
		{"GET", "/UserImage", strict, policy.Asker{}, policy.Unauthorized},
		{"GET", "/UserImage", policy.DefaultSwitches(), policy.Asker{}, policy.Passes},
		{"GET", "/System/Logs", policy.DefaultSwitches(), policy.Asker{Token: true}, policy.Passes},
		{"GET", "/System/Logs", strict, policy.Asker{}, policy.Unauthorized},
		{"GET", "/System/Logs", strict, policy.Asker{Token: true}, policy.NotRecent},
		{"GET", "/System/Logs", strict, policy.Asker{Token: true, Recent: true}, policy.NotRecent},
		{"GET", "/System/Logs", strict, policy.Asker{Cookie: true}, policy.NotRecent},
		{"GET", "/System/Logs", strict, policy.Asker{Token: true, Cookie: true, Recent: true}, policy.Passes},
		{"GET", "/System/Logs", home, policy.Asker{Token: true, Cookie: true, Recent: true}, policy.NotHome},
		{"GET", "/System/Logs", home, policy.Asker{Token: true, Home: true}, policy.Passes},
		{"GET", "/Environment/Drives", home, policy.Asker{Token: true}, policy.NotHome},
		{"GET", "/LiveTv/Tuners/Discover", home, policy.Asker{Token: true}, policy.NotHome},
		{"GET", "/Users/Me", home, policy.Asker{Token: true}, policy.Passes},
		{"GET", "/web/", strict, policy.Asker{}, policy.Guided},
		{"GET", "/web/", strict, policy.Asker{Token: true}, policy.Guided},
		{"GET", "/web/", strict, policy.Asker{Cookie: true}, policy.Passes},
		{"POST", "/Users/AuthenticateByName", strict, policy.Asker{Token: true, Cookie: true, Home: true}, policy.SignInElsewhere},
		{"POST", "/System/Restart", home, policy.Asker{Token: true, Home: true}, policy.Refused},
		{"GET", "/sso/2fa", strict, policy.Asker{}, policy.OwnPages},
		{"TRACE", "/", strict, policy.Asker{}, policy.MethodUnknown},
	} {
		if got := decide(t, p, tt.method, tt.target).For(tt.asker, tt.switches); got != tt.want {
			t.Errorf("%s %s with %+v by %+v: %v, want %v", tt.method, tt.target, tt.switches, tt.asker, got, tt.want)
		}
	}
}

// TestTheZeroDecisionRefuses is for a decision that nobody made.
func TestTheZeroDecisionRefuses(t *testing.T) {
	for _, a := range allAskers() {
		if got := (policy.Decision{}).For(a, policy.DefaultSwitches()); got == policy.Passes {
			t.Errorf("%+v passes", a)
		}
		if got := (policy.Decision{Method: "GET"}).For(a, policy.DefaultSwitches()); got != policy.Refused {
			t.Errorf("%+v gets %v", a, got)
		}
		if got := (policy.Needs{}).For(a); got != policy.Refused {
			t.Errorf("%+v gets %v where nothing is said", a, got)
		}
	}
}

func TestElevatedIsJellyfinsAdministration(t *testing.T) {
	p := policy.New()
	for _, op := range policytest.Operations(t) {
		if op.Name[0] == '(' {
			continue
		}
		asks := map[string]bool{
			"RequiresElevation": true, "default+RequiresElevation": true, "FirstTimeSetupOrElevated": true,
			"default+FirstTimeSetupOrElevated": true, "LocalAccessOrRequiresElevation": true,
		}[op.Auth]
		if d := decide(t, p, op.Method, policytest.Example(op.Template)); asks && !d.Elevated {
			t.Errorf("%s %s asks %s and is not elevated", op.Method, op.Template, op.Auth)
		}
	}
	for _, request := range []policytest.Request{{Method: "GET", Target: "/Users/Me"}, {Method: "GET", Target: "/LiveTv/Timers"}, {Method: "POST", Target: "/Users/Password"}, {Method: "GET", Target: "/System/Info"}} {
		if decide(t, p, request.Method, request.Target).Elevated {
			t.Errorf("%s %s is elevated", request.Method, request.Target)
		}
	}
}
