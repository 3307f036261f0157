package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

// ruling is what becomes of a request: what is forwarded, if anything is.
type ruling struct {
	decision policy.Decision
	forward  string // the target to Jellyfin, without the query
	local    string // the path that was decided on
	outside  bool
	refused  bool // with 400
}

// rule is the program's own ruling.
func rule(w wire) ruling {
	p, err := policy.ParsePath(w.target, w.base)
	if err != nil {
		return ruling{refused: true}
	}
	return ruling{
		decision: w.listed.policy.Decide(w.method, p, w.client),
		forward:  p.String(), local: p.Local(), outside: p.Outside(),
	}
}

// forwarded tells that Jellyfin sees the request at all.
func (r ruling) forwarded() bool {
	return !r.refused && !r.outside && r.decision.Method != "" && !closed(r.decision.Action)
}

// oracle knows what must become of a request, from the models of the servers and
// from what Jellyfin asks. What an operation is worth it takes from the table,
// which is held against Jellyfin elsewhere; which operation it is, and what a
// list says, it finds out in its own way.
type oracle struct {
	models []*model
	laws   *laws
}

func newOracle(t testing.TB) *oracle {
	t.Helper()
	l := newLaws(t)
	return &oracle{models: l.models, laws: l}
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

// judge returns what is wrong with a ruling, in either direction.
func (o *oracle) judge(w wire, r ruling) error {
	if err := o.judgeExactly(w, r); err != nil || !r.forwarded() {
		return err
	}
	return o.careless(w, r)
}

// judgeExactly is judge for what Jellyfin's servers do, without readers that are
// more careless.
func (o *oracle) judgeExactly(w wire, r ruling) error {
	if !r.forwarded() {
		if !w.ordinary {
			return nil
		}
		return o.wrongly(w, r)
	}
	if r.decision.Method != strings.ToUpper(w.method) {
		return fmt.Errorf("the method %s becomes %s", w.method, r.decision.Method)
	}
	if meant, err := o.laws.prefixed().path(w.target, w.base.String()); err != nil || meant != r.local && meant+"/" != r.local {
		return fmt.Errorf("the spelling means %q (%v), and was decided on as %q", meant, err, r.local)
	}
	var wants []worth
	for _, m := range o.models {
		seen, err := m.path(r.forward, w.base.String())
		if err != nil || seen != r.local {
			return fmt.Errorf("%s sees %q (%v) in the forwarded %q, which was decided on as %q", m.version, seen, err, r.forward, r.local)
		}
		if op, name := m.route(r.decision.Method, seen); op.name != "" {
			wants = append(wants, o.operation(op, name))
		}
	}
	if len(wants) == 0 {
		wants = append(wants, other(r.decision.Method, r.local))
	}
	for _, want := range wants {
		if err := want.listed(w, r.decision.Method, r.local).holds(r.decision); err != nil {
			return err
		}
	}
	return nil
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
func (o *oracle) wrongly(w wire, r ruling) error {
	for _, m := range o.models {
		seen, err := m.path(w.target, w.base.String())
		if err != nil {
			continue
		}
		op, name := m.route(w.method, seen)
		if op.name == "" {
			continue
		}
		want := o.operation(op, name).listed(w, strings.ToUpper(w.method), seen)
		if closed(want.action) || other(strings.ToUpper(w.method), seen).sealed {
			continue // a plugin's tree is guarded, in which Jellyfin too would see something
		}
		if near, particular := o.carelessly(w, w.target, strings.ToUpper(w.method)); particular && closed(near.action) {
			continue
		}
		return fmt.Errorf("%s, which is %v, is refused (%+v)", name, want.action, r)
	}
	return nil
}

// careless tells whether something was forwarded that a reader more careless
// than Jellyfin would take for what is closed.
func (o *oracle) careless(w wire, r ruling) error {
	if !strings.Contains(r.forward, "%") {
		return nil
	}
	if want, particular := o.carelessly(w, r.forward, r.decision.Method); particular && closed(want.action) {
		return fmt.Errorf("%s could be taken for %s, which is %v", r.forward, want.name, want.action)
	}
	return nil
}

// carelessly is what a careless reader would take a target for. A list that
// closes everything is not particular about it.
func (o *oracle) carelessly(w wire, target, method string) (want worth, particular bool) {
	path := carelessPath(target, w.base.String())
	if path == "" {
		return worth{}, false
	}
	want = other(method, path)
	for _, m := range o.models {
		if op, name := m.route(method, path); op.name != "" {
			want = o.operation(op, name)
		}
	}
	if l, ok := w.listed.says(method, path, w.client); ok && l.precedence == "9" {
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
		decoded, err := kestrelDecode(anySlash.Replace(path))
		if err != nil {
			return ""
		}
		path = decoded
	}
	path = lookalikes.Replace(path)
	path = asciiLower(kestrelDots(path))
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

func (o *oracle) operation(op operation, name string) worth {
	row, ok := o.laws.row(op)
	if !ok {
		return worth{name: name}
	}
	return worth{action: row.Action, name: name, asks: op.auth != "anonymous", sealed: row.Sealed, elevated: strings.Contains(op.auth, "Elevat")}
}

// other is what paths are worth that lead to no operation: files, plugins, and
// what is guarded although nothing is there.
func other(method, path string) worth {
	path = asciiLower(path)
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
func (want worth) listed(w wire, method, path string) worth {
	l, ok := w.listed.says(method, path, w.client)
	switch {
	case want.action == policy.Portal:
		return want
	case ok && l.action == policy.Deny:
		return worth{action: policy.Deny, name: want.name + " closed by " + l.String()}
	case ok && want.opensTo(l.action):
		want.asks = want.asks && !closed(want.action) // where it was closed, its own question proves nothing
		want.action, want.unknown = l.action, false
	case want.unknown && w.listed.unknown && method != "OPTIONS":
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
