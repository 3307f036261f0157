package tunnel_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
)

// targets are request lines that must arrive as they were sent.
var targets = []contract{
	arrives("GET", "/"),
	arrives("GET", "/Artists/AC%2FDC"),
	arrives("GET", "/Artists/AC%2fDC"),
	arrives("GET", "/a/%2e%2e/b"),
	arrives("GET", "/a/../b"),
	arrives("GET", "/./a"),
	arrives("GET", "//"),
	arrives("GET", "//a"),
	arrives("GET", "//../Users"),
	arrives("GET", "///a//b"),
	arrives("GET", "//user@host:80/a"),
	arrives("GET", "/%2F/a"),
	arrives("GET", "/%41"),
	arrives("GET", "/a%25b%252e"),
	arrives("GET", "/a?"),
	arrives("GET", "/a?b=%2f&c=d+e;f"),
	arrives("GET", "/a?b?c"),
	arrives("GET", "/a;v=1/b"),
	arrives("GET", "/a:b"),
	arrives("GET", "/a\\b"),
	arrives("GET", "/a|b\"c<d>"),
	arrives("GET", "/[a]{b}^`'"),
	arrives("GET", "/%00"),
	arrives("GET", "/a#b"),
	arrives("get", "/lower"),
	arrives("PoSt", "/mixed"),
	arrives("PROPFIND", "/other"),
	arrives("OPTIONS", "/options"),
	{"RemoteAddr is an address", "true", func(t *testing.T, s *site) string {
		return content(t, s.get(t, func(w http.ResponseWriter, r *http.Request) {
			addr, err := netip.ParseAddrPort(r.RemoteAddr)
			want := "127.0.0.1"
			if s.tunnelled() {
				want = "203.0.113.9"
			}
			fmt.Fprint(w, err == nil && addr.Addr().String() == want)
		}))
	}},
}

// arrives is a contract about a request line. The handler's URL has the path
// that net/http's parser makes of it.
func arrives(method, target string) contract {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err)
	}
	want := fmt.Sprintf("%s %s %q", method, target, u.Path)
	return contract{"target " + method + " " + target, want, func(t *testing.T, s *site) string {
		seen := make(chan string, 1)
		key := s.serve(func(_ http.ResponseWriter, r *http.Request) {
			seen <- fmt.Sprintf("%s %s %q", r.Method, r.RequestURI, r.URL.Path)
		})
		answer := s.raw(t, key, method+" "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		select {
		case got := <-seen:
			return got
		default:
			return answer
		}
	}}
}
