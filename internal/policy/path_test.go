package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/policy"
)

func TestParsePath(t *testing.T) {
	for _, tt := range []struct{ target, forwarded, local, lower string }{
		{"/", "/", "/", "/"},
		{"/Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/Users/Me/", "/Users/Me/", "/Users/Me/", "/users/me"},
		{"/%55sers/%4d%65", "/Users/Me", "/Users/Me", "/users/me"},
		{"/Users/./Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/Users/Me/.", "/Users/Me/", "/Users/Me/", "/users/me"},
		{"/Users/Me/x/..", "/Users/Me/", "/Users/Me/", "/users/me"},
		{"/web/%2e%2e/Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/web/.%2E/Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/../../Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"//../Users", "/Users", "/Users", "/users"},
		{"/Users//../X", "/Users/X", "/Users/X", "/users/x"},
		{"/x//../../Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/..", "/", "/", "/"},
		{"/...", "/...", "/...", "/..."},
		{"/Users/.hidden", "/Users/.hidden", "/Users/.hidden", "/users/.hidden"},
		// Names keep what belongs to them.
		{"/Artists/AC%2FDC", "/Artists/AC%2FDC", "/Artists/AC%2FDC", "/artists/ac%2fdc"},
		{"/Artists/AC%2fDC", "/Artists/AC%2fDC", "/Artists/AC%2fDC", "/artists/ac%2fdc"},
		{"/Artists/AC%252FDC", "/Artists/AC%2FDC", "/Artists/AC%2FDC", "/artists/ac%2fdc"},
		{"/Genres/100%25", "/Genres/100%25", "/Genres/100%", "/genres/100%"},
		{"/Genres/100%2525", "/Genres/100%2525", "/Genres/100%25", "/genres/100%25"},
		{"/Artists/Pink%20Floyd", "/Artists/Pink%20Floyd", "/Artists/Pink Floyd", "/artists/pink floyd"},
		{"/Artists/Guns+N'+Roses", "/Artists/Guns+N'+Roses", "/Artists/Guns+N'+Roses", "/artists/guns+n'+roses"},
		{"/Artists/Bj%c3%b6rk", "/Artists/Bj%C3%B6rk", "/Artists/Björk", "/artists/björk"},
		{"/Artists/%C3%84rzte", "/Artists/%C3%84rzte", "/Artists/Ärzte", "/artists/Ärzte"},
		{"/Artists/%22Weird%22", "/Artists/%22Weird%22", `/Artists/"Weird"`, `/artists/"weird"`},
		{"/Artists/a;b=c", "/Artists/a;b=c", "/Artists/a;b=c", "/artists/a;b=c"},
		{"/Artists/%23hash%3Fmark", "/Artists/%23hash%3Fmark", "/Artists/#hash?mark", "/artists/#hash?mark"},
		{"/Users/{01234567-89ab}", "/Users/%7B01234567-89ab%7D", "/Users/{01234567-89ab}", "/users/{01234567-89ab}"},
		// The old prefixes, and the second decoding behind them.
		{"/emby/Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/EMBY/Users/Me/", "/Users/Me/", "/Users/Me/", "/users/me"},
		{"/MediaBrowser/Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/%65mby/Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/x/../emby/Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/emby/x/../Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/emby/../Users/Me", "/Users/Me", "/Users/Me", "/users/me"},
		{"/emby/%2555sers/%254de", "/Users/Me", "/Users/Me", "/users/me"},
		{"/emby/Users/%25254de", "/Users/%254de", "/Users/%4de", "/users/%4de"},
		{"/emby/Genres/100%25", "/Genres/100%25", "/Genres/100%", "/genres/100%"},
		{"/emby/Artists/AC%2FDC", "/Artists/AC%2FDC", "/Artists/AC%2FDC", "/artists/ac%2fdc"},
		{"/emby/Artists/AC%252FDC", "/Artists/AC%2FDC", "/Artists/AC%2FDC", "/artists/ac%2fdc"},
		{"/emby", "/", "/", "/"},
		{"/emby/", "/", "/", "/"},
		{"/web/emby", "/web/emby", "/web/emby", "/web/emby"},
	} {
		p, err := policy.ParsePath(tt.target, policy.Base{})
		if err != nil {
			t.Errorf("ParsePath(%s): %v", tt.target, err)
			continue
		}
		if p.String() != tt.forwarded || p.Local() != tt.local || p.Lower() != tt.lower || p.Outside() {
			t.Errorf("ParsePath(%s) = %s, %q, %q, outside %v; want %s, %q, %q", tt.target, p, p.Local(), p.Lower(), p.Outside(), tt.forwarded, tt.local, tt.lower)
		}
	}
}

func TestParsePathRefusesAmbiguity(t *testing.T) {
	for _, tt := range []struct{ target, reason string }{
		{"", "begin with a slash"},
		{"*", "begin with a slash"},
		{"Users/Me", "begin with a slash"},
		{"?x=1", "begin with a slash"},
		{"http://example.org/Users/Me", "begin with a slash"},
		{"example.org:443", "begin with a slash"},
		{"/Users/Me#x", "fragment"},
		{"/Users/Me?a#x", "fragment"},
		{`/Users\Me`, "backslash"},
		{"/Users%5CMe", "encoded backslash"},
		{"/x%5c/../Users/Me", "encoded backslash"},
		{"/emby/Users%255CMe", "encoded backslash"},
		{"/Users/ Me", "control character or a space"},
		{"/Users/\tMe", "control character or a space"},
		{"/Users/\x00Me", "control character or a space"},
		{"/Users/\x7fMe", "control character or a space"},
		{"/Users/Björk", "outside ASCII"},
		{"/Users/Me%00", "encoded control character"},
		{"/Users/Me%0d%0a", "encoded control character"},
		{"/Users/Me%7F", "encoded control character"},
		{"/Users/Me%C2%85", "encoded control character"},
		{"/emby/Users/Me%2500", "encoded control character"},
		{"/Users/%zz", "two hex digits"},
		{"/Users/%4", "two hex digits"},
		{"/Users/%", "two hex digits"},
		{"/Users/%u0041", "two hex digits"},
		{"/Users/%c1%81uthenticateByName", "not UTF-8"},
		{"/Users/%ff", "not UTF-8"},
		{"/Users/%ed%a0%80", "not UTF-8"},
		{"/emby/Users/%25ff", "not UTF-8"},
		{"//", "empty segment"},
		{"//Users/Me", "empty segment"},
		{"/Users//Me", "empty segment"},
		{"/Users/Me//", "empty segment"},
		{"/emby//Users/Me", "empty segment"},
		{"/embyUsers/Me", "without being one"},
		{"/emby%2FUsers/Me", "without being one"},
		{"/emby%252FUsers/Me", "without being one"},
		{"/mediabrowsers", "without being one"},
		{"/EMBY.json", "without being one"},
		{"/emby/emby/Users/Me", "twice"},
		{"/emby/mediabrowser/Users/Me", "twice"},
		{"/emby/%2565mby/Users/Me", "twice"},
		{"/emby/embyUsers", "twice"},
		{"/emby/%252e%252e/Users/Me", "doubly encoded dot segment"},
		{"/emby/Users/%252e/Me", "doubly encoded dot segment"},
		{"/emby/Users/.%252e", "doubly encoded dot segment"},
		{"/Users/Me?a=\x01", "in its query"},
		{"/Users/Me?a= b", "in its query"},
		{"/Users/Me?a=ö", "in its query"},
	} {
		p, err := policy.ParsePath(tt.target, policy.Base{})
		var refused *policy.PathError
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, tt.reason) {
			t.Errorf("ParsePath(%q) = %q, %v; want it refused: %s", tt.target, p, err, tt.reason)
		}
		if p != (policy.Path{}) {
			t.Errorf("ParsePath(%q) hands out %q beside its error", tt.target, p)
		}
	}
}

func TestQueryIsKeptAsSent(t *testing.T) {
	for _, tt := range []struct{ target, query string }{
		{"/Items", ""},
		{"/Items?", ""},
		{"/Items?a=1&b=%2e%2e/%zz;c", "a=1&b=%2e%2e/%zz;c"},
		{"/Items?a=1?b=2", "a=1?b=2"},
		{"/emby/Items?ApiKey%3Dt", "ApiKey%3Dt"},
	} {
		p, err := policy.ParsePath(tt.target, policy.Base{})
		if err != nil || p.RawQuery() != tt.query || p.String() != "/Items" {
			t.Errorf("ParsePath(%s) = %s with query %q, %v; want query %q", tt.target, p, p.RawQuery(), err, tt.query)
		}
	}
}
