package native_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/native"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
	"github.com/jellyward/jellyward/internal/visitor"
)

const path = "/users/authenticatebyname"

// house is the handler with everything behind it: the ceremony, a store, and a
// Jellyfin at home. Its clock moves only when it is told to.
type house struct {
	server  *jellyfintest.Server
	asked   *asked
	store   *store.Store
	signin  *signin.Service
	handler *native.Handler
	log     *lockedBuffer

	mu  sync.Mutex
	now time.Time
}

func newHouse(t *testing.T, change func(*native.Options), opts ...jellyfintest.Option) *house {
	t.Helper()
	h := &house{server: jellyfintest.Start(t, opts...), log: &lockedBuffer{}, now: time.Now()}
	base, err := url.Parse(h.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.New([32]byte{3})
	if err != nil {
		t.Fatal(err)
	}
	if h.store, err = store.Open(t.Context(), store.Options{URL: "memory:", Box: box}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.store.Close() })
	h.asked = &asked{Client: jellyfin.New(base, http.DefaultTransport, time.Minute)}
	logger := slog.New(slog.NewTextHandler(h.log, nil))
	h.signin = signin.New(signin.Options{
		Jellyfin: h.asked, Factors: h.store, Limiter: &throttle.Limiter{Store: h.store, Now: h.clock},
		Hold: time.Nanosecond, Now: h.clock, Logger: logger,
	})
	t.Cleanup(func() { _ = h.signin.Close(context.Background()) })
	dialect := jellyfin.DialectFor(h.server.Release().String(), "auto", true)
	o := native.Options{
		PasswordLogin: true,
		SignIn:        h.signin,
		Present:       func(h http.Header, q string) jellyfin.Presented { return jellyfin.ReadPresented(h, q, dialect) },
		Where:         func(v visitor.Visitor) string { return v.Origin() + "/sso/2fa" },
		Logger:        logger,
	}
	if change != nil {
		change(&o)
	}
	h.handler = native.New(o)
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// failer is what a test and a property test have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// enrol makes a user with a second factor.
func (h *house) enrol(t failer, name, password string) (jellyfintest.User, totp.Secret) {
	t.Helper()
	u := h.server.AddUser(name, password)
	s := totp.NewSecret()
	pending := totp.Pending{ID: rand.Text(), UserID: u.ID, Name: name, Secret: s, Created: h.clock()}
	err := errors.Join(
		h.store.PutName(context.Background(), name, u.ID),
		h.store.PutPending(context.Background(), pending, time.Minute),
		h.store.Activate(context.Background(), u.ID, pending.ID, totp.StepAt(h.clock())-10),
	)
	if err != nil {
		t.Fatal(err)
	}
	return u, s
}

// code is what an app with s shows now.
func (h *house) code(s totp.Secret) string { return s.At(h.clock()).Digits() }

// wrong is a code that s does not show now, nor one step away.
func (h *house) wrong(s totp.Secret) string {
	for _, digits := range []string{"000000", "111111", "222222", "333333"} {
		code, err := totp.ParseCode(digits)
		if err != nil {
			panic(err)
		}
		if _, ok := s.Match(code, h.clock()); !ok {
			return digits
		}
	}
	panic("four candidates cannot all match")
}

// television is what a usual app says of itself.
const television = `MediaBrowser Client="Android+TV", Version="0.19", DeviceId="tv", Device="Living+room"`

// post is a sign-in of a usual app, as the gateway hands it over.
func post(name, typed string) *http.Request {
	body, err := json.Marshal(map[string]string{"Username": name, "Pw": typed})
	if err != nil {
		panic(err)
	}
	return postBody("application/json", string(body))
}

func postBody(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", television)
	return from(r, "203.0.113.9")
}

// from lets r come from an address.
func from(r *http.Request, addr string) *http.Request {
	return r.WithContext(visitor.With(r.Context(), visitor.Visitor{
		Addr: netip.MustParseAddr(addr), Scheme: "https", Host: "jellyfin.example.org", RequestID: "req-1",
	}))
}

func (h *house) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// want sends r and fails the test unless it is answered with status.
func (h *house) want(t testing.TB, r *http.Request, status int) *httptest.ResponseRecorder {
	t.Helper()
	w := h.serve(r)
	if w.Code != status {
		t.Errorf("answered %d %s, want %d", w.Code, w.Body, status)
	}
	return w
}

// wantNothingLeft fails the test if a token or a device is left at Jellyfin.
func (h *house) wantNothingLeft(t testing.TB) {
	t.Helper()
	if tokens, devices := h.server.LiveTokens(), h.server.Devices(); len(tokens)+len(devices) > 0 {
		t.Errorf("left at Jellyfin: %+v, %+v", tokens, devices)
	}
}

// checks is how many passwords Jellyfin was asked to check, over any way.
func (h *house) checks() int {
	return h.server.Count("UserController.AuthenticateUserByName") + h.server.Count("UserController.AuthenticateUser")
}

// asked is a client that notes what it asked.
type asked struct {
	*jellyfin.Client

	mu       sync.Mutex
	with     []jellyfin.Credentials
	sessions []jellyfin.Session
	check    func(jellyfin.Credentials) // before Jellyfin is asked
	after    func()                     // when Jellyfin has answered
}

func (a *asked) Authenticate(ctx context.Context, as jellyfin.Credentials) (jellyfin.Session, error) {
	a.mu.Lock()
	check, after := a.check, a.after
	a.with = append(a.with, as)
	a.mu.Unlock()
	if check != nil {
		check(as)
	}
	s, err := a.Client.Authenticate(ctx, as)
	a.mu.Lock()
	a.sessions = append(a.sessions, s)
	a.mu.Unlock()
	if after != nil {
		after()
	}
	return s, err
}

// registry notes what is recorded, and can fail.
type registry struct {
	fail      error
	recorded  []issued.Details
	discarded []secret.Text
	signin    func() *signin.Service
	after     func()
}

func (r *registry) Record(_ context.Context, s jellyfin.Session, d issued.Details) (issued.Token, error) {
	r.recorded = append(r.recorded, d)
	if r.after != nil {
		r.after()
	}
	return issued.Token{ID: s.Token.Hash()}, r.fail
}

func (r *registry) Discard(ctx context.Context, token secret.Text) {
	r.discarded = append(r.discarded, token)
	r.signin().Discard(ctx, token)
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
