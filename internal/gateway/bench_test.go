package gateway

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/proxy"
	"github.com/jellyward/jellyward/internal/secret"
)

// sink is a Jellyfin that answers at once, where every token lives and every
// network holds a grant.
type sink struct{}

func (sink) Alive(context.Context, secret.Text, netip.Addr) (bool, error) { return true, nil }
func (sink) Confirm(secret.Text)                                          {}
func (sink) Forget(secret.Text)                                           {}
func (sink) Prove(netip.Addr, secret.Text, string)                        {}
func (sink) Holds(netip.Addr, string) bool                                { return true }
func (sink) Knows(secret.Text) bool                                       { return true }
func (sink) End(context.Context, secret.Text) error                       { return nil }

func (sink) Forward(w http.ResponseWriter, _ *http.Request, t proxy.Treatment) {
	if t.Answered != nil {
		t.Answered(http.StatusOK)
	}
	w.WriteHeader(http.StatusOK)
}

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// BenchmarkGateway is everything that the gateway does with a request but for
// Jellyfin, the store and writing the log: identify, parse, decide, find out
// who asks, clean the tokens, hand over.
func BenchmarkGateway(b *testing.B) {
	for _, bb := range []struct {
		name, request string
		header        http.Header
	}{
		{"public", "GET /System/Ping", nil},
		{"token", "GET /Users/0123456789abcdef0123456789abcdef/Items", http.Header{"Authorization": {`MediaBrowser Client="Jellyfin Web", Device="Firefox", DeviceId="TW96aWxsYS81LjA", Version="10.11.11", Token="0123456789abcdef0123456789abcdef"`}}},
		{"media by network", "GET /Videos/5ddab896189b392454d51f2d55d9acf1/stream?static=true&mediaSourceId=5ddab896189b392454d51f2d55d9acf1", nil},
		{"media by token", "GET /Videos/5ddab896189b392454d51f2d55d9acf1/stream?static=true&ApiKey=0123456789abcdef0123456789abcdef", nil},
		{"document by cookie", "GET /web/index.html", http.Header{"Cookie": {"__Host-jellyward=" + live}}},
		{"image", "GET /Items/5ddab896189b392454d51f2d55d9acf1/Images/Primary?tag=0123456789abcdef", nil},
		{"refused", "POST /Users/AuthenticateByName", nil},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := newScene(b, "")
			s.Jellyfin, s.Grants, s.Tokens, s.Logger = sink{}, sink{}, sink{}, slog.New(slog.DiscardHandler)
			method, target, _ := strings.Cut(bb.request, " ")
			r := httptest.NewRequest(method, "/", nil)
			r.RequestURI, r.Host, r.Header = target, "jellyfin.example.org", http.Header{}
			maps.Copy(r.Header, bb.header)
			r.Header["Test-Tunnel"], r.Header["Cf-Connecting-Ip"] = []string{"1"}, []string{here}
			w := nowhere{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				s.ServeHTTP(w, r)
			}
		})
	}
}
