package throttle

import (
	"context"
	"net/netip"
)

// Realm is a kind of tries that is counted apart: in each realm a network has
// counters of its own. Otherwise whoever can make a user's browser try something
// could use up the tries of everybody in that network, and those of the user at
// home.
type Realm uint8

// The realms.
const (
	_       Realm = iota
	Pages         // sign-ins from pages of other sites
	Devices       // digits of devices that wait to be let in
)

type realmKey struct{}

// Apart returns a context in which tries are counted in a realm.
func Apart(ctx context.Context, r Realm) context.Context {
	return context.WithValue(ctx, realmKey{}, r)
}

// networkIn is what network is counted as in the realm of ctx.
func networkIn(ctx context.Context, network netip.Prefix) netip.Prefix {
	r, ok := ctx.Value(realmKey{}).(Realm)
	if !ok {
		return network
	}
	// 0100::/8 is reserved by the IETF: nobody comes from there.
	apart := [16]byte{0: 1, 7: byte(r)}
	if a := network.Addr(); a.Is4() {
		v4 := a.As4()
		copy(apart[12:], v4[:])
	} else {
		v6 := a.As16()
		copy(apart[8:], v6[:8])
	}
	return netip.PrefixFrom(netip.AddrFrom16(apart), 128)
}
