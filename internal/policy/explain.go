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
	e.Decision = p.Decide(methodName, path)
	e.Stranger, e.Browser, e.App = e.Decision.outcomes()
	return e
}

// outcomes says what a decision means for a stranger, a signed-in browser and
// an app with a token.
func (d Decision) outcomes() (stranger, browser, app string) {
	const passes = "passes to Jellyfin"
	switch d.Action {
	case SignIn:
		refused := "403, with a few words on where to sign in; Jellyfin is not asked"
		return refused, refused, refused
	case Portal:
		own := "answered by Jellyward's own sign-in pages; Jellyfin is not asked"
		return own, own, own
	case Public, Media, Image:
		return passes, passes, passes
	case Page:
		return "a browser is led to the sign-in page; apps that show the web client get it", passes, passes
	case Token:
		return "401; Jellyfin is not asked", passes, passes + ", which judges the token"
	default:
		refused := "403; Jellyfin is not asked"
		return refused, refused, refused
	}
}

// String is the explanation as lines of text, with a final newline.
func (e Explanation) String() string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-16s%s\n", name, value) }
	line("request", e.Method+" "+e.Target)
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
	switch auth {
	case "anonymous":
		return "nothing: it answers anybody"
	case "-":
		return "(nothing of Jellyfin's own answers here)"
	case "default":
		return "a user's token"
	case "RequiresElevation":
		return "an administrator's token"
	default:
		return "a token that meets " + auth
	}
}
