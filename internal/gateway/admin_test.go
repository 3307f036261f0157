package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/policy"
)

func TestAdministrationCanNeedMoreThanAToken(t *testing.T) {
	const own, other = "own", "other"
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	cookie := []string{"Cookie", "__Host-jellyward=" + live}
	with := func(token string, more ...string) []string {
		return append([]string{"X-Emby-Token", token}, more...)
	}
	const admin, user = "GET /Devices?x=1", "GET /Items"
	for _, tt := range []struct {
		name    string
		need    policy.AdminNeed
		request string
		age     time.Duration // of the session
		pairs   []string
		want    int
	}{
		{"token", policy.AdminToken, admin, 0, with(other), 200},
		{"token: stranger", policy.AdminToken, admin, 0, nil, 401},
		{"recent: stranger", policy.AdminRecent, admin, 0, nil, 401},
		{"recent: a token alone", policy.AdminRecent, admin, 0, with(own), 403},
		{"recent: its own token", policy.AdminRecent, admin, 59 * time.Minute, with(own, cookie...), 200},
		{"recent: no token", policy.AdminRecent, admin, time.Minute, cookie, 200},
		{"recent: another token", policy.AdminRecent, admin, time.Minute, with(other, cookie...), 403},
		{"recent: an old session", policy.AdminRecent, admin, time.Hour, with(own, cookie...), 403},
		{"recent: a session of tomorrow", policy.AdminRecent, admin, -time.Minute, with(own, cookie...), 403},
		{"recent: at home", policy.AdminRecent, admin, 0, with(own, local...), 403},
		{"recent: what users do", policy.AdminRecent, user, 2 * time.Hour, with(other), 200},
		{"home: from outside", policy.AdminHome, admin, time.Minute, with(own, cookie...), 403},
		{"home: at home", policy.AdminHome, admin, 0, with(other, local...), 200},
		{"home: a stranger at home", policy.AdminHome, admin, 0, local, 401},
		{"home: what users do", policy.AdminHome, user, 0, with(other), 200},
	} {
		s := newScene(t, "")
		s.Home, s.Switches.Admin = home, tt.need
		s.Now = func() time.Time { return now }
		s.created, s.sessionToken = now.Add(-tt.age), own
		resp := s.ask(tt.request, tt.pairs...)
		if resp.StatusCode != tt.want || s.reached() != (tt.want == 200) {
			t.Errorf("%s: %d, forwarded %q; want %d", tt.name, resp.StatusCode, s.forwarded, tt.want)
		}
	}
}

func TestRefusedAdministrationSaysWhatToDo(t *testing.T) {
	for need, words := range map[policy.AdminNeed]string{
		policy.AdminRecent: `Sign in again.","SignIn":"https://jellyfin.example.org/sso/2fa?fresh=1"`,
		policy.AdminHome:   "at home only",
	} {
		s := newScene(t, "")
		s.Switches.Admin = need
		resp := s.ask("GET /Devices", "X-Emby-Token", "x")
		if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), words) {
			t.Errorf("%v: answered %q (%v), want %q in it", need, body, err, words)
		}
	}
}

func TestWithoutTheStoreNobodyAdministers(t *testing.T) {
	s := newScene(t, "")
	s.Switches.Admin, s.redisAway = policy.AdminRecent, true
	if resp := s.ask("GET /Devices", "X-Emby-Token", "x", "Cookie", "__Host-jellyward="+live); resp.StatusCode != http.StatusServiceUnavailable || s.reached() {
		t.Errorf("%d, forwarded %q", resp.StatusCode, s.forwarded)
	}
}

func TestNoCookieOpensAWebSocket(t *testing.T) {
	s := newScene(t, "")
	s.created = time.Now()
	for _, need := range []policy.AdminNeed{policy.AdminToken, policy.AdminRecent, policy.AdminHome} {
		s.Switches.Admin = need
		resp := s.ask("GET /socket", "Cookie", "__Host-jellyward="+live, "Connection", "Upgrade", "Upgrade", "websocket")
		if resp.StatusCode != http.StatusForbidden || s.reached() {
			t.Errorf("%v: %d, forwarded %q", need, resp.StatusCode, s.forwarded)
		}
	}
}
