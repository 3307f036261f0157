package portal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image/png"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/portal"
	"github.com/jellyward/jellyward/internal/secret"
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
	a = s.post(t, "authenticate", fields("alice", "wonderland", code(secret)))
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
		"wrong name":     fields("mallory", "wonderland", code(secret)),
		"wrong password": fields("alice", "x", code(secret)),
		"wrong code":     fields("alice", "wonderland", wrongCode(t, secret)),
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
	a = confirm("wonderland", wrongCode(t, secret))
	if a.status != http.StatusBadRequest || string(a.json["Success"]) != "false" || a.text(t, "ErrorMessage") == "" {
		t.Errorf("wrong code answered %d %s", a.status, a.body)
	}
	a = confirm("x", code(secret))
	if a.status != http.StatusUnauthorized || string(a.json["Success"]) != "false" {
		t.Errorf("wrong password answered %d %s", a.status, a.body)
	}
	a = confirm("wonderland", code(secret))
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
	for what, otp := range map[string]string{"no code": "", "wrong code": wrongCode(t, secret), "spent code": code(secret)} {
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

func TestInput(t *testing.T) {
	const ok = `{"Username":"mallory","Password":"x"}`
	long := strings.Repeat("x", 10<<10)
	tests := []struct {
		what, contentType, body string
		status                  int
		fields                  []string
	}{
		{"right form", "application/json", ok, 401, nil},
		{"with a charset", "application/json; charset=UTF-8", ok, 401, nil},
		{"unknown keys", "application/json", `{"Username":"mallory","Password":"x","Remember":[1]}`, 401, nil},
		{"any case of keys", "application/json", `{"username":"mallory","PASSWORD":"x"}`, 401, nil},
		{"quotes and script", "application/json", `{"Username":"\"><script>alert(1)</script>","Password":"'"}`, 401, nil},
		{"unicode", "application/json", `{"Username":"名前","Password":"пароль"}`, 401, nil},
		{"NUL in the password", "application/json", `{"Username":"mallory","Password":"a\u0000b"}`, 401, nil},
		{"NUL in the name", "application/json", `{"Username":"mal\u0000lory","Password":"x"}`, 400, []string{"Username"}},
		{"name of 10 KB", "application/json", `{"Username":"` + long + `","Password":"x"}`, 400, []string{"Username"}},
		{"password of 10 KB", "application/json", `{"Username":"mallory","Password":"` + long + `"}`, 400, []string{"Password"}},
		{"code too short", "application/json", `{"Username":"mallory","Password":"x","Otp":"12345"}`, 400, []string{"Otp"}},
		{"code too long", "application/json", `{"Username":"mallory","Password":"x","Otp":"1234567"}`, 400, []string{"Otp"}},
		{"code of letters", "application/json", `{"Username":"mallory","Password":"x","Otp":"abcdef"}`, 400, []string{"Otp"}},
		{"nothing in it", "application/json", `{}`, 400, []string{"Password", "Username"}},
		{"empty texts", "application/json", `{"Username":"","Password":""}`, 400, []string{"Password", "Username"}},
		{"null texts", "application/json", `{"Username":null,"Password":null}`, 400, []string{"Password", "Username"}},
		{"no password", "application/json", `{"Username":"mallory"}`, 400, []string{"Password"}},
		{"not JSON", "application/json", `Username=mallory`, 400, nil},
		{"half of JSON", "application/json", `{"Username":"mallory"`, 400, nil},
		{"more than JSON", "application/json", ok + `{}`, 400, nil},
		{"an array", "application/json", `[1]`, 400, nil},
		{"null", "application/json", `null`, 400, nil},
		{"a text", "application/json", `"x"`, 400, nil},
		{"a number for a text", "application/json", `{"Username":7,"Password":"x"}`, 400, nil},
		{"broken UTF-8", "application/json", "{\"Username\":\"a\xff\",\"Password\":\"x\"}", 400, nil},
		{"empty", "application/json", ``, 400, nil},
		{"too big", "application/json", `{"Username":"` + strings.Repeat("x", 65<<10) + `"}`, 413, nil},
		{"no content type", "", ok, 415, nil},
		{"a form", "application/x-www-form-urlencoded", "Username=mallory", 415, nil},
		{"plain text", "text/plain", ok, 415, nil},
		{"another charset", "application/json; charset=utf-16", ok, 415, nil},
		{"nonsense type", "application/json;;;=", ok, 415, nil},
	}
	s := newSite(t)
	for i, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			s.visitor.Addr = netip.AddrFrom4([4]byte{198, 18, 0, byte(i)}) // for the limits
			s.jellyfin.Reset()
			var headers []string
			if tt.contentType != "" {
				headers = []string{"Content-Type", tt.contentType}
			}
			for _, path := range []string{"authenticate", "enroll"} {
				a := s.do(t, http.MethodPost, "/sso/2fa/"+path, tt.body, headers...)
				if a.status != tt.status {
					t.Errorf("%s answered %d %s, want %d", path, a.status, a.body, tt.status)
				}
				if a.text(t, "ErrorMessage") == "" || string(a.json["Ok"]) != "false" {
					t.Errorf("%s answered %s", path, a.body)
				}
				var named map[string]string
				if raw, ok := a.json["Fields"]; ok {
					if err := json.Unmarshal(raw, &named); err != nil {
						t.Fatal(err)
					}
				}
				var got []string
				for key := range named {
					got = append(got, key)
				}
				slices.Sort(got)
				if diff := cmp.Diff(tt.fields, got); diff != "" {
					t.Errorf("%s: fields (-want +got):\n%s", path, diff)
				}
				for _, leak := range []string{"goroutine", "json:", "Unmarshal", "strconv"} {
					if strings.Contains(a.body, leak) {
						t.Errorf("%s tells its insides: %s", path, a.body)
					}
				}
			}
			if tt.status != 401 && s.jellyfin.Count("UserController.AuthenticateUserByName") != 0 {
				t.Error("a malformed request reached Jellyfin")
			}
		})
	}
}

