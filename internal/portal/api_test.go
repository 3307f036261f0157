package portal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image/png"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/portal"
	"github.com/jellyward/jellyward/internal/session"
)

func keys(m map[string]json.RawMessage) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestAuthenticate(t *testing.T) {
	s := newSite(t)
	alice := s.jellyfin.AddUser("alice", "wonderland")
	secret := s.enrol(t, "alice", "wonderland")
	cookie, a := s.signIn(t, "Alice", "wonderland", secret)

	if diff := cmp.Diff([]string{"AuthenticatedUser", "Ok", "ServerAddress"}, keys(a.json)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if string(a.json["Ok"]) != "true" || a.text(t, "ServerAddress") != "https://jellyfin.example.org" {
		t.Errorf("answer = %s", a.body)
	}
	var result struct {
		AccessToken, ServerId string
		User                  struct{ Id, Name string }
		SessionInfo           json.RawMessage
	}
	if err := json.Unmarshal(a.json["AuthenticatedUser"], &result); err != nil {
		t.Fatal(err)
	}
	tokens := s.jellyfin.LiveTokens()
	want := jellyfintest.Device{ID: "browser", Name: "Firefox", Client: "Jellyfin Web", Version: "10.11.11"}
	if len(tokens) != 1 || tokens[0].Value != result.AccessToken {
		t.Fatalf("tokens at Jellyfin %+v, in the answer %q", tokens, result.AccessToken)
	}
	if d := tokens[0].Device; d.ID != want.ID || d.Name != want.Name || d.Client != want.Client || d.Version != want.Version {
		t.Errorf("device = %+v, want %+v", d, want)
	}
	if result.User.Id != alice.ID || result.User.Name != "alice" || result.ServerId != s.jellyfin.ServerID() || len(result.SessionInfo) == 0 {
		t.Errorf("result = %+v", result)
	}

	set := a.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-jellyward=", "Path=/", "Max-Age=3600", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(set, part) {
			t.Errorf("cookie %q lacks %s", set, part)
		}
	}
	_, value, _ := strings.Cut(cookie, "=")
	kept, err := s.sessions.Lookup(t.Context(), value)
	if err != nil {
		t.Fatal(err)
	}
	if kept.UserID != alice.ID || kept.UserName != "alice" || string(kept.Token) != result.AccessToken ||
		kept.DeviceID != "browser" || kept.DeviceName != "Firefox" || kept.ServerID != s.jellyfin.ServerID() || kept.Network != "203.0.113.9/32" {
		t.Errorf("session = %+v", kept)
	}

	// The same code again.
	a = s.post(t, "authenticate", fields("alice", "wonderland", s.code(secret)))
	if a.status != http.StatusUnauthorized {
		t.Errorf("a spent code answered %d %s", a.status, a.body)
	}
}

func TestRefusalsOfSignIn(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	s.jellyfin.AddUser("bob", "builder")
	secret := s.enrol(t, "alice", "wonderland")
	refusals := map[string]map[string]string{
		"wrong name":     fields("mallory", "wonderland", s.code(secret)),
		"wrong password": fields("alice", "x", s.code(secret)),
		"wrong code":     fields("alice", "wonderland", s.wrongCode(t, secret)),
		"no code":        fields("alice", "wonderland", ""),
	}
	var words string
	for what, f := range refusals {
		a := s.post(t, "authenticate", f)
		if a.status != http.StatusUnauthorized || string(a.json["Ok"]) != "false" {
			t.Errorf("%s answered %d %s", what, a.status, a.body)
		}
		if diff := cmp.Diff([]string{"ErrorMessage", "Ok"}, keys(a.json)); diff != "" {
			t.Errorf("%s: keys (-want +got):\n%s", what, diff)
		}
		if words != "" && a.body != words {
			t.Errorf("%s is told apart: %s and %s", what, a.body, words)
		}
		words = a.body
		if a.cookie() != "" {
			t.Errorf("%s set a cookie", what)
		}
	}
	a := s.post(t, "authenticate", fields("bob", "builder", ""))
	if a.status != http.StatusUnauthorized || string(a.json["EnrollmentRequired"]) != "true" || string(a.json["Ok"]) != "false" {
		t.Errorf("not enrolled answered %d %s", a.status, a.body)
	}
	s.wantTokens(t, 0)
}

