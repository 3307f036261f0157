package jellyfin

import (
	"net/http"
	"strings"

	"github.com/jellyward/jellyward/internal/secret"
)

// Presented is what a request says of its sender in Jellyfin's own terms.
type Presented struct {
	// Device is what the request says of the program that sent it, decoded.
	Device Device
	// Token is the one token that counts, or "" if there is none.
	Token secret.Text

	// rawQuery is the query to forward.
	rawQuery string
	// keep tells that the first Authorization header can stay as it is.
	keep bool
	// inHeader tells that the token goes into the Authorization header.
	inHeader bool
}

// HasToken tells whether the request carries a token at all. An empty one, as
// some apps send while signed out, is none.
func (p Presented) HasToken() bool { return p.Token != "" }

// ReadPresented finds the token that a server of dialect d would choose among
// all that header and raw query hold, and the device that it would see.
//
// If it would find none, and d.Translate is on, legacy forms count in the order
// in which legacy authorisation reads them. [Presented.Apply] leaves that one
// token on the request.
func ReadPresented(h http.Header, rawQuery string, d Dialect) Presented {
	q := readQuery(rawQuery)
	encoded, isWhole := "", false
	if q.hidden && isSocket(h) {
		if encoded, isWhole = whole(rawQuery); isWhole {
			q.apiKey, q.legacy = readWhole(encoded)
		}
	}
	r := read(h, q, d.Legacy, d.legacyFirst())
	if d.Translate && !d.Legacy && (r.token == "" || !r.readable()) {
		r = r.translated(read(h, q, true, false))
	}
	p := Presented{Device: r.device, Token: secret.Text(validUTF8(r.token)), inHeader: !r.inQuery && r.token != ""}
	p.keep = r.keepable(p.inHeader)
	p.rawQuery = rawQuery
	inQuery := secret.Text("")
	if r.inQuery {
		inQuery = p.Token
	}
	switch {
	case isWhole && inQuery != "":
		p.rawQuery = withToken(plainly(encoded), string(inQuery))
	case !q.orderly(inQuery != ""):
		p.rawQuery = withToken(rawQuery, string(inQuery))
	}
	return p
}

// WithoutToken is p with its token gone as well: for a token that is not to be
// seen by Jellyfin, whatever it would say.
func (p Presented) WithoutToken() Presented {
	if !p.HasToken() {
		return p
	}
	if p.inHeader {
		p.keep, p.inHeader = false, false
	} else {
		p.rawQuery = withToken(p.rawQuery, "")
	}
	p.Token = ""
	return p
}

// Apply leaves exactly the token that counts on the request with header h, in a
// form that every Jellyfin reads, and returns the raw query to forward. One
// Authorization header stays at most; all legacy forms and all other tokens are
// dropped. A request that is so already is left as it is.
func (p Presented) Apply(h http.Header) (rawQuery string) {
	for _, name := range []string{"X-Emby-Authorization", "X-Emby-Token", "X-Mediabrowser-Token"} {
		delete(h, name)
	}
	values := h["Authorization"]
	switch {
	case p.keep && len(values) == 1:
	case p.keep && len(values) > 1:
		h["Authorization"] = values[:1:1]
	default:
		h.Del("Authorization")
		if value := p.authorization(); value != "" {
			h.Set("Authorization", value)
		}
	}
	return p.rawQuery
}

// authorization is the header that says what p says, or "".
func (p Presented) authorization() string {
	token := secret.Text("")
	if p.inHeader {
		token = p.Token
	}
	if p.Device == (Device{}) && token == "" {
		return ""
	}
	return p.Device.Authorization(token)
}

// reading is what a server finds on a request.
type reading struct {
	authorization
	token string
	// own tells that authorization is the Authorization header.
	own bool
	// inQuery tells that the token is in the query.
	inQuery bool
	// fromHeader tells that the token is the authorization's own.
	fromHeader bool
	// legacy tells that the authorization is read with legacy forms allowed.
	legacy bool
	// extra tells that the device is another header's.
	extra bool
}

// read looks for the device and the token.
func read(h http.Header, q queryTokens, legacy, legacyFirst bool) reading {
	value, own := source(h, legacy, legacyFirst)
	r := reading{authorization: readAuthorization(value), own: own, legacy: legacy}
	if r.scheme == emby && !legacy {
		r.authorization = authorization{scheme: emby}
	}
	r.token = r.authorization.token
	r.fromHeader = r.token != ""
	if r.token == "" && legacy {
		r.token = joined(h["X-Emby-Token"])
	}
	if r.token == "" && legacy {
		r.token = joined(h["X-Mediabrowser-Token"])
	}
	if r.token != "" {
		return r
	}
	r.token, r.inQuery = q.apiKey, true
	if r.token == "" && legacy {
		r.token = q.legacy
	}
	return r
}

// readable tells whether the server sees a device in the header, if only an
// empty one.
func (r reading) readable() bool {
	return r.scheme == mediaBrowser || r.scheme == emby && r.legacy
}

// translated adds what only legacy forms say.
func (r reading) translated(old reading) reading {
	if r.token == "" {
		return old
	}
	if old.readable() {
		r.device, r.extra = old.device, true
	}
	return r
}

// keepable tells whether the Authorization header can be forwarded as it is.
func (r reading) keepable(needed bool) bool {
	switch {
	case !r.own, r.extra:
		return false
	case r.scheme == foreign:
		return !needed
	case r.scheme != mediaBrowser || r.ambiguous:
		return false
	}
	return !needed || r.fromHeader && isPlain(r.token)
}

// isPlain tells whether every server reads token alike.
func isPlain(token string) bool {
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return true
}

// isSocket tells whether the header asks for a WebSocket.
func isSocket(h http.Header) bool {
	return lists(h["Connection"], "upgrade") && lists(h["Upgrade"], "websocket")
}

func lists(lines []string, word string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if foldsTo(strings.TrimSpace(part), word) {
				return true
			}
		}
	}
	return false
}
