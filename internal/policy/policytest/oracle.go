package policytest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// Ruling is what becomes of a request: what is forwarded, if anything is.
type Ruling struct {
	Decision policy.Decision
	Forward  string // the target to Jellyfin, without the query
	Local    string // the path that was decided on
	Outside  bool
	Refused  bool // with 400
}

// Rule is the program's own ruling.
func Rule(w Wire) Ruling {
	p, err := policy.ParsePath(w.Target, w.Base)
	if err != nil {
		return Ruling{Refused: true}
	}
	return Ruling{
		Decision: w.Listed.Policy.Decide(w.Method, p, w.Client),
		Forward:  p.String(), Local: p.Local(), Outside: p.Outside(),
	}
}

// Forwarded tells that Jellyfin sees the request at all.
func (r Ruling) Forwarded() bool {
	return !r.Refused && !r.Outside && r.Decision.Method != "" && !Closed(r.Decision.Action)
}

// Oracle knows what must become of a request, from the models of the servers and
// from what Jellyfin asks. What an operation is worth it takes from the table,
// which is held against Jellyfin elsewhere; which operation it is, and what a
// list says, it finds out in its own way.
type Oracle struct {
	models []*Model
	laws   *Laws
}

// NewOracle asks the models of all versions.
func NewOracle(t testing.TB) *Oracle {
	t.Helper()
	l := NewLaws(t)
	return &Oracle{models: l.Models, laws: l}
}

// worth is what must become of what a path leads to.
type worth struct {
	action   policy.Action
	name     string
	asks     bool // Jellyfin asks for a token itself
	sealed   bool // no line opens it
	unknown  bool
	elevated bool
}

// Judge returns what is wrong with a ruling, in either direction.
func (o *Oracle) Judge(w Wire, r Ruling) error {
	if err := o.JudgeExactly(w, r); err != nil || !r.Forwarded() {
		return err
	}
	return o.careless(w, r)
}

// JudgeExactly is Judge for what Jellyfin's servers do, without readers that are
// more careless.
func (o *Oracle) JudgeExactly(w Wire, r Ruling) error {
	if !r.Forwarded() {
		if !w.Ordinary {
			return nil
		}
		return o.wrongly(w, r)
	}
	if r.Decision.Method != strings.ToUpper(w.Method) {
		return fmt.Errorf("the method %s becomes %s", w.Method, r.Decision.Method)
	}
	if meant, err := o.laws.prefixed().Path(w.Target, w.Base.String()); err != nil || meant != r.Local && meant+"/" != r.Local {
		return fmt.Errorf("the spelling means %q (%v), and was decided on as %q", meant, err, r.Local)
	}
	for _, m := range o.models {
		seen, err := m.Path(r.Forward, w.Base.String())
		if err != nil || seen != r.Local {
			return fmt.Errorf("%s sees %q (%v) in the forwarded %q, which was decided on as %q", m.Version, seen, err, r.Forward, r.Local)
		}
	}
	for _, want := range o.wants(w, r.Decision.Method, r.Local) {
		if err := want.holds(r.Decision); err != nil {
			return err
		}
	}
	return nil
}

// wants are what a path is worth that all servers see, once for each that has an
// operation there.
func (o *Oracle) wants(w Wire, method, path string) []worth {
	var wants []worth
	for _, m := range o.models {
		if op, name := m.Route(method, path); op.Name != "" {
			wants = append(wants, o.operation(op, name).listed(w, method, path))
		}
	}
	if len(wants) == 0 {
		wants = append(wants, other(method, path).listed(w, method, path))
	}
	return wants
}

// holds tells what is wrong with a decision to forward.
func (want worth) holds(d policy.Decision) error {
	switch {
	case d.Action != want.action:
		return fmt.Errorf("%s runs, which is %v, and was decided on as %v by %s %s", want.name, want.action, d.Action, d.Rule.Methods, d.Rule.Pattern)
	case d.Action == policy.Token && !want.asks && !d.Rule.Anonymous:
		return fmt.Errorf("%s runs for a dead token, by %s %s", want.name, d.Rule.Methods, d.Rule.Pattern)
	case want.elevated && !d.Elevated:
		return fmt.Errorf("%s runs, which is administration", want.name)
	case (want.action == policy.Token || want.action == policy.Media) && d.For(policy.Stranger.Asker(), policy.DefaultSwitches()) != policy.Unauthorized:
		return fmt.Errorf("%s runs for a stranger", want.name)
	}
	return nil
}

// wrongly tells whether an ordinary client's request should not have been
// refused.
func (o *Oracle) wrongly(w Wire, r Ruling) error {
	if open := o.open(w); len(open) > 0 {
		return fmt.Errorf("%s, which is %v, is refused (%+v)", open[0].name, open[0].action, r)
	}
	return nil
}

// open are what an ordinary client's request is worth to the servers that run
// something for it which is not closed.
func (o *Oracle) open(w Wire) []worth {
	var all []worth
	for _, m := range o.models {
		seen, err := m.Path(w.Target, w.Base.String())
		if err != nil {
			continue
		}
		op, name := m.Route(w.Method, seen)
		if op.Name == "" {
			continue
		}
		want := o.operation(op, name).listed(w, strings.ToUpper(w.Method), seen)
		if Closed(want.action) || other(strings.ToUpper(w.Method), seen).sealed {
			continue // a plugin's tree is guarded, in which Jellyfin too would see something
		}
		if near, particular := o.carelessly(w, w.Target, strings.ToUpper(w.Method)); particular && Closed(near.action) {
			continue
		}
		all = append(all, want)
	}
	return all
}

