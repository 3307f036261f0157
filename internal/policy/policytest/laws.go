package policytest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// Laws are what must hold for any request, whoever made it up.
type Laws struct {
	Policy *policy.Policy
	Models []*Model
	rows   Rows
}

// NewLaws is for the program's own table.
func NewLaws(t testing.TB) *Laws {
	t.Helper()
	l := &Laws{Policy: policy.New()}
	l.rows = RowsOf(l.Policy)
	for _, version := range []string{"10.10", "10.11", "12"} {
		l.Models = append(l.Models, NewModel(t, version))
	}
	return l
}

// Rows are the rows of a table by method and shape of the pattern.
type Rows map[string]policy.Rule

// RowsOf are p's own.
func RowsOf(p *policy.Policy) Rows {
	rows := Rows{}
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
func (l *Laws) prefixed() *Model {
	return l.Models[slices.IndexFunc(l.Models, func(m *Model) bool { return m.prefixes })]
}

// Of is the table's own row for an operation.
func (rows Rows) Of(op Operation) (policy.Rule, bool) {
	r, ok := rows[op.Method+" "+shape(op.Template)]
	return r, ok
}

// Closed tells that nobody passes.
func Closed(a policy.Action) bool {
	return a == policy.Deny || a == policy.SignIn || a == policy.Portal
}

// Check returns the first law that a request breaks. A refused target breaks
// none.
func (l *Laws) Check(method, target string, base policy.Base) error {
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
	for _, m := range l.Models {
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
func (l *Laws) fixedPoint(p policy.Path, base policy.Base) error {
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
func (l *Laws) seenAlike(m *Model, p policy.Path, target string, base policy.Base) error {
	seen, err := m.Path(p.String(), base.String())
	if p.Outside() {
		if !errors.Is(err, ErrOutside) {
			return fmt.Errorf("%s: %q was taken for outside, server sees %q (%v)", m.Version, p, seen, err)
		}
		return nil
	}
	if err != nil || seen != p.Local() {
		return fmt.Errorf("%s: decided on %q, server sees %q (%v)", m.Version, p.Local(), seen, err)
	}
	meant, err := m.Path(target, base.String())
	switch {
	case err != nil:
		return fmt.Errorf("%s: accepted as %q, server refuses (%v)", m.Version, p.Local(), err)
	case meant == p.Local(), meant == "" && p.Local() == "/":
		return nil
	case !m.prefixes:
		if behind, err := legacyPrefix(meant); err == nil && (behind == p.Local() || behind == "" && p.Local() == "/") {
			return nil
		}
	}
	return fmt.Errorf("%s: decided on %q, the visitor's spelling means %q", m.Version, p.Local(), meant)
}

// decidedOnWhatRuns: the row is the one of the operation that would run, unless
// nothing passes at all.
func (l *Laws) decidedOnWhatRuns(m *Model, p policy.Path, method string) error {
	d := l.Policy.Decide(method, p, "")
	if p.Outside() {
		if d.Action != policy.Deny {
			return fmt.Errorf("outside the base path is %v", d.Action)
		}
		return nil
	}
	op, name := m.Route(method, p.Local())
	if op.Name == "" || Closed(d.Action) {
		return nil
	}
	want, ok := l.rows.Of(op)
	if !ok {
		return fmt.Errorf("%s: no row for %s %s", m.Version, op.Method, op.Template)
	}
	// Later versions have rows of their own within what was one to 10.10.
	if d.Action != want.Action || d.Rule != want && m.Version != "10.10" {
		return fmt.Errorf("%s: %s runs, decided by row %s %s", m.Version, name, d.Rule.Methods, d.Rule.Pattern)
	}
	if d.Method != op.Method {
		return fmt.Errorf("method is %q, want %q", d.Method, op.Method)
	}
	return nil
}
