package policy

import (
	"errors"
	"fmt"
	"strings"
)

// Explanation is what happens to a request and why, for an admin who asks
// `jellyward policy explain`.
type Explanation struct {
	// Method and Target are the request as asked about.
	Method, Target string
	// Refused is why the target has no single meaning, "" if it has one. All
	// below is empty then.
	Refused string
	// Path is the canonical path that is decided on and forwarded, base path
	// included.
	Path string
	// Decision is the row that was matched and the action.
	Decision Decision
	// Stranger, Browser and App are what happens to somebody without token and
	// cookie, to a browser that is signed in, and to an app with a token.
	Stranger, Browser, App string
}

// Explain tells what happens to a request such as "POST /Users/Me", or "/web/",
// which is taken for a GET. The target is the path as it would stand on the
// wire, percent-encoding, base path, query and all.
func (p *Policy) Explain(request string, base Base) Explanation {
	methodName, target, two := strings.Cut(strings.TrimSpace(request), " ")
	if !two {
		methodName, target = methodGet.String(), methodName
	}
	e := Explanation{Method: methodName, Target: strings.TrimSpace(target)}
	path, err := ParsePath(e.Target, base)
	if refused := (*PathError)(nil); errors.As(err, &refused) {
		e.Refused = refused.Reason
		return e
	}
	e.Path = path.String()
	e.Decision = p.Decide(methodName, path, "")
	e.Stranger, e.Browser, e.App = e.Decision.outcomes(path.Outside())
	return e
}

// outcomes says what a decision means for a stranger, a signed-in browser and
// an app with a token, as the gateway carries it out.
func (d Decision) outcomes(outside bool) (stranger, browser, app string) {
	const (
		passes   = "passes to Jellyfin"
		ifItIsSo = passes + ", if Jellyfin says that the token lives"
	)
	alike := func(all string) (string, string, string) { return all, all, all }
	judged := passes + ", which judges the token"
	if d.Rule.Anonymous {
		judged = ifItIsSo
	}
	switch {
	case outside:
		return alike("302 to the web client below the base path if it is a GET, else 404; Jellyfin is not asked")
	case d.Method == "":
		return alike("405; Jellyfin is not asked")
	}
	switch d.Action {
	case SignIn:
		return alike("403, with a few words on where to sign in; Jellyfin is not asked")
	case Portal:
		return alike("answered by Jellyward's own sign-in pages; Jellyfin is not asked")
	case Public, Image:
		return alike(passes)
	case Page:
		return "led to the sign-in page if it is a browser; apps that show the web client get it", passes, passes
	case Token:
		return "401; Jellyfin is not asked", passes, judged
	case Media:
		return "401, but passes from a network that has lately shown a token that lives", passes, ifItIsSo
	default:
		return alike("403; Jellyfin is not asked")
	}
}

// String is the explanation as lines of text, with a final newline.
func (e Explanation) String() string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-16s%s\n", name, value) }
	line("request", strings.TrimSpace(e.Method+" "+e.Target))
	if e.Refused != "" {
		line("answer", "400 for everybody: the target "+e.Refused)
		line("why", "two readers could understand it differently, so it is not passed on")
		return b.String()
	}
	line("path", e.Path)
	if name := e.Decision.Method; name != "" && name != e.Method {
		line("method", name)
	}
	line("row", e.Decision.Rule.Methods+" "+e.Decision.Rule.Pattern)
	line("action", e.Decision.Action.String())
	line("why", e.Decision.Rule.Why)
	line("Jellyfin asks", asks(e.Decision.Rule.Auth))
	line("stranger", e.Stranger)
	line("browser", e.Browser)
	line("app", e.App)
	return b.String()
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
