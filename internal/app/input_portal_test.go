package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/stage"
)

// posted is a body that the JSON endpoints refuse for its form.
type posted struct {
	what, kind, body string
	status           int
}

const jsonKind = "application/json"

// field is a body whose fields are right but for one.
func field(name string, value any) string {
	fields := map[string]any{"Username": "alice", "Password": "wonderland", "Otp": "123456", "Code": "123456"}
	fields[name] = value
	if value == nil {
		delete(fields, name)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err) // a mistake in this file
	}
	return string(raw)
}

var badlyPosted = []posted{
	{"nothing", jsonKind, "", 400},
	{"no JSON", jsonKind, "Username=alice&Password=wonderland", 400},
	{"half an object", jsonKind, `{"Username":"alice"`, 400},
	{"two objects", jsonKind, field("Otp", "123456") + "{}", 400},
	{"a list", jsonKind, `["alice","wonderland"]`, 400},
	{"null", jsonKind, "null", 400},
	{"a text", jsonKind, `"alice"`, 400},
	{"a comment", jsonKind, `{"Username":"alice",/**/"Password":"wonderland"}`, 400},
	{"a comma too many", jsonKind, `{"Username":"alice","Password":"wonderland",}`, 400},
	{"a number for a name", jsonKind, field("Username", 7), 400},
	{"a list for a password", jsonKind, field("Password", []string{"wonderland"}), 400},
	{"an object for a password", jsonKind, field("Password", map[string]string{"$ne": ""}), 400},
	{"bytes that are no UTF-8", jsonKind, "{\"Username\":\"al\xffice\",\"Password\":\"wonderland\"}", 400},
	{"UTF-16", jsonKind, "\xff\xfe{\x00}\x00", 400},
	{"deep nesting", jsonKind, strings.Repeat(`{"a":`, 8000) + "1" + strings.Repeat("}", 8000), 400},
	{"65 KB", jsonKind, field("Padding", strings.Repeat("a", 65<<10)), 413},
	{"65 KB of blanks", jsonKind, field("Otp", "123456") + strings.Repeat(" ", 65<<10), 413},
	{"no content type", "", field("Otp", "123456"), 415},
	{"a form", "application/x-www-form-urlencoded", "Username=alice&Password=wonderland", 415},
	{"text", "text/plain", field("Otp", "123456"), 415},
	{"a part of many", "multipart/form-data; boundary=a", field("Otp", "123456"), 415},
	{"JSON in UTF-16", "application/json; charset=utf-16", field("Otp", "123456"), 415},
	{"two types in one", "application/json, text/plain", field("Otp", "123456"), 415},
	{"a type that begins like JSON", "application/jsonp", field("Otp", "123456"), 415},
	{"no fields", jsonKind, "{}", 400},
	{"no name", jsonKind, field("Username", nil), 400},
	{"an empty name", jsonKind, field("Username", ""), 400},
	{"a blank name", jsonKind, field("Username", " \t "), 400},
	{"no password", jsonKind, field("Password", nil), 400},
	{"an empty password", jsonKind, field("Password", ""), 400},
	{"a zero byte in the name", jsonKind, field("Username", "al\x00ice"), 400},
	{"a line break in the name", jsonKind, field("Username", "alice\r\nX-Evil: 1"), 400},
	{"10 KB of name", jsonKind, field("Username", strings.Repeat("a", 10<<10)), 400},
	{"10 KB of password", jsonKind, field("Password", strings.Repeat("a", 10<<10)), 400},
}

// badCodes are codes of the wrong length or of no digits.
var badCodes = []string{"1", "12345", "1234567", "12345678", "abcdef", "12345o", "-12345", "123/456", "0x1234", "１２３４５", "12345\x00", strings.Repeat("1", 10<<10)}

// leaks is what no answer may ever hold: texts of exceptions, and names of what
// is behind us.
var leaks = regexp.MustCompile(`(?i)\.go:\d|goroutine|panic|runtime error|json: |strconv|invalid character|unmarshal|dial (tcp|unix)|connect: |redis|exception|stack|127\.0\.0\.1:\d|wonderland|internal/`)

