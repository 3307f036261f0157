package app_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// TestAdministrationFromARecentSession takes an administrator's token from two
// places: the browser that has just signed in, and anywhere else.
func TestAdministrationFromARecentSession(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2", Logger: discard(), Change: func(c *config.Config) { c.Policy.Admin = "recent" }})
	s.Jellyfin.AddUser("root", "wonderland", jellyfintest.Admin)
	s.Jellyfin.AddUser("alice", "wonderland")
	root, user := enrolled(t, s, "root", "198.51.100.20"), enrolled(t, s, "alice", "198.51.100.21")
	key := s.Jellyfin.AddAPIKey("script")
	const admin, everybody = "/Devices", "/UserViews"
	for _, tt := range []struct {
		what, path, token string
		by                http.RoundTripper
		cookies           string
		want              int
	}{
		{"the administrator's browser", admin, root.token, root.transport, root.cookies, 200},
		{"another user's browser", admin, user.token, user.transport, user.cookies, 403}, // says Jellyfin
		{"the token without the cookie", admin, root.token, root.transport, "", 403},
		{"the token with another's cookie", admin, root.token, user.transport, user.cookies, 403},
		{"an API key", admin, key, root.transport, "", 403},
		{"an API key with the cookie", admin, key, root.transport, root.cookies, 403},
		{"an API key for what users do", everybody, key, root.transport, "", 200},
		{"a user for what users do", everybody, user.token, user.transport, "", 200},
		{"a stranger", admin, "", user.transport, "", 401},
	} {
		s.Jellyfin.Record()
		var headers []string
		if tt.token != "" {
			headers = append(headers, "Authorization", `MediaBrowser Token="`+tt.token+`"`)
		}
		if tt.cookies != "" {
			headers = append(headers, "Cookie", tt.cookies)
		}
		resp, body := visit(t, tt.by, http.MethodGet, tt.path, nil, headers...)
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d %.200q, want %d", tt.what, resp.StatusCode, body, tt.want)
		}
	}
	resp, body := visit(t, root.transport, http.MethodGet, "/sso/2fa?fresh=1", nil, append([]string{"Cookie", root.cookies}, chrome...)...)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `type="password"`) {
		t.Errorf("who is signed in cannot sign in anew: %d %.200q", resp.StatusCode, body)
	}
}

// TestAdministrationAtHomeOnly asks over the tunnel and over the local listener,
// there also through another proxy.
func TestAdministrationAtHomeOnly(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2", Logger: discard(), Change: func(c *config.Config) { c.Policy.Admin = "lan" }})
	s.Jellyfin.AddUser("zaphod", "wonderland", func(u *jellyfintest.User) { u.Hidden = false })
	key := s.Jellyfin.AddAPIKey("script")
	outside := asker{"https://" + publicHost, &http.Client{Transport: through(s.Edge, netip.MustParseAddr("198.51.100.22"))}, key}
	inside := asker{s.Local, http.DefaultClient, key}
	for _, tt := range []struct {
		what    string
		by      asker
		headers []string
		atHome  bool
	}{
		{"tunnel", outside, nil, false},
		{"home", inside, nil, true},
		{"another proxy", inside, []string{"X-Forwarded-For", "127.0.0.1"}, false},
	} {
		resp, _ := tt.by.get(t.Context(), t, "/Devices", tt.headers...)
		if (resp.StatusCode == http.StatusOK) != tt.atHome || !tt.atHome && resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: administration: %d", tt.what, resp.StatusCode)
		}
		if _, users := tt.by.get(t.Context(), t, "/Users/Public", tt.headers...); strings.Contains(users, "zaphod") != tt.atHome {
			t.Errorf("%s: users to choose from: %s", tt.what, users)
		}
		if _, info := tt.by.get(t.Context(), t, "/System/Info/Public", tt.headers...); strings.Contains(info, "LocalAddress") != tt.atHome {
			t.Errorf("%s: public information: %s", tt.what, info)
		}
	}
}

// TestDocumentsGetAPolicyByWhoAsks looks at jellyfin-web's document, as it comes
// to an administrator, a user and two apps.
func TestDocumentsGetAPolicyByWhoAsks(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2", Logger: discard()})
	s.Jellyfin.AddUser("root", "wonderland", jellyfintest.Admin)
	s.Jellyfin.AddUser("alice", "wonderland")
	root, user := enrolled(t, s, "root", "198.51.100.30"), enrolled(t, s, "alice", "198.51.100.31")
	for _, tt := range []struct {
		who, agent, cookies string
		policy, inline      bool
	}{
		{"administrator", chrome[1], root.cookies, true, true},
		{"user", chrome[1], user.cookies, true, false},
		{"LG", "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36 WebAppManager", "", false, false},
		{"media player", "JellyfinMediaPlayer 1.12.0 (linux-x86_64 unknown)", "", false, false},
	} {
		headers := append([]string{"User-Agent", tt.agent}, chrome[2:]...)
		if tt.cookies != "" {
			headers = append(headers, "Cookie", tt.cookies)
		}
		resp, body := visit(t, root.transport, http.MethodGet, "/web/", nil, headers...)
		scripts := ""
		for directive := range strings.SplitSeq(resp.Header.Get("Content-Security-Policy"), ";") {
			if directive = strings.TrimSpace(directive); strings.HasPrefix(directive, "script-src ") {
				scripts = directive
			}
		}
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, "<html") {
			t.Errorf("%s: %d %.100q", tt.who, resp.StatusCode, body)
		}
		if (scripts != "") != tt.policy || strings.Contains(scripts, "'unsafe-inline'") != tt.inline {
			t.Errorf("%s: the policy is %q", tt.who, resp.Header.Get("Content-Security-Policy"))
		}
	}
}

// enrolledBrowser is that of somebody who has just enrolled.
type enrolledBrowser struct {
	transport      http.RoundTripper
	token, cookies string
}

// enrolled enrols a user from addr.
func enrolled(t *testing.T, s *stage.Stage, name, addr string) enrolledBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := (&person{name: name, password: "wonderland"}).from(s, netip.MustParseAddr(addr))
	p.http.Jar = jar
	b := enrolledBrowser{transport: p.http.Transport, token: p.enrol(t).AuthenticatedUser.AccessToken}
	site, err := http.NewRequest(http.MethodGet, p.base, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range jar.Cookies(site.URL) {
		b.cookies += c.Name + "=" + c.Value
	}
	return b
}
