package portal_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/portal"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
)

var television = jellyfin.Device{Client: "Swiftfin", Name: "Living room", ID: "tv-1", Version: "1.3"}

// signedIn is a site with alice signed in on a browser.
func signedIn(t *testing.T, change ...func(*portal.Options)) (s *site, cookie string) {
	t.Helper()
	s = newSite(t, change...)
	s.jellyfin.AddUser("alice", "wonderland")
	cookie, _ = s.signIn(t, "alice", "wonderland", s.enrol(t, "alice", "wonderland"))
	return s, cookie
}

// initiate lets a television ask for six digits through the gateway.
func (s *site) initiate(t *testing.T, d jellyfin.Device, from string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.jellyfin.URL+"/QuickConnect/Initiate", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", d.Authorization(""))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var raw json.RawMessage
	var result struct{ Code string }
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &result); err != nil {
		t.Fatal(err)
	}
	if from != "" {
		if err := s.connect.Observe(t.Context(), raw, netip.MustParseAddr(from)); err != nil {
			t.Fatal(err)
		}
	}
	return result.Code
}

func TestATelevisionIsLetIn(t *testing.T) {
	s, cookie := signedIn(t)
	code := s.initiate(t, television, "203.0.113.9")

	a := s.do(t, http.MethodGet, "/sso/2fa/connect?code="+code, "", "Cookie", cookie)
	if a.status != http.StatusOK || !strings.Contains(a.body, `value="`+code+`"`) {
		t.Errorf("page: %d, with the digits: %v", a.status, strings.Contains(a.body, code))
	}
	a = s.post(t, "connect/look", map[string]string{"Code": code[:3] + " " + code[3:]}, "Cookie", cookie)
	if a.status != http.StatusOK || a.text(t, "App") != "Swiftfin" || a.text(t, "Device") != "Living room" || string(a.json["SameNetwork"]) != "true" {
		t.Errorf("look: %d %s", a.status, a.body)
	}
	s.wantTokens(t, 1)
	if a = s.post(t, "connect/allow", map[string]string{"Code": code}, "Cookie", cookie); a.status != http.StatusOK {
		t.Fatalf("allow: %d %s", a.status, a.body)
	}
	s.wantTokens(t, 2)
	if a = s.post(t, "connect/allow", map[string]string{"Code": code}, "Cookie", cookie); a.status != http.StatusConflict {
		t.Errorf("allow again: %d %s", a.status, a.body)
	}
}

func TestDigitsThatAreNotGoodAreToldSo(t *testing.T) {
	s, cookie := signedIn(t)
	elsewhere := s.initiate(t, television, "198.51.100.7")
	unseen := s.initiate(t, television, "")
	for _, tt := range []struct {
		name, path, code string
		status           int
		says             string
	}{
		{"no digits", "connect/look", "12345a", 400, "not six digits"},
		{"too few", "connect/allow", "12345", 400, "not six digits"},
		{"nobody waits", "connect/allow", "000000", 404, "Nothing waits"},
		{"from elsewhere", "connect/look", elsewhere, 200, `"SameNetwork":false`},
		{"asked at home", "connect/look", unseen, 200, `"Known":false`},
	} {
		a := s.post(t, tt.path, map[string]string{"Code": tt.code}, "Cookie", cookie)
		if a.status != tt.status || !strings.Contains(a.body, tt.says) {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
	}
	s.jellyfin.SetQuickConnect(false)
	if a := s.post(t, "connect/allow", map[string]string{"Code": elsewhere}, "Cookie", cookie); a.status != http.StatusConflict || !strings.Contains(a.body, "switched off") {
		t.Errorf("switched off: %d %s", a.status, a.body)
	}
	s.wantTokens(t, 1)
}

func TestGuessingDigitsEnds(t *testing.T) {
	s, cookie := signedIn(t)
	for range 50 {
		a := s.post(t, "connect/allow", map[string]string{"Code": "000000"}, "Cookie", cookie)
		if a.status == http.StatusTooManyRequests {
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return
		}
	}
	t.Error("50 guesses were answered")
}

func TestThePageForDigitsComesBackAfterSigningIn(t *testing.T) {
	s := newSite(t)
	a := s.do(t, http.MethodGet, "/sso/2fa/connect?code=123456", "")
	const to = "/sso/2fa?return=%2Fsso%2F2fa%2Fconnect%3Fcode%3D123456"
	if a.status != http.StatusSeeOther || a.header.Get("Location") != to {
		t.Fatalf("signed out: %d to %q", a.status, a.header.Get("Location"))
	}
	if a = s.do(t, http.MethodGet, to, ""); !strings.Contains(a.body, `data-next="/sso/2fa/connect?code=123456"`) {
		t.Error("the sign-in page does not lead back")
	}
	for _, foreign := range []string{"/sso/2fa/connect?code=12345x", "/sso/2fa/connect?code=123456&x=1", "/sso/2fa/signout", "/sso/2fa/connect/../x"} {
		if a = s.do(t, http.MethodGet, "/sso/2fa?return="+url.QueryEscape(foreign), ""); !strings.Contains(a.body, `data-next="/web/"`) {
			t.Errorf("return to %q is accepted", foreign)
		}
	}
}

func TestAppPasswords(t *testing.T) {
	s, cookie := signedIn(t)
	a := s.post(t, "passwords", map[string]string{"Name": "  Kodi "}, "Cookie", cookie)
	if a.status != http.StatusOK {
		t.Fatalf("make: %d %s", a.status, a.body)
	}
	password := secret.Text(a.text(t, "Password"))
	signInApp := func() (jellyfin.Session, error) {
		return s.passwords.Redeem(t.Context(), jellyfin.Credentials{
			Device: television, Name: "ALICE", Password: password, Visitor: netip.MustParseAddr("198.51.100.7"),
		})
	}
	app, err := signInApp()
	if err != nil || app.UserName != "alice" {
		t.Fatalf("redeem: %+v, %v", app, err)
	}
	a = s.do(t, http.MethodGet, "/sso/2fa/account", "", "Cookie", cookie)
	for _, want := range []string{"<strong>Kodi</strong>", "Swiftfin on Living room", "App password, from 198.51.100.7"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("account page lacks %q", want)
		}
	}
	if strings.Contains(a.body, string(password)) {
		t.Error("the account page shows the password")
	}
	all, err := s.passwords.List(t.Context(), app.UserID)
	if err != nil || len(all) != 1 {
		t.Fatalf("list: %v, %v", all, err)
	}
	if a = s.post(t, "passwords/revoke", map[string]string{"Id": all[0].ID}, "Cookie", cookie); a.status != http.StatusOK {
		t.Fatalf("revoke: %d %s", a.status, a.body)
	}
	if err := s.issued.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, token := range s.jellyfin.LiveTokens() {
		if token.Value == string(app.Token) {
			t.Error("the app's token lives after its password was revoked")
		}
	}
	if _, err := signInApp(); err == nil {
		t.Error("a revoked password signs in")
	}
	if strings.Contains(s.log.String(), string(password)) {
		t.Error("the log shows the password")
	}
}

