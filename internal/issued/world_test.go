package issued_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// world is a fake Jellyfin and a real Redis; replicas share both.
type world struct {
	jellyfin *jellyfintest.Server
	client   *jellyfin.Client
	redis    *storetest.Redis
	alice    jellyfintest.User

	mu      sync.Mutex
	ahead   time.Duration
	stopped time.Time // not zero: the clock stands still but for ahead
	ended   []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{jellyfin: jellyfintest.Start(t), redis: storetest.StartRedis(t)}
	base, err := url.Parse(w.jellyfin.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.client = jellyfin.New(base, &http.Transport{DisableKeepAlives: true}, time.Minute)
	w.alice = w.jellyfin.AddUser("alice", "wonderland")
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped.IsZero() {
		return w.stopped.Add(w.ahead)
	}
	return time.Now().Add(w.ahead)
}

// stopClock has time pass by [world.pass] alone.
func (w *world) stopClock() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = time.Now()
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func (w *world) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.ended...)
}

// replica returns a registry with a connection of its own. It is loaded, but
// does not run.
func (w *world) replica(t *testing.T, change ...func(*issued.Options)) *issued.Registry {
	t.Helper()
	box, err := seal.New([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{URL: w.redis.URL, Box: box})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	o := issued.Options{
		Store: s, Jellyfin: w.client, Now: w.now,
		Ended: func(_ context.Context, token secret.Text) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ended = append(w.ended, string(token))
		},
	}
	for _, c := range change {
		c(&o)
	}
	r := issued.New(o)
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(context.WithoutCancel(t.Context())) })
	return r
}

// run runs r until the test ends.
func run(t *testing.T, r *issued.Registry) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

var home = netip.MustParseAddr("203.0.113.9")

// give has Jellyfin mint a token and records it.
func (w *world) give(t *testing.T, r *issued.Registry, kind issued.Kind, device string) (secret.Text, issued.Token) {
	t.Helper()
	s := w.mint(device)
	token, err := r.Record(t.Context(), s, issued.Details{
		Kind: kind, Device: jellyfin.Device{Client: "App", Name: "Device", ID: device, Version: "1"}, Visitor: home,
	})
	if err != nil {
		t.Fatalf("Record: %v", err)
	}
	return s.Token, token
}

func (w *world) mint(device string) jellyfin.Session {
	token := w.jellyfin.Issue(w.alice.ID, jellyfintest.Device{ID: device, Name: "Device", Client: "App", Version: "1"})
	return jellyfin.Session{Token: secret.Text(token.Value), UserID: w.alice.ID, UserName: "alice"}
}

func (w *world) alive(token secret.Text) bool {
	for _, live := range w.jellyfin.LiveTokens() {
		if live.Value == string(token) {
			return true
		}
	}
	return false
}

func admitted(t testing.TB, r *issued.Registry, token secret.Text) bool {
	t.Helper()
	ok, err := r.Admitted(t.Context(), token)
	if err != nil {
		t.Errorf("Admitted: %v", err)
	}
	return ok
}

func ended(t testing.TB, r *issued.Registry, token secret.Text) bool {
	t.Helper()
	over, err := r.Ended(token)
	if err != nil {
		t.Errorf("Ended: %v", err)
	}
	return over
}

// eventually waits until what holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for begun := time.Now(); !holds(); <-again.C {
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("not in 30 seconds: %s", what)
		}
	}
}

// within is eventually, for what must hold when it is looked at a while later.
func within(t testing.TB, while time.Duration, what string, holds func() bool) {
	t.Helper()
	begun := time.Now()
	late := false
	eventually(t, what, func() bool {
		asked := time.Since(begun)
		yes := holds()
		if !yes && asked > while && !late {
			late = true
			t.Errorf("not within %v: %s", while, what)
		}
		return yes
	})
	t.Logf("%s after %v", what, time.Since(begun))
}

func wantErr(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) || (target == nil) != (err == nil) {
		t.Errorf("%s: error %v, want %v", what, err, target)
	}
}
