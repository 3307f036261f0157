package cli

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
)

// setupOf is a check of the server at text, whose findings go to out.
func setupOf(t *testing.T, text string, out io.Writer) *setup {
	t.Helper()
	base, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c := checker{findings: findings{w: out}, config: config.Config{Jellyfin: config.Jellyfin{URL: base}}}
	s := &setup{checker: &c, client: jellyfin.New(base, nil, 0)}
	if s.info, err = s.client.PublicInfo(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAServerOnOtherAddressesIsANote(t *testing.T) {
	listen := func(address string) *setup {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		server := jellyfintest.New()
		server.Listen(listener)
		t.Cleanup(server.Close)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return setupOf(t, "http://127.0.0.1:"+port, io.Discard)
	}
	for name, tt := range map[string]struct {
		setup *setup
		want  string
	}{
		"everywhere": {listen("0.0.0.0:0"), "note  jellyfin  answers at 127.0.0.2: whoever is in that network reaches it without a second factor"},
		"here only":  {listen("127.0.0.1:0"), ""},
	} {
		var out bytes.Buffer
		tt.setup.w = &out
		tt.setup.beside(t.Context(), []netip.Addr{netip.MustParseAddr("127.0.0.2")})
		if first, _, _ := strings.Cut(out.String(), "\n"); first != tt.want {
			t.Errorf("%s: %q, want %q", name, out.String(), tt.want)
		}
	}
}

func TestAHomeThatIsTooLargeIsAFailure(t *testing.T) {
	fake := jellyfintest.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/System/Endpoint" {
			_, _ = io.WriteString(w, `{"IsLocal":false,"IsInNetwork":true}`)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	defer server.Close()
	var out bytes.Buffer
	s := setupOf(t, server.URL, &out)
	s.settings = &jellyfin.Settings{}
	s.trust(t.Context())
	const want = "FAIL  jellyfin  takes visitors from the internet for visitors at home, although it trusts us as its proxy\n"
	if !strings.HasPrefix(out.String(), want) || s.failures != 1 {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
}
