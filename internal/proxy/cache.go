package proxy

import (
	"net/http"
	"strings"
)

// cacheable directives are those of Cache-Control that speak to the visitor's
// own cache. The others either speak to shared caches or weaken no-store
// (must-understand).
var cacheable = map[string]bool{
	"no-store": true, "no-cache": true, "no-transform": true, "must-revalidate": true, "max-age": true,
	"immutable": true, "stale-while-revalidate": true, "stale-if-error": true,
}

// keepPrivate forbids shared caches to store an answer, and leaves the
// visitor's own cache what Jellyfin allowed it. Without a word of Cache-Control
// Cloudflare goes by the ending of the path, and stores films and pictures.
func keepPrivate(h http.Header) {
	forbidShared(h)
	var kept []string
	stored := true
	for directive := range directives(h["Cache-Control"]) {
		name, _, _ := strings.Cut(directive, "=")
		name = strings.TrimSpace(name)
		if cacheable[name] {
			kept = append(kept, directive)
			stored = stored && name != "no-store"
		}
	}
	if stored {
		kept = append([]string{"private"}, kept...)
	}
	h.Set("Cache-Control", strings.Join(kept, ", "))
}

// keepNowhere forbids every cache to store an answer.
func keepNowhere(h http.Header) {
	forbidShared(h)
	h.Set("Cache-Control", "no-store")
}

// forbidShared takes away what would open a shared cache although Cache-Control
// closes it: the headers that one product or kind of cache obeys first, and an
// age that is not ours to tell.
func forbidShared(h http.Header) {
	for name := range h {
		if name != "Cache-Control" && hasFoldSuffix(name, "-Cache-Control") {
			delete(h, name)
		}
	}
	for _, name := range []string{"Surrogate-Control", "Surrogate-Key", "Cache-Tag", "Edge-Control", "X-Accel-Expires", "Age"} {
		delete(h, name)
	}
	h.Set("CDN-Cache-Control", "no-store")
}

// directives splits the lines of a Cache-Control header at the commas that are
// not inside quotes, in lower case.
func directives(lines []string) func(yield func(string) bool) {
	all := strings.ToLower(strings.Join(lines, ","))
	return func(yield func(string) bool) {
		quoted, start := false, 0
		for i := 0; i <= len(all); i++ {
			switch {
			case i < len(all) && all[i] == '"':
				quoted = !quoted
			case i == len(all) || all[i] == ',' && !quoted:
				if d := strings.TrimSpace(all[start:i]); d != "" && !yield(d) {
					return
				}
				start = i + 1
			}
		}
	}
}

func hasFoldSuffix(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
