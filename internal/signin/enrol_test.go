package signin_test

import (
	"bytes"
	"errors"
	"image/png"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/totp"
)

func TestEnrolAndConfirm(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("Alice", "wonderland")
	e, err := w.service.Enrol(t.Context(), request("alice", "wonderland", ""))
	wantError(t, err, nil)
	w.jellyfin.wantTokens(t, 0)
	if !strings.HasPrefix(e.URI, "otpauth://totp/Jellyfin:Alice?secret="+e.Secret.Base32()) {
		t.Errorf("URI = %s", e.URI)
	}
	if _, err := png.Decode(bytes.NewReader(e.PNG)); err != nil {
		t.Errorf("QR code: %v", err)
	}
	if _, err := w.store.Enrolment(t.Context(), alice.id); !errors.Is(err, totp.ErrNotEnrolled) {
		t.Errorf("the secret counts before it is confirmed: %v", err)
	}

	_, err = w.service.Confirm(t.Context(), request("alice", "wonderland", w.wrong(e.Secret)))
	wantError(t, err, signin.ErrWrongCode)
	_, err = w.service.Confirm(t.Context(), request("alice", "wrong", w.code(e.Secret)))
	wantError(t, err, signin.ErrRefused)
	session, err := w.service.Confirm(t.Context(), request("alice", "wonderland", w.code(e.Secret)))
	wantError(t, err, nil)
	if grant := w.jellyfin.tokens[session.Token]; grant.deviceID != "browser" {
		t.Errorf("token was minted for %+v", grant)
	}
	w.jellyfin.wantTokens(t, 1)
	if got := w.store.open(); got != 2 {
		t.Errorf("%d charges are left, want the two failures", got)
	}

	_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(e.Secret)))
	wantError(t, err, signin.ErrRefused) // confirming has spent it
	w.advance(totp.Period)
	_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(e.Secret)))
	wantError(t, err, nil)
}

func TestEnrolNeedsThePassword(t *testing.T) {
	w := newWorld(t)
	w.jellyfin.add("alice", "wonderland")
	for _, req := range []signin.Request{request("alice", "x", ""), request("mallory", "wonderland", "")} {
		_, err := w.service.Enrol(t.Context(), req)
		wantError(t, err, signin.ErrRefused)
	}
	if got := w.store.open(); got != 2 || len(w.store.pending) != 0 || len(w.store.names) != 0 {
		t.Errorf("%d charges, pending %v, names %v", got, w.store.pending, w.store.names)
	}
}

func TestAPasswordAloneNeverReplacesAFactor(t *testing.T) {
	tests := []struct {
		what    string
		code    func(*world, totp.Secret) string
		want    error
		charges int
	}{
		{"no code", func(*world, totp.Secret) string { return "" }, signin.ErrCodeRequired, 1},
		{"wrong code", func(w *world, s totp.Secret) string { return w.wrong(s) }, signin.ErrCodeRequired, 1},
		{"spent code", func(w *world, s totp.Secret) string {
			for id := range w.store.factors {
				w.store.spent[id] = totp.StepAt(w.clock())
			}
			return w.code(s)
		}, signin.ErrCodeRequired, 0},
		{"right code", func(w *world, s totp.Secret) string { return w.code(s) }, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			w := newWorld(t)
			alice := w.jellyfin.add("alice", "wonderland")
			s := w.store.enrolled(alice.id, "alice")
			code := tt.code(w, s)
			_, err := w.service.Enrol(t.Context(), request("alice", "wonderland", code))
			wantError(t, err, tt.want)
			w.jellyfin.wantTokens(t, 0)
			if got := w.store.open(); got != tt.charges {
				t.Errorf("%d charges are left, want %d", got, tt.charges)
			}
			if _, pends := w.store.pending[alice.id]; pends != (tt.want == nil) {
				t.Errorf("a new secret pends: %v", pends)
			}
			if got := w.store.factors[alice.id].Secret; !got.Equal(s) {
				t.Error("the old secret is not in force any more")
			}
			if w.store.held() != 0 {
				t.Error("a claim is left")
			}
		})
	}
}

