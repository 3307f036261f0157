package proxy

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/jellyward/jellyward/internal/visitor"
)

// publish rewrites addresses in the headers of an answer that lead to Jellyfin
// itself so that they lead to the visitor's origin. Jellyfin writes whole
// addresses from what it is told of the visitor, and what it believes of that
// depends on its settings.
func (p *Proxy) publish(resp *http.Response) {
	v, ok := visitor.From(resp.Request.Context())
	if !ok {
		return
	}
	a := addresses{upstream: p.options.Upstream, visitor: v}
	for _, name := range []string{"Location", "Content-Location"} {
		mapValues(resp.Header[name], a.public)
	}
	mapValues(resp.Header["Link"], a.inBrackets)
	mapValues(resp.Header["Refresh"], a.inRefresh)
}

func mapValues(values []string, change func(string) string) {
	for i, value := range values {
		values[i] = change(value)
	}
}

// addresses knows Jellyfin by both its names: ours for it and the visitor's.
type addresses struct {
	upstream *url.URL
	visitor  visitor.Visitor
}

// public returns address, or the same place on the visitor's origin if address
// is Jellyfin's own. Relative addresses and those of other sites stay.
func (a addresses) public(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	scheme := u.Scheme // in lower case
	if scheme == "" {
		scheme = a.visitor.Scheme
	}
	if scheme != "http" && scheme != "https" {
		return address
	}
	switch site(u.Host, scheme) {
	case site(a.visitor.Host, scheme):
		// A plain address for a secure visitor is a mistake; a secure one for
		// a plain visitor is somebody's wish.
		if scheme == a.visitor.Scheme || scheme == "https" {
			return address
		}
	case site(a.upstream.Host, a.upstream.Scheme):
	default:
		return address
	}
	return a.visitor.Origin() + afterHost(address)
}

// site is a host with its port, if that is not the scheme's own, in lower case.
func site(host, scheme string) string {
	usual := ":80"
	if scheme == "https" {
		usual = ":443"
	}
	return strings.ToLower(strings.TrimSuffix(host, usual))
}

// afterHost returns path, query and fragment of an absolute address as they are
// written.
func afterHost(address string) string {
	_, rest, _ := strings.Cut(address, "//")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return rest[i:]
	}
	return ""
}

// inBrackets changes the addresses of a Link header.
func (a addresses) inBrackets(value string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(value, "<")
		address, after, closed := strings.Cut(rest, ">")
		if !found || !closed {
			b.WriteString(value)
			return b.String()
		}
		b.WriteString(before + "<" + a.public(address) + ">")
		value = after
	}
}

// inRefresh changes the address of a Refresh header, "5; url=…".
func (a addresses) inRefresh(value string) string {
	i := strings.Index(strings.ToLower(value), "url=")
	if i < 0 {
		return value
	}
	i += len("url=")
	return value[:i] + a.public(strings.Trim(value[i:], ` "'`))
}
