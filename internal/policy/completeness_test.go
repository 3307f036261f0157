package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/policy/policytest"
)

// answers are requests for what answers without being an operation: files,
// health checks, a server that is starting, plugins. What must become of them
// stands behind.
func answers() map[string][]string {
	return map[string][]string{
		"/":                             {"GET / page", "HEAD / page", "GET /web page", "HEAD /web page"},
		"/api-docs/openapi.json":        {"GET /api-docs/openapi.json deny"},
		"/api-docs/redoc/{**}":          {"GET /api-docs/redoc/index.html deny"},
		"/api-docs/swagger/{**}":        {"GET /api-docs/swagger deny"},
		"/health":                       {"GET /health deny", "POST /health deny"},
		"/health (only while starting)": {"GET /health deny"},
		"/metrics":                      {"GET /metrics deny"},
		"/robots.txt":                   {"GET /robots.txt public", "HEAD /robots.txt public"},
		"/socket":                       {"GET /socket token"},
		"/web/{**file}":                 {"GET /web/x.js public", "HEAD /web/a/b.png public", "GET /web/ page", "GET /web/index.html page", "HEAD /web/index.html page"},
		"/{**file} of wwwroot":          {"GET /api-docs/banner.svg deny", "GET /other.css token"},
		"/startup/logger (only while starting/migrating)": {"GET /startup/logger deny", "GET /startup/logger/x deny"},
		"/System/Info/Public (only while starting)":       {"GET /System/Info/Public public"},
		"/{**any other} (only while starting)":            {"GET /x token"},
		`/{**any} + "Upgrade: websocket"`:                 {"GET /any token"},
		"/emby/{**any}":                                   {"POST /emby/Users/AuthenticateByName signin", "GET /emby/Users/Public public"},
		"/mediabrowser/{**any}":                           {"POST /mediabrowser/System/Restart deny", "GET /mediabrowser/Items token"},
		"(ours and plugins')": {
			"GET /sso/2fa portal", "GET /sso/OID/start deny", "GET /SSOViews/linking deny", "GET /opds deny", "POST /Plugins/TwoFA/x deny",
			"POST /TwoFactorAuth/Authenticate deny", "GET /Users/ForgotPassword/x deny", "GET /favicon.ico public", "HEAD /favicon.ico public",
			"GET /x token", "HEAD /x token", "POST /x token", "PUT /x token", "PATCH /x token", "DELETE /x token", "OPTIONS /x token",
		},
	}
}

// complaints are what is wrong with p as a table for these operations: one that
// only falls to the last rows, one whose row says that Jellyfin asks something
// else than it does, an answer that is not decided as it should.
func complaints(p *policy.Policy, ops []policytest.Operation) []string {
	var all []string
	complain := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	rows := policytest.RowsOf(p)
	for _, op := range ops {
		if strings.HasPrefix(op.Name, "(") {
			continue
		}
		r, ok := rows.Of(op)
		if !ok {
			complain("no row for %s %s (%s)", op.Method, op.Template, op.Name)
			continue
		}
		older, newer, both := strings.Cut(r.Auth, "|")
		if !both {
			newer = older
		}
		asks := newer
		if op.Versions[0] == "10.10" {
			asks = older
		}
		if asks != op.Auth {
			complain("%s %s: Jellyfin %s asks %q, the row says %q", op.Method, op.Template, op.Versions[0], op.Auth, r.Auth)
		}
		if r.Anonymous != (op.Auth == "anonymous") {
			complain("%s %s: Anonymous = %v, but Jellyfin asks %q", op.Method, op.Template, r.Anonymous, op.Auth)
		}
		if len(strings.Fields(r.Why)) < 3 {
			complain("%s %s: %q is no reason", op.Method, op.Template, r.Why)
		}
	}
	for _, requests := range answers() {
		for _, request := range requests {
			f := strings.Fields(request)
			path, err := policy.ParsePath(f[1], policy.Base{})
			if err != nil {
				complain("%s is refused: %v", request, err)
				continue
			}
			d := p.Decide(f[0], path, "")
			if d.Action.String() != f[2] {
				complain("Decide(%s %s) = %v, want %s", f[0], f[1], d.Action, f[2])
			}
			if f[1] == "/socket" && d.Rule.Anonymous {
				complain("Jellyfin asks for no token at %s", f[1])
			}
		}
	}
	return all
}

// TestEveryOperationHasARowOfItsOwn holds the table against every operation of
// the three versions.
func TestEveryOperationHasARowOfItsOwn(t *testing.T) {
	for _, complaint := range complaints(policy.New(), policytest.Operations(t)) {
		t.Error(complaint)
	}
}

// TestEveryOtherAnswerHasAnExample is for what answers without being an
// operation.
func TestEveryOtherAnswerHasAnExample(t *testing.T) {
	for _, op := range policytest.Operations(t) {
		if strings.HasPrefix(op.Name, "(") && answers()[op.Template] == nil {
			t.Errorf("no example for %s %s (%s)", op.Method, op.Template, op.Name)
		}
	}
}

// TestNoRowCanBeTakenAway takes each row out of the table in turn, and each
// method out of its row, and sees whether the tests above would fail.
func TestNoRowCanBeTakenAway(t *testing.T) {
	rules, ops := policy.New().Rules(), policytest.Operations(t)
	missed := func(changed []policy.Rule) bool {
		p, err := policy.CompileRules(changed)
		if err != nil {
			t.Fatal(err)
		}
		return len(complaints(p, ops)) > 0
	}
	for i, r := range rules {
		if !missed(slices.Delete(slices.Clone(rules), i, i+1)) {
			t.Errorf("nobody would miss the row %s %s", r.Methods, r.Pattern)
		}
		methods := strings.Split(r.Methods, ",")
		for j := range methods {
			if len(methods) == 1 {
				break
			}
			fewer := slices.Clone(rules)
			fewer[i].Methods = strings.Join(slices.Delete(slices.Clone(methods), j, j+1), ",")
			if !missed(fewer) {
				t.Errorf("nobody would miss %s in the row %s %s", methods[j], r.Methods, r.Pattern)
			}
		}
	}
}

// TestNoRowCanBeLoosened makes each row public in turn, and sees that the list
// of operations or an answer would differ: no row is there for nothing.
func TestNoRowCanBeLoosened(t *testing.T) {
	table, ops := policy.New(), policytest.Operations(t)
	rules := table.Rules()
	for i, r := range rules {
		if r.Action == policy.Public {
			continue
		}
		loose := slices.Clone(rules)
		loose[i].Action = policy.Public
		p, err := policy.CompileRules(loose)
		if err != nil {
			t.Fatal(err)
		}
		if len(complaints(p, ops)) == 0 && !differs(t, table, p, ops) {
			t.Errorf("nobody would notice that %s %s is public", r.Methods, r.Pattern)
		}
	}
}

// differs tells whether p decides otherwise than the table on an operation.
func differs(t *testing.T, table, p *policy.Policy, ops []policytest.Operation) bool {
	t.Helper()
	return slices.ContainsFunc(ops, func(op policytest.Operation) bool {
		if strings.HasPrefix(op.Name, "(") {
			return false
		}
		path, err := policy.ParsePath(policytest.Example(op.Template), policy.Base{})
		if err != nil {
			t.Fatal(err)
		}
		return table.Decide(op.Method, path, "").Action != p.Decide(op.Method, path, "").Action
	})
}
