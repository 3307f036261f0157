package portal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/portal"
	"github.com/jellyward/jellyward/internal/quickconnect"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
	"github.com/jellyward/jellyward/internal/visitor"
)

// site is the portal with everything behind it: the ceremony, the store, and a
// Jellyfin to sign in at. The time by which codes are valid and tries are counted
// stands still.
type site struct {
	now      time.Time
	jellyfin *jellyfintest.Server
	client   *jellyfin.Client
	keeper   *apppass.Keeper
	store    *store.Store
	sessions *session.Manager
	signin   *signin.Service
	issued   *issued.Registry
	connect  *quickconnect.Book
	handler  http.Handler

	passwords *apppass.Service
	log       *lockedBuffer
	visitor   visitor.Visitor
}

func newSite(t *testing.T, change ...func(*portal.Options)) *site {
	t.Helper()
	s := &site{
		now:      time.Now(),
		jellyfin: jellyfintest.Start(t),
		log:      &lockedBuffer{},
		visitor: visitor.Visitor{
			Addr: netip.MustParseAddr("203.0.113.9"), Scheme: "https", Host: "jellyfin.example.org", RequestID: "req-1",
		},
	}
	box, err := seal.New([32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	s.store, err = store.Open(t.Context(), store.Options{URL: "memory:", Box: box})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	base, err := url.Parse(s.jellyfin.URL)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	client := jellyfin.New(base, http.DefaultTransport, time.Minute)
	s.client = client
	s.sessions = session.New(s.store, time.Hour, nil)
	clock := func() time.Time { return s.now }
	limiter := &throttle.Limiter{Store: s.store, Now: clock}
	s.signin = signin.New(signin.Options{
		Jellyfin: client, Factors: s.store, Limiter: limiter, Hold: time.Nanosecond, Now: clock, Logger: logger,
	})
	t.Cleanup(func() { _ = s.signin.Close(context.Background()) })
	s.issued = issued.New(issued.Options{Store: s.store, Jellyfin: client, Logger: logger})
	t.Cleanup(func() { _ = s.issued.Close(context.Background()) })
	keeper := apppass.NewKeeper(apppass.KeeperOptions{Jellyfin: client, Store: s.store, Issued: s.issued, Logger: logger})
	s.keeper = keeper
	s.passwords = apppass.New(apppass.Options{
		Jellyfin: client, Store: s.store, Issued: s.issued, Names: s.store, Keeper: keeper, Limiter: limiter, Logger: logger,
	})
	s.connect = quickconnect.New(quickconnect.Options{
		Store: s.store, Jellyfin: client, Keeper: keeper, Limiter: limiter, Logger: logger,
	})
	o := portal.Options{
		SignIn: s.signin, Sessions: s.sessions, Jellyfin: client,
		Devices: s.issued, AppPasswords: s.passwords, Keeper: keeper, QuickConnect: s.connect,
		SessionMaxAge: time.Hour, Logger: logger,
	}
	for _, c := range change {
		c(&o)
	}
	s.handler = portal.New(o)
	return s
}

// answer is what a visitor gets.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]json.RawMessage
}

// cookie returns the value of our cookie, or "" if none or an empty one was set.
func (a answer) cookie() string {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if session.IsCookie(c.Name) {
			return c.Name + "=" + c.Value
		}
	}
	return ""
}

// text returns a text from the JSON answer.
func (a answer) text(t *testing.T, key string) string {
	t.Helper()
	var text string
	if err := json.Unmarshal(a.json[key], &text); err != nil {
		t.Fatalf("%s in %s: %v", key, a.body, err)
	}
	return text
}

// do sends one request; headers are pairs.
func (s *site) do(t *testing.T, method, target, body string, headers ...string) answer {
	t.Helper()
	return s.serve(t, t.Context(), method, target, body, headers...)
}

func (s *site) serve(t *testing.T, ctx context.Context, method, target, body string, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r.WithContext(visitor.With(ctx, s.visitor)))
	a := answer{status: w.Code, header: w.Result().Header, body: w.Body.String()}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a.json); err != nil {
			t.Fatalf("%s %s answered %q: %v", method, target, a.body, err)
		}
	}
	return a
}

// post sends fields as JSON.
func (s *site) post(t *testing.T, path string, fields map[string]string, headers ...string) answer {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return s.do(t, http.MethodPost, "/sso/2fa/"+path, string(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

func fields(name, password, code string) map[string]string {
	return map[string]string{"Username": name, "Password": password, "Otp": code}
}

// enrol sets up a second factor, confirmed with the code of the step before, so
// that the present one is unspent.
func (s *site) enrol(t *testing.T, name, password string) totp.Secret {
	t.Helper()
	a := s.post(t, "enroll", fields(name, password, ""))
	if a.status != http.StatusOK {
		t.Fatalf("enroll answered %d %s", a.status, a.body)
	}
	secret := parseSecret(t, a)
	before := secret.At(s.now.Add(-totp.Period)).Digits()
	a = s.post(t, "confirm", map[string]string{"Username": name, "Password": password, "Code": before}, "X-DeviceId", "first")
	if a.status != http.StatusOK {
		t.Fatalf("confirm answered %d %s", a.status, a.body)
	}
	a = s.do(t, http.MethodPost, "/sso/2fa/signout", "", "Cookie", a.cookie())
	if a.status != http.StatusOK {
		t.Fatalf("signout answered %d %s", a.status, a.body)
	}
	return secret
}

// signIn signs in with the present code and returns the cookie.
func (s *site) signIn(t *testing.T, name, password string, secret totp.Secret) (cookie string, a answer) {
	t.Helper()
	a = s.post(t, "authenticate", fields(name, password, s.code(secret)), "X-DeviceId", "browser", "X-DeviceName", "Firefox")
	if a.status != http.StatusOK {
		t.Fatalf("authenticate answered %d %s", a.status, a.body)
	}
	return a.cookie(), a
}

// code is the present one.
func (s *site) code(secret totp.Secret) string { return secret.At(s.now).Digits() }

// wrongCode returns a code that secret shows at no time near now.
func (s *site) wrongCode(t *testing.T, secret totp.Secret) string {
	t.Helper()
	for _, candidate := range []string{"000000", "111111", "222222", "333333"} {
		c, err := totp.ParseCode(candidate)
		if err != nil {
			t.Fatal(err)
		}
		if _, right := secret.Match(c, s.now); !right {
			return candidate
		}
	}
	t.Fatal("four candidates cannot all match")
	return ""
}

func (s *site) wantTokens(t *testing.T, n int) {
	t.Helper()
	if tokens := s.jellyfin.LiveTokens(); len(tokens) != n {
		t.Errorf("%d tokens live at Jellyfin, want %d: %+v", len(tokens), n, tokens)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func parseSecret(t *testing.T, a answer) totp.Secret {
	t.Helper()
	secret, err := totp.ParseSecret(a.text(t, "Secret"))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}
