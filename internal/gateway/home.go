package gateway

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// atHome tells whether a socket's other end lies in one of the networks that
// count as home.
func (g *Gateway) atHome(addr netip.Addr) bool {
	return slices.ContainsFunc(g.Home, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// tellTale are headers that proxies add and browsers do not, beside the families
// in [forwarded].
var tellTale = [...]string{"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Fastly-Client-Ip", "Cdn-Loop"}

// forwarded tells whether another proxy stands between the visitor and the local
// listener. The socket's address is that proxy's then, and says nothing about
// where the visitor is. Underscores count as dashes: some servers write them. No
// browser or app speaks HTTP/1.0 any more, but nginx does to what is behind it,
// without a header of its own, unless it is told otherwise.
func forwarded(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) {
		return true
	}
	for name := range r.Header {
		name = strings.ReplaceAll(name, "_", "-")
		for _, family := range [...]string{"X-Forwarded", "X-Original-", "Cf-", "X-Arr-"} {
			if len(name) >= len(family) && strings.EqualFold(name[:len(family)], family) {
				return true
			}
		}
		if slices.ContainsFunc(tellTale[:], func(t string) bool { return strings.EqualFold(t, name) }) {
			return true
		}
	}
	return false
}
