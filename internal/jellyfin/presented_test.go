package jellyfin

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/secret"
)

func TestReadPresentedFindsEveryForm(t *testing.T) {
	for _, tt := range []struct {
		name, key, value, query string
		want                    []secret.Text
	}{
		{"header", "Authorization", `MediaBrowser Token="abc"`, "", []secret.Text{"abc"}},
		{"any case of the scheme", "Authorization", `mediabrowser Token="abc"`, "", []secret.Text{"abc"}},
		{"unquoted", "Authorization", `MediaBrowser Token=abc, Client=x`, "", []secret.Text{"abc"}},
		{"comma in quotes", "Authorization", `MediaBrowser Device="a,Token=no", Token="abc"`, "", []secret.Text{"abc"}},
		{"last duplicate", "Authorization", `MediaBrowser Token="x", Token="abc"`, "", []secret.Text{"abc"}},
		{"encoded", "Authorization", `MediaBrowser Token="a%62c"`, "", []secret.Text{"abc"}},
		{"legacy scheme", "Authorization", `Emby Token="abc"`, "", []secret.Text{"abc"}},
		{"legacy header", "X-Emby-Authorization", `MediaBrowser Token="abc"`, "", []secret.Text{"abc"}},
		{"legacy token", "X-Emby-Token", `abc`, "", []secret.Text{"abc"}},
		{"older legacy token", "X-MediaBrowser-Token", `abc`, "", []secret.Text{"abc"}},
		{"query", "", "", "a=b&ApiKey=abc", []secret.Text{"abc"}},
		{"query in any case", "", "", "apikey=abc", []secret.Text{"abc"}},
		{"encoded name", "", "", "%41piKey=abc", []secret.Text{"abc"}},
		{"legacy query", "", "", "api_key=abc", []secret.Text{"abc"}},
		{"query encoded as a whole", "", "", "ApiKey%3Dabc%26x%3Dy", []secret.Text{"abc"}},
		{"several", "Authorization", `MediaBrowser Token="1"`, "api_key=3&ApiKey=2", []secret.Text{"1", "2", "3"}},
		{"empty token", "Authorization", `MediaBrowser Token="", Client="x"`, "", nil},
		{"empty query token", "", "", "ApiKey=", nil},
		{"key in lower case", "Authorization", `MediaBrowser token="abc"`, "", nil},
		{"bearer", "Authorization", "Bearer abc", "", nil},
		{"basic", "Authorization", "Basic YTpi", "", nil},
		{"nothing", "", "", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{}
			if tt.key != "" {
				header.Set(tt.key, tt.value)
			}
			got := ReadPresented(header, tt.query)
			if diff := cmp.Diff(tt.want, got.Tokens); diff != "" {
				t.Errorf("tokens (-want +got):\n%s", diff)
			}
			if got.HasToken() != (len(tt.want) > 0) {
				t.Errorf("HasToken() = %v", got.HasToken())
			}
		})
	}
}

func TestAuthorizationIsReadAsItWasWritten(t *testing.T) {
	device := Device{Client: "Jellyfin Web", Name: `Ann's "TV", upstairs`, ID: "a+/b=", Version: "10.11.11"}
	header := http.Header{"Authorization": {device.Authorization("s3cret")}}
	got := ReadPresented(header, "")
	want := Presented{Device: device, Tokens: []secret.Text{"s3cret"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}
