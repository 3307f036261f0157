package jellyfin_test

import (
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/secret"
)

const asksWhoItIs = "UserController.GetCurrentUser"

// scene is a fake server, a clock, and what remembers tokens.
type scene struct {
	server   *jellyfintest.Server
	liveness *jellyfin.Liveness
	token    secret.Text
	mu       sync.Mutex
	now      time.Time
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{server: jellyfintest.Start(t), now: time.Now()}
	base, err := url.Parse(s.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	user := s.server.AddUser("alice", "wonderland")
	s.token = secret.Text(s.server.Issue(user.ID, jellyfintest.Device{ID: "tv"}).Value)
	s.liveness = jellyfin.NewLiveness(jellyfin.New(base, nil, 0), func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	})
	return s
}

func (s *scene) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *scene) alive(t *testing.T, token secret.Text) bool {
	t.Helper()
	alive, err := s.liveness.Alive(t.Context(), token, netip.MustParseAddr("203.0.113.9"))
	if err != nil {
		t.Fatal(err)
	}
	return alive
}

func TestATokenIsAskedForOnce(t *testing.T) {
	s := newScene(t)
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if !s.alive(t, s.token) {
				t.Error("a live token is dead")
			}
		})
	}
	wait.Wait()
	s.alive(t, s.token)
	if got := s.server.Count(asksWhoItIs); got != 1 {
		t.Errorf("Jellyfin was asked %d times", got)
	}
	s.advance(6 * time.Minute)
	s.alive(t, s.token)
	if got := s.server.Count(asksWhoItIs); got != 2 {
		t.Errorf("Jellyfin was asked %d times after six minutes", got)
	}
}

func TestWhatJellyfinSaysCounts(t *testing.T) {
	s := newScene(t)
	if s.alive(t, "ffffffffffffffffffffffffffffffff") || s.alive(t, "") {
		t.Error("an invented token lives")
	}
	if !s.alive(t, secret.Text(s.server.AddAPIKey("seerr"))) {
		t.Error("an API key is dead")
	}
	if !s.alive(t, s.token) {
		t.Error("a live token is dead")
	}
	s.server.Revoke(string(s.token))
	if !s.alive(t, s.token) {
		t.Error("the verdict was not remembered")
	}
	s.liveness.Forget(s.token)
	if s.alive(t, s.token) {
		t.Error("a revoked token lives")
	}
	s.liveness.Confirm("0123")
	if !s.alive(t, "0123") {
		t.Error("a confirmed token is dead")
	}
}

func TestWithoutAnAnswerNothingIsKnown(t *testing.T) {
	s := newScene(t)
	s.server.SetStarting(jellyfintest.Loading)
	if _, err := s.liveness.Alive(t.Context(), s.token, netip.MustParseAddr("203.0.113.9")); err == nil {
		t.Error("a server that is starting vouches for a token")
	}
	s.server.SetStarting(0)
	if !s.alive(t, s.token) {
		t.Error("trouble was remembered as a verdict")
	}
}
