package tunnel

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// fromQUIC is a request as cloudflared makes one of what the edge sends over
// QUIC, or nil if it would fail it.
func fromQUIC(dest string) *http.Request {
	req, err := http.NewRequest(http.MethodGet, dest, nil)
	if err != nil {
		return nil
	}
	return req
}

// emptyPort matches what loses its colon when it is taken for a host and port.
var emptyPort = regexp.MustCompile(`^(//[^/?#]*):([/?#]|$)`)

// Whatever a visitor's server would accept as a target either arrives as it was
// spelled, or not at all.
func FuzzRequestTarget(f *testing.F) {
	for _, target := range []string{
		"/", "//", "///", "/a%2fb", "/%2e%2e/a", "//../Users", "/a?", "/a??b", "/a?b=%zz", "/a b", "/é", "/\"<>",
		"//u@h/", "//u:p@h:1/a", "//[::1]/a", "//a%41/b", "//é/b", "/a:b", "/*", "//h?q", "//h", "/a;b", "/%", "/a%2",
		"//%20/a", "//a b/c", "/a#b", "/a?b#c", "/.", "//.", "//:80", "//a:b/c", "/%00# 00", "//:", "//h:/a",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if _, err := url.ParseRequestURI(target); err != nil || !strings.HasPrefix(target, "/") {
			return
		}
		dests := []string{"https://jellyfin.example.org" + target, target}
		if emptyPort.MatchString(target) {
			dests = dests[:1] // see requestTarget
		}
		for _, dest := range dests {
			req := fromQUIC(dest)
			if req == nil {
				continue
			}
			got, err := requestTarget(req)
			if err != nil {
				continue
			}
			if got != target && got+"#" != target { // an empty fragment leaves no trace
				t.Errorf("%q sent as %q arrives as %q", target, dest, got)
			}
		}
	})
}

func TestRequestBodyThatEndsEarly(t *testing.T) {
	b := &requestBody{body: io.NopCloser(strings.NewReader("some")), limit: 10}
	if _, err := io.ReadAll(b); err != io.ErrUnexpectedEOF {
		t.Errorf("a short body ends with %v", err)
	}
	b = &requestBody{body: io.NopCloser(strings.NewReader("some and more")), limit: 4}
	if got, err := io.ReadAll(b); string(got) != "some" || err != nil {
		t.Errorf("a long body is %q, %v", got, err)
	}
	b.Close()
	if _, err := b.Read(make([]byte, 1)); err != http.ErrBodyReadAfterClose {
		t.Errorf("a closed body reads %v", err)
	}
}
