package jellyfin_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/secret"
)

var releases = []jellyfintest.Release{jellyfintest.V10_10, jellyfintest.V10_11, jellyfintest.V12}

// ask starts a server and returns a client for it.
func ask(t *testing.T, options ...jellyfintest.Option) (*jellyfin.Client, *jellyfintest.Server) {
	t.Helper()
	server := jellyfintest.Start(t, options...)
	return clientOf(t, server.URL), server
}

func clientOf(t *testing.T, text string) *jellyfin.Client {
	t.Helper()
	base, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return jellyfin.New(base, nil, 0)
}

func TestAServerShowsWhetherItTrustsUs(t *testing.T) {
	other := netip.MustParsePrefix("192.0.2.0/24")
	for _, release := range releases {
		for _, base := range []string{"", "/jellyfin"} {
			for _, tt := range []struct {
				name    string
				proxies []netip.Prefix
				want    bool
			}{
				{"us", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, true},
				{"none", nil, false},
				{"another", []netip.Prefix{other}, false},
			} {
				name := fmt.Sprintf("%v%s knows %s", release, base, tt.name)
				c, server := ask(t, jellyfintest.Version(release), jellyfintest.BaseURL(base), jellyfintest.KnownProxies(tt.proxies...))
				if got, err := c.TrustsProxy(t.Context()); got != tt.want || err != nil {
					t.Errorf("%s: TrustsProxy() = %v, %v", name, got, err)
				}
				key := secret.Text(server.AddAPIKey("check"))
				if home, err := c.CountsAsHome(t.Context(), key); home == tt.want || err != nil {
					t.Errorf("%s: CountsAsHome() = %v, %v", name, home, err)
				}
			}
		}
	}
}

func TestWhatDoesNotShowTrustIsNoTrust(t *testing.T) {
	location := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if location == "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusMovedPermanently)
	}))
	defer server.Close()
	for _, location = range []string{"", "/web/", "web/", "https://127.0.0.1:8920/web", "https://sso.example/login"} {
		if trusts, err := clientOf(t, server.URL).TrustsProxy(t.Context()); trusts || !errors.Is(err, jellyfin.ErrUntold) {
			t.Errorf("redirected to %q: TrustsProxy() = %v, %v", location, trusts, err)
		}
	}
	server.Close()
	if _, err := clientOf(t, server.URL).TrustsProxy(t.Context()); !errors.Is(err, jellyfin.ErrUnavailable) {
		t.Errorf("a server that is away: %v", err)
	}
}

func TestARootTellsTheBasePath(t *testing.T) {
	for _, base := range []string{"", "/jellyfin", "/a/b"} {
		_, server := ask(t, jellyfintest.BaseURL(base))
		origin, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		for _, assumed := range []string{"/", "/jellyfin", "/media"} {
			origin.Path = assumed
			if got, err := clientOf(t, origin.String()).BasePath(t.Context()); got != base || err != nil {
				t.Errorf("base %q, assumed %q: BasePath() = %q, %v", base, assumed, got, err)
			}
		}
	}
	c, _ := ask(t, jellyfintest.Starting(jellyfintest.Loading))
	if _, err := c.BasePath(t.Context()); !errors.Is(err, jellyfin.ErrUntold) {
		t.Errorf("while it loads: %v", err)
	}
}

func TestAServerShowsWhatItReads(t *testing.T) {
	for _, release := range releases {
		for _, on := range []bool{true, false} {
			c, server := ask(t, jellyfintest.Version(release), jellyfintest.LegacyAuthorization(on))
			want := on || release == jellyfintest.V10_10
			if got, err := c.ReadsLegacy(t.Context()); got != want || err != nil {
				t.Errorf("%v, legacy %v: ReadsLegacy() = %v, %v", release, on, got, err)
			}
			key := secret.Text(server.AddAPIKey("check"))
			if got, err := c.Settings(t.Context(), key); got != (jellyfin.Settings{QuickConnect: true, Legacy: want}) || err != nil {
				t.Errorf("%v, legacy %v: Settings() = %+v, %v", release, on, got, err)
			}
			server.SetQuickConnect(false)
			if _, err := c.ReadsLegacy(t.Context()); !errors.Is(err, jellyfin.ErrQuickConnectOff) {
				t.Errorf("%v without Quick Connect: %v", release, err)
			}
			if got, err := c.Settings(t.Context(), key); got.QuickConnect || err != nil {
				t.Errorf("%v without Quick Connect: Settings() = %+v, %v", release, got, err)
			}
		}
	}
}

func TestAKeyMustBeOne(t *testing.T) {
	c, _ := ask(t)
	if _, err := c.Settings(t.Context(), "00000000000000000000000000000000"); !errors.Is(err, jellyfin.ErrKeyRefused) {
		t.Errorf("Settings: %v", err)
	}
	if _, err := c.CountsAsHome(t.Context(), "00000000000000000000000000000000"); !errors.Is(err, jellyfin.ErrKeyRefused) {
		t.Errorf("CountsAsHome: %v", err)
	}
}

func TestBothEndsAreKnown(t *testing.T) {
	c, _ := ask(t)
	ours, server, err := c.Ends(t.Context())
	if loopback := netip.MustParseAddr("127.0.0.1"); ours != loopback || server != loopback || err != nil {
		t.Errorf("Ends() = %v, %v, %v", ours, server, err)
	}
}