// careless tells whether something was forwarded that a reader more careless
// than Jellyfin would take for what is closed.
func (o *Oracle) careless(w Wire, r Ruling) error {
	if !strings.Contains(r.Forward, "%") {
		return nil
	}
	if want, particular := o.carelessly(w, r.Forward, r.Decision.Method); particular && Closed(want.action) {
		return fmt.Errorf("%s could be taken for %s, which is %v", r.Forward, want.name, want.action)
	}
	return nil
}

// carelessly is what a careless reader would take a target for. A list that
// closes everything is not particular about it.
func (o *Oracle) carelessly(w Wire, target, method string) (want worth, particular bool) {
	path := carelessPath(target, w.Base.String())
	if path == "" {
		return worth{}, false
	}
	want = other(method, path)
	for _, m := range o.models {
		if op, name := m.Route(method, path); op.Name != "" {
			want = o.operation(op, name)
		}
	}
	if l, ok := w.Listed.says(method, path, w.Client); ok && l.precedence == "9" {
		return want, false
	}
	listed := want.listed(w, method, path)
	return listed, !listed.unknown
}

var (
	anySlash   = strings.NewReplacer("%2f", "/", "%2F", "/")
	lookalikes = strings.NewReplacer("\u017f", "s", "\u212a", "k", "\u0130", "i", "\u0131", "i")
)

// carelessPath decodes as long as there is something to decode, slashes too,
// takes some letters outside ASCII for those within, and resolves dot segments
// then. It is "" where old prefixes leave it to taste what is left.
func carelessPath(target, base string) string {
	path, _, _ := strings.Cut(target, "?")
	for range 5 {
		decoded, err := Decode(anySlash.Replace(path))
		if err != nil {
			return ""
		}
		path = decoded
	}
	path = lookalikes.Replace(path)
	path = Lower(RemoveDots(path))
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	path = strings.TrimPrefix(path, base)
	for _, prefix := range []string{"/emby", "/mediabrowser"} {
		if strings.HasPrefix(path, prefix) {
			path = strings.TrimPrefix(path, prefix)
			if !strings.HasPrefix(path, "/") {
				return ""
			}
		}
	}
	return path
}

func (o *Oracle) operation(op Operation, name string) worth {
	row, ok := o.laws.rows.Of(op)
	if !ok {
		return worth{name: name}
	}
	return worth{action: row.Action, name: name, asks: op.Auth != "anonymous", sealed: row.Sealed, elevated: strings.Contains(op.Auth, "Elevat")}
}

// other is what paths are worth that lead to no operation: files, plugins, and
// what is guarded although nothing is there.
func other(method, path string) worth {
	path = Lower(path)
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	below := func(tops ...string) bool {
		return slices.ContainsFunc(tops, func(top string) bool { return path == top || strings.HasPrefix(path, top+"/") })
	}
	reads := method == "GET" || method == "HEAD"
	want := worth{name: method + " " + path}
	switch {
	case below("/sso/2fa"):
		want.action, want.sealed = policy.Portal, true
	case below("/startup", "/users/forgotpassword", "/opds", "/sso", "/plugins/twofa"), path == "/twofactorauth/authenticate":
		want.sealed = true
	case below("/api-docs", "/ssoviews"), path == "/health", path == "/metrics":
	case reads && (path == "/" || path == "/web" || path == "/web/index.html"):
		want.action = policy.Page
	case reads && (below("/web") || path == "/robots.txt" || path == "/favicon.ico"):
		want.action = policy.Public
	case method == "GET" && (path == "/socket" || isGroup(path)):
		want.action, want.asks = policy.Token, true
	default:
		want.action, want.unknown = policy.Token, true
	}
	return want
}

// isGroup tells paths such as /SyncPlay/{id}, where Jellyfin has nothing unless
// the name is a GUID, and the table has the same for all names.
func isGroup(path string) bool {
	name, ok := strings.CutPrefix(path, "/syncplay/")
	return ok && name != "" && !strings.Contains(name, "/")
}

// listed is what the worth becomes by an admin's lists.
func (want worth) listed(w Wire, method, path string) worth {
	l, ok := w.Listed.says(method, path, w.Client)
	switch {
	case want.action == policy.Portal:
		return want
	case ok && l.Action == policy.Deny:
		return worth{action: policy.Deny, name: want.name + " closed by " + l.String()}
	case ok && want.opensTo(l.Action):
		want.asks = want.asks && !Closed(want.action) // where it was closed, its own question proves nothing
		want.action, want.unknown = l.Action, false
	case want.unknown && w.Listed.Unknown && method != "OPTIONS":
		want.action = policy.Deny
	}
	return want
}

// opensTo tells whether a line may give the action to what is worth want.
func (want worth) opensTo(a policy.Action) bool {
	switch {
	case want.sealed:
		return false
	case want.unknown || a == policy.Token:
		return true
	}
	switch want.action {
	case policy.Deny, policy.SignIn:
		return false
	case policy.Media:
		return a == policy.Media
	case policy.Page:
		return a != policy.Public
	case policy.Token:
		return !want.asks
	}
	return true
}
