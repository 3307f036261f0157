package signin_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

func appRequest(name, password, code string) signin.Request {
	req := request(name, password, code)
	req.Device = jellyfin.Device{Client: "Android TV", Name: "Living room", ID: "tv", Version: "0.19"}
	return req
}

// appWorld has a user alice with a second factor and bob without one.
func appWorld(t *testing.T, change ...func(*signin.Options)) (w *world, s totp.Secret) {
	w = newWorld(t, change...)
	alice := w.jellyfin.add("alice", "wonderland")
	w.jellyfin.add("bob", "builder")
	return w, w.store.enrolled(alice.id, "alice")
}

func TestAnAppSignsInWithACode(t *testing.T) {
	w, s := appWorld(t)
	session, err := w.service.SignInApp(t.Context(), appRequest("Alice", "wonderland", w.code(s)))
	wantError(t, err, nil)
	w.jellyfin.wantTokens(t, 1)
	if got := w.jellyfin.tokens[session.Token]; got.deviceID != "tv" || got.client != "Android TV" {
		t.Errorf("minted for %+v, want the app's own device", got)
	}
	if w.store.open() != 0 || w.store.held() != 0 {
		t.Error("a charge or a claim is left")
	}
	if log := w.log.String(); !strings.Contains(log, `client="Android TV"`) {
		t.Errorf("the log does not name the app: %s", log)
	}
	_, err = w.service.SignInApp(t.Context(), appRequest("alice", "wonderland", w.code(s)))
	wantError(t, err, signin.ErrRefused)
	w.jellyfin.wantTokens(t, 1)
}

// Whatever is wrong, an app hears one answer; what is different about it shows
// in the counters, at Jellyfin and in the log.
func TestAppsAreRefusedAlike(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(w *world, s totp.Secret, req *signin.Request)
		checks  int // passwords that Jellyfin was asked to check
		charged int
		reason  string
	}{
		{"unknown name", func(_ *world, _ totp.Secret, r *signin.Request) { r.Name = "mallory" }, 0, 1, "name_unknown"},
		{"no second factor, unknown here", func(_ *world, _ totp.Secret, r *signin.Request) { r.Name, r.Password = "bob", "builder" }, 0, 1, "name_unknown"},
		{"no second factor, known here", func(w *world, _ totp.Secret, r *signin.Request) {
			r.Name, r.Password = "bob", "builder"
			w.store.names["bob"] = fakeID(2)
		}, 0, 1, "second_factor_missing"},
		{"wrong code", func(w *world, s totp.Secret, r *signin.Request) { r.Code = w.wrong(s) }, 0, 1, "code_wrong"},
		{"wrong password", func(_ *world, _ totp.Secret, r *signin.Request) { r.Password = "x" }, 1, 1, "credentials_wrong"},
		{"spent code", func(w *world, _ totp.Secret, _ *signin.Request) { w.store.spent[fakeID(1)] = 1 << 40 }, 0, 0, "code_spent"},
		{"no code", func(_ *world, _ totp.Secret, r *signin.Request) { r.Code = "" }, 0, 0, "code_missing"},
		{"no code, nothing else", func(_ *world, _ totp.Secret, r *signin.Request) { r.Code, r.Password = "", "" }, 0, 0, "code_missing"},
		{"no code, locked", func(w *world, _ totp.Secret, r *signin.Request) {
			r.Code = ""
			w.store.limited[fakeID(1)] = throttle.Verdict{Locked: true}
		}, 0, 0, "code_missing"},
		{"code alone", func(_ *world, _ totp.Secret, r *signin.Request) { r.Password = "" }, 0, 0, "input_invalid"},
		{"impossible name", func(_ *world, _ totp.Secret, r *signin.Request) { r.Name = "ali\x00ce" }, 0, 0, "input_invalid"},
		{"name moved to another user", func(w *world, _ totp.Secret, r *signin.Request) {
			w.jellyfin.users[fakeID(1)].name = "alicia"
			w.jellyfin.users[fakeID(2)].name = "alice"
			r.Password = "builder"
		}, 1, 1, "other_user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, s := appWorld(t)
			req := appRequest("alice", "wonderland", w.code(s))
			tt.change(w, s, &req)
			_, err := w.service.SignInApp(t.Context(), req)
			wantError(t, err, signin.ErrRefused)
			w.jellyfin.wantTokens(t, 0)
			if checks, _ := w.jellyfin.count(); checks != tt.checks {
				t.Errorf("Jellyfin checked %d passwords, want %d", checks, tt.checks)
			}
			if got := w.store.open(); got != tt.charged {
				t.Errorf("%d tries are charged, want %d", got, tt.charged)
			}
			if w.store.held() != 0 {
				t.Error("a claim is left")
			}
			if log := w.log.String(); !strings.Contains(log, "reason="+tt.reason) {
				t.Errorf("the log does not say %s: %s", tt.reason, log)
			}
		})
	}
}