func TestEnrollAndConfirm(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")

	a := s.post(t, "enroll", fields("alice", "x", ""))
	if a.status != http.StatusUnauthorized || string(a.json["Ok"]) != "false" || a.text(t, "ErrorMessage") == "" {
		t.Errorf("wrong password answered %d %s", a.status, a.body)
	}
	a = s.post(t, "enroll", map[string]string{"Username": "alice", "Password": "wonderland"})
	if diff := cmp.Diff([]string{"OtpAuthUri", "QrPng", "Secret"}, keys(a.json)); a.status != http.StatusOK || diff != "" {
		t.Fatalf("enroll answered %d, keys (-want +got):\n%s", a.status, diff)
	}
	picture, ok := strings.CutPrefix(a.text(t, "QrPng"), "data:image/png;base64,")
	if !ok {
		t.Fatalf("QrPng = %.40s", a.text(t, "QrPng"))
	}
	raw, err := base64.StdEncoding.DecodeString(picture)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(raw)); err != nil {
		t.Errorf("QrPng: %v", err)
	}
	s.wantTokens(t, 0)
	secret := parseSecret(t, a)

	confirm := func(password, code string) answer {
		return s.post(t, "confirm", map[string]string{"Username": "alice", "Password": password, "Code": code}, "X-DeviceId", "phone")
	}
	a = confirm("wonderland", s.wrongCode(t, secret))
	if a.status != http.StatusBadRequest || string(a.json["Success"]) != "false" || a.text(t, "ErrorMessage") == "" {
		t.Errorf("wrong code answered %d %s", a.status, a.body)
	}
	a = confirm("x", s.code(secret))
	if a.status != http.StatusUnauthorized || string(a.json["Success"]) != "false" {
		t.Errorf("wrong password answered %d %s", a.status, a.body)
	}
	a = confirm("wonderland", s.code(secret))
	if diff := cmp.Diff([]string{"AuthenticatedUser", "ServerAddress", "Success"}, keys(a.json)); a.status != http.StatusOK || diff != "" {
		t.Fatalf("confirm answered %d, keys (-want +got):\n%s", a.status, diff)
	}
	if a.cookie() == "" || string(a.json["Success"]) != "true" {
		t.Errorf("confirm set %q and answered %s", a.cookie(), a.body)
	}
	s.wantTokens(t, 1)

	// Enrolled now: the password alone replaces nothing. (From another network,
	// since this one has had its free failures.)
	s.visitor.Addr = netip.MustParseAddr("198.51.100.7")
	for what, otp := range map[string]string{"no code": "", "wrong code": s.wrongCode(t, secret), "spent code": s.code(secret)} {
		a = s.post(t, "enroll", fields("alice", "wonderland", otp))
		if a.status != http.StatusForbidden || a.text(t, "ErrorMessage") == "" {
			t.Errorf("%s answered %d %s", what, a.status, a.body)
		}
	}
	if tokens := s.jellyfin.LiveTokens(); len(tokens) != 1 || tokens[0].Device.ID != "phone" {
		t.Errorf("tokens = %+v", tokens)
	}
}

func TestTooManyTries(t *testing.T) {
	s := newSite(t)
	var a answer
	for range 6 {
		a = s.post(t, "authenticate", fields("mallory", "x", ""))
	}
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if a.status != http.StatusTooManyRequests || err != nil || seconds < 1 {
		t.Errorf("the sixth failure answered %d, Retry-After %q, %s", a.status, a.header.Get("Retry-After"), a.body)
	}
	if !strings.Contains(a.text(t, "ErrorMessage"), "wait") {
		t.Errorf("message: %s", a.body)
	}
}

