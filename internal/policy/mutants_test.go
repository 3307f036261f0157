package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// mutant is the program with a bug planted: a ruling that is wrong for some
// requests.
type mutant struct {
	name string
	rule func(wire, ruling) ruling
}

// unlisted is what becomes of a request for which a buggy table has no row.
func unlisted(r ruling) ruling {
	r.decision = policy.Decision{
		Action: policy.Token, Method: r.decision.Method,
		Rule: policy.Rule{Methods: "*", Pattern: "/{**any}", Action: policy.Token, Auth: "-", Anonymous: true},
	}
	return r
}

// asTarget rules on another target, and forwards that of r.
func asTarget(w wire, r ruling, target string) ruling {
	w.target = target
	other := rule(w)
	if other.refused || other.outside {
		return r
	}
	if strings.HasPrefix(other.decision.Rule.Why, "could be taken for") {
		other = unlisted(other)
	}
	r.decision = other.decision
	return r
}

// mutants are bugs that guards of paths have had.
func mutants(t *testing.T) []mutant {
	t.Helper()
	exact := exactPatterns()
	return []mutant{
		{"compares case-sensitively", func(_ wire, r ruling) ruling {
			if !r.refused && !exact(r.decision.Rule, r.local) {
				return unlisted(r)
			}
			return r
		}},
		{"knows methods in upper case only", func(w wire, r ruling) ruling {
			if !r.refused && w.method != strings.ToUpper(w.method) && r.decision.Method != "" {
				return unlisted(r)
			}
			return r
		}},
		{"decodes once behind /emby", func(w wire, r ruling) ruling {
			path, query, _ := strings.Cut(w.target, "?")
			if behind, ok := strings.CutPrefix(strings.ToLower(path), "/emby/"); ok && w.base.String() == "" && strings.Contains(behind, "%25") {
				return asTarget(w, r, "/"+path[len("/emby/"):]+"?"+query)
			}
			return r
		}},
		{"decodes nothing", func(w wire, r ruling) ruling {
			path, _, _ := strings.Cut(w.target, "?")
			if !r.refused && strings.Contains(path, "%") {
				return unlisted(r)
			}
			return r
		}},
		{"forwards what was sent", func(w wire, r ruling) ruling {
			r.forward, _, _ = strings.Cut(w.target, "?")
			return r
		}},
		{"forgets the old prefixes", func(w wire, r ruling) ruling {
			path := strings.ToLower(w.target)
			if strings.HasPrefix(path, "/emby/") || strings.HasPrefix(path, "/mediabrowser/") {
				return unlisted(r)
			}
			return r
		}},
		{"goes by the beginning of the raw target", func(w wire, r ruling) ruling {
			if strings.HasPrefix(w.target, "/web/") && !r.refused {
				r.decision = policy.Decision{Action: policy.Public, Method: r.decision.Method, Rule: policy.Rule{Anonymous: true}}
			}
			return r
		}},
		{"takes a trailing slash for another path", func(_ wire, r ruling) ruling {
			if strings.HasSuffix(r.local, "/") && len(r.local) > 1 {
				return unlisted(r)
			}
			return r
		}},
		{"suspects no spelling", func(_ wire, r ruling) ruling {
			if strings.HasPrefix(r.decision.Rule.Why, "could be taken for") {
				return unlisted(r)
			}
			return r
		}},
		{"opens one film", func(_ wire, r ruling) ruling {
			if r.decision.Rule.Pattern == "/Videos/{itemId}/stream.{container}" {
				r.decision.Action = policy.Public
			}
			return r
		}},
		{"opens one operation in a row of many", func(_ wire, r ruling) ruling {
			if r.decision.Rule.Pattern == "/Auth/Keys" && r.decision.Method == "POST" {
				r.decision.Action = policy.Public
			}
			return r
		}},
		{"believes any token where Jellyfin asks for none", func(_ wire, r ruling) ruling {
			r.decision.Rule.Anonymous = false
			return r
		}},
		{"forgets what is administration", func(_ wire, r ruling) ruling {
			r.decision.Elevated = false
			return r
		}},
		{"takes the base path in one case", func(w wire, r ruling) ruling {
			if w.base.String() != "" && !strings.HasPrefix(w.target, w.base.String()) {
				r.outside = true
			}
			return r
		}},
		{"refuses every percent sign", func(w wire, r ruling) ruling {
			r.refused = r.refused || strings.Contains(w.target, "%")
			return r
		}},
		{"refuses whatever decodes to a slash", func(w wire, r ruling) ruling {
			r.refused = r.refused || strings.Contains(strings.ToLower(w.target), "%2f")
			return r
		}},
		{"forgets the lists", func(w wire, _ ruling) ruling {
			w.listed.policy = policy.New()
			return rule(w)
		}},
		{"takes everybody for the client of a line", func(w wire, _ ruling) ruling {
			if i := slices.IndexFunc(w.listed.lines, func(l listLine) bool { return l.clients != nil }); i >= 0 {
				w.client = w.listed.lines[i].clients[0]
			}
			return rule(w)
		}},
		{"compares clients case-sensitively", func(w wire, _ ruling) ruling {
			if w.client == "kodi" || w.client == "FINAMP" {
				w.client = ""
			}
			return rule(w)
		}},
		{"lets a line open what shares a path with it", func(w wire, r ruling) ruling {
			for _, line := range w.listed.lines {
				if line.action != policy.Deny && line.expr.MatchString(asciiLower(r.local)) && slices.Contains(line.methods, r.decision.Method) && line.isFor(w.client) {
					r.decision.Action = line.action
					r.decision.Rule.Anonymous = true
				}
			}
			return r
		}},
		{"lets an allowed line win over a denied one", func(w wire, r ruling) ruling {
			if l := w.listed; r.decision.Rule.List == "policy.deny" {
				for _, line := range l.lines {
					if line.action != policy.Deny && line.expr.MatchString(strings.TrimSuffix(asciiLower(r.local), "/")) && slices.Contains(line.methods, r.decision.Method) && line.isFor(w.client) {
						r.decision.Action = line.action
						r.decision.Rule.Anonymous = true
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
		segments := segmentsOf(path)
		for i, s := range segmentsOf(r.Pattern) {
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
	o, policies := newOracle(t), makeLists(t, *differentialSeed, 300)
	for _, m := range mutants(t) {
		t.Run(m.name, func(t *testing.T) {
			g := newGenerator(t, *differentialSeed, 1, policies)
			for n := range within {
				w := g.next()
				if err := o.judge(w, m.rule(w, rule(w))); err != nil {
					t.Logf("found by request %d: %s %s: %v", n+1, w.method, w.target, err)
					return
				}
			}
			t.Errorf("not found by %d requests", within)
		})
	}
}
