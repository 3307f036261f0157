package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// laws are what must hold for any request, whoever made it up.
type laws struct {
	policy *policy.Policy
	models []*model
	rows   map[string]policy.Rule // by method and shape of the pattern
}

func newLaws(t testing.TB) *laws {
	t.Helper()
	l := &laws{policy: policy.New()}
	l.rows = rowsOf(l.policy)
	for _, version := range []string{"10.10", "10.11", "12"} {
		l.models = append(l.models, newModel(t, version))
	}
	return l
}

// rowsOf are p's rows by method and shape.
func rowsOf(p *policy.Policy) map[string]policy.Rule {
	rows := map[string]policy.Rule{}
	for _, r := range p.Rules() {
		for _, method := range methodsOf(r) {
			rows[method+" "+shape(r.Pattern)] = r
		}
	}
	return rows
}

func methodsOf(r policy.Rule) []string {
	if r.Methods == "*" {
		return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	}
	return strings.Split(r.Methods, ",")
}

// shape is a pattern without the names of its parameters.
func shape(pattern string) string {
	var b strings.Builder
	for rest := pattern; rest != ""; {
		literal, after, braced := strings.Cut(rest, "{")
		b.WriteString(strings.ToLower(literal))
		if !braced {
			break
		}
		var name string
		name, rest, _ = strings.Cut(after, "}")
		if strings.HasPrefix(name, "**") {
			b.WriteString("{**}")
			continue
		}
		b.WriteString("{}")
	}
	return b.String()
}

// prefixed is the model of a server that knows the old prefixes.
func (l *laws) prefixed() *model {
	return l.models[slices.IndexFunc(l.models, func(m *model) bool { return m.prefixes })]
}

// row is the table's own row for an operation.
func (l *laws) row(op operation) (policy.Rule, bool) {
	r, ok := l.rows[op.method+" "+shape(op.template)]
	return r, ok
}

func closed(a policy.Action) bool {
	return a == policy.Deny || a == policy.SignIn || a == policy.Portal
}

// check returns the first law that a request breaks. A refused target breaks
// none.
func (l *laws) check(method, target string, base policy.Base) error {
	p, err := policy.ParsePath(target, base)
	if err != nil {
		if refused := (*policy.PathError)(nil); !errors.As(err, &refused) || refused.Reason == "" {
			return fmt.Errorf("refused without a reason: %v", err)
		}
		return nil
	}
	if err := l.fixedPoint(p, base); err != nil {
		return err
	}
	for _, m := range l.models {
		if err := l.seenAlike(m, p, target, base); err != nil {
			return err
		}
		if err := l.decidedOnWhatRuns(m, p, method); err != nil {
			return err
		}
	}
	return nil
}

// fixedPoint: what is forwarded means itself, and is plain on the wire.
func (l *laws) fixedPoint(p policy.Path, base policy.Base) error {
	again, err := policy.ParsePath(p.String(), base)
	if err != nil {
		return fmt.Errorf("forwarded form %q is refused: %w", p, err)
	}
	for _, pair := range [][2]string{{again.String(), p.String()}, {again.Local(), p.Local()}, {again.Lower(), p.Lower()}} {
		if pair[0] != pair[1] {
			return fmt.Errorf("forwarded form %q means %q, not %q", p, pair[0], pair[1])
		}
	}
	if again.Outside() != p.Outside() {
		return fmt.Errorf("forwarded form %q changes sides of the base path", p)
	}
	if i := strings.IndexFunc(p.String(), func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"#<>?[\]^{|}`+"`", r) }); i >= 0 {
		return fmt.Errorf("forwarded form %q has %q on the wire", p, p.String()[i])
	}
	return nil
}

// seenAlike: Jellyfin sees the path that was decided on, in the forwarded form
// and in the visitor's spelling alike. The one liberty is the old prefixes,
// which version 12 does not know.
func (l *laws) seenAlike(m *model, p policy.Path, target string, base policy.Base) error {
	seen, err := m.path(p.String(), base.String())
	if p.Outside() {
		if !errors.Is(err, errOutside) {
			return fmt.Errorf("%s: %q was taken for outside, server sees %q (%v)", m.version, p, seen, err)
		}
		return nil
	}
	if err != nil || seen != p.Local() {
		return fmt.Errorf("%s: decided on %q, server sees %q (%v)", m.version, p.Local(), seen, err)
	}
	meant, err := m.path(target, base.String())
	switch {
	case err != nil:
		return fmt.Errorf("%s: accepted as %q, server refuses (%v)", m.version, p.Local(), err)
	case meant == p.Local(), meant == "" && p.Local() == "/":
		return nil
	case !m.prefixes:
		if behind, err := legacyPrefix(meant); err == nil && (behind == p.Local() || behind == "" && p.Local() == "/") {
			return nil
		}
	}
	return fmt.Errorf("%s: decided on %q, the visitor's spelling means %q", m.version, p.Local(), meant)
}

// decidedOnWhatRuns: the row is the one of the operation that would run, unless
// nothing passes at all.
func (l *laws) decidedOnWhatRuns(m *model, p policy.Path, method string) error {
	d := l.policy.Decide(method, p, "")
	if p.Outside() {
		if d.Action != policy.Deny {
			return fmt.Errorf("outside the base path is %v", d.Action)
		}
		return nil
	}
	op, name := m.route(method, p.Local())
	if op.name == "" || closed(d.Action) {
		return nil
	}
	want, ok := l.row(op)
	if !ok {
		return fmt.Errorf("%s: no row for %s %s", m.version, op.method, op.template)
	}
	// Later versions have rows of their own within what was one to 10.10.
	if d.Action != want.Action || d.Rule != want && m.version != "10.10" {
		return fmt.Errorf("%s: %s runs, decided by row %s %s", m.version, name, d.Rule.Methods, d.Rule.Pattern)
	}
	if d.Method != op.method {
		return fmt.Errorf("method is %q, want %q", d.Method, op.method)
	}
	return nil
}

func TestRecordedTargetsKeepTheLaws(t *testing.T) {
	l := newLaws(t)
	for version, rows := range recordings() {
		accepted := 0
		for _, row := range rows {
			if err := l.check(row.Method, row.Target, policy.Base{}); err != nil {
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
	l := newLaws(t)
	auths := map[string][]string{}
	for _, op := range readOperations(t) {
		auths[op.name] = append(auths[op.name], op.auth)
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
			d := l.policy.Decide(row.Method, p, "")
			if (slices.Contains(never, row.Action) || strings.HasPrefix(row.Action, "StartupController.")) && !closed(d.Action) {
				t.Errorf("%s %s runs %s, decided %v", row.Method, row.Target, row.Action, d.Action)
			}
			if !slices.Contains(auths[row.Action], "anonymous") && d.Action != policy.Token && !closed(d.Action) {
				t.Errorf("%s %s runs %s, which asks a token, decided %v", row.Method, row.Target, row.Action, d.Action)
			}
		}
	}
}
