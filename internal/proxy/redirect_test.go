package proxy

import (
	"net/http"
	"net/netip"
	"net/url"
	"testing"

	"github.com/jellyward/jellyward/internal/visitor"
)

func TestRedirectsLeadToTheVisitorsOrigin(t *testing.T) {
	const public = "https://jellyfin.example.org"
	for _, tt := range []struct{ from, to string }{
		// As Jellyfin writes them when it trusts us.
		{"web/", "web/"},
		{"web/robots.txt", "web/robots.txt"},
		{"/jellyfin/web/", "/jellyfin/web/"},
		{public + "/web/", public + "/web/"},
		{"https://Jellyfin.Example.org:443/web/", "https://Jellyfin.Example.org:443/web/"},
		// As it does when it does not.
		{"http://jellyfin.example.org/web/", public + "/web/"},
		{"http://jellyfin.example.org/jellyfin/web/", public + "/jellyfin/web/"},
		{"HTTP://JELLYFIN.example.org:80/a%2Fb?c=%20d;e#f", public + "/a%2Fb?c=%20d;e#f"},
		// By the name that we know it by.
		{"http://10.0.0.5:8096/jellyfin/web/index.html?x=1", public + "/jellyfin/web/index.html?x=1"},
		{"https://10.0.0.5:8096/web/", public + "/web/"},
		{"//10.0.0.5:8096/web/", public + "/web/"},
		{"http://user:word@10.0.0.5:8096/web/", public + "/web/"},
		{"http://10.0.0.5:8096", public},
		{"http://10.0.0.5:8096?a", public + "?a"},
		// What looks like another site after the host stays on ours.
		{"http://10.0.0.5:8096//evil.example/", public + "//evil.example/"},
		{"http://10.0.0.5:8096/@evil.example", public + "/@evil.example"},
		// On purpose elsewhere.
		{"https://id.example.net/authorize?redirect_uri=http%3A%2F%2F10.0.0.5%3A8096%2F", "https://id.example.net/authorize?redirect_uri=http%3A%2F%2F10.0.0.5%3A8096%2F"},
		{"http://10.0.0.5/other", "http://10.0.0.5/other"},
		{"https://jellyfin.example.org:8920/web/", "https://jellyfin.example.org:8920/web/"},
		{"https://jellyfin.example.org.evil.example/", "https://jellyfin.example.org.evil.example/"},
		{"http://10.0.0.5:8096@evil.example/", "http://10.0.0.5:8096@evil.example/"},
		{"ftp://10.0.0.5:8096/", "ftp://10.0.0.5:8096/"},
		{"vlc://10.0.0.5:8096/", "vlc://10.0.0.5:8096/"},
		{"http:\\\\10.0.0.5:8096/", "http:\\\\10.0.0.5:8096/"},
		{"", ""},
	} {
		a := addresses{upstream: &url.URL{Scheme: "http", Host: "10.0.0.5:8096"}, visitor: anyone}
		if got := a.public(tt.from); got != tt.to {
			t.Errorf("public(%q) = %q, want %q", tt.from, got, tt.to)
		}
	}
}

func TestRedirectsNeverTakeAVisitorOffHTTPS(t *testing.T) {
	home := visitor.Visitor{Addr: netip.MustParseAddr("192.168.1.5"), Scheme: "http", Host: "jellyfin.example.org"}
	a := addresses{upstream: &url.URL{Scheme: "https", Host: "jellyfin.lan"}, visitor: home}
	for from, to := range map[string]string{
		"https://jellyfin.example.org/web/": "https://jellyfin.example.org/web/",
		"http://jellyfin.example.org/web/":  "http://jellyfin.example.org/web/",
		"https://jellyfin.lan/web/":         "http://jellyfin.example.org/web/",
		"https://jellyfin.lan:443/web/":     "http://jellyfin.example.org/web/",
	} {
		if got := a.public(from); got != to {
			t.Errorf("public(%q) = %q, want %q", from, got, to)
		}
	}
}

func TestAddressesInHeadersArePublic(t *testing.T) {
	front := serve(t, func(w http.ResponseWriter, r *http.Request) {
		behind := "http://" + r.Context().Value(http.LocalAddrContextKey).(interface{ String() string }).String()
		h := w.Header()
		h.Set("Location", behind+"/jellyfin/web/")
		h.Set("Content-Location", behind+"/Items/1")
		h.Set("Link", "<"+behind+"/a>; rel=next, </b>; rel=prev, <https://other.example/?a=<>")
		h.Set("Refresh", `5; URL="`+behind+`/web/"`)
		h.Set("Alt-Svc", `h3=":8920"`)
		w.WriteHeader(http.StatusMovedPermanently)
	}, nil, Treatment{})
	resp, _ := get(t, front, nil)
	const public = "https://jellyfin.example.org"
	for name, want := range map[string]string{
		"Location":         public + "/jellyfin/web/",
		"Content-Location": public + "/Items/1",
		"Link":             "<" + public + "/a>; rel=next, </b>; rel=prev, <https://other.example/?a=<>",
		"Refresh":          "5; URL=" + public + "/web/",
		"Alt-Svc":          "",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}