// ledger is a log that is read afterwards.
type ledger struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *ledger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *ledger) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// holds tells whether text has been logged.
func (l *ledger) holds(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// visitor is somebody who comes in where visitors of s do, from inside of this
// program, and may send as much as he likes.
func visitor(s *stage.Stage) (base string, client *http.Client) {
	if s.Edge == nil {
		return s.Local, http.DefaultClient
	}
	return "https://" + publicHost, &http.Client{Transport: s.Edge.Transport()}
}

// without fails the test if a secret is in the log.
func (l *ledger) without(t *testing.T, secrets ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !strings.Contains(l.text.String(), "msg=request") {
		t.Error("the log holds no requests: the test tests nothing")
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(l.text.String(), secret) {
			t.Errorf("%.8q… is in the log", secret)
		}
	}
}

// TestBadlyPostedIsRefusedInWords sends the three JSON endpoints what they
// cannot use, over every way in. The answer is always JSON of the same shape
// and says what to do; nothing of it reaches Jellyfin or counts as a try.
func TestBadlyPostedIsRefusedInWords(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			var log ledger
			s, _ := w.play(t, stage.Options{Logger: log.logger()})
			s.Jellyfin.AddUser("alice", "wonderland")
			base, client := visitor(s)
			for endpoint, verdict := range map[string]string{"authenticate": "Ok", "enroll": "Ok", "confirm": "Success"} {
				for _, bad := range badlyPosted {
					status, object := postRaw(t, client, base+"/sso/2fa/"+endpoint, bad.kind, bad.body)
					checkRefusedInWords(t, endpoint+": "+bad.what, verdict, bad.status, status, object)
				}
				key := map[string]string{"authenticate": "Otp", "enroll": "Otp", "confirm": "Code"}[endpoint]
				for _, code := range badCodes {
					status, object := postRaw(t, client, base+"/sso/2fa/"+endpoint, jsonKind, field(key, code))
					checkRefusedInWords(t, fmt.Sprintf("%s: code %.20q", endpoint, code), verdict, 400, status, object)
					if fields, _ := object["Fields"].(map[string]any); fields[key] == nil {
						t.Errorf("%s: code %.20q: the answer does not name %s: %v", endpoint, code, key, object)
					}
				}
			}
			if n := s.Jellyfin.Count("UserController.AuthenticateUserByName"); n != 0 {
				t.Errorf("Jellyfin was asked for a password %d times", n)
			}
			// None of it was a try: a real one is not delayed.
			alice := &person{name: "alice", password: "wonderland", base: base, http: client, device: "home"}
			alice.enrol(t)
			log.without(t, "wonderland", alice.secret.Base32())
		})
	}
}

func postRaw(t *testing.T, client *http.Client, target, kind, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if leaks.Match(raw) {
		t.Errorf("%s answered %q", target, raw)
	}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		t.Errorf("%s answered %d with %q, which is not JSON", target, resp.StatusCode, raw)
	}
	return resp.StatusCode, object
}

func checkRefusedInWords(t *testing.T, what, verdict string, want, status int, object map[string]any) {
	t.Helper()
	message, _ := object["ErrorMessage"].(string)
	if status != want || object[verdict] != false || message == "" {
		t.Errorf("%s: %d %v, want %d with %s false and a message", what, status, object, want, verdict)
	}
}

// TestOddNamesAndPasswordsWork enrols and signs in people whose names and
// passwords break what is put together from texts.
func TestOddNamesAndPasswordsWork(t *testing.T) {
	people := []struct{ name, password string }{
		{`O'Brien "Bob" <b>&amp;`, `a"b\c'd<e>&f;--`},
		{"Zoë Ünïcödé 日本 𝄞", "pässwörd 密码 𝄞"},
		{"a:b/c?d#e%20f", " with blanks around "},
		{"$(id)`id`{{.}}${x}", "zero\x00byte\nand line"},
		{"ﬁ İ ſ K", strings.Repeat("long", 1000)},
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			var log ledger
			s, _ := w.play(t, stage.Options{Logger: log.logger()})
			base, client := visitor(s)
			for i, p := range people {
				user := s.Jellyfin.AddUser(p.name, p.password)
				odd := &person{name: p.name, password: p.password, base: base, http: client, device: fmt.Sprint("device ", i)}
				a := odd.enrol(t)
				if a.AuthenticatedUser.User.Id != user.ID || a.AuthenticatedUser.User.Name != p.name {
					t.Errorf("%q enrolled as %+v", p.name, a.AuthenticatedUser)
				}
				if status, a, _ := odd.signIn(t); status != http.StatusOK || a.AuthenticatedUser.User.Id != user.ID {
					t.Errorf("%q signed in: %d %+v", p.name, status, a)
				}
				log.without(t, p.password, odd.secret.Base32(), a.AuthenticatedUser.AccessToken)
			}
		})
	}
}

