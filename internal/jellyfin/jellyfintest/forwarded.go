package jellyfintest

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwarded fills in who the visitor is, by ASP.NET Core's forwarded-headers
// rules: from the right, as long as the one before is a known proxy; an entry
// that is no address ends it, and leaves the proxy itself as the visitor.
func (c *call) forwarded() {
	c.remote = addrOf(c.r.RemoteAddr)
	c.scheme, c.host = "http", c.r.Host
	own := c.remote
	if a, ok := c.r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		own = addrOf(a.String())
	}
	addrs, protos, hosts := listed(c.r, "X-Forwarded-For"), listed(c.r, "X-Forwarded-Proto"), listed(c.r, "X-Forwarded-Host")
	for i := range max(len(addrs), len(protos), len(hosts)) {
		if !c.s.knownProxy(c.remote) {
			break
		}
		if i < len(addrs) {
			next := addrOf(addrs[i])
			if !next.IsValid() && addrs[i] != "" {
				break
			}
			if next.IsValid() {
				c.remote = next
			}
		}
		if i < len(protos) && protos[i] != "" {
			c.scheme = protos[i]
		}
		if i < len(hosts) && hosts[i] != "" {
			c.host = hosts[i]
		}
	}
	c.local = c.remote == own
}

// listed returns the entries of a header, the last one first.
func listed(r *http.Request, name string) []string {
	var entries []string
	for _, value := range r.Header.Values(name) {
		for entry := range strings.SplitSeq(value, ",") {
			entries = append(entries, strings.TrimSpace(entry))
		}
	}
	slices.Reverse(entries)
	return entries
}

func (s *Server) knownProxy(a netip.Addr) bool {
	return slices.ContainsFunc(s.opts.knownProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// addrOf reads an address with or without a port; an invalid Addr otherwise.
func addrOf(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap()
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