// A user who was renamed at Jellyfin is not asked about there; signing in at our
// own page once makes the new name known.
func TestANewNameIsLearntAtOurOwnPage(t *testing.T) {
	w, s := appWorld(t)
	w.jellyfin.rename(w.jellyfin.users[fakeID(1)], "alicia")
	_, err := w.service.SignInApp(t.Context(), appRequest("alicia", "wonderland", w.code(s)))
	wantError(t, err, signin.ErrRefused)
	_, err = w.service.SignIn(t.Context(), request("alicia", "wonderland", w.code(s)))
	wantError(t, err, nil)
	w.advance(totp.Period)
	_, err = w.service.SignInApp(t.Context(), appRequest("alicia", "wonderland", w.code(s)))
	wantError(t, err, nil)
	w.jellyfin.wantTokens(t, 2)
}

func TestAppsAreLimited(t *testing.T) {
	w, s := appWorld(t)
	w.store.limited[fakeID(1)] = throttle.Verdict{Wait: time.Minute}
	_, err := w.service.SignInApp(t.Context(), appRequest("alice", "wonderland", w.code(s)))
	if !isLimit(err) {
		t.Errorf("error = %v, want a limit", err)
	}
}

func TestAnAppThatHangsUpLeavesNothing(t *testing.T) {
	w, s := appWorld(t)
	ctx, hangUp := context.WithCancel(t.Context())
	w.jellyfin.set(func(f *fakeJellyfin) { f.checked = hangUp })
	_, err := w.service.SignInApp(ctx, appRequest("alice", "wonderland", w.code(s)))
	wantError(t, err, context.Canceled)
	w.jellyfin.wantTokens(t, 0)
	if w.store.held() != 0 || w.store.spent[fakeID(1)] != 0 {
		t.Error("the code is claimed or spent")
	}
}

func TestAppsAreRefusedInEqualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *signin.Options) { o.Hold = 0 })
		w.jellyfin.unknownDelay = around(3 * time.Millisecond)
		w.jellyfin.passwordDelay = around(400 * time.Millisecond)
		kinds := refusals(w)
		alice := kinds["wrong password"]
		delete(kinds, "wrong password, not enrolled") // which Jellyfin is not asked about here
		kinds["not enrolled"] = request("bob", "builder", alice.Code)
		kinds["no code"] = request("alice", "wonderland", "")
		kinds["empty password"] = request("alice", "", "")
		kinds["malformed name"] = request("ali\x00ce", "x", alice.Code)
		took := map[string]sample{}
		for round := range 310 {
			for kind, req := range kinds {
				started := time.Now()
				_, err := w.service.SignInApp(t.Context(), req)
				wantError(t, err, signin.ErrRefused)
				if round >= 10 { // it has to learn how slow Jellyfin is
					took[kind] = append(took[kind], time.Since(started))
				}
			}
		}
		for kind, s := range took {
			t.Logf("%-30s %v", kind, s)
			if d := apart(s, took["wrong name"]); d > 0.2 {
				t.Errorf("%q and a wrong name are told apart by time: distance %.2f", kind, d)
			}
		}
	})
}
