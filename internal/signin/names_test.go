package signin_test

import (
	"errors"
	"testing"

	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

func TestARenamedUserSignsIn(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	w.jellyfin.rename(alice, "alicia")
	_, err := w.service.SignIn(t.Context(), request("alicia", "wonderland", w.code(s)))
	wantError(t, err, nil)
	w.jellyfin.wantTokens(t, 1)
	if id, err := w.store.UserID(t.Context(), "alicia"); err != nil || id != alice.id {
		t.Errorf("the new name leads to %q, %v", id, err)
	}
	if _, err := w.store.UserID(t.Context(), "alice"); !errors.Is(err, totp.ErrUnknownName) {
		t.Errorf("the old name still leads somewhere: %v", err)
	}
}

func TestASpellingThatTheIndexMissesGainsNothing(t *testing.T) {
	miss := func(t *testing.T) (*world, totp.Secret) {
		w := newWorld(t)
		alice := w.jellyfin.add("alice", "wonderland")
		s := w.store.enrolled(alice.id, "a former name")
		return w, s
	}
	t.Run("wrong code", func(t *testing.T) {
		w, s := miss(t)
		_, err := w.service.SignIn(t.Context(), request("alice", "wonderland", w.wrong(s)))
		wantError(t, err, signin.ErrRefused)
		w.jellyfin.wantTokens(t, 0)
		if got := w.store.open(); got != 1 {
			t.Errorf("%d charges are left, want 1", got)
		}
		for _, c := range w.store.charges {
			if c.UserID == "" {
				t.Error("the user was not charged")
			}
		}
		if _, err := w.store.UserID(t.Context(), "alice"); !errors.Is(err, totp.ErrUnknownName) {
			t.Errorf("the name was stored: %v", err)
		}
	})
	t.Run("no code", func(t *testing.T) {
		w, _ := miss(t)
		_, err := w.service.SignIn(t.Context(), request("alice", "wonderland", ""))
		wantError(t, err, signin.ErrRefused)
		w.jellyfin.wantTokens(t, 0)
	})
	t.Run("locked user", func(t *testing.T) {
		w, s := miss(t)
		for id := range w.store.factors {
			w.store.limited[id] = throttle.Verdict{Locked: true}
		}
		for _, password := range []string{"wonderland", "wrong"} {
			_, err := w.service.SignIn(t.Context(), request("alice", password, w.code(s)))
			wantError(t, err, signin.ErrRefused)
			if isLimit(err) {
				t.Error("the lock tells that the password was right")
			}
		}
		w.jellyfin.wantTokens(t, 0)
	})
}

// A name can move: alice is renamed, and a new user gets her name. Neither may
// sign in with the other's code.
func TestAMovedNameMixesNobodyUp(t *testing.T) {
	moved := func(t *testing.T, enrolNew bool) (w *world, old, fresh totp.Secret) {
		w = newWorld(t)
		alice := w.jellyfin.add("alice", "wonderland")
		old = w.store.enrolled(alice.id, "alice")
		w.jellyfin.rename(alice, "alicia")
		second := w.jellyfin.add("alice", "looking-glass")
		if enrolNew {
			fresh = w.store.enrolled(second.id, "alice2")
			w.store.names["alice"] = alice.id
		}
		return w, old, fresh
	}
	t.Run("the old user's code, the new user's password", func(t *testing.T) {
		w, old, _ := moved(t, true)
		_, err := w.service.SignIn(t.Context(), request("alice", "looking-glass", w.code(old)))
		wantError(t, err, signin.ErrRefused)
		w.jellyfin.wantTokens(t, 0)
		if w.store.held() != 0 {
			t.Error("a claim is left")
		}
		for _, c := range w.store.charges {
			if c.UserID != fakeID(2) {
				t.Errorf("charged to %q, want the user whom Jellyfin named", c.UserID)
			}
		}
	})
	t.Run("the old user's code, the new user not enrolled", func(t *testing.T) {
		w, old, _ := moved(t, false)
		_, err := w.service.SignIn(t.Context(), request("alice", "looking-glass", w.code(old)))
		wantError(t, err, signin.ErrEnrolmentRequired)
		w.jellyfin.wantTokens(t, 0)
	})
	t.Run("the new user's code and password", func(t *testing.T) {
		w, _, fresh := moved(t, true)
		_, err := w.service.SignIn(t.Context(), request("alice", "looking-glass", w.code(fresh)))
		wantError(t, err, signin.ErrRefused) // the index still names the old one
		w.jellyfin.wantTokens(t, 0)
	})
	t.Run("enrolling heals the index", func(t *testing.T) {
		w, _, _ := moved(t, false)
		_, err := w.service.Enrol(t.Context(), request("alice", "looking-glass", ""))
		wantError(t, err, nil)
		if id, err := w.store.UserID(t.Context(), "alice"); err != nil || id != fakeID(2) {
			t.Errorf("the name leads to %q, %v", id, err)
		}
		w.jellyfin.wantTokens(t, 0)
	})
}
