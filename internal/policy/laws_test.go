package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/policy/policytest"
)

func TestRecordedTargetsKeepTheLaws(t *testing.T) {
	l := policytest.NewLaws(t)
	for version, rows := range recordings() {
		accepted := 0
		for _, row := range rows {
			if err := l.Check(row.Method, row.Target, policy.Base{}); err != nil {
				t.Errorf("%s %s: %v", row.Method, row.Target, err)
			}
			p, err := policy.ParsePath(row.Target, policy.Base{})
			if err != nil {
				continue
			}
			accepted++
			if p.Local() != row.Path && (version != "12" || !strings.HasPrefix(strings.ToLower(row.Path), "/emby") && !strings.HasPrefix(strings.ToLower(row.Path), "/mediabrowser")) {
				t.Errorf("%s: %s: decided on %q, server saw %q", version, row.Target, p.Local(), row.Path)
			}
		}
		t.Logf("%s: %d targets, %d accepted", version, len(rows), accepted)
	}
}

// TestNothingProtectedRunsUnasked goes over the recordings once more without
// the model: an operation that asks a token of its own must not be open here,
// and one that takes or resets passwords must be closed.
func TestNothingProtectedRunsUnasked(t *testing.T) {
	l := policytest.NewLaws(t)
	auths := map[string][]string{}
	for _, op := range policytest.Operations(t) {
		auths[op.Name] = append(auths[op.Name], op.Auth)
	}
	never := []string{
		"UserController.AuthenticateUserByName", "UserController.AuthenticateUser", "UserController.ForgotPassword",
		"UserController.ForgotPasswordPin", "SystemController.RestartApplication",
	}
	for _, rows := range recordings() {
		for _, row := range rows {
			p, err := policy.ParsePath(row.Target, policy.Base{})
			if err != nil || row.Action == "-" || row.Action == "405" {
				continue
			}
			d := l.Policy.Decide(row.Method, p, "")
			if (slices.Contains(never, row.Action) || strings.HasPrefix(row.Action, "StartupController.")) && !policytest.Closed(d.Action) {
				t.Errorf("%s %s runs %s, decided %v", row.Method, row.Target, row.Action, d.Action)
			}
			if !slices.Contains(auths[row.Action], "anonymous") && d.Action != policy.Token && !policytest.Closed(d.Action) {
				t.Errorf("%s %s runs %s, which asks a token, decided %v", row.Method, row.Target, row.Action, d.Action)
			}
		}
	}
}
