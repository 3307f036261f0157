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
// where the visitor is. Underscores count as dashes: some servers write them.
func forwarded(h http.Header) bool {
	for name := range h {
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
