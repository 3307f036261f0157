package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/totp"
)

// A Redis that has forgotten who is enrolled must not be believed that nobody is:
// a password alone could then set up a second factor.
func TestAForgetfulRedisUnenrolsNobody(t *testing.T) {
	enrolled := func(t *testing.T) (*miniredis.Miniredis, *store.Store) {
		server := miniredis.RunT(t)
		s := open(t, store.Options{URL: "redis://" + server.Addr()})
		everything(t, s)
		return server, s
	}
	wantLost := func(t *testing.T, s *store.Store) {
		t.Helper()
		if e, err := s.Enrolment(t.Context(), alice); !errors.Is(err, store.ErrLost) || errors.Is(err, totp.ErrNotEnrolled) {
			t.Errorf("Enrolment = %v, %v; want %v", e, err, store.ErrLost)
		}
	}
	t.Run("evicted", func(t *testing.T) {
		server, s := enrolled(t)
		server.Del("jellyward:user:" + alice)
		wantLost(t, s)
		if err := s.Reset(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Enrolment(t.Context(), alice); !errors.Is(err, totp.ErrNotEnrolled) {
			t.Errorf("after a reset: %v", err)
		}
	})
	t.Run("emptied", func(t *testing.T) {
		server, s := enrolled(t)
		server.FlushAll()
		wantLost(t, s)
		// Somebody who looks what is the matter does not make it worse.
		later := open(t, store.Options{URL: "redis://" + server.Addr()})
		wantLost(t, s)
		if err := later.PutPending(t.Context(), totp.Pending{ID: "x", UserID: alice, Secret: totp.NewSecret()}, time.Minute); err != nil {
			t.Fatal(err)
		}
		if _, err := later.Enrolment(t.Context(), alice); !errors.Is(err, totp.ErrNotEnrolled) {
			t.Errorf("a store that began with it: %v", err)
		}
	})
}
