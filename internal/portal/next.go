package portal

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/jellyward/jellyward/ui"
)

// maxNext bounds a return path, in bytes.
const maxNext = 2048

// place says where a page stands, from where the visitor wants to return to.
func (p *portal) place(r *http.Request) ui.Place {
	place := ui.Place{Base: p.BasePath, Next: p.BasePath + "/web/"}
	if next, ok := localNext(p.BasePath, r.URL.Query().Get("return")); ok {
		place.Next, place.Return = next, next
	}
	return place
}

// connectReturn is the way back to the page for the digits of a television, as
// the value of a query.
func connectReturn(base, code string) string {
	to := base + root + "/connect"
	if code != "" {
		to += "?code=" + code
	}
	return url.QueryEscape(to)
}

// ownNext accepts our own pages that need somebody to be signed in.
func ownNext(base, text string) bool {
	own, ok := strings.CutPrefix(text, base+root)
	if !ok {
		return false
	}
	own, query, queried := strings.Cut(own, "?")
	if !queried {
		return own == "/account" || own == "/connect"
	}
	code, ok := strings.CutPrefix(query, "code=")
	return ok && own == "/connect" && len(code) == 6 && strings.Trim(code, "0123456789") == ""
}

// localNext accepts one of our own pages, or a path below base + "/web", with query and fragment, and
// nothing that a browser or Jellyfin could read as anything else: no scheme, no
// second slash, no dot segment, no backslash, no escapes in the path.
func localNext(base, text string) (string, bool) {
	if len(text) > maxNext {
		return "", false
	}
	if ownNext(base, text) {
		return text, true
	}
	rest, ok := strings.CutPrefix(text, base+"/web")
	if !ok {
		return "", false
	}
	end := strings.IndexAny(rest, "?#")
	path, tail := rest, ""
	if end >= 0 {
		path, tail = rest[:end], rest[end:]
	}
	if path == "" {
		path = "/" // spares Jellyfin's redirect
	}
	if !plainPath(path) || strings.ContainsFunc(tail, notInQuery) {
		return "", false
	}
	return base + "/web" + path + tail, true
}

// plainPath tells whether path is segments of plain characters, the last of
// which may be empty.
func plainPath(path string) bool {
	segments, ok := strings.CutPrefix(path, "/")
	if !ok {
		return false
	}
	if segments == "" {
		return true
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(segments, "/"), "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, notInSegment) {
			return false
		}
	}
	return true
}

func notInSegment(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("-._~", r) }

func notInQuery(r rune) bool {
	return !isAlphanumeric(r) && !strings.ContainsRune("-._~!$&'()*+,;=:@/?#%", r)
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
