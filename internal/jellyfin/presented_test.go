package jellyfin

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/secret"
)

// Dialects that tests read requests in.
var (
	strict     = Dialect{Version: "12.0.0"}
	translated = Dialect{Version: "12.0.0", Translate: true}
	legacy     = Dialect{Version: "10.11.11", Legacy: true}
	oldest     = Dialect{Version: "10.10.7", Legacy: true}
)

// headerOf makes a header of name, value, name, value…; names may repeat.
func headerOf(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestOneFormCounts(t *testing.T) {
	const auth, embyAuth, embyToken = "Authorization", "X-Emby-Authorization", "X-Emby-Token"
	for _, tt := range []struct {
		name, query                              string
		header                                   []string
		strict, translated, legacyOn, legacy1010 secret.Text
	}{
		{"header", "", []string{auth, `MediaBrowser Token="abc"`}, "abc", "abc", "abc", "abc"},
		{"any case of the scheme", "", []string{auth, `mediabrowser Token="abc"`}, "abc", "abc", "abc", "abc"},
		{"unquoted", "", []string{auth, `MediaBrowser Token=abc, Client=x`}, "abc", "abc", "abc", "abc"},
		{"comma in quotes", "", []string{auth, `MediaBrowser Device="a,Token=no", Token="abc"`}, "abc", "abc", "abc", "abc"},
		{"last duplicate", "", []string{auth, `MediaBrowser Token="x", Token="abc"`}, "abc", "abc", "abc", "abc"},
		{"first header", "", []string{auth, `MediaBrowser Token="abc"`, auth, `MediaBrowser Token="x"`}, "abc", "abc", "abc", "abc"},
		{"empty first header", "", []string{auth, ``, auth, `MediaBrowser Token="x"`}, "", "", "", ""},
		{"encoded", "", []string{auth, `MediaBrowser Token="a%62c"`}, "abc", "abc", "abc", "abc"},
		{"bad escape", "", []string{auth, `MediaBrowser Token="a%6"`}, "a%6", "a%6", "a%6", "a%6"},
		{"key in lower case", "", []string{auth, `MediaBrowser token="abc"`}, "", "", "", ""},
		{"two equals signs", "", []string{auth, `MediaBrowser Token=abc=d`}, "", "", "", ""},
		{"semicolons", "", []string{auth, `MediaBrowser Client="x"; Token="abc"`}, "", "", "", ""},
		{"tab", "", []string{auth, "MediaBrowser\tToken=\"abc\""}, "", "", "", ""},
		{"bearer", "", []string{auth, "Bearer abc"}, "", "", "", ""},
		{"empty token", "", []string{auth, `MediaBrowser Token="", Client="x"`}, "", "", "", ""},
		{"empty token, then query", "ApiKey=q", []string{auth, `MediaBrowser Token=""`}, "q", "q", "q", "q"},
		{"dead header, query", "ApiKey=q", []string{auth, `MediaBrowser Token="x"`}, "x", "x", "x", "x"},
		{"query", "a=b&ApiKey=abc", nil, "abc", "abc", "abc", "abc"},
		{"query in any case", "apikey=abc", nil, "abc", "abc", "abc", "abc"},
		{"a letter that only looks like one", "Api\u212Aey=abc", nil, "", "", "", ""},
		{"encoded name", "%41piKey=abc", nil, "abc", "abc", "abc", "abc"},
		{"empty ones vanish", "ApiKey=&ApiKey=abc", nil, "abc", "abc", "abc", "abc"},
		{"repeated", "ApiKey=a&apikey=b", nil, "a,b", "a,b", "a,b", "a,b"},
		{"semicolon", "x=1;ApiKey=abc", nil, "", "", "", ""},
		{"encoded as a whole", "ApiKey%3Dabc%26x%3Dy", nil, "", "", "", ""},
		{"encoded as a whole, socket", "ApiKey%3Dabc%26x%3Dy", []string{"Connection", "Upgrade", "Upgrade", "websocket"}, "abc", "abc", "abc", "abc"},
		{"legacy in it, socket", "api_key%3Dabc", []string{"Connection", "Upgrade", "Upgrade", "websocket"}, "", "abc", "abc", "abc"},
		{"legacy query", "api_key=abc", nil, "", "abc", "abc", "abc"},
		{"both queries", "api_key=old&ApiKey=new", nil, "new", "new", "new", "new"},
		{"legacy scheme", "", []string{auth, `Emby Token="abc"`}, "", "abc", "abc", "abc"},
		{"legacy scheme, query", "ApiKey=q", []string{auth, `Emby Token="abc"`}, "q", "q", "abc", "abc"},
		{"legacy header", "", []string{embyAuth, `MediaBrowser Token="abc"`}, "", "abc", "abc", "abc"},
		{"legacy header and header", "", []string{embyAuth, `MediaBrowser Token="old"`, auth, `MediaBrowser Token="new"`}, "new", "new", "new", "old"},
		{"legacy header and one that says no token", "", []string{embyAuth, `MediaBrowser Token="old"`, auth, `MediaBrowser Client="x"`}, "", "", "", "old"},
		{"unreadable legacy header and header", "", []string{embyAuth, `Basic x`, auth, `MediaBrowser Token="new"`}, "new", "new", "new", ""},
		{"legacy token", "", []string{embyToken, `abc`}, "", "abc", "abc", "abc"},
		{"legacy token repeated", "", []string{embyToken, "", embyToken, `a`, embyToken, `b`}, "", "a,b", "a,b", "a,b"},
		{"legacy token and query", "ApiKey=q", []string{embyToken, `abc`}, "q", "q", "abc", "abc"},
		{"older legacy token", "api_key=q", []string{"X-MediaBrowser-Token", `abc`}, "", "abc", "abc", "abc"},
		{"nothing", "", nil, "", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range []struct {
				name    string
				dialect Dialect
				want    secret.Text
			}{
				{"strict", strict, tt.strict}, {"translated", translated, tt.translated}, {"legacy", legacy, tt.legacyOn}, {"10.10", oldest, tt.legacy1010},
			} {
				got := ReadPresented(headerOf(tt.header...), tt.query, in.dialect)
				if got.Token != in.want {
					t.Errorf("%s: token %q, want %q", in.name, string(got.Token), string(in.want))
				}
				if got.HasToken() != (in.want != "") {
					t.Errorf("%s: HasToken() = %v", in.name, got.HasToken())
				}
			}
		})
	}
}

func TestAuthorizationIsReadAsItWasWritten(t *testing.T) {
	device := Device{Client: "Jellyfin Web", Name: `Ann's "TV", upstairs`, ID: "a+/b=", Version: "10.11.11"}
	got := ReadPresented(headerOf("Authorization", device.Authorization("s3cret")), "", strict)
	if diff := cmp.Diff(device, got.Device); diff != "" {
		t.Errorf("device (-want +got):\n%s", diff)
	}
	if got.Token != "s3cret" {
		t.Errorf("token %q", string(got.Token))
	}
}
