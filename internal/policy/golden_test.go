package policy_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/policy/policytest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file under testdata, or rewrites the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile("testdata/"+name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s has changed; read the difference, then run the test with -update (-want +got):\n%s", name, diff)
	}
}

// TestEveryOperationIsDecided lists what happens to every operation of the
// three versions, and the rows that are for other things. A change of policy is
// reviewed as a change of the list.
func TestEveryOperationIsDecided(t *testing.T) {
	l := policytest.NewLaws(t)
	var b strings.Builder
	b.WriteString(legend)
	b.WriteString(operationColumns("# method", "route", "action", policy.Visitors(), "versions", "why"))
	listed := map[policy.Rule]bool{}
	for _, op := range policytest.Operations(t) {
		if strings.HasPrefix(op.Name, "(") {
			continue
		}
		e := l.Policy.Explain(question(op.Method+" "+policytest.Example(op.Template), policy.Base{}))
		if e.Refused != "" {
			t.Errorf("%s %s is refused: it %s", op.Method, op.Template, e.Refused)
		}
		listed[e.Decision.Rule] = true
		action := e.Decision.Action.String()
		if e.Decision.Elevated {
			action += "*"
		}
		b.WriteString(operationColumns(op.Method, op.Template, action, outcomes(e), strings.Join(op.Versions, ","), e.Decision.Rule.Why))
	}
	b.WriteString("\n# rows that are for no operation of these versions\n")
	for _, r := range l.Policy.Rules() {
		if !listed[r] {
			fmt.Fprintf(&b, "%-9s %-66s %-7s %s\n", r.Methods, r.Pattern, r.Action, r.Why)
		}
	}
	golden(t, "operations.golden", b.String())
}

const legend = `# What becomes of every operation of Jellyfin 10.10, 10.11 and 12 under the
# default switches; switches.golden shows what others change.
#
#   stranger   shows nothing        browser   has signed in, and shows our cookie
#   app        shows a live token   network   shows nothing, where a token was shown lately
#   home       shows nothing, from a home network on the local listener
#
#   passes         goes to Jellyfin, which judges the token where it asks for one
#   401, 403       refused here, and Jellyfin is not asked
#   403 sign-in    never forwarded as sent; the second factor is asked for here
#   guided         browsers are led to the sign-in page, apps get the document
#   empty list     answered here: there is nobody to choose
#   no address     passes; the server's address at home is taken out of the answer
#   *              Jellyfin asks for an administrator; policy.admin can ask for more
#
`

// operationColumns is a line of the list of operations. A star at the action
// is for Jellyfin's administration, which policy.admin can limit further.
func operationColumns[T fmt.Stringer](method, route, action string, fates []T, versions, why string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s %-66s %-7s", method, route, action)
	for _, f := range fates {
		fmt.Fprintf(&b, " %-11s", f)
	}
	fmt.Fprintf(&b, " %-15s %s\n", versions, why)
	return b.String()
}

func outcomes(e policy.Explanation) []policy.Outcome {
	var all []policy.Outcome
	for _, f := range e.Fates {
		all = append(all, f.Outcome)
	}
	return all
}

// TestSwitchesChangeWhatTheySay lists what each setting of a switch changes for
// which operations.
func TestSwitchesChangeWhatTheySay(t *testing.T) {
	p := policy.New()
	var b strings.Builder
	b.WriteString("# What a setting other than the default changes: who, from what, to what.\n")
	for _, turn := range []struct{ setting, media, images, admin string }{
		{"policy.media: token", "token", "open", "token"},
		{"policy.media: open", "open", "open", "token"},
		{"policy.images: network", "network", "network", "token"},
		{"policy.images: token", "network", "token", "token"},
		{"policy.admin: recent", "network", "open", "recent"},
		{"policy.admin: lan", "network", "open", "lan"},
		{"policy.public_users: show", "network", "open", "token"},
		{"policy.local_address: show", "network", "open", "token"},
	} {
		s, err := policy.ParseSwitches(turn.media, turn.images, turn.admin)
		if err != nil {
			t.Fatal(err)
		}
		s.ShowUsers, s.ShowAddress = turn.setting == "policy.public_users: show", turn.setting == "policy.local_address: show"
		fmt.Fprintf(&b, "\n# %s\n", turn.setting)
		for _, op := range policytest.Operations(t) {
			if strings.HasPrefix(op.Name, "(") {
				continue
			}
			q := question(op.Method+" "+policytest.Example(op.Template), policy.Base{})
			before := p.Explain(q)
			q.Switches = s
			var changes []string
			for i, f := range p.Explain(q).Fates {
				if was := before.Fates[i].Outcome; was != f.Outcome {
					changes = append(changes, fmt.Sprintf("%s %s -> %s", f.Visitor, was, f.Outcome))
				}
			}
			if len(changes) > 0 {
				fmt.Fprintf(&b, "%-9s %-66s %s\n", op.Method, op.Template, strings.Join(changes, ", "))
			}
		}
	}
	golden(t, "switches.golden", b.String())
}

// TestKnownBypasses lists what becomes of the spellings that get around path
// rules elsewhere.
func TestKnownBypasses(t *testing.T) {
	p := policy.New()
	rows := jellyfintest.BypassTable()
	if len(rows) < 70 {
		t.Fatalf("read %d rows", len(rows))
	}
	password := []string{
		"UserController.AuthenticateUserByName", "UserController.AuthenticateUser",
		"UserController.ForgotPassword", "UserController.ForgotPasswordPin",
	}
	var b strings.Builder
	for _, r := range rows {
		e := p.Explain(question(r.Method+" "+r.Target, policy.Base{}))
		verdict := "400: it " + e.Refused
		if e.Refused == "" {
			verdict = fmt.Sprintf("%v, as %s", e.Decision.Action, e.Path)
		}
		for _, runs := range r.Actions {
			protected := slices.Contains(password, runs) || strings.HasPrefix(runs, "StartupController.")
			if protected && e.Refused == "" && !policytest.Closed(e.Decision.Action) {
				t.Errorf("%s %s reaches %s: %s", r.Method, r.Target, runs, verdict)
			}
		}
		fmt.Fprintf(&b, "%-5s %-74s %s\n", r.Method, r.Target, verdict)
	}
	golden(t, "bypasses.golden", b.String())
}
