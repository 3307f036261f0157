package proxy

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/visitor"
)

const strict = "default-src 'self'; script-src 'self' https://www.gstatic.com https://www.youtube.com; " +
	"style-src 'self' 'unsafe-inline' blob: https:; img-src 'self' data: blob: https:; font-src 'self' data: blob: https:; " +
	"connect-src 'self' wss://jellyfin.example.org; media-src 'self' blob: data:; frame-src 'self' https://www.youtube.com; " +
	"worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"

func TestDocumentsAreHardened(t *testing.T) {
	plugins := strings.Replace(strict, "www.youtube.com; style", "www.youtube.com 'unsafe-inline'; style", 1)
	document := Treatment{Document: true, CSP: StrictCSP}
	html := http.Header{"Content-Type": {"text/html"}}
	for _, tt := range []struct {
		name      string
		treatment Treatment
		said      http.Header
		want      http.Header
	}{
		{"strict", document, html, http.Header{"Content-Security-Policy": {strict}}},
		{"plugins", Treatment{Document: true, CSP: PluginsCSP}, html, http.Header{"Content-Security-Policy": {plugins}}},
		{"none", Treatment{Document: true}, html, http.Header{"Content-Security-Policy": nil}},
		{"JSON", document, http.Header{"Content-Type": {"application/json; charset=utf-8"}}, http.Header{"Content-Security-Policy": nil}},
		{"manifest", document, http.Header{"Content-Type": {"application/manifest+json"}}, http.Header{"Content-Security-Policy": nil}},
		{
			"said by Jellyfin", document,
			http.Header{
				"Content-Type": {"text/html"}, "Content-Security-Policy": {"script-src 'none'"},
				"Referrer-Policy": {"no-referrer"}, "Strict-Transport-Security": {"max-age=1; includeSubDomains"},
			},
			http.Header{
				"Content-Security-Policy": {"script-src 'none'", strict},
				"Referrer-Policy":         {"no-referrer"}, "Strict-Transport-Security": {"max-age=1; includeSubDomains"},
			},
		},
		{
			"not to be framed", document,
			http.Header{"Content-Type": {"text/html"}, "X-Frame-Options": {"deny"}},
			http.Header{"Content-Security-Policy": {strings.Replace(strict, "ancestors 'self'", "ancestors 'none'", 1)}, "X-Frame-Options": {"deny"}},
		},
	} {
		front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			for name, values := range tt.said {
				w.Header()[name] = values
			}
		}, nil, tt.treatment)
		resp, _ := get(t, front, nil)
		want := http.Header{
			"X-Content-Type-Options":    {"nosniff"},
			"Referrer-Policy":           {"strict-origin-when-cross-origin"},
			"Strict-Transport-Security": {"max-age=31536000"},
			"Cache-Control":             {"no-store"},
		}
		for name, values := range tt.want {
			want[name] = values
		}
		for name, values := range want {
			if diff := cmp.Diff(values, resp.Header[name]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", tt.name, name, diff)
			}
		}
	}
}

func TestOnlyDocumentsAreHardened(t *testing.T) {
	for _, treatment := range []Treatment{
		{CSP: StrictCSP}, {Private: true, CSP: StrictCSP}, {HideAddress: true, CSP: StrictCSP}, {Branding: true, CSP: StrictCSP},
	} {
		front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
		}, nil, treatment)
		resp, _ := get(t, front, nil)
		for _, name := range []string{"Content-Security-Policy", "Strict-Transport-Security", "Referrer-Policy"} {
			if got := resp.Header.Get(name); got != "" {
				t.Errorf("%+v: %s: %s", treatment, name, got)
			}
		}
	}
}

func TestHSTSNeedsHTTPS(t *testing.T) {
	for scheme, want := range map[string]string{"http": "", "https": hstsYear} {
		v := visitor.Visitor{Addr: netip.MustParseAddr("192.168.1.5"), Scheme: scheme, Host: "jellyfin.lan:8095"}
		r, err := http.NewRequestWithContext(visitor.With(t.Context(), v), http.MethodGet, "/web/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp := &http.Response{Request: r, Header: http.Header{"Content-Type": {"text/html"}}}
		harden(resp, StrictCSP)
		if got := resp.Header.Get("Strict-Transport-Security"); got != want {
			t.Errorf("%s: Strict-Transport-Security %q, want %q", scheme, got, want)
		}
	}
}

func TestThePolicyNamesTheVisitorsSocket(t *testing.T) {
	for _, tt := range []struct{ scheme, host, want string }{
		{"https", "jellyfin.example.org", "connect-src 'self' wss://jellyfin.example.org;"},
		{"http", "192.168.1.5:8095", "connect-src 'self' ws://192.168.1.5:8095;"},
		{"https", "[2001:db8::1]:8443", "connect-src 'self';"},
		{"https", "a_b", "connect-src 'self';"},
		{"https", "a; script-src *", "connect-src 'self';"},
		{"https", "a,b", "connect-src 'self';"},
		{"http", "", "connect-src 'self';"},
	} {
		policy := StrictCSP.policy(visitor.Visitor{Scheme: tt.scheme, Host: tt.host}, "'self'")
		if !strings.Contains(policy, tt.want) || strings.Count(policy, ";") != strings.Count(strict, ";") {
			t.Errorf("%s://%s: %s", tt.scheme, tt.host, policy)
		}
	}
}
