package portal_test

import (
	"net/http"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
)

// TestACookieWhoseTokenIsDeadOpensNoDoor: somebody has stolen a cookie; the
// owner changes the password at Jellyfin, which ends all tokens there, and signs
// in anew. What is kept for the owner then must not let the thief's devices in.
func TestACookieWhoseTokenIsDeadOpensNoDoor(t *testing.T) {
	s, stolen := signedIn(t)
	user := s.userOf(t, stolen)
	keepFor(t, s, user) // as a sign-in does for somebody with app passwords

	if err := s.endAtJellyfin(t, user.Token); err != nil {
		t.Fatal(err)
	}
	code := s.initiate(t, television, "203.0.113.9")
	s.wantTokens(t, 1) // the kept one
	for path, fields := range map[string]map[string]string{
		"connect/look":  {"Code": code},
		"connect/allow": {"Code": code},
		"passwords":     {"Name": "Kodi"},

		"devices/signout":  {"Id": "x"},
		"passwords/revoke": {"Id": "x"},
	} {
		a := s.post(t, path, fields, "Cookie", stolen)
		if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	s.wantTokens(t, 1)
	if a := s.do(t, http.MethodGet, "/sso/2fa/account", "", "Cookie", stolen); a.status == http.StatusOK {
		t.Error("the account page is shown")
	}
}

// TestADeadCookieIsNotTakenForOneWhileJellyfinIsAway: nobody knows, so nobody is
// let in, but the session stays.
func TestADeadCookieIsNotTakenForOneWhileJellyfinIsAway(t *testing.T) {
	s, cookie := signedIn(t)
	code := s.initiate(t, television, "203.0.113.9")
	s.jellyfin.Close()
	for path, fields := range map[string]map[string]string{
		"connect/allow": {"Code": code},
		"passwords":     {"Name": "Kodi"},
	} {
		if a := s.post(t, path, fields, "Cookie", cookie); a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.do(t, http.MethodGet, "/sso/2fa/account", "", "Cookie", cookie); a.status != http.StatusOK {
		t.Errorf("the account page: %d", a.status)
	}
	if a := s.do(t, http.MethodPost, "/sso/2fa/devices/signout", `{"Others":true}`, "Content-Type", "application/json", "Cookie", cookie); a.status != http.StatusOK {
		t.Errorf("signing out everywhere else: %d %s", a.status, a.body)
	}
}

// userOf is the session that a cookie stands for.
func (s *site) userOf(t *testing.T, cookie string) session.Session {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://jellyfin.example.org/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	value, _ := session.FromRequest(r, true)
	found, err := s.sessions.Lookup(t.Context(), value)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func keepFor(t *testing.T, s *site, user session.Session) {
	t.Helper()
	fresh := jellyfin.Session{UserID: user.UserID, UserName: user.UserName, Token: user.Token}
	if err := s.keeper.Ensure(t.Context(), fresh, s.visitor.Addr); err != nil {
		t.Fatal(err)
	}
}

// endAtJellyfin ends a token at Jellyfin without a word to us.
func (s *site) endAtJellyfin(t *testing.T, token secret.Text) error {
	t.Helper()
	return s.client.Logout(t.Context(), token)
}
