package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Question is a request that an admin asks about.
type Question struct {
	// Method and Target are as they would stand on the wire: percent-encoding,
	// base path, query and all. No method is GET.
	Method, Target string
	// Client is what the app calls itself, "" if it does not say.
	Client string
	// Base and Switches are those of the settings.
	Base     Base
	Switches Switches
	// Socket tells that the request asks for a WebSocket.
	Socket bool
	// Visitors are those whose fate is of interest, all if nil.
	Visitors []Visitor
}

// Explanation is what happens to a request and why, for an admin who asks
// `jellyward policy explain`.
type Explanation struct {
	Question
	// Refused is why the target has no single meaning, "" if it has one. All
	// below is empty then.
	Refused string
	// Path is the canonical path that is decided on and forwarded, base path
	// included.
	Path string
	// Decision is the row that was matched and the action, Needs what it comes
	// to.
	Decision Decision
	Needs    Needs
	// Fates are what happens to the visitors that were asked about, in their
	// order.
	Fates []Fate
}

// Fate is what happens to one visitor's request.
type Fate struct {
	Visitor Visitor
	Outcome Outcome
	// Words are the outcome with its reason.
	Words string
}

// Explain tells what happens to the request of q.
func (p *Policy) Explain(q Question) Explanation {
	if q.Method == "" {
		q.Method = methodGet.String()
	}
	if q.Visitors == nil {
		q.Visitors = Visitors()
	}
	e := Explanation{Question: q}
	path, err := ParsePath(q.Target, q.Base)
	if refused := (*PathError)(nil); errors.As(err, &refused) {
		e.Refused = refused.Reason
		return e
	}
	e.Path = path.String()
	e.Decision = p.Decide(q.Method, path, q.Client)
	if q.Socket && e.Decision.Method == methodGet.String() {
		e.Decision = p.Upgrade(path, q.Client)
	}
	e.Needs = e.Decision.Needs(q.Switches)
	for _, v := range q.Visitors {
		outcome := e.Needs.For(v.Asker())
		e.Fates = append(e.Fates, Fate{v, outcome, e.Needs.words(v.Asker(), outcome)})
	}
	return e
}

// Of is what happens to v, the zero Fate if that was not asked.
func (e Explanation) Of(v Visitor) Fate {
	if i := slices.IndexFunc(e.Fates, func(f Fate) bool { return f.Visitor == v }); i >= 0 {
		return e.Fates[i]
	}
	return Fate{}
}

// String is the explanation as lines of text, with a final newline.
func (e Explanation) String() string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-16s%s\n", name, value) }
	line("request", strings.TrimSpace(e.Method+" "+e.Target))
	if e.Client != "" {
		line("client", e.Client)
	}
	if e.Refused != "" {
		line("answer", "400 for everybody: the target "+e.Refused)
		line("why", "two readers could understand it differently, so it is not passed on")
		return b.String()
	}
	line("path", e.Path)
	if name := e.Decision.Method; name != "" && name != e.Method {
		line("method", name)
	}
	line("row", e.Decision.Rule.title())
	line("action", e.Decision.Action.String())
	line("why", e.Decision.Rule.Why)
	line("Jellyfin asks", asks(e.Decision.Rule.Auth))
	for _, f := range e.Fates {
		line(f.Visitor.String(), f.Words)
	}
	return b.String()
}

// title is a rule's methods and pattern, and for an admin's line the rest of it.
func (r Rule) title() string {
	title := r.Methods + " " + r.Pattern
	if r.List == "" {
		return title
	}
	if r.Clients != "" {
		title += " " + forWord + " " + r.Clients
	}
	return title + " (" + r.List + ")"
}

// words tell an admin what becomes of a's request, and on what that hangs.
func (n Needs) words(a Asker, o Outcome) string {
	switch o {
	case Refused:
		return "403; Jellyfin is not asked"
	case SignInElsewhere:
		return "never forwarded as sent: refused, unless it is an app's POST /Users/AuthenticateByName whose code or app password is right"
	case MethodUnknown:
		return "405; Jellyfin is not asked"
	case NotBelowBase:
		return "302 to the web client below the base path if it is a GET, else 404; Jellyfin is not asked"
	case OwnPages:
		return "answered by Jellyward's own sign-in pages; Jellyfin is not asked"
	case Unauthorized:
		return n.wordsUnauthorized(a)
	case NotRecent:
		return "403, until it has signed in with its second factor within the last hour (policy.admin is recent)"
	case NotHome:
		return "403, since policy.admin is lan: for visitors at home on the local listener only"
	case NoUsers:
		return "answered here: an empty list, since policy.public_users is hide; Jellyfin is not asked"
	case NoAddress:
		return "passes to Jellyfin, whose address at home is taken out of the answer, since policy.local_address is hide"
	case Guided:
		return "led to the sign-in page if it is a browser; apps that show the web client get it"
	}
	return n.wordsPasses(a)
}

func (n Needs) wordsUnauthorized(a Asker) string {
	switch {
	case n.Home && a.Home:
		return "401 without a token; with one, this is the place from where it passes"
	case n.Network:
		return "401, until the network has shown a token that lives"
	case n.Live && a.Granted:
		return "401: what the network has shown does not count here"
	}
	return "401; Jellyfin is not asked"
}

func (n Needs) wordsPasses(a Asker) string {
	const passes = "passes to Jellyfin"
	switch {
	case !n.Credential:
		return passes
	case a.Token && n.Live:
		return passes + ", if Jellyfin says that the token lives"
	case a.Token:
		return passes + ", which judges the token"
	case a.Cookie && n.Live:
		return passes + ", if Jellyfin says that the session's token lives"
	case a.Cookie:
		return passes + ", which looks for a token itself"
	}
	return passes + ", since the network has shown a token lately"
}

// asks puts the name of one of Jellyfin's authorisation policies into words.
func asks(auth string) string {
	if older, newer, both := strings.Cut(auth, "|"); both {
		return asks(newer) + "; 10.10 asks " + asks(older)
	}
	switch auth {
	case "anonymous":
		return "nothing: it answers anybody"
	case "-":
		return "(nothing of Jellyfin's own answers here)"
	case "default", "IgnoreParentalControl":
		return "a user's token"
	case "RequiresElevation", "default+RequiresElevation":
		return "an administrator's token"
	case "FirstTimeSetupOrDefault", "FirstTimeSetupOrIgnoreParentalControl":
		return "a user's token, or nothing while its start-up wizard is open"
	case "FirstTimeSetupOrElevated", "default+FirstTimeSetupOrElevated":
		return "an administrator's token, or nothing while its start-up wizard is open"
	case "LocalAccessOrRequiresElevation":
		return "an administrator's token, or nothing of whom it takes for a neighbour"
	default:
		return "the token of a user who may do this (" + auth + ")"
	}
}