func TestAnAppPasswordTakesAFreshSignIn(t *testing.T) {
	s, cookie := signedIn(t, func(o *portal.Options) { o.Sessions = aged{o.Sessions} })
	a := s.post(t, "passwords", map[string]string{"Name": "Kodi"}, "Cookie", cookie)
	if a.status != http.StatusForbidden || string(a.json["SignInAgain"]) != "true" {
		t.Errorf("an hour later: %d %s", a.status, a.body)
	}
	if a = s.do(t, http.MethodGet, "/sso/2fa?fresh=1", "", "Cookie", cookie); !strings.Contains(a.body, `id="signin-form"`) {
		t.Error("a fresh sign-in shows no form")
	}
}

// Two apps cannot share a password: the page tells which one was signed out.
func TestTheAccountTellsWhoWasSignedOut(t *testing.T) {
	s, cookie := signedIn(t)
	a := s.post(t, "passwords", map[string]string{"Name": "Kodi"}, "Cookie", cookie)
	signIn := func(device jellyfin.Device, addr string) {
		_, err := s.passwords.Redeem(t.Context(), jellyfin.Credentials{
			Device: device, Name: "alice", Password: secret.Text(a.text(t, "Password")), Visitor: netip.MustParseAddr(addr),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	phone := jellyfin.Device{Client: "Findroid", Name: "Pixel", ID: "phone-1", Version: "1"}
	signIn(television, "198.51.100.7")
	signIn(television, "198.51.100.8")
	const told = "was signed out by that"
	if page := s.do(t, http.MethodGet, "/sso/2fa/account", "", "Cookie", cookie).body; strings.Contains(page, told) {
		t.Error("a device that signs in again was signed out")
	}
	signIn(phone, "203.0.113.9")
	page := s.do(t, http.MethodGet, "/sso/2fa/account", "", "Cookie", cookie).body
	for _, want := range []string{"by <bdi>Findroid on Pixel</bdi>, from 203.0.113.9", "<bdi>Swiftfin on Living room</bdi>, from 198.51.100.8, " + told} {
		if !strings.Contains(page, want) {
			t.Errorf("account page lacks %q", want)
		}
	}
}

// aged makes sessions an hour older than they are.
type aged struct{ portal.Sessions }

func (a aged) Lookup(ctx context.Context, value string) (session.Session, error) {
	s, err := a.Sessions.Lookup(ctx, value)
	s.Created = s.Created.Add(-time.Hour)
	return s, err
}

func TestAppPasswordsSayWhatIsMissing(t *testing.T) {
	s, cookie := signedIn(t)
	s.jellyfin.SetQuickConnect(false)
	if a := s.post(t, "passwords", map[string]string{"Name": "Kodi"}, "Cookie", cookie); a.status != http.StatusConflict || !strings.Contains(a.body, "Quick Connect is switched off") {
		t.Errorf("Quick Connect off: %d %s", a.status, a.body)
	}
	s.jellyfin.SetQuickConnect(true)
	remote := func(allowed bool) {
		s.jellyfin.SetUser(s.jellyfin.LiveTokens()[0].UserID, func(u *jellyfintest.User) { u.NoRemoteAccess = !allowed })
	}
	remote(false)
	if a := s.post(t, "passwords", map[string]string{"Name": "Kodi"}, "Cookie", cookie); a.status != http.StatusForbidden || !strings.Contains(a.body, "does not let your account") {
		t.Errorf("no remote access: %d %s", a.status, a.body)
	}
	remote(true)
	for _, name := range []string{"", " ", strings.Repeat("x", 61), "a\u0007b"} {
		if a := s.post(t, "passwords", map[string]string{"Name": name}, "Cookie", cookie); a.status != http.StatusBadRequest {
			t.Errorf("name %q: %d %s", name, a.status, a.body)
		}
	}
	if a := s.post(t, "passwords", map[string]string{"Name": "Kodi"}, "Cookie", cookie); a.status != http.StatusOK {
		t.Fatalf("Quick Connect on: %d %s", a.status, a.body)
	}
	// What signs apps in is there now, and still no app could be.
	s.jellyfin.SetQuickConnect(false)
	if a := s.post(t, "passwords", map[string]string{"Name": "Finamp"}, "Cookie", cookie); a.status != http.StatusConflict {
		t.Errorf("Quick Connect off again: %d %s", a.status, a.body)
	}
}

func TestDevicesAreSignedOut(t *testing.T) {
	s, cookie := signedIn(t)
	code := s.initiate(t, television, "203.0.113.9")
	if a := s.post(t, "connect/allow", map[string]string{"Code": code}, "Cookie", cookie); a.status != http.StatusOK {
		t.Fatalf("allow: %d %s", a.status, a.body)
	}
	tokens := s.jellyfin.LiveTokens()
	for _, token := range tokens {
		if token.Device.ID == television.ID {
			result := `{"AccessToken":"` + token.Value + `","ServerId":"x","User":{"Id":"` + token.UserID + `","Name":"alice"},"SessionInfo":{"Client":"Swiftfin","DeviceName":"Living room","DeviceId":"tv-1"}}`
			if _, err := s.issued.RecordAnswer(t.Context(), "quick-connect", []byte(result), s.visitor.Addr); err != nil {
				t.Fatal(err)
			}
		}
	}
	page := s.do(t, http.MethodGet, "/sso/2fa/account", "", "Cookie", cookie).body
	if !strings.Contains(page, "<strong>Swiftfin</strong> on Living room") || !strings.Contains(page, `class="tag">here`) {
		t.Fatalf("account page: %s", page)
	}
	_, rest, _ := strings.Cut(page, `data-end="`)
	id, _, _ := strings.Cut(rest, `"`)
	if a := s.post(t, "devices/signout", map[string]string{"Id": id}, "Cookie", cookie); a.status != http.StatusOK {
		t.Fatalf("sign out: %d %s", a.status, a.body)
	}
	if err := s.issued.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantTokens(t, 1)
	if page = s.do(t, http.MethodGet, "/sso/2fa/account", "", "Cookie", cookie).body; strings.Contains(page, "Swiftfin") {
		t.Error("the device is still listed")
	}
	a := s.do(t, http.MethodPost, "/sso/2fa/devices/signout", `{"Others":true}`, "Content-Type", "application/json", "Cookie", cookie)
	if a.status != http.StatusOK {
		t.Errorf("others: %d %s", a.status, a.body)
	}
	s.wantTokens(t, 1) // not this one
	if a = s.post(t, "devices/signout", map[string]string{}, "Cookie", cookie); a.status != http.StatusBadRequest {
		t.Errorf("no device: %d %s", a.status, a.body)
	}
}

func TestNobodyElseDoesAnyOfThis(t *testing.T) {
	s, cookie := signedIn(t)
	for _, path := range []string{"devices/signout", "passwords", "passwords/revoke", "connect/look", "connect/allow"} {
		if a := s.post(t, path, map[string]string{"Code": "123456", "Id": "x", "Name": "x"}); a.status != http.StatusUnauthorized {
			t.Errorf("%s without a session: %d %s", path, a.status, a.body)
		}
		if a := s.post(t, path, nil, "Cookie", cookie, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); a.status != http.StatusForbidden {
			t.Errorf("%s from another site: %d %s", path, a.status, a.body)
		}
		if a := s.do(t, http.MethodPost, "/sso/2fa/"+path, "Code=123456", "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie); a.status != http.StatusUnsupportedMediaType {
			t.Errorf("%s as a form: %d %s", path, a.status, a.body)
		}
	}
}