func TestOtherSitesCannotPost(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	cookie, _ := s.signIn(t, "alice", "wonderland", s.enrol(t, "alice", "wonderland"))
	for _, foreign := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
	} {
		for _, path := range []string{"authenticate", "enroll", "confirm", "signout"} {
			a := s.post(t, path, fields("alice", "wonderland", ""), append(foreign, "Cookie", cookie)...)
			if a.status != http.StatusForbidden {
				t.Errorf("%v: %s answered %d", foreign, path, a.status)
			}
		}
	}
	s.wantTokens(t, 1)
	a := s.post(t, "signout", nil, "Origin", "https://jellyfin.example.org", "Cookie", cookie)
	if a.status != http.StatusOK {
		t.Errorf("our own origin answered %d %s", a.status, a.body)
	}
}

func TestSignOut(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	secret := s.enrol(t, "alice", "wonderland")
	cookie, _ := s.signIn(t, "alice", "wonderland", secret)

	a := s.post(t, "signout", nil, "Cookie", cookie)
	if a.status != http.StatusOK || string(a.json["Ok"]) != "true" || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("answered %d %s, Set-Cookie %q", a.status, a.body, a.header.Get("Set-Cookie"))
	}
	s.wantTokens(t, 0)
	_, value, _ := strings.Cut(cookie, "=")
	if _, err := s.sessions.Lookup(t.Context(), value); !errors.Is(err, session.ErrNone) {
		t.Errorf("the session lives: %v", err)
	}
	// Signing out twice, or without a session, is no error.
	if a := s.post(t, "signout", nil, "Cookie", cookie); a.status != http.StatusOK {
		t.Errorf("the second time answered %d", a.status)
	}
	a = s.do(t, http.MethodPost, "/sso/2fa/signout", "", "Content-Type", "application/x-www-form-urlencoded")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/sso/2fa" {
		t.Errorf("a form answered %d to %q", a.status, a.header.Get("Location"))
	}
	if a := s.do(t, http.MethodPost, "/sso/2fa/signout", "x", "Content-Type", "text/plain"); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("plain text answered %d", a.status)
	}
}

func TestSigningInAgainEndsTheFormerSession(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	s.jellyfin.AddUser("bob", "builder")
	first, _ := s.signIn(t, "alice", "wonderland", s.enrol(t, "alice", "wonderland"))
	bob := s.enrol(t, "bob", "builder")
	a := s.post(t, "authenticate", fields("bob", "builder", s.code(bob)), "Cookie", first, "X-DeviceId", "browser")
	if a.status != http.StatusOK {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	tokens := s.jellyfin.LiveTokens()
	if len(tokens) != 1 || tokens[0].Device.UserName != "bob" {
		t.Errorf("tokens = %+v", tokens)
	}
	_, value, _ := strings.Cut(first, "=")
	if _, err := s.sessions.Lookup(t.Context(), value); !errors.Is(err, session.ErrNone) {
		t.Errorf("the former session lives: %v", err)
	}
}

func TestServerAddress(t *testing.T) {
	tests := []struct{ scheme, host, public, base, want string }{
		{"https", "jellyfin.example.org", "", "", "https://jellyfin.example.org"},
		{"http", "192.168.1.5:8097", "", "", "http://192.168.1.5:8097"},
		{"https", "jellyfin.example.org", "", "/jellyfin", "https://jellyfin.example.org/jellyfin"},
		{"http", "192.168.1.5:8097", "https://tv.example.org", "/jellyfin", "https://tv.example.org/jellyfin"},
		{"https", "x.example.org", "https://tv.example.org/jellyfin/", "/jellyfin", "https://tv.example.org/jellyfin"},
	}
	for _, tt := range tests {
		s := newSite(t, func(o *portal.Options) { o.PublicURL, o.BasePath = tt.public, tt.base })
		s.visitor.Scheme, s.visitor.Host = tt.scheme, tt.host
		s.jellyfin.AddUser("alice", "wonderland")
		_, a := s.signIn(t, "alice", "wonderland", s.enrol(t, "alice", "wonderland"))
		if got := a.text(t, "ServerAddress"); got != tt.want {
			t.Errorf("%+v: ServerAddress = %q", tt, got)
		}
		if name := strings.HasPrefix(a.header.Get("Set-Cookie"), "__Host-"); name != (tt.scheme == "https") {
			t.Errorf("%+v: cookie %q", tt, a.header.Get("Set-Cookie"))
		}
	}
}
