package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// claims are headers with which visitors say that they are somebody else.
var claims = []http.Header{
	{"X-Forwarded-For": {"192.168.1.5"}},
	{"X-Forwarded-For": {"192.168.1.5", "10.0.0.1"}},
	{"X-Forwarded-For": {"garbage"}},
	{"X-Forwarded-For": {""}},
	{"x-forwarded-for": {"192.168.1.5"}},
	{"X_forwarded_for": {"192.168.1.5"}},
	{"x_real_ip": {"192.168.1.5"}, "Cf_connecting-Ip": {"192.168.1.5"}},
	{"Forwarded": {"for=192.168.1.5;proto=http;host=evil.example"}},
	{"X-Real-Ip": {"192.168.1.5"}},
	{"True-Client-Ip": {"192.168.1.5"}, "X-Client-Ip": {"192.168.1.5"}, "X-Cluster-Client-Ip": {"192.168.1.5"}},
	{"Cf-Connecting-Ip": {"192.168.1.5"}},
	{"Cf-Connecting-Ip": {"192.168.1.5", "192.168.1.6"}, "Cf-Connecting-Ipv6": {"fe80::1"}, "Cf-Pseudo-Ipv4": {"10.0.0.1"}},
	{"X-Forwarded-Proto": {"gopher"}, "X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Prefix": {"/evil"}, "X-Forwarded-Port": {"1"}},
	{"X-Original-For": {"192.168.1.5"}, "X-Original-Host": {"evil.example"}, "X-Original-Proto": {"http"}},
	{"X-Original-Url": {"/Startup/User"}, "X-Rewrite-Url": {"/Startup/User"}, "X-Http-Method-Override": {"POST"}},
	{"Connection": {"X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host"}},
	{"Via": {"1.1 home"}, "Cdn-Loop": {"cloudflare; loops=1"}},
}

// told is what Jellyfin may be told about the way of a request and no more.
var told = []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// TestNoHeaderSaysWhoSomebodyIs sends claims over every way in. Jellyfin hears
// exactly one address, the one that is known here, and takes nobody from the
// internet for somebody at home.
func TestNoHeaderSaysWhoSomebodyIs(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, base := w.play(t, stage.Options{})
			user := s.Jellyfin.AddUser("alice", "wonderland")
			token := s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value
			address, scheme := edgetest.DefaultVisitor.String(), "http"
			if s.Edge == nil {
				address = "127.0.0.1"
			}
			for i, claim := range claims {
				s.Jellyfin.Record()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/System/Endpoint", nil)
				if err != nil {
					t.Fatal(err)
				}
				for name, values := range claim {
					req.Header[name] = values
				}
				req.Header.Set("Authorization", `MediaBrowser Token="`+token+`"`)
				req.Header.Set(rowHeader, "1")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				var end struct{ IsLocal, IsInNetwork bool }
				if err := json.NewDecoder(resp.Body).Decode(&end); err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("claim %d %v: %d, %v", i, claim, resp.StatusCode, err)
				}
				_ = resp.Body.Close()
				if s.Edge != nil && (end.IsLocal || end.IsInNetwork) {
					t.Errorf("claim %v: a visitor from the internet counts as at home: %+v", claim, end)
				}
				checkTold(t, claim, s.Jellyfin.Requests(), address, scheme, strings.TrimPrefix(base, "http://"))
			}
		})
	}
}

// checkTold looks at the one request that carries a row's mark.
func checkTold(t *testing.T, claim http.Header, reached []jellyfintest.Request, address, scheme, host string) {
	t.Helper()
	count := 0
	for _, r := range reached {
		if r.Header.Get(rowHeader) == "" {
			continue // the program's own question
		}
		count++
		if r.Method != http.MethodGet || r.Target != "/System/Endpoint" || r.Host != host {
			t.Errorf("claim %v: Jellyfin was asked %s %s at %s", claim, r.Method, r.Target, r.Host)
		}
		for name, want := range map[string]string{"X-Forwarded-For": address, "X-Forwarded-Proto": scheme, "X-Forwarded-Host": host} {
			if got := r.Header.Values(name); !slices.Equal(got, []string{want}) {
				t.Errorf("claim %v: %s is %q, want only %q", claim, name, got, want)
			}
		}
		for name := range r.Header {
			upper := http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
			claimed := strings.HasPrefix(upper, "X-Forwarded") || strings.HasPrefix(upper, "Cf-") || strings.HasPrefix(upper, "X-Original") ||
				slices.Contains([]string{"Forwarded", "X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Via", "Cdn-Loop", "X-Rewrite-Url", "X-Http-Method-Override"}, upper)
			if claimed && !slices.Contains(told, name) {
				t.Errorf("claim %v: Jellyfin was shown %s: %q", claim, name, r.Header[name])
			}
		}
	}
	if count != 1 {
		t.Errorf("claim %v: %d requests reached Jellyfin, want 1", claim, count)
	}
}

