package policy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// LineError tells what is wrong with a line of the admin's lists.
type LineError struct {
	// List is the setting that the line stands in, policy.allow or policy.deny.
	List string
	// Line is the line as written.
	Line string
	// Cause continues a sentence that the line begins, Hint is the way out.
	Cause, Hint string
}

func (e LineError) Error() string { return e.List + ": " + quoteLine(e.Line) + " " + e.Cause }

// LineErrors is the error of [Compile]: every line that is wrong, at once.
type LineErrors []LineError

func (e LineErrors) Error() string {
	lines := make([]string, len(e))
	for i, line := range e {
		lines[i] = line.Error()
	}
	return strings.Join(lines, "\n")
}

func quoteLine(line string) string { return `"` + line + `"` }

// line is one line of the admin's lists.
type line struct {
	*row
	text string
}

func (l line) errorf(cause, hint string) LineError {
	return LineError{List: l.List, Line: l.text, Cause: cause, Hint: hint}
}

// readLists reads the lines of both lists, and tells what is wrong with the
// others.
func readLists(o Options) (lines []line, errs LineErrors) {
	for _, list := range []struct {
		name  string
		lines []string
	}{{allowList, o.Allow}, {denyList, o.Deny}} {
		for _, text := range list.lines {
			text = strings.Join(strings.Fields(text), " ")
			row, cause, hint := readLine(list.name, text)
			if cause != "" {
				errs = append(errs, LineError{List: list.name, Line: text, Cause: cause, Hint: hint})
				continue
			}
			lines = append(lines, line{row, text})
		}
	}
	return lines, errs
}

const (
	lineForm    = "write methods, a pattern, an action and clients, of which only the pattern must be there: GET,POST /Streamyfin/{**rest} token for Streamyfin"
	methodNames = "GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS are known, and * is all of them"
)

// readLine reads "[METHODS] PATTERN [ACTION] [for CLIENT, CLIENT]".
func readLine(list, text string) (r *row, cause, hint string) {
	if strings.IndexFunc(text, notText) >= 0 || !utf8.ValidString(text) {
		return nil, "has a control character or is not UTF-8", "write it again by hand; it may have been copied with something invisible"
	}
	words := strings.Fields(text)
	at := slices.IndexFunc(words, func(w string) bool { return w[0] == '/' })
	if at < 0 {
		return nil, "has no pattern that begins with a slash", lineForm
	}
	rule := Rule{Pattern: words[at], List: list, Action: Token, Why: "the admin's own line in " + list}
	if list == denyList {
		rule.Action = Deny
	}
	if rule.Methods, cause = readMethods(strings.Join(words[:at], "")); cause != "" {
		return nil, cause, methodNames
	}
	rest := words[at+1:]
	if len(rest) > 0 && rest[0] != forWord {
		if rule.Action, cause, hint = readAction(list, rest[0]); cause != "" {
			return nil, cause, hint
		}
		rest = rest[1:]
	}
	clients, cause := readClients(rest)
	if cause != "" {
		return nil, cause, `write "for" and the names of clients with commas between them, as the apps send them: for Streamyfin, Jellyfin Android`
	}
	if rule.Clients = strings.Join(clients, ", "); rule.Clients != "" {
		rule.Why += "; a client's name is only what it says of itself"
	}
	if cause, hint = patternProblem(rule.Pattern); cause != "" {
		return nil, cause, hint
	}
	rule.Pattern = trimSlash(rule.Pattern)
	r, err := newRow(rule, clients)
	if err != nil {
		return nil, "is not understood: " + err.Error(), patternForm
	}
	return r, "", ""
}

// readMethods reads the methods of a line, in any case, with blanks taken out.
func readMethods(text string) (methods, cause string) {
	if text == "" || text == "*" {
		return "*", ""
	}
	var known []string
	for name := range strings.SplitSeq(text, ",") {
		m := parseMethod(name)
		if m == methodUnknown {
			return "", "has the unknown method " + quoteLine(name)
		}
		if slices.Contains(known, m.String()) {
			return "", "has the method " + m.String() + " twice"
		}
		known = append(known, m.String())
	}
	return strings.Join(known, ","), ""
}

func readAction(list, name string) (a Action, cause, hint string) {
	a, err := ParseAction(strings.ToLower(name))
	switch {
	case err != nil && list == denyList:
		return Deny, "has something behind the pattern that is not understood: " + quoteLine(name), "a line of policy.deny has a pattern, and perhaps methods before it and clients behind it: POST /Items/{id}/Refresh"
	case err != nil:
		return Deny, "has the unknown action " + quoteLine(name), actionNames
	case list == denyList && a != Deny:
		return Deny, "asks for the action " + a.String() + " in the list of what is denied", "take the action away, or put the line into policy.allow"
	case list == denyList:
		return Deny, "", ""
	case a == Deny:
		return Deny, "denies, in the list of what is allowed", "put the line into policy.deny, without the action"
	case !slices.Contains([]Action{Token, Public, Media, Image}, a):
		return Deny, "has the action " + a.String() + ", which is Jellyward's own affair", actionNames
	}
	return a, "", ""
}

const actionNames = "write token (a signed-in visitor), media or image (as policy.media and policy.images say) or public (anybody)"

// forWord stands before the names of clients.
const forWord = "for"

// readClients reads "for CLIENT, CLIENT", in words. Without words it is nil.
func readClients(words []string) (clients []string, cause string) {
	if len(words) == 0 {
		return nil, ""
	}
	if words[0] != forWord {
		return nil, "has something behind the action that is not understood: " + quoteLine(words[0])
	}
	for name := range strings.SplitSeq(strings.Join(words[1:], " "), ",") {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
			return nil, "has an empty name of a client"
		case shared(clients, []string{name}) && clients != nil:
			return nil, "has the client " + quoteLine(name) + " twice"
		}
		clients = append(clients, name)
	}
	return clients, ""
}
