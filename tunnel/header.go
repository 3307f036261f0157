package tunnel

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// finalHeader is the header that goes out: what the handler set, with
// Content-Length, Content-Type and Date filled in as net/http does, and without
// what concerns a single HTTP/1.1 connection only.
func (w *responseWriter) finalHeader(p []byte) http.Header {
	h := w.sent
	for _, names := range h["Trailer"] {
		for name := range strings.SplitSeq(names, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if httpguts.ValidTrailerHeader(name) {
				w.trailers = append(w.trailers, name)
			}
		}
	}
	encoding := h.Get("Transfer-Encoding")
	if encoding != "" && encoding != "identity" {
		w.length = -1
	}
	if w.knowsLength(p, encoding) {
		w.length = int64(len(p))
		h.Set("Content-Length", strconv.Itoa(len(p)))
	}
	if w.length < 0 {
		h.Del("Content-Length") // was not a number
	}
	w.setType(p, encoding)
	if _, ok := h["Date"]; !ok {
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if w.status != http.StatusSwitchingProtocols {
		for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding"} {
			h.Del(name)
		}
	}
	sanitize(h)
	return h
}

// knowsLength tells whether p is the whole body of a response that names no
// length. For HEAD an empty body may just mean that the handler knew better.
func (w *responseWriter) knowsLength(p []byte, encoding string) bool {
	return w.returned && !w.hasTrailers() && encoding == "" && bodyAllowed(w.status) &&
		w.sent["Content-Length"] == nil && (w.x.req.Method != http.MethodHead || len(p) > 0)
}

func (w *responseWriter) setType(p []byte, encoding string) {
	h := w.sent
	if !bodyAllowed(w.status) {
		h.Del("Content-Length")
		h.Del("Transfer-Encoding")
		if w.status == http.StatusNotModified {
			h.Del("Content-Type")
		}
		return
	}
	if _, ok := h["Content-Type"]; ok || len(p) == 0 || encoding != "" || h.Get("Content-Encoding") != "" {
		return
	}
	h.Set("Content-Type", http.DetectContentType(p))
}

func (w *responseWriter) hasTrailers() bool {
	if len(w.trailers) > 0 || w.sent["Trailer"] != nil {
		return true
	}
	for name := range w.header {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

var newlines = strings.NewReplacer("\n", " ", "\r", " ")

// sanitize keeps what could not be sent over HTTP/1.1 off the wire: names that
// are no tokens (among them the fake ones of trailers), and line breaks in
// values.
func sanitize(h http.Header) {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) || len(values) == 0 {
			delete(h, name)
			continue
		}
		for i, v := range values {
			if strings.ContainsAny(v, "\r\n") {
				values[i] = newlines.Replace(v)
			}
		}
	}
}

// bodyAllowed tells whether a response of this status can have a body.
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