// TestTheQRCodeHoldsTheNameAsItIs reads the address in the answer of enroll.
func TestTheQRCodeHoldsTheNameAsItIs(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{NoTunnel: true})
	const name = `O'Brien "Bob" & Zoë/x?y:z`
	s.Jellyfin.AddUser(name, "wonderland")
	p := &person{name: name, password: "wonderland", base: s.Local, http: http.DefaultClient, device: "home"}
	status, a, _ := p.post(t, "enroll", p.fields())
	if status != http.StatusOK {
		t.Fatalf("enroll: %d %+v", status, a)
	}
	u, err := url.Parse(a.OtpAuthUri)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		t.Fatalf("OtpAuthUri %q: %v", a.OtpAuthUri, err)
	}
	// A colon parts issuer and name, so none can be in the name.
	if _, label, found := strings.Cut(strings.TrimPrefix(u.Path, "/"), ":"); !found || !strings.Contains(label, `O'Brien "Bob" & Zoë/x?y`) {
		t.Errorf("label is %q", u.Path)
	}
	if u.Query().Get("secret") != a.Secret {
		t.Errorf("the address holds the secret %q, the answer %q", u.Query().Get("secret"), a.Secret)
	}
}

// TestPagesShowNothingOfHeaders sends claims of another host to all pages of
// ours. Their addresses come from the host that was asked.
func TestPagesShowNothingOfHeaders(t *testing.T) {
	const evil = `evil.example"><script>alert(1)</script>`
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, base := w.play(t, stage.Options{Logger: discard()})
			headers := http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) " + evil}, "Accept": {"text/html"}, "Referer": {"https://" + evil}}
			for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Original-Host", "X-Host", "X-Original-Url", "Forwarded"} {
				headers[name] = []string{evil}
			}
			open := func(path string) {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header = headers
				client := browserClient(t)
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				if text := string(body) + fmt.Sprint(resp.Header); strings.Contains(text, "evil") || strings.Contains(text, "alert(1)") {
					t.Errorf("GET %s: %d %.300q", path, resp.StatusCode, text)
				}
			}
			for _, path := range []string{"/", "/web/", "/sso/2fa", "/sso/2fa?return=/web/", "/sso/2fa/enroll", "/sso/2fa/account", "/sso/2fa/none", "/Startup/User", "/Users/Me", "/a%2e%2e"} {
				open(path)
			}
			s.Jellyfin.SetWizardOpen(true)
			open("/web/index.html")
		})
	}
}

// TestOtherSitesCannotPost refuses what a page of another origin sends to our
// endpoints in a visitor's name.
func TestOtherSitesCannotPost(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	transport := through(s.Edge, netip.MustParseAddr("198.51.100.20"))
	for _, endpoint := range []string{"authenticate", "enroll", "confirm", "signout"} {
		for _, headers := range [][]string{
			{"Origin", "https://evil.example"},
			{"Origin", "null"},
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
		} {
			resp, body := visit(t, transport, http.MethodPost, "/sso/2fa/"+endpoint, strings.NewReader(field("Otp", "123456")), append(headers, "Content-Type", jsonKind)...)
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %v: %d %.100q, want 403", endpoint, headers, resp.StatusCode, body)
			}
		}
	}
	if n := s.Jellyfin.Count("UserController.AuthenticateUserByName"); n != 0 {
		t.Errorf("Jellyfin was asked for a password %d times", n)
	}
}
