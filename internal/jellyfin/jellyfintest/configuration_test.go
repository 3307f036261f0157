package jellyfintest

import (
	"encoding/json"
	"net/http"
	"testing"
)

// The web client's folder without its slash leads on to an address that is made
// of what the server takes for its own name: the Host header, or what a proxy
// that it knows says.
func TestTheWebFolderIsNamedAfterTheHost(t *testing.T) {
	named := [][2]string{{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "films.example.org"}}
	tests := []struct {
		name    string
		opts    []Option
		target  string
		headers [][2]string
		want    string
	}{
		{"no proxy", nil, "/web", nil, "http://127.0.0.1/web/"},
		{"a known proxy", nil, "/web", named, "https://films.example.org/web/"},
		{"only the scheme", nil, "/web", visitor, "https://127.0.0.1/web/"},
		{"an unknown proxy", []Option{KnownProxies()}, "/web", named, "http://127.0.0.1/web/"},
		{"a base URL", []Option{BaseURL("/jellyfin")}, "/jellyfin/web", named, "https://films.example.org/jellyfin/web/"},
		{"another case", nil, "/WEB", named, "https://films.example.org/WEB/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := send(t, Start(t, tt.opts...), "GET", tt.target, tt.headers, "")
			if got.status != http.StatusMovedPermanently || got.header.Get("Location") != tt.want {
				t.Errorf("%d to %q, want 301 to %q", got.status, got.header.Get("Location"), tt.want)
			}
		})
	}
}

func TestTheConfigurationTellsItsSwitches(t *testing.T) {
	for _, r := range []Release{V10_10, V10_11, V12} {
		t.Run(r.String(), func(t *testing.T) {
			s := Start(t, Version(r))
			key := [][2]string{{"Authorization", `MediaBrowser Token="` + s.AddAPIKey("check") + `"`}}
			type switches struct {
				QuickConnectAvailable     bool
				EnableLegacyAuthorization *bool
			}
			read := func() (got switches) {
				t.Helper()
				if err := json.Unmarshal([]byte(send(t, s, "GET", "/System/Configuration", key, "").body), &got); err != nil {
					t.Fatal(err)
				}
				return got
			}
			got := read()
			if !got.QuickConnectAvailable || (got.EnableLegacyAuthorization == nil) != (r == V10_10) {
				t.Errorf("to begin with: %+v", got)
			}
			if r != V10_10 && *got.EnableLegacyAuthorization != (r == V10_11) {
				t.Errorf("legacy authorisation is %v to begin with", *got.EnableLegacyAuthorization)
			}
			s.SetQuickConnect(false)
			s.SetLegacyAuthorization(r == V12)
			if got := read(); got.QuickConnectAvailable || r != V10_10 && *got.EnableLegacyAuthorization != (r == V12) {
				t.Errorf("after the switches were turned: %+v", got)
			}
			body := [2]string{"Content-Type", "application/json"}
			if got := send(t, s, "POST", "/System/Configuration", append(key, body), `{"enableLegacyAuthorization":true,"IsStartupWizardCompleted":true}`); got.status != http.StatusNoContent {
				t.Errorf("set: %d %s", got.status, got.body)
			}
			if got := read(); !got.QuickConnectAvailable || r != V10_10 && !*got.EnableLegacyAuthorization {
				t.Errorf("after it was set: %+v", got)
			}
		})
	}
}

func TestTheNetworkConfigurationNamesTheProxies(t *testing.T) {
	s := Start(t)
	token := s.Issue(s.AddUser("alice", "x").ID, Device{ID: "d"}).Value
	header := [][2]string{{"Authorization", "MediaBrowser Token=" + token}}
	var got struct{ KnownProxies []string }
	a := send(t, s, "GET", "/System/Configuration/network", header, "")
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || len(got.KnownProxies) != 2 {
		t.Errorf("%s (%v), want loopback of both families", a.body, err)
	}
	if got := send(t, s, "GET", "/System/Configuration/nothing", header, ""); got.status != http.StatusNotFound {
		t.Errorf("an unknown key: %d", got.status)
	}
}

// In 10.10 all old forms count whatever is asked of the switch, and the old
// header comes before the new one.
func TestTokensOf10_10(t *testing.T) {
	s := Start(t, Version(V10_10), LegacyAuthorization(false))
	alice, bob := s.AddUser("alice", "x"), s.AddUser("bob", "x")
	a, b := s.Issue(alice.ID, Device{ID: "a"}).Value, s.Issue(bob.ID, Device{ID: "b"}).Value
	tests := []struct {
		name    string
		query   string
		headers [][2]string
		user    string
	}{
		{"both headers", "", [][2]string{{"Authorization", "MediaBrowser Token=" + a}, {"X-Emby-Authorization", "MediaBrowser Token=" + b}}, "bob"},
		{"an empty old header", "", [][2]string{{"Authorization", "MediaBrowser Token=" + a}, {"X-Emby-Authorization", ""}}, "alice"},
		{"the old header without a token", "", [][2]string{{"Authorization", "MediaBrowser Token=" + a}, {"X-Emby-Authorization", `Emby Client="c"`}}, ""},
		{"the old scheme", "", [][2]string{{"Authorization", "Emby Token=" + a}}, "alice"},
		{"X-Emby-Token", "", [][2]string{{"X-Emby-Token", b}}, "bob"},
		{"api_key", "?api_key=" + b, nil, "bob"},
		{"ApiKey before api_key", "?api_key=" + b + "&ApiKey=" + a, nil, "alice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var me struct{ Name string }
			got := send(t, s, "GET", "/Users/Me"+tt.query, tt.headers, "")
			_ = json.Unmarshal([]byte(got.body), &me) // nobody in a refusal
			if me.Name != tt.user {
				t.Errorf("%d, user %q, want %q", got.status, me.Name, tt.user)
			}
		})
	}
}

// Operations that only 10.10 has, or has no more, and the prefix.
func TestOperationsOf10_10(t *testing.T) {
	s := Start(t, Version(V10_10))
	for target, want := range map[string]int{
		"/System/WakeOnLanInfo": http.StatusUnauthorized, "/System/Info/Storage": http.StatusNotFound,
		"/emby/System/Info/Public": http.StatusOK, "/QuickConnect/Enabled": http.StatusOK,
	} {
		if got := send(t, s, "GET", target, visitor, ""); got.status != want {
			t.Errorf("%s: %d, want %d", target, got.status, want)
		}
	}
}
