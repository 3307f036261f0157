package proxy

import (
	"mime"
	"net/http"
	"strings"
)

// modify changes an answer on its way to the visitor as its treatment says.
func (p *Proxy) modify(resp *http.Response) error {
	t := treatment(resp.Request.Context())
	if t.Answered != nil {
		t.Answered(resp.StatusCode)
	}
	dropSetCookies(resp.Header, p.options.Cookies)
	// Another way to Jellyfin, which leads past us.
	resp.Header.Del("Alt-Svc")
	p.publish(resp)
	if err := p.replaceBody(resp, t); err != nil {
		return err
	}
	switch {
	case t.Document:
		resp.Header.Del("ETag")
		resp.Header.Del("Last-Modified")
		keepNowhere(resp.Header)
		harden(resp, t.CSP)
	case t.Private, t.rewritten():
		// Whatever is rewritten differs between visitors.
		keepPrivate(resp.Header)
	}
	return nil
}

// replaceBody changes what an answer says, where it must not or need not be
// what Jellyfin said.
func (p *Proxy) replaceBody(resp *http.Response, t Treatment) error {
	switch status := resp.StatusCode; {
	case status == http.StatusServiceUnavailable:
		p.options.Readiness.Suspect()
		quieten(resp)
		return nil
	case status >= http.StatusInternalServerError:
		hideCause(resp)
	}
	return p.rewriteBody(resp, t)
}

// quieten replaces the body of a 503, in which a Jellyfin that starts shows
// lines of its log.
func quieten(resp *http.Response) {
	kept := http.Header{}
	for name, values := range resp.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" || name == "Date" {
			kept[name] = values
		}
	}
	resp.Header = kept
	replaceText(resp, "Jellyfin is starting. Please try again in a few seconds.\n")
	kept.Set("Retry-After", "5")
	keepNowhere(kept)
}

// hideCause replaces what an error inside Jellyfin says of it, which in its
// development mode and in plugins can be a trace with paths, by the words of its
// production mode. Answers for programs stay.
func hideCause(resp *http.Response) {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && !strings.HasPrefix(kind, "text/") || resp.ContentLength == 0 {
		return
	}
	replaceText(resp, "Error processing request.")
}

func replaceText(resp *http.Response, text string) {
	discard(resp.Body)
	setBody(resp, []byte(text))
	resp.Header.Set("Content-Type", "text/plain; charset=utf-8")
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