func TestReplacingSpendsTheOldCode(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	code := w.code(s)
	e, err := w.service.Enrol(t.Context(), request("alice", "wonderland", code))
	wantError(t, err, nil)
	_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", code))
	wantError(t, err, signin.ErrRefused)
	w.advance(totp.Period)
	_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(e.Secret)))
	wantError(t, err, signin.ErrRefused) // not confirmed yet
	_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
	wantError(t, err, nil) // the old one is in force until then
	w.advance(totp.Period)
	_, err = w.service.Confirm(t.Context(), request("alice", "wonderland", w.code(e.Secret)))
	wantError(t, err, nil)
	w.advance(totp.Period)
	_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
	wantError(t, err, signin.ErrRefused)
	_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(e.Secret)))
	wantError(t, err, nil)
}

func TestConfirmRefuses(t *testing.T) {
	w := newWorld(t)
	w.jellyfin.add("alice", "wonderland")
	bob := w.jellyfin.add("bob", "builder")
	e, err := w.service.Enrol(t.Context(), request("alice", "wonderland", ""))
	wantError(t, err, nil)
	w.store.names["bob"] = bob.id
	code := w.code(e.Secret)
	tests := []struct {
		what string
		req  signin.Request
		want error
	}{
		{"unknown name", request("mallory", "x", code), signin.ErrWrongCode},
		{"nothing pending", request("bob", "builder", code), signin.ErrWrongCode},
		{"wrong code", request("alice", "wonderland", w.wrong(e.Secret)), signin.ErrWrongCode},
		{"wrong password", request("alice", "x", code), signin.ErrRefused},
	}
	for i, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			_, err := w.service.Confirm(t.Context(), tt.req)
			wantError(t, err, tt.want)
			if got := w.store.open(); got != i+1 {
				t.Errorf("%d charges are left, want %d", got, i+1)
			}
			w.jellyfin.wantTokens(t, 0)
		})
	}
	_, err = w.service.Confirm(t.Context(), request("alice", "wonderland", ""))
	if !errors.As(err, new(*signin.ValidationError)) {
		t.Errorf("without a code: %v", err)
	}
	_, err = w.service.Confirm(t.Context(), request("alice", "wonderland", code))
	wantError(t, err, nil)
}

// The name of a pending secret can move to another user, whose password must
// not activate it.
func TestConfirmIsTiedToTheUser(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	e, err := w.service.Enrol(t.Context(), request("alice", "wonderland", ""))
	wantError(t, err, nil)
	w.jellyfin.rename(alice, "alicia")
	w.jellyfin.add("alice", "looking-glass")
	_, err = w.service.Confirm(t.Context(), request("alice", "looking-glass", w.code(e.Secret)))
	wantError(t, err, signin.ErrRefused)
	w.jellyfin.wantTokens(t, 0)
	if len(w.store.factors) != 0 {
		t.Error("somebody is enrolled")
	}
}

func TestOfManyConfirmationsOneWins(t *testing.T) {
	w := newWorld(t)
	w.jellyfin.add("alice", "wonderland")
	e, err := w.service.Enrol(t.Context(), request("alice", "wonderland", ""))
	wantError(t, err, nil)
	code := w.code(e.Secret)
	errs := make([]error, 30)
	var done sync.WaitGroup
	for i := range errs {
		done.Go(func() { _, errs[i] = w.service.Confirm(t.Context(), request("alice", "wonderland", code)) })
	}
	done.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantError(t, err, signin.ErrWrongCode)
	}
	if won != 1 {
		t.Errorf("%d confirmations succeeded with one code", won)
	}
	w.jellyfin.wantTokens(t, 1)
}