func TestConfirmNamesItsOwnField(t *testing.T) {
	s := newSite(t)
	a := s.post(t, "confirm", map[string]string{"Username": "alice", "Password": "x", "Code": "12"})
	if a.status != http.StatusBadRequest || !strings.Contains(string(a.json["Fields"]), `"Code"`) || string(a.json["Success"]) != "false" {
		t.Errorf("answered %d %s", a.status, a.body)
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
	a := s.post(t, "authenticate", fields("bob", "builder", code(bob)), "Cookie", first, "X-DeviceId", "browser")
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

func TestOurTroubleIs503(t *testing.T) {
	t.Run("jellyfin away", func(t *testing.T) {
		s := newSite(t)
		s.jellyfin.Close()
		for _, path := range []string{"authenticate", "enroll"} {
			a := s.post(t, path, fields("alice", "wonderland", ""))
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				t.Errorf("%s answered %d %s", path, a.status, a.body)
			}
		}
	})
	t.Run("redis away", func(t *testing.T) {
		s := newSite(t)
		s.jellyfin.AddUser("alice", "wonderland")
		cookie, _ := s.signIn(t, "alice", "wonderland", s.enrol(t, "alice", "wonderland"))
		_ = s.store.Close()
		before := s.jellyfin.Count("UserController.AuthenticateUserByName")
		for _, path := range []string{"authenticate", "enroll", "confirm", "signout"} {
			f := fields("alice", "wonderland", "123456")
			f["Code"] = "123456"
			a := s.post(t, path, f, "Cookie", cookie)
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				t.Errorf("%s answered %d %s", path, a.status, a.body)
			}
			if strings.Contains(a.body, "redis") {
				t.Errorf("%s tells the cause: %s", path, a.body)
			}
		}
		if s.jellyfin.Count("UserController.AuthenticateUserByName") != before {
			t.Error("a password was checked though tries could not be counted")
		}
		a := s.do(t, http.MethodGet, "/sso/2fa", "", "Cookie", cookie)
		if a.status != http.StatusOK || !strings.Contains(a.body, "not available right now") {
			t.Errorf("the page answered %d", a.status)
		}
	})
}

// cutSessions fails or interrupts what comes after the ceremony.
type cutSessions struct {
	portal.Sessions
	before func()
	err    error
}

func (c cutSessions) Create(ctx context.Context, s session.Session) (secret.Text, session.Session, error) {
	if c.before != nil {
		c.before()
	}
	if c.err != nil {
		return "", session.Session{}, c.err
	}
	return c.Sessions.Create(ctx, s)
}

func TestATokenWithoutASessionIsLoggedOut(t *testing.T) {
	t.Run("redis goes away midway", func(t *testing.T) {
		cut := &cutSessions{}
		s := newSite(t, func(o *portal.Options) { cut.Sessions = o.Sessions; o.Sessions = cut })
		s.jellyfin.AddUser("alice", "wonderland")
		secret := s.enrol(t, "alice", "wonderland")
		cut.err = errors.New("connection refused")
		a := s.post(t, "authenticate", fields("alice", "wonderland", code(secret)))
		if a.status != http.StatusServiceUnavailable || a.cookie() != "" {
			t.Errorf("answered %d %s", a.status, a.body)
		}
		s.wantTokens(t, 0)
	})
	t.Run("the visitor hangs up midway", func(t *testing.T) {
		cut := &cutSessions{}
		s := newSite(t, func(o *portal.Options) { cut.Sessions = o.Sessions; o.Sessions = cut })
		s.jellyfin.AddUser("alice", "wonderland")
		secret := s.enrol(t, "alice", "wonderland")
		ctx, cancel := context.WithCancel(t.Context())
		cut.before = cancel
		body := `{"Username":"alice","Password":"wonderland","Otp":"` + code(secret) + `"}`
		a := s.serve(t, ctx, http.MethodPost, "/sso/2fa/authenticate", body, "Content-Type", "application/json")
		if a.cookie() != "" {
			t.Errorf("a cookie was set: %v", a.header)
		}
		s.wantTokens(t, 0)
	})
}

