package proxy

import (
	"net/http"
	"slices"
	"strings"
)

// foreign are request headers that claim something about the visitor or the
// way here. Whatever a visitor or a proxy wrote into them, Jellyfin is told
// only what the gateway knows itself.
var foreign = [...]string{
	"Forwarded", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-For", "X-Original-Host",
	"X-Original-Proto", "X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X-Http-Method",
	"X-Method-Override", "True-Client-Ip", "Fastly-Client-Ip", "Cdn-Loop", "Via",
}

// handled are request headers that speak of this connection and of nothing
// behind it: net/http answers an Expect itself, no trailer goes on, and Proxy is
// what CGI programs once took for a setting.
var handled = [...]string{"Expect", "Te", "Trailer", "Proxy"}

// Kestrel's limits on the first line and the headers of a request. One beyond
// them would get 414 or 431 from Jellyfin and cost us the connection.
const (
	maxLineBytes   = 8 << 10
	maxHeaderLines = 100
	maxHeaderBytes = 32 << 10
)

// lineFits tells whether Jellyfin would read the first line of r.
func lineFits(r *http.Request) bool {
	return len(r.Method)+len(r.URL.RequestURI())+len("  HTTP/1.1\r\n") <= maxLineBytes
}

// fits tells whether Jellyfin would read a request with these headers.
func fits(h http.Header) bool {
	lines, bytes := 0, 0
	for name, values := range h {
		lines += len(values)
		for _, value := range values {
			bytes += len(name) + len(value) + len(": \r\n")
		}
	}
	return lines <= maxHeaderLines && bytes <= maxHeaderBytes
}

// dropForeign removes [foreign] and the families X-Forwarded-*, Cf-* and
// X-Arr-*, also where underscores stand for the dashes: some servers and
// plugins take one for the other.
func dropForeign(h http.Header) {
	for _, name := range foreign {
		delete(h, name)
	}
	for name := range h {
		plain := name
		if strings.Contains(name, "_") {
			plain = strings.ReplaceAll(name, "_", "-")
		}
		if hasFoldPrefix(plain, "X-Forwarded") || hasFoldPrefix(plain, "Cf-") || hasFoldPrefix(plain, "X-Arr-") ||
			plain != name && slices.Contains(foreign[:], http.CanonicalHeaderKey(plain)) {
			delete(h, name)
		}
	}
}

func hasFoldPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// dropCookies removes the named cookies and leaves the others as they were
// sent.
func dropCookies(h http.Header, names []string) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	kept := make([]string, 0, 4)
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			if pair != "" && !named(pair, names) {
				kept = append(kept, pair)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = []string{strings.Join(kept, "; ")}
}

func named(pair string, names []string) bool {
	name, _, _ := strings.Cut(pair, "=")
	for _, ours := range names {
		if strings.EqualFold(strings.TrimSpace(name), ours) {
			return true
		}
	}
	return false
}
