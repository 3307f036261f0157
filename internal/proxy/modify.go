package proxy

import (
	"io"
	"net/http"
	"strings"
)

// modify changes an answer on its way to the visitor as its treatment says.
func (p *Proxy) modify(resp *http.Response) error {
	t := treatment(resp.Request.Context())
	if t.Answered != nil {
		t.Answered(resp.StatusCode)
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		p.options.Readiness.Suspect()
		quieten(resp)
	}
	dropSetCookies(resp.Header, p.options.Cookies)
	if t.Branding {
		if err := brand(resp, p.options.SignIn); err != nil {
			return err
		}
	}
	switch {
	case t.Document:
		resp.Header.Del("ETag")
		resp.Header.Del("Last-Modified")
		resp.Header.Set("Cache-Control", "no-store")
		resp.Header.Set("CDN-Cache-Control", "no-store")
	case t.Private, t.Branding:
		keepPrivate(resp.Header)
	}
	return nil
}

// quieten replaces the body of a 503, in which a Jellyfin that starts shows
// lines of its log.
func quieten(resp *http.Response) {
	const text = "Jellyfin is starting. Please try again in a few seconds.\n"
	discard(resp.Body)
	resp.Body = io.NopCloser(strings.NewReader(text))
	resp.ContentLength = int64(len(text))
	kept := http.Header{}
	for name, values := range resp.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" || name == "Date" {
			kept[name] = values
		}
	}
	kept.Set("Content-Type", "text/plain; charset=utf-8")
	kept.Set("Retry-After", "5")
	kept.Set("Cache-Control", "no-store")
	resp.Header = kept
}

// keepPrivate forbids shared caches to store an answer, and leaves the
// visitor's own cache what Jellyfin allowed it.
func keepPrivate(h http.Header) {
	h.Set("CDN-Cache-Control", "no-store")
	control := strings.ToLower(h.Get("Cache-Control"))
	switch {
	case strings.Contains(control, "no-store"), strings.Contains(control, "private"):
	case control == "":
		h.Set("Cache-Control", "private")
	default:
		kept := []string{"private"}
		for directive := range strings.SplitSeq(control, ",") {
			directive = strings.TrimSpace(directive)
			if directive != "public" && directive != "" && !strings.HasPrefix(directive, "s-maxage") {
				kept = append(kept, directive)
			}
		}
		h.Set("Cache-Control", strings.Join(kept, ", "))
	}
}

// dropSetCookies keeps Jellyfin and its plugins from setting our cookies.
func dropSetCookies(h http.Header, names []string) {
	lines := h["Set-Cookie"]
	if len(lines) == 0 {
		return
	}
	kept := lines[:0]
	for _, line := range lines {
		if !named(line, names) {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		h.Del("Set-Cookie")
		return
	}
	h["Set-Cookie"] = kept
}