func TestTwoAtOnceWithOneCode(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	secret := s.enrol(t, "alice", "wonderland")
	otp := code(secret)
	answers := make([]answer, 20)
	var done sync.WaitGroup
	for i := range answers {
		done.Go(func() {
			other := *s
			other.visitor.Addr = netip.AddrFrom4([4]byte{198, 18, 0, byte(i)})
			answers[i] = other.post(t, "authenticate", fields("alice", "wonderland", otp), "X-DeviceId", "browser")
		})
	}
	done.Wait()
	var winners []answer
	for _, a := range answers {
		if a.status == http.StatusOK {
			winners = append(winners, a)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("%d of %d signed in with one code", len(winners), len(answers))
	}
	tokens := s.jellyfin.LiveTokens()
	if len(tokens) != 1 || !strings.Contains(string(winners[0].json["AuthenticatedUser"]), tokens[0].Value) {
		t.Errorf("tokens = %+v, want the winner's alone", tokens)
	}
	if devices := s.jellyfin.Devices(); len(devices) != 1 {
		t.Errorf("devices = %+v", devices)
	}
}

func TestDeviceHeaders(t *testing.T) {
	tests := []struct {
		what    string
		headers []string
		want    jellyfintest.Device
	}{
		{
			"a browser", []string{"X-DeviceId", "TW96aWxsYQ11", "X-DeviceName", "Firefox%20Android"},
			jellyfintest.Device{ID: "TW96aWxsYQ11", Name: "Firefox Android", Client: "Jellyfin Web", Version: "10.11.11"},
		},
		{
			"base64 is no form encoding", []string{"X-DeviceId", "ab+/11"},
			jellyfintest.Device{ID: "ab+/11", Name: "Web Browser", Client: "Jellyfin Web", Version: "10.11.11"},
		},
		{
			"an app", []string{"X-DeviceId", "app1", "X-DeviceName", "Zo%C3%AB%E2%80%99s%20%22phone%22", "X-Client", "Jellyfin%20for%20Android", "X-Client-Version", "2.7.1"},
			jellyfintest.Device{ID: "app1", Name: "Zoë’s \"phone\"", Client: "Jellyfin for Android", Version: "2.7.1"},
		},
		{
			"bad escapes and control characters", []string{"X-DeviceId", "100%", "X-DeviceName", "a%00b%0Ac"},
			jellyfintest.Device{ID: "100%", Name: "abc", Client: "Jellyfin Web", Version: "10.11.11"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			s := newSite(t)
			s.jellyfin.AddUser("alice", "wonderland")
			secret := s.enrol(t, "alice", "wonderland")
			a := s.post(t, "authenticate", fields("alice", "wonderland", code(secret)), tt.headers...)
			if a.status != http.StatusOK {
				t.Fatalf("answered %d %s", a.status, a.body)
			}
			got := s.jellyfin.LiveTokens()[0].Device
			got.UserID, got.UserName = "", ""
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("device (-want +got):\n%s", diff)
			}
		})
	}
	s := newSite(t)
	for _, header := range []string{"X-DeviceId", "X-DeviceName", "X-Client", "X-Client-Version"} {
		a := s.post(t, "authenticate", fields("alice", "wonderland", ""), header, strings.Repeat("x", 10<<10))
		if a.status != http.StatusBadRequest {
			t.Errorf("10 KB of %s answered %d", header, a.status)
		}
	}
}

func TestLogsKeepSecrets(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	secret := s.enrol(t, "alice", "wonderland")
	otp := code(secret)
	cookie, _ := s.signIn(t, "alice", "wonderland", secret)
	s.post(t, "authenticate", fields("hunter2", "typo", otp))
	s.do(t, http.MethodGet, "/sso/2fa?again=1", "", "Cookie", cookie)
	_ = s.store.Close()
	s.post(t, "signout", nil, "Cookie", cookie)
	_, value, _ := strings.Cut(cookie, "=")
	text := s.log.String()
	for _, leak := range []string{"wonderland", "hunter2", "typo", otp, value, secret.Base32(), s.jellyfin.LiveTokens()[0].Value} {
		if strings.Contains(text, leak) {
			t.Errorf("the log contains %q:\n%s", leak, text)
		}
	}
	if !strings.Contains(text, "request_id=req-1") || !strings.Contains(text, "session not ended") {
		t.Errorf("the log does not help:\n%s", text)
	}
}
