package gateway

import (
	"net/http"
	"net/netip"
	"testing"
)

var home = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("fd00::/8")}

func TestOnlyTheSocketMakesAVisitorOneAtHome(t *testing.T) {
	const local = "192.0.2.1" // the address that httptest gives its requests
	for _, tt := range []struct {
		name  string
		home  []netip.Prefix
		pairs []string
		want  bool
	}{
		{"at home", home, nil, true},
		{"of another network", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, nil, false},
		{"no home", nil, nil, false},
		{"through the tunnel", home, []string{"Test-Tunnel", "1", "Cf-Connecting-Ip", "203.0.113.9"}, false},
		{"X-Forwarded-For", home, []string{"X-Forwarded-For", local}, false},
		{"X-Forwarded-Proto", home, []string{"X-Forwarded-Proto", "https"}, false},
		{"X-Forwarded", home, []string{"X-Forwarded", local}, false},
		{"underscores", home, []string{"X_forwarded_for", local}, false},
		{"Forwarded", home, []string{"Forwarded", "for=" + local}, false},
		{"X-Real-IP", home, []string{"X-Real-Ip", local}, false},
		{"X_Real_IP", home, []string{"X_Real_IP", local}, false},
		{"Cf-Ray", home, []string{"Cf-Ray", "1"}, false},
		{"Via", home, []string{"Via", "1.1 proxy"}, false},
		{"X-Original-For", home, []string{"X-Original-For", local}, false},
	} {
		s := newScene(t, "")
		s.Home = tt.home
		s.ask("GET /System/Ping", append([]string{"Test-Tunnel", "", "Cf-Connecting-Ip", "", "X-Forwarded-Proto", ""}, tt.pairs...)...)
		if !s.reached() || s.visitor.Home != tt.want {
			t.Errorf("%s: at home = %v, want %v (forwarded %q)", tt.name, s.visitor.Home, tt.want, s.forwarded)
		}
	}
}

func TestForwardingHeadersAreKnownInAnyCase(t *testing.T) {
	for _, name := range []string{"x-forwarded-for", "CF_CONNECTING_IP", "forwarded", "VIA", "Cdn-Loop", "x-arr-ssl"} {
		if !forwarded(withHeader(name)) {
			t.Errorf("%s is not taken for a proxy's", name)
		}
	}
	for _, name := range []string{"Accept", "X-Emby-Token", "X-Requested-With", "Cache-Control", "Cf"} {
		if forwarded(withHeader(name)) {
			t.Errorf("%s is taken for a proxy's", name)
		}
	}
}

func withHeader(name string) *http.Request {
	return &http.Request{ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{name: {"x"}}}
}

func TestHTTP10IsSpokenByProxiesOnly(t *testing.T) {
	r := withHeader("Accept")
	r.ProtoMinor = 0
	if !forwarded(r) {
		t.Error("a request that nginx sends by itself counts as one from home")
	}
}
