package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/jellyward/jellyward/internal/visitor"
)

// Errors of identify. Jellyfin takes a request without one readable address
// for a visitor at home, so such a request goes no further.
var (
	errNoAddress      = errors.New("no client address on a tunnelled request")
	errAddresses      = errors.New("more than one client address on a tunnelled request")
	errAddress        = errors.New("unreadable client address")
	errPrivateAddress = errors.New("private client address on a tunnelled request")
	errHost           = errors.New("unusable host")
)

// identify establishes who is asking. Through the tunnel that is what
// Cloudflare says; on the local listener it is the socket's other end.
func (g *Gateway) identify(r *http.Request, id string) (visitor.Visitor, error) {
	v := visitor.Visitor{RequestID: id, Host: r.Host, Scheme: "http", Tunnelled: g.Via != nil && g.Via(r)}
	if g.PublicURL != nil && strings.EqualFold(g.PublicURL.Host, r.Host) {
		v.Scheme = g.PublicURL.Scheme
	}
	if !usableHost(r.Host) {
		return v, errHost
	}
	var err error
	if !v.Tunnelled {
		v.Addr, err = socketAddress(r.RemoteAddr)
		v.Home = err == nil && g.atHome(v.Addr) && !forwarded(r)
		return v, err
	}
	if r.Header.Get("X-Forwarded-Proto") != "http" {
		v.Scheme = "https"
	}
	v.Addr, err = edgeAddress(r.Header)
	return v, err
}

// siteLocal are IPv6's first private addresses, long out of use, which Jellyfin
// still takes for home.
var siteLocal = netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfe, 0xc0}), 10)

// edgeAddress reads the address that Cloudflare's edge gives, exactly one and
// a public one.
func edgeAddress(h http.Header) (netip.Addr, error) {
	values := h["Cf-Connecting-Ip"]
	if len(values) == 0 {
		return netip.Addr{}, errNoAddress
	}
	if len(values) > 1 {
		return netip.Addr{}, errAddresses
	}
	addr, err := netip.ParseAddr(values[0])
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, errAddress
	}
	addr = addr.Unmap()
	if addr.IsPrivate() || siteLocal.Contains(addr) || addr.IsLoopback() || addr.IsUnspecified() || addr.IsLinkLocalUnicast() || addr.IsMulticast() {
		return netip.Addr{}, errPrivateAddress
	}
	return addr, nil
}

func socketAddress(remote string) (netip.Addr, error) {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}, errAddress
	}
	return ap.Addr().Unmap().WithZone(""), nil
}

// usableHost tells whether host can stand in a URL without changing it. It is
// written into redirects and told to Jellyfin.
func usableHost(host string) bool {
	if host == "" || len(host) > 255 {
		return false
	}
	for _, c := range []byte(host) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && !strings.ContainsRune(".-_:[]", rune(c)) {
			return false
		}
	}
	return true
}

// newRequestID returns 64 random bits in hexadecimal.
func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}