// TestAnAddressIsOneOrNone lets the edge misbehave: without exactly one public
// address a tunnelled request goes nowhere, not to our own pages either.
func TestAnAddressIsOneOrNone(t *testing.T) {
	set := func(name string, values ...string) func(http.Header) {
		return func(h http.Header) {
			delete(h, "Cf-Connecting-Ip")
			if len(values) > 0 {
				h[name] = values
			}
		}
	}
	const name = "Cf-Connecting-Ip"
	tests := []struct {
		what   string
		edit   func(http.Header)
		wanted string // the address that Jellyfin hears; none for a refusal
	}{
		{"none", set(name), ""},
		{"an empty one", set(name, ""), ""},
		{"two", set(name, "203.0.113.9", "198.51.100.7"), ""},
		{"twice the same", set(name, "203.0.113.9", "203.0.113.9"), ""},
		{"two in one line", set(name, "203.0.113.9, 198.51.100.7"), ""},
		{"garbage", set(name, "garbage"), ""},
		{"with a port", set(name, "203.0.113.9:80"), ""},
		{"IPv6 with a port", set(name, "[2001:db8::1]:80"), ""},
		{"in brackets", set(name, "[2001:db8::1]"), ""},
		{"with a zone", set(name, "2001:db8::1%eth0"), ""},
		{"private", set(name, "10.0.0.5"), ""},
		{"private, mapped", set(name, "::ffff:192.168.1.5"), ""},
		{"loopback", set(name, "127.0.0.1"), ""},
		{"unspecified", set(name, "0.0.0.0"), ""},
		{"in octal", set(name, "0313.0.0161.011"), ""},
		{"as a number", set(name, "3405803785"), ""},
		{"only in X-Forwarded-For", func(h http.Header) { delete(h, name); h.Set("X-Forwarded-For", "203.0.113.9") }, ""},
		{"IPv6", set(name, "2001:DB8:0:0::1"), "2001:db8::1"},
		{"mapped", set(name, "::ffff:203.0.113.9"), "203.0.113.9"},
		{"and another in X-Forwarded-For", func(h http.Header) { h.Set("X-Forwarded-For", "192.168.1.5, 10.0.0.1") }, edgetest.DefaultVisitor.String()},
	}
	for _, w := range ways[:2] {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, _ := w.play(t, stage.Options{Logger: discard()})
			for _, tt := range tests {
				s.Jellyfin.Record()
				visitor := edgetest.Visitor{Addr: netip.Addr{}, EditHeader: tt.edit}
				for _, path := range []string{"/System/Info/Public", "/sso/2fa"} {
					resp, body := visit(t, s.Edge.TransportFor(visitor), http.MethodGet, path, nil)
					if refused := resp.StatusCode == http.StatusBadRequest; refused != (tt.wanted == "") {
						t.Errorf("%s: GET %s: %d %.100q", tt.what, path, resp.StatusCode, body)
					}
				}
				var heard []string
				for _, r := range s.Jellyfin.Requests() {
					if r.Header.Get(rowHeader) != "" {
						heard = append(heard, r.Header.Values("X-Forwarded-For")...)
					}
				}
				if tt.wanted == "" && heard != nil || tt.wanted != "" && !slices.Equal(heard, []string{tt.wanted}) {
					t.Errorf("%s: Jellyfin heard %q, want %q", tt.what, heard, tt.wanted)
				}
			}
		})
	}
}

// visit makes one request with a mark on it and reads the whole answer.
func visit(t *testing.T, transport http.RoundTripper, method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+publicHost+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(rowHeader, "1")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, string(text)
}
