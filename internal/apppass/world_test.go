package apppass_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
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
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/store/storetest"
	"github.com/jellyward/jellyward/internal/throttle"
)

// world is everything around app passwords: a fake Jellyfin, a real Redis. Its
// clock moves only when it is told to.
type world struct {
	jellyfin *jellyfintest.Server
	meddler  *meddler
	redis    *storetest.Redis
	store    *store.Store
	issued   *issued.Registry
	keeper   *apppass.Keeper
	service  *apppass.Service
	alice    jellyfintest.User
	key      secret.Text

	lost     chan struct{}
	begun    time.Time
	mu       sync.Mutex
	ahead    time.Duration
	observed map[string]int
	log      strings.Builder
}

// observe counts how sign-ins ended.
func (w *world) observe(outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.observed[outcome]++
}

type options struct {
	jellyfin  []jellyfintest.Option
	key, bind bool
}

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{jellyfin: jellyfintest.Start(t, o.jellyfin...), redis: storetest.StartRedis(t), begun: time.Now(), observed: map[string]int{}}
	w.meddler = &meddler{to: &http.Transport{DisableKeepAlives: true}}
	client := w.client(t)
	box, err := seal.New([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = store.Open(t.Context(), store.Options{URL: w.redis.URL, Box: box}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.issued = issued.New(issued.Options{Store: w.store, Jellyfin: client, Now: w.now})
	if err := w.issued.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o.key {
		w.key = secret.Text(w.jellyfin.AddAPIKey("jellyward"))
	}
	w.keeper = apppass.NewKeeper(apppass.KeeperOptions{
		Jellyfin: client, Store: w.store, Issued: w.issued, APIKey: w.key, Now: w.now,
	})
	w.service = apppass.New(apppass.Options{
		Jellyfin: client, Store: w.store, Issued: w.issued, Names: w.store, Keeper: w.keeper,
		Limiter: &throttle.Limiter{Store: w.store, Now: w.now}, Bind: o.bind, Now: w.now,
		Observe: w.observe, Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	t.Cleanup(func() { w.close(t) })
	w.alice = w.user(t, "alice")
	return w
}

func (w *world) client(t *testing.T) *jellyfin.Client {
	t.Helper()
	base, err := url.Parse(w.jellyfin.URL)
	if err != nil {
		t.Fatal(err)
	}
	return jellyfin.New(base, w.meddler, time.Minute)
}

// close waits for what goes on in the background.
func (w *world) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	for _, close := range []func(context.Context) error{w.service.Close, w.keeper.Close, w.issued.Close} {
		if err := close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// user adds a user whose name is known.
func (w *world) user(t *testing.T, name string, changes ...func(*jellyfintest.User)) jellyfintest.User {
	t.Helper()
	u := w.jellyfin.AddUser(name, "password of "+name, changes...)
	if err := w.store.PutName(t.Context(), name, u.ID); err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.begun.Add(w.ahead)
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

// fresh is a session as a browser's sign-in yields it.
func (w *world) fresh(u jellyfintest.User) jellyfin.Session {
	token := w.jellyfin.Issue(u.ID, jellyfintest.Device{ID: "browser", Name: "Firefox", Client: "Jellyfin Web", Version: "1"})
	return jellyfin.Session{Token: secret.Text(token.Value), UserID: u.ID, UserName: u.Name}
}

// ready has alice signed in and an app password made.
func (w *world) ready(t *testing.T) (secret.Text, apppass.AppPassword) {
	t.Helper()
	if err := w.keeper.Ensure(t.Context(), w.fresh(w.alice), home); err != nil {
		t.Fatalf("Ensure: %v", err)
	}
	return w.make(t, w.alice, "TV")
}

func (w *world) make(t *testing.T, u jellyfintest.User, name string) (secret.Text, apppass.AppPassword) {
	t.Helper()
	password, p, err := w.service.Make(t.Context(), u.ID, u.Name, name)
	if err != nil {
		t.Fatalf("Make: %v", err)
	}
	return password, p
}

var home, away = netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("198.51.100.7")

func app(device string) jellyfin.Device {
	return jellyfin.Device{Client: "Findroid", Name: "Phone " + device, ID: device, Version: "1.2"}
}

func as(name string, password secret.Text, device string) jellyfin.Credentials {
	return jellyfin.Credentials{Device: app(device), Name: name, Password: password, Visitor: away}
}

// devices are the ids of those that are signed in at Jellyfin, with our own
// replaced by "kept", without the browser's.
func (w *world) devices() []string {
	ids := []string{}
	for _, token := range w.jellyfin.LiveTokens() {
		switch {
		case token.APIKey, token.ID == "browser":
		case strings.HasPrefix(token.ID, "jellyward-") && token.Client == "Jellyward":
			ids = append(ids, "kept")
		default:
			ids = append(ids, token.ID)
		}
	}
	return ids
}

// meddler is a connection to Jellyfin on which answers get lost.
type meddler struct {
	to http.RoundTripper

	mu sync.Mutex
	// meddle, if not nil, is called for each request; it may answer instead of
	// Jellyfin, after Jellyfin was asked or before.
	meddle func(r *http.Request, ask func() (*http.Response, error)) (*http.Response, error)
}

func (m *meddler) set(meddle func(*http.Request, func() (*http.Response, error)) (*http.Response, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meddle = meddle
}

// RoundTrip implements [http.RoundTripper].
func (m *meddler) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	meddle := m.meddle
	m.mu.Unlock()
	ask := func() (*http.Response, error) { return m.to.RoundTrip(r) }
	if meddle == nil {
		return ask()
	}
	return meddle(r, ask)
}

var errLost = errors.New("the answer got lost")

// lose loses the answers to requests for a path, the first so many, and closes
// w.lost when they are lost.
func (w *world) lose(path string, times int) {
	var mu sync.Mutex
	w.lost = make(chan struct{})
	w.meddler.set(func(r *http.Request, ask func() (*http.Response, error)) (*http.Response, error) {
		resp, err := ask()
		mu.Lock()
		defer mu.Unlock()
		if err != nil || !strings.HasSuffix(r.URL.Path, path) || times == 0 {
			return resp, err
		}
		if times--; times == 0 {
			close(w.lost)
		}
		resp.Body.Close()
		return nil, errLost
	})
}

func wantErr(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) || (target == nil) != (err == nil) {
		t.Errorf("%s: error %v, want %v", what, err, target)
	}
}
