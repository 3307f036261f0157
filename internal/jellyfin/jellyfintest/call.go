package jellyfintest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through the server. The server's lock is held
// while an action runs; what has to wait or stream is left in after.
type call struct {
	s     *Server
	st    *state
	w     http.ResponseWriter
	r     *http.Request
	res   resolution
	query query
	body  []byte // of requests that the endpoint table gives a body

	remote netip.Addr // the visitor, as far as forwarded headers are believed
	local  bool       // the visitor is this machine
	scheme string
	host   string

	who   caller
	delay time.Duration // before the answer
	after func()        // writes the answer once the lock is free
}

// inNetwork reports whether the visitor is at home by Jellyfin's defaults.
func (c *call) inNetwork() bool {
	return c.remote.IsLoopback() || c.remote.IsPrivate() || c.remote.IsLinkLocalUnicast()
}

// param returns a parameter of the route.
func (c *call) param(name string) string { return c.res.params[name] }

// id returns a parameter or query value that is a GUID.
func (c *call) id(value string) string {
	id, _ := parseGUID(value)
	return id
}

// json answers with a value, in the spelling of keys that the request asks for.
func (c *call) json(status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		c.failed(http.StatusInternalServerError)
		return
	}
	contentType := "application/json; charset=utf-8"
	if wantsCamelCase(c.r.Header.Get("Accept")) {
		b = camelCase(b)
		contentType = `application/json; profile="CamelCase"; charset=utf-8`
	}
	c.send(status, contentType, b)
}

// wantsCamelCase tells whether the first media range for JSON in an Accept header
// asks for the profile: that of the SDK names it second, and gets none.
func wantsCamelCase(accept string) bool {
	for mediaRange := range strings.SplitSeq(accept, ",") {
		mediaRange = strings.ReplaceAll(strings.TrimSpace(mediaRange), `"`, "")
		if kind, rest, _ := strings.Cut(mediaRange, ";"); kind == "application/json" {
			return strings.TrimSpace(rest) == "profile=CamelCase"
		}
	}
	return false
}

// failed answers as Jellyfin's exception handler does.
func (c *call) failed(status int) {
	c.send(status, "text/plain", []byte("Error processing request."))
}

// empty answers without a body.
func (c *call) empty(status int) {
	c.after = func() {
		if status != http.StatusNoContent {
			c.w.Header().Set("Content-Length", "0")
		}
		c.w.WriteHeader(status)
	}
}

// problem answers as ASP.NET Core does when a request cannot be bound.
func (c *call) problem(status int, title string, errs map[string][]string) {
	sections := map[int]string{http.StatusBadRequest: "15.5.1", http.StatusUnsupportedMediaType: "15.5.16"}
	c.json(status, struct {
		Type    string              `json:"type"`
		Title   string              `json:"title"`
		Status  int                 `json:"status"`
		Errors  map[string][]string `json:"errors,omitempty"`
		TraceID string              `json:"traceId"`
	}{"https://tools.ietf.org/html/rfc9110#section-" + sections[status], title, status, errs, "00-" + newID() + "-" + newID()[:16] + "-00"})
}

// send answers with a body, compressed if the request allows it, and chunked as
// Kestrel does it.
func (c *call) send(status int, contentType string, body []byte) {
	c.after = func() {
		h := c.w.Header()
		h.Set("Content-Type", contentType)
		body := c.compress(contentType, body)
		c.w.WriteHeader(status)
		if c.r.Method == http.MethodHead {
			return
		}
		_ = http.NewResponseController(c.w).Flush() // no Content-Length then
		_, _ = c.w.Write(body)                      // the visitor may be gone
	}
}

// compress packs a body with gzip if the visitor takes it; it sets the headers.
func (c *call) compress(contentType string, body []byte) []byte {
	media, _, _ := strings.Cut(contentType, ";")
	switch media {
	case "application/json", "text/plain", "text/css", "text/html", "text/javascript", "image/svg+xml":
	default:
		return body
	}
	if !accepts(c.r.Header.Values("Accept-Encoding"), "gzip") {
		return body
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // into memory
	_ = z.Close()
	c.w.Header().Set("Content-Encoding", "gzip")
	c.w.Header().Add("Vary", "Accept-Encoding")
	c.w.Header().Del("Accept-Ranges")
	return b.Bytes()
}

// accepts reports whether an Accept-Encoding header names an encoding with a
// quality above zero.
func accepts(values []string, encoding string) bool {
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(item), ";")
		if !equalFold(strings.TrimSpace(name), encoding) {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		quality, err := strconv.ParseFloat(q, 64)
		return !found || err != nil || quality > 0
	}
	return false
}

// camelCase writes the keys of a JSON text in camel case.
func camelCase(b []byte) []byte {
	out := bytes.Clone(b)
	for i := 0; i < len(out); i++ {
		if out[i] != '"' {
			continue
		}
		start := i + 1
		for i++; out[i] != '"'; i++ {
			if out[i] == '\\' {
				i++
			}
		}
		if i+1 < len(out) && out[i+1] == ':' {
			lowerFirst(out[start:i])
		}
	}
	return out
}

// lowerFirst lowers the capitals that a key begins with, but for one that
// begins the next word ("UICulture" becomes "uiCulture").
func lowerFirst(key []byte) {
	for i := range key {
		upper := key[i] >= 'A' && key[i] <= 'Z'
		nextLower := i+1 < len(key) && key[i+1] >= 'a' && key[i+1] <= 'z'
		if !upper || i > 0 && nextLower {
			return
		}
		key[i] = lowerByte(key[i])
	}
}
