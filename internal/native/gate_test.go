package native_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/gateway"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/native"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/proxy"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/ui"
)

// gate is a house with the gateway before it, and with app passwords.
type gate struct {
	*house
	passwords *apppass.Service
	front     *gateway.Gateway
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{}
	g.house = newHouse(t, func(o *native.Options) { o.AppPasswords = lateVault{g} })
	client := g.asked.Client
	registry := issued.New(issued.Options{Store: g.store, Jellyfin: client, Now: g.clock})
	if err := registry.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	keeper := apppass.NewKeeper(apppass.KeeperOptions{
		Jellyfin: client, Store: g.store, Issued: registry, APIKey: secret.Text(g.server.AddAPIKey("jellyward")), Now: g.clock,
	})
	g.passwords = apppass.New(apppass.Options{
		Jellyfin: client, Store: g.store, Issued: registry, Names: g.store, Keeper: keeper,
		Limiter: &throttle.Limiter{Store: g.store, Now: g.clock}, Now: g.clock,
	})
	t.Cleanup(func() {
		ctx := context.Background()
		if err := errors.Join(g.passwords.Close(ctx), keeper.Close(ctx), registry.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	dialect := jellyfin.DialectFor(g.server.Release().String(), "auto", true)
	g.front = &gateway.Gateway{
		Policy: policy.New(), Switches: policy.DefaultSwitches(), Dialect: func() jellyfin.Dialect { return dialect },
		Sessions: nobody{}, Tokens: nobody{}, Grants: nobody{}, Readiness: nobody{}, Portal: http.NotFoundHandler(),
		Jellyfin: straight{g.server}, Pages: ui.New(), Native: g.handler, Logger: slog.New(slog.DiscardHandler), Via: func(*http.Request) bool { return false },
	}
	return g
}

// lateVault is the app passwords of a gate that is still being built.
type lateVault struct{ g *gate }

func (v lateVault) Claims(ctx context.Context, typed secret.Text) (bool, error) {
	return v.g.passwords.Claims(ctx, typed)
}

func (v lateVault) Redeem(ctx context.Context, as jellyfin.Credentials) (jellyfin.Session, error) {
	return v.g.passwords.Redeem(ctx, as)
}

// straight forwards to a Jellyfin as it is.
type straight struct{ server http.Handler }

func (s straight) Forward(w http.ResponseWriter, r *http.Request, _ proxy.Treatment) {
	r.RequestURI = r.URL.RequestURI()
	s.server.ServeHTTP(w, r)
}

// nobody knows no session, no token and no network, and a Jellyfin that is ready.
type nobody struct{}

func (nobody) Lookup(context.Context, string) (session.Session, error) {
	return session.Session{}, session.ErrNone
}
func (nobody) EndToken(context.Context, secret.Text) error                  { return nil }
func (nobody) Alive(context.Context, secret.Text, netip.Addr) (bool, error) { return false, nil }
func (nobody) Confirm(secret.Text)                                          {}
func (nobody) Forget(secret.Text)                                           {}
func (nobody) Prove(netip.Addr, secret.Text, string)                        {}
func (nobody) Holds(netip.Addr, string) bool                                { return false }
func (nobody) Knows(secret.Text) bool                                       { return false }
func (nobody) End(context.Context, secret.Text) error                       { return nil }
func (nobody) Readiness(context.Context) jellyfin.Readiness                 { return jellyfin.Ready }

// attempt is a request to a password endpoint.
type attempt struct {
	method, target, body string
	header               http.Header
	addr                 string
}

// draw makes an attempt of good and bad parts, or one as a usual app makes it.
func (g *gate) draw(t *rapid.T, people []*person) attempt {
	if rapid.Bool().Draw(t, "as an app") {
		return g.drawUsual(t, people)
	}
	a := attempt{header: drawHeaders(t)}
	var contentType string
	a.body, contentType = drawBody(t, g, people)
	a.header.Set("Content-Type", contentType)
	a.target = drawTarget(t, rapid.SampledFrom(people).Draw(t, "in the target"))
	a.method = rapid.SampledFrom([]string{"POST", "POST", "POST", "POST", "POST", "POST", "POST", "POST", "post", "PUT", "GET"}).Draw(t, "method")
	a.addr = fmt.Sprintf("198.18.0.%d:1", rapid.IntRange(1, 3).Draw(t, "address"))
	return a
}

// drawUsual makes an attempt of a usual app, with the code or the app password of
// whoever is named, or of somebody else.
func (g *gate) drawUsual(t *rapid.T, people []*person) attempt {
	p := rapid.SampledFrom(people).Draw(t, "who")
	other := p
	if rapid.IntRange(0, 9).Draw(t, "of another") == 9 {
		other = rapid.SampledFrom(people).Draw(t, "of whom")
	}
	typed := other.app
	if !rapid.SampledFrom([]bool{true, false, false}).Draw(t, "app password") && !other.factor.IsZero() {
		typed = p.password + g.code(other.factor)
	}
	return attempt{
		method: http.MethodPost, target: "/Users/AuthenticateByName", body: fmt.Sprintf(`{"Username":%q,"Pw":%q}`, p.name, typed),
		header: http.Header{"Authorization": {television}, "Content-Type": {"application/json"}}, addr: "198.18.0.1:1",
	}
}

// send sends a through the gateway.
func (g *gate) send(a attempt) *httptest.ResponseRecorder {
	path, query, _ := strings.Cut(a.target, "?")
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(a.body))
	r.Method, r.RequestURI, r.URL = a.method, a.target, &url.URL{Path: path, RawQuery: query}
	r.Header, r.RemoteAddr, r.Host = a.header.Clone(), a.addr, "jellyfin.example.org"
	w := httptest.NewRecorder()
	g.front.ServeHTTP(w, r)
	return w
}
