package jellyfin_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
)

func TestReadProfile(t *testing.T) {
	for accept, want := range map[string]jellyfin.Profile{
		"":                                       "",
		"*/*":                                    "",
		"application/json":                       "",
		`application/json; profile="CamelCase"`:  jellyfin.CamelCase,
		`application/json;profile=camelcase`:     jellyfin.CamelCase,
		`application/json; profile="PascalCase"`: jellyfin.PascalCase,
		`text/html, application/json; profile="CamelCase"`:            jellyfin.CamelCase,
		`application/json;q=0.5, application/json;profile=CamelCase`:  jellyfin.CamelCase,
		`application/json, application/json;q=0.5;profile=CamelCase`:  "",
		`application/json; profile="CamelCase"; q=0`:                  "",
		`application/json; profile="something"`:                       "",
		`text/xml; profile="CamelCase"`:                               "",
		`application/json, application/octet-stream;q=0.9, */*;q=0.8`: "",
		// the SDK of jellyfin-web
		`application/json, application/json; profile="CamelCase", application/json; profile="PascalCase"`: "",
		`;;,,application/json;=;profile=CamelCase`:                                                        "",
	} {
		if got := jellyfin.ReadProfile(http.Header{"Accept": {accept}}); got != want {
			t.Errorf("ReadProfile(%s) = %q, want %q", accept, got, want)
		}
	}
}

func TestASessionIsReadInEitherSpelling(t *testing.T) {
	server := jellyfintest.Start(t)
	alice := server.AddUser("alice", "wonderland")
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := jellyfin.New(base, http.DefaultTransport, 0)
	for profile, want := range map[jellyfin.Profile][2]string{
		"":                  {`"AccessToken":"`, "application/json; charset=utf-8"},
		jellyfin.PascalCase: {`"AccessToken":"`, "application/json; charset=utf-8"},
		jellyfin.CamelCase:  {`"accessToken":"`, `application/json; profile="CamelCase"; charset=utf-8`},
	} {
		session, err := client.Authenticate(t.Context(), jellyfin.Credentials{
			Device: jellyfin.Device{Client: "Test", Name: "test", ID: "test", Version: "1"},
			Name:   "alice", Password: "wonderland", Visitor: netip.MustParseAddr("203.0.113.9"), Profile: profile,
		})
		if err != nil {
			t.Fatal(err)
		}
		if session.UserID != alice.ID || session.UserName != "alice" || session.Token == "" || session.ServerID != server.ServerID() {
			t.Errorf("%q: session = %+v", profile, session)
		}
		if raw := string(session.Raw); !strings.Contains(raw, want[0]) || session.ContentType != want[1] {
			t.Errorf("%q: %s answer %.60s…, want %s and %s", profile, session.ContentType, raw, want[1], want[0])
		}
	}
}
