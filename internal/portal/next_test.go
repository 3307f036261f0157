package portal

import (
	"net/url"
	"strings"
	"testing"
)

func TestLocalNext(t *testing.T) {
	tests := []struct{ base, text, want string }{
		{"", "/web/", "/web/"},
		{"", "/web", "/web/"},
		{"", "/web/index.html", "/web/index.html"},
		{"", "/web/index.html?x=1&y=%2F", "/web/index.html?x=1&y=%2F"},
		{"", "/web/#/home", "/web/#/home"},
		{"", "/web?x=1", "/web/?x=1"},
		{"/jellyfin", "/jellyfin/web/", "/jellyfin/web/"},

		{"", "", ""},
		{"", "/", ""},
		{"", "/sso/2fa", ""},
		{"", "/webevil", ""},
		{"", "/web//evil.example", ""},
		{"", "//evil.example/web/", ""},
		{"", "https://evil.example/web/", ""},
		{"", "/web/..", ""},
		{"", "/web/../sso/2fa", ""},
		{"", "/web/./x", ""},
		{"", "/web/%2e%2e/x", ""},
		{"", `/web/\evil.example`, ""},
		{"", `/web\..\x`, ""},
		{"", "/web/x y", ""},
		{"", "/web/x\n", ""},
		{"", "/web/?x\r\nSet-Cookie: a", ""},
		{"", "/web/?\"><script>", ""},
		{"", "/web/ſ", ""},
		{"", "/WEB/", ""},
		{"/jellyfin", "/web/", ""},
		{"", "/web/" + strings.Repeat("x", 4096), ""},
	}
	for _, tt := range tests {
		got, ok := localNext(tt.base, tt.text)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("localNext(%q, %q) = %q, %v, want %q", tt.base, tt.text, got, ok, tt.want)
		}
	}
}

// Whatever is accepted stays on this site, below /web/, for whoever resolves it.
func FuzzLocalNext(f *testing.F) {
	for _, seed := range []string{"/web/", "/web/index.html?x=1#y", "//web/", "/web/..//", "/web?//x", "/web/;x", "/web/%2e", "javascript:/web/", "/web#//"} {
		f.Add(seed)
	}
	site, err := url.Parse("https://jellyfin.example.org/sso/2fa")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		next, ok := localNext("", text)
		if !ok {
			if next != "" {
				t.Errorf("refused, but returned %q", next)
			}
			return
		}
		if strings.ContainsAny(next, " \\\"<>\r\n\t") {
			t.Errorf("%q has characters of markup", next)
		}
		resolved, err := site.Parse(next)
		if err != nil {
			return // a browser would stay where it is
		}
		if resolved.Host != site.Host || resolved.Scheme != site.Scheme || !strings.HasPrefix(resolved.Path, "/web/") {
			t.Errorf("%q leads to %s", next, resolved)
		}
		if again, ok := localNext("", next); !ok || again != next {
			t.Errorf("%q becomes %q, %v", next, again, ok)
		}
	})
}
