package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/stage"
)

// everything is all that the program logs at its most talkative.
type everything struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (e *everything) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.Write(p)
}

func (e *everything) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.String()
}

func (e *everything) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(e, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// accountHolder is somebody's browser, with its cookie.
type accountHolder struct {
	*person
	token string
}

// browserOf enrols a new user in a browser of its own.
func browserOf(t *testing.T, s *stage.Stage, name, password string) accountHolder {
	t.Helper()
	s.Jellyfin.AddUser(name, password)
	p := &person{name: name, password: password, base: s.Edge.URL(), http: browserClient(t), device: "browser of " + name}
	return accountHolder{p, p.enrol(t).AuthenticatedUser.AccessToken}
}

// do posts something to the account's endpoints, and returns the whole answer.
func (b accountHolder) do(t *testing.T, endpoint string, fields map[string]any) (int, map[string]any) {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.http.Post(b.base+"/sso/2fa/"+endpoint, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, out
}

func (b accountHolder) account(t *testing.T) string {
	t.Helper()
	resp, err := b.http.Get(b.base + "/sso/2fa/account")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// values are those of an attribute in a page.
func values(page, attribute string) (all []string) {
	for {
		_, rest, found := strings.Cut(page, attribute+`="`)
		if !found {
			return all
		}
		value, after, _ := strings.Cut(rest, `"`)
		all, page = append(all, value), after
	}
}

// TestNoSecretIsLogged uses every way in, right and wrong, and every place where
// apps put secrets, with Jellyfin there and away, and reads the log at its most
// talkative.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	log := &everything{}
	s := play(t, stage.Options{Protocol: "http2", Logger: log.logger()})
	const password, wrong = "wonder,land 4711", "looking-glass-0815"
	alice := browserOf(t, s, "alice", password)
	secrets := map[string]string{"password": password, "wrong password": wrong, "browser's token": alice.token, "second factor": alice.secret.Base32()}

	code := alice.code(t)
	phone := &gadget{base: s.Edge.URL(), name: "Phone"}
	if status := phone.signIn(t, "alice", password+","+code); status != http.StatusOK {
		t.Fatalf("sign-in with the code: %d", status)
	}
	secrets["code"], secrets["phone's token"] = `"`+code, phone.token
	if status := phone.signIn(t, "alice", wrong+"654321"); status != http.StatusUnauthorized {
		t.Errorf("wrong sign-in: %d", status)
	}
	phone.token = secrets["phone's token"]

	status, made := alice.do(t, "passwords", map[string]any{"Name": "Kodi"})
	appPassword, _ := made["Password"].(string)
	if status != http.StatusOK || appPassword == "" {
		t.Fatalf("app password: %d %v", status, made)
	}
	secrets["app password"], secrets["app password without dashes"] = appPassword, strings.ReplaceAll(appPassword, "-", "")
	kodi := &gadget{base: s.Edge.URL(), name: "Kodi"}
	if status := kodi.signIn(t, "alice", appPassword); status != http.StatusOK {
		t.Fatalf("sign-in with the app password: %d", status)
	}
	secrets["Kodi's token"] = kodi.token
	mistyped := "z" + appPassword[1:]
	secrets["mistyped app password"] = mistyped
	kodi.signIn(t, "alice", mistyped)
	kodi.signIn(t, "bob", appPassword)

	tv := &gadget{base: s.Edge.URL(), name: "TV"}
	var pending struct{ Code, Secret string }
	tv.ask(t, http.MethodPost, "/QuickConnect/Initiate", "", &pending)
	secrets["Quick Connect secret"], secrets["Quick Connect digits"] = pending.Secret, `"`+pending.Code+`"`
	alice.do(t, "connect/look", map[string]any{"Code": pending.Code})
	tv.ask(t, http.MethodGet, "/QuickConnect/Connect?secret="+pending.Secret, "", nil)
	if status, out := alice.do(t, "connect/allow", map[string]any{"Code": pending.Code}); status != http.StatusOK {
		t.Fatalf("allow: %d %v", status, out)
	}
	var result struct{ AccessToken string }
	tv.ask(t, http.MethodPost, "/Users/AuthenticateWithQuickConnect", `{"Secret":"`+pending.Secret+`"}`, &result)
	secrets["television's token"] = result.AccessToken

	everywhere := func() {
		for _, token := range []string{phone.token, result.AccessToken} {
			for _, target := range []string{
				filmPath + "&api_key=" + token, filmPath + "&ApiKey=" + token, "/socket?api_key=" + token, "/Items?ApiKey=" + token,
				"/Auth/Keys/" + token, "/QuickConnect/Authorize?code=" + pending.Code + "&ApiKey=" + token,
				"/Nothing/Here?api_key=" + token, "/web/?api_key=" + token, "/sso/2fa?return=" + token, "/sso/2fa/account?api_key=" + token,
			} {
				plain := &gadget{base: s.Edge.URL(), name: "Player"}
				plain.ask(t, http.MethodGet, target, "", nil)
				plain.ask(t, http.MethodPost, target, `{"Pw":"`+password+`"}`, nil)
			}
		}
		phone.ask(t, http.MethodPost, "/Users/"+strings.Repeat("a", 32)+"/Authenticate?pw="+url.QueryEscape(password), "", nil)
		kodi.signIn(t, "alice", appPassword)
		phone.ask(t, http.MethodGet, "/QuickConnect/Connect?secret="+pending.Secret, "", nil)
		alice.do(t, "connect/allow", map[string]any{"Code": pending.Code})
	}
	everywhere()
	s.Jellyfin.Close()
	everywhere()

	text := log.String()
	if !strings.Contains(text, `"path":"/QuickConnect/Connect"`) || !strings.Contains(text, "jellyfin did not answer") {
		t.Error("the log does not tell what was done")
	}
	secrets["password in a query"] = url.QueryEscape(password)
	for what, secret := range secrets {
		if i := strings.Index(text, secret); secret == "" || i >= 0 {
			line := text[strings.LastIndex(text[:max(i, 0)], "\n")+1:]
			line, _, _ = strings.Cut(line, "\n")
			t.Errorf("the %s is in the log: %s", what, line)
		}
	}
}

// TestNobodyManagesSomebodyElse: ids of devices and app passwords are no secrets,
// and good only for who owns them.
func TestNobodyManagesSomebodyElse(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2"})
	alice, bob := browserOf(t, s, "alice", "wonderland"), browserOf(t, s, "bob", "hammer")
	_, made := alice.do(t, "passwords", map[string]any{"Name": "Kodi"})
	appPassword := fmt.Sprint(made["Password"])
	kodi := &gadget{base: s.Edge.URL(), name: "Kodi"}
	if status := kodi.signIn(t, "bob", appPassword); status != http.StatusUnauthorized {
		t.Errorf("alice's app password signs bob in: %d", status)
	}
	if status := kodi.signIn(t, "alice", appPassword); status != http.StatusOK {
		t.Fatalf("sign-in: %d", status)
	}
	page := alice.account(t)
	devices, passwords := values(page, "data-end"), values(page, "data-revoke")
	if len(devices) != 1 || len(passwords) != 1 {
		t.Fatalf("alice has %d devices and %d app passwords", len(devices), len(passwords))
	}
	if strings.Contains(bob.account(t), "Kodi") {
		t.Error("bob sees alice's devices")
	}
	bob.do(t, "devices/signout", map[string]any{"Id": devices[0]})
	bob.do(t, "devices/signout", map[string]any{"Others": true})
	bob.do(t, "passwords/revoke", map[string]any{"Id": passwords[0]})
	if status := kodi.ask(t, http.MethodGet, "/Users/Me", "", nil); status != http.StatusOK {
		t.Errorf("bob has signed alice's device out: %d", status)
	}
	if page = alice.account(t); len(values(page, "data-revoke")) != 1 || len(values(page, "data-end")) != 1 {
		t.Error("bob has revoked alice's app password")
	}

	// Jellyfin lets nobody but administrators allow a device as somebody else.
	var pending struct{ Code, Secret string }
	tv := &gadget{base: s.Edge.URL(), name: "TV"}
	tv.ask(t, http.MethodPost, "/QuickConnect/Initiate", "", &pending)
	var me struct{ Id string }
	kodi.ask(t, http.MethodGet, "/Users/Me", "", &me)
	thief := &gadget{base: s.Edge.URL(), name: "Thief", token: bob.token}
	if status := thief.ask(t, http.MethodPost, "/QuickConnect/Authorize?code="+pending.Code+"&userId="+me.Id, "", nil); status != http.StatusForbidden {
		t.Errorf("bob allows a device as alice: %d", status)
	}
	if status, _ := bob.do(t, "connect/allow", map[string]any{"Code": pending.Code, "UserId": me.Id}); status != http.StatusOK {
		t.Errorf("bob allows a device: %d", status)
	}
	var result struct{ User struct{ Name string } }
	tv.ask(t, http.MethodPost, "/Users/AuthenticateWithQuickConnect", `{"Secret":"`+pending.Secret+`"}`, &result)
	if result.User.Name != "bob" {
		t.Errorf("the device is %q's", result.User.Name)
	}
}

// TestNoSpellingHidesADeviceThatAsks: whoever asks for a code in a spelling that
// Jellyfin takes is written down and slowed down alike.
func TestNoSpellingHidesADeviceThatAsks(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2"})
	alice := browserOf(t, s, "alice", "wonderland")
	asked := 0
	for i, spelling := range []string{
		"/quickconnect/INITIATE", "/emby/QuickConnect/Initiate", "/mediabrowser/quickconnect/initiate/", "/QuickConnect/Initiate?x=%2e", "/QuickConnect/./Initiate",
		"/QuickConnect/%49nitiate", "/QuickConnect//Initiate", "/QuickConnect/Initiate;x",
	} {
		tv := &gadget{base: s.Edge.URL(), name: fmt.Sprintf("TV %d", i)}
		var pending struct{ Code string }
		if status := tv.ask(t, http.MethodPost, spelling, "", &pending); status != http.StatusOK {
			continue
		}
		asked++
		if _, found := alice.do(t, "connect/look", map[string]any{"Code": pending.Code}); found["Device"] != tv.name {
			t.Errorf("%s: the page says %v", spelling, found)
		}
	}
	if asked < 4 {
		t.Errorf("only %d spellings were tried", asked)
	}
	tv, refused := &gadget{base: s.Edge.URL(), name: "TV"}, false
	for range 12 {
		refused = refused || tv.ask(t, http.MethodPost, "/emby/quickconnect/initiate", "", nil) == http.StatusTooManyRequests
	}
	if !refused {
		t.Error("a spelling is not slowed down")
	}
}
