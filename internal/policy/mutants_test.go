package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/policy/policytest"
)

// mutant is the program with a bug planted: a ruling that is wrong for some
// requests.
type mutant struct {
	name string
	rule func(policytest.Wire, policytest.Ruling) policytest.Ruling
}

// unlisted is what becomes of a request for which a buggy table has no row.
func unlisted(r policytest.Ruling) policytest.Ruling {
	r.Decision = policy.Decision{
		Action: policy.Token, Method: r.Decision.Method,
		Rule: policy.Rule{Methods: "*", Pattern: "/{**any}", Action: policy.Token, Auth: "-", Anonymous: true},
	}
	return r
}

// asTarget rules on another target, and forwards that of r.
func asTarget(w policytest.Wire, r policytest.Ruling, target string) policytest.Ruling {
	w.Target = target
	other := policytest.Rule(w)
	if other.Refused || other.Outside {
		return r
	}
	if strings.HasPrefix(other.Decision.Rule.Why, "could be taken for") {
		other = unlisted(other)
	}
	r.Decision = other.Decision
	return r
}

// mutants are bugs that guards of paths have had.
func mutants(t *testing.T) []mutant {
	t.Helper()
	exact := exactPatterns()
	return []mutant{
		{"compares case-sensitively", func(_ policytest.Wire, r policytest.Ruling) policytest.Ruling {
			if !r.Refused && !exact(r.Decision.Rule, r.Local) {
				return unlisted(r)
			}
			return r
		}},
		{"knows methods in upper case only", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			if !r.Refused && w.Method != strings.ToUpper(w.Method) && r.Decision.Method != "" {
				return unlisted(r)
			}
			return r
		}},
		{"decodes once behind /emby", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			path, query, _ := strings.Cut(w.Target, "?")
			if behind, ok := strings.CutPrefix(strings.ToLower(path), "/emby/"); ok && w.Base.String() == "" && strings.Contains(behind, "%25") {
				return asTarget(w, r, "/"+path[len("/emby/"):]+"?"+query)
			}
			return r
		}},
		{"decodes nothing", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			path, _, _ := strings.Cut(w.Target, "?")
			if !r.Refused && strings.Contains(path, "%") {
				return unlisted(r)
			}
			return r
		}},
		{"forwards what was sent", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			r.Forward, _, _ = strings.Cut(w.Target, "?")
			return r
		}},
		{"forgets the old prefixes", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			path := strings.ToLower(w.Target)
			if strings.HasPrefix(path, "/emby/") || strings.HasPrefix(path, "/mediabrowser/") {
				return unlisted(r)
			}
			return r
		}},
		{"goes by the beginning of the raw target", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			if strings.HasPrefix(w.Target, "/web/") && !r.Refused {
				r.Decision = policy.Decision{Action: policy.Public, Method: r.Decision.Method, Rule: policy.Rule{Anonymous: true}}
			}
			return r
		}},
		{"takes a trailing slash for another path", func(_ policytest.Wire, r policytest.Ruling) policytest.Ruling {
			if strings.HasSuffix(r.Local, "/") && len(r.Local) > 1 {
				return unlisted(r)
			}
			return r
		}},
		{"suspects no spelling", func(_ policytest.Wire, r policytest.Ruling) policytest.Ruling {
			if strings.HasPrefix(r.Decision.Rule.Why, "could be taken for") {
				return unlisted(r)
			}
			return r
		}},
		{"opens one film", func(_ policytest.Wire, r policytest.Ruling) policytest.Ruling {
			if r.Decision.Rule.Pattern == "/Videos/{itemId}/stream.{container}" {
				r.Decision.Action = policy.Public
			}
			return r
		}},
		{"opens one operation in a row of many", func(_ policytest.Wire, r policytest.Ruling) policytest.Ruling {
			if r.Decision.Rule.Pattern == "/Auth/Keys" && r.Decision.Method == "POST" {
				r.Decision.Action = policy.Public
			}
			return r
		}},
		{"believes any token where Jellyfin asks for none", func(_ policytest.Wire, r policytest.Ruling) policytest.Ruling {
			r.Decision.Rule.Anonymous = false
			return r
		}},
		{"forgets what is administration", func(_ policytest.Wire, r policytest.Ruling) policytest.Ruling {
			r.Decision.Elevated = false
			return r
		}},
		{"takes the base path in one case", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			if w.Base.String() != "" && !strings.HasPrefix(w.Target, w.Base.String()) {
				r.Outside = true
			}
			return r
		}},
		{"refuses every percent sign", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			r.Refused = r.Refused || strings.Contains(w.Target, "%")
			return r
		}},
		{"refuses whatever decodes to a slash", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			r.Refused = r.Refused || strings.Contains(strings.ToLower(w.Target), "%2f")
			return r
		}},
		{"forgets the lists", func(w policytest.Wire, _ policytest.Ruling) policytest.Ruling {
			w.Listed.Policy = policy.New()
			return policytest.Rule(w)
		}},
		{"takes everybody for the client of a line", func(w policytest.Wire, _ policytest.Ruling) policytest.Ruling {
			if i := slices.IndexFunc(w.Listed.Lines, func(l policytest.Line) bool { return l.Clients != nil }); i >= 0 {
				w.Client = w.Listed.Lines[i].Clients[0]
			}
			return policytest.Rule(w)
		}},
		{"compares clients case-sensitively", func(w policytest.Wire, _ policytest.Ruling) policytest.Ruling {
			if w.Client == "kodi" || w.Client == "FINAMP" {
				w.Client = ""
			}
			return policytest.Rule(w)
		}},
		{"lets a line open what shares a path with it", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			for _, line := range w.Listed.Lines {
				if line.Action != policy.Deny && line.Covers(r.Decision.Method, r.Local, w.Client) {
					r.Decision.Action = line.Action
					r.Decision.Rule.Anonymous = true
				}
			}
			return r
		}},
		{"lets an allowed line win over a denied one", func(w policytest.Wire, r policytest.Ruling) policytest.Ruling {
			if l := w.Listed; r.Decision.Rule.List == "policy.deny" {
				for _, line := range l.Lines {
					if line.Action != policy.Deny && line.Covers(r.Decision.Method, r.Local, w.Client) {
						r.Decision.Action = line.Action
						r.Decision.Rule.Anonymous = true
					}
				}
			}
			return r
		}},
	}
}

// exactPatterns tells whether a path has a rule's literal text in the rule's own
// letter case.
func exactPatterns() func(policy.Rule, string) bool {
	return func(r policy.Rule, path string) bool {
		segments := policytest.Segments(path)
		for i, s := range policytest.Segments(r.Pattern) {
			if strings.Contains(s, "{") || i >= len(segments) {
				break
			}
			if s != segments[i] {
				return false
			}
		}
		return true
	}
}

// TestDifferentialFindsPlantedBugs shows that the check can fail: each bug must
// be found within a small part of the requests that the test above makes up.
func TestDifferentialFindsPlantedBugs(t *testing.T) {
	const within = 40_000
	o, policies := policytest.NewOracle(t), policytest.MakeLists(t, *differentialSeed, 300)
	for _, m := range mutants(t) {
		t.Run(m.name, func(t *testing.T) {
			g := policytest.NewGenerator(t, *differentialSeed, 1, policies)
			for n := range within {
				w := g.Next()
				if err := o.Judge(w, m.rule(w, policytest.Rule(w))); err != nil {
					t.Logf("found by request %d: %s %s: %v", n+1, w.Method, w.Target, err)
					return
				}
			}
			t.Errorf("not found by %d requests", within)
		})
	}
}
