package signin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/signin"
)

func TestAVisitorWhoLeavesLeavesNothingBehind(t *testing.T) {
	tests := []struct {
		what  string
		leave func(*world, context.CancelFunc)
	}{
		{"while Jellyfin thinks", func(w *world, cancel context.CancelFunc) {
			w.jellyfin.set(func(f *fakeJellyfin) { f.delay = cancel })
		}},
		{"when the token is minted", func(w *world, cancel context.CancelFunc) {
			w.jellyfin.set(func(f *fakeJellyfin) { f.checked = cancel })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			w := newWorld(t)
			alice := w.jellyfin.add("alice", "wonderland")
			s := w.store.enrolled(alice.id, "alice")
			req := request("alice", "wonderland", w.code(s))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tt.leave(w, cancel)
			_, err := w.service.SignIn(ctx, req)
			wantError(t, err, context.Canceled)
			w.jellyfin.wantTokens(t, 0)
			if w.store.held() != 0 {
				t.Error("a claim is left")
			}
			if w.store.open() != 1 {
				t.Error("leaving gave the charge back, which makes guesses free")
			}
			// The code was not spent: a reload signs in.
			w.jellyfin.set(func(f *fakeJellyfin) { f.delay, f.checked = nil, nil })
			_, err = w.service.SignIn(t.Context(), req)
			wantError(t, err, nil)
		})
	}
}

// Once the code is spent, the visitor's leaving does not stop the rest: the
// caller gets the token and discards it itself.
func TestLeavingDoesNotInterruptSpending(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.store.after = func(method string) {
		if method == "Spend" {
			cancel()
		}
	}
	session, err := w.service.SignIn(ctx, request("alice", "wonderland", w.code(s)))
	wantError(t, err, nil)
	w.jellyfin.wantTokens(t, 1)
	w.service.Discard(ctx, session.Token)
	w.jellyfin.wantTokens(t, 0)
}

func TestStoreTroubleIsNeverAPass(t *testing.T) {
	gone := errors.New("connection refused")
	flows := map[string]func(*world, context.Context, string) error{
		"sign-in": func(w *world, ctx context.Context, code string) error {
			_, err := w.service.SignIn(ctx, request("alice", "wonderland", code))
			return err
		},
		"enrol": func(w *world, ctx context.Context, code string) error {
			_, err := w.service.Enrol(ctx, request("alice", "wonderland", code))
			return err
		},
	}
	methods := map[string][]string{
		"sign-in": {"UserID", "Charge", "Enrolment", "Claim", "Spend", "PutName", "Settle"},
		"enrol":   {"UserID", "Charge", "Enrolment", "Claim", "Spend", "PutName", "PutPending", "Settle"},
	}
	for flow, run := range flows {
		for _, method := range methods[flow] {
			t.Run(flow+" without "+method, func(t *testing.T) {
				w := newWorld(t)
				alice := w.jellyfin.add("alice", "wonderland")
				s := w.store.enrolled(alice.id, "alice")
				w.store.fail[method] = gone
				err := run(w, t.Context(), w.code(s))
				wantError(t, err, signin.ErrUnavailable)
				w.jellyfin.wantTokens(t, 0)
			})
		}
	}
	for _, method := range []string{"UserID", "Charge", "Pending", "Claim", "Activate", "PutName", "Settle"} {
		t.Run("confirm without "+method, func(t *testing.T) {
			w := newWorld(t)
			w.jellyfin.add("alice", "wonderland")
			e, err := w.service.Enrol(t.Context(), request("alice", "wonderland", ""))
			wantError(t, err, nil)
			w.store.fail[method] = gone
			_, err = w.service.Confirm(t.Context(), request("alice", "wonderland", w.code(e.Secret)))
			wantError(t, err, signin.ErrUnavailable)
			w.jellyfin.wantTokens(t, 0)
		})
	}
}

func TestADiscardedTokenIsLoggedOutLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.jellyfin.tokens["lost"] = fakeGrant{}
		w.jellyfin.set(func(f *fakeJellyfin) { f.noExit = true })
		w.service.Discard(t.Context(), "lost")
		w.jellyfin.wantTokens(t, 1)
		time.Sleep(10 * time.Second)
		w.jellyfin.set(func(f *fakeJellyfin) { f.noExit = false })
		time.Sleep(time.Minute)
		synctest.Wait()
		w.jellyfin.wantTokens(t, 0)
	})
}

func TestDiscardingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.jellyfin.set(func(f *fakeJellyfin) { f.noExit = true })
		w.service.Discard(t.Context(), "token-secret")
		time.Sleep(time.Hour)
		synctest.Wait()
		logouts := w.jellyfin.logouts
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if w.jellyfin.logouts != logouts || logouts > 10 {
			t.Errorf("log-out was tried %d times and then %d", logouts, w.jellyfin.logouts)
		}
		text := w.log.String()
		if !strings.Contains(text, "could not be logged out") || strings.Contains(text, "token-secret") {
			t.Errorf("log:\n%s", text)
		}
	})
}

func TestCloseTriesOnceMoreAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(nil)
		w.jellyfin.tokens["lost"] = fakeGrant{}
		w.jellyfin.set(func(f *fakeJellyfin) { f.noExit = true })
		w.service.Discard(t.Context(), "lost")
		synctest.Wait()
		w.jellyfin.set(func(f *fakeJellyfin) { f.noExit = false })
		started := time.Now()
		if err := w.service.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(started); took > 0 {
			t.Errorf("Close waited %s for a retry's turn", took)
		}
		w.jellyfin.wantTokens(t, 0)
	})
}

// A Jellyfin that answers after the visitor was told to come back has minted a
// token all the same.
func TestATokenThatComesLateIsLoggedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *signin.Options) { o.Concurrency = 1 })
		alice := w.jellyfin.add("alice", "wonderland")
		s := w.store.enrolled(alice.id, "alice")
		w.jellyfin.set(func(f *fakeJellyfin) {
			f.passwordDelay = func() time.Duration { return 40 * time.Second }
		})
		started := time.Now()
		_, err := w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
		wantError(t, err, signin.ErrUnavailable)
		if took := time.Since(started); took > 11*time.Second {
			t.Errorf("the visitor was kept waiting for %s", took)
		}
		// The slow check still counts as one that runs: nobody else starts one.
		_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
		wantError(t, err, signin.ErrUnavailable)
		if checks, _ := w.jellyfin.count(); checks != 1 {
			t.Errorf("%d checks run at a slow Jellyfin, want 1", checks)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		w.jellyfin.wantTokens(t, 0)
		w.jellyfin.set(func(f *fakeJellyfin) { f.passwordDelay = nil })
		_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
		wantError(t, err, nil)
	})
}

func TestFewPasswordChecksRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *signin.Options) { o.Concurrency = 3 })
		w.jellyfin.add("bob", "builder")
		var running, most atomic.Int32
		w.jellyfin.set(func(f *fakeJellyfin) {
			f.delay = func() {
				now := running.Add(1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				time.Sleep(130 * time.Millisecond)
				running.Add(-1)
			}
		})
		for range 40 {
			go func() { _, _ = w.service.SignIn(t.Context(), request("bob", "builder", "")) }()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if most.Load() != 3 {
			t.Errorf("%d password checks ran at once, want 3", most.Load())
		}
		if checks, _ := w.jellyfin.count(); checks != 40 {
			t.Errorf("%d of 40 were checked", checks)
		}
	})
}

// While Jellyfin is away nobody is told anything, be the name known and the code
// right or not.
func TestWithoutJellyfinAllAreAnsweredAlike(t *testing.T) {
	troubles := map[string]func(*fakeJellyfin){
		"away":     func(f *fakeJellyfin) { f.away = true },
		"starting": func(f *fakeJellyfin) { f.info.Starting = true },
		"wizard":   func(f *fakeJellyfin) { f.info.WizardOpen = true },
	}
	for trouble, strike := range troubles {
		t.Run(trouble, func(t *testing.T) {
			w := newWorld(t)
			kinds := refusals(w)
			w.jellyfin.set(strike)
			for kind, req := range kinds {
				for act, run := range map[string]func() error{
					"sign-in": func() error { _, err := w.service.SignIn(t.Context(), req); return err },
					"enrol":   func() error { _, err := w.service.Enrol(t.Context(), req); return err },
					"confirm": func() error {
						req := req
						req.Code = "000000"
						_, err := w.service.Confirm(t.Context(), req)
						return err
					},
				} {
					if err := run(); !errors.Is(err, signin.ErrUnavailable) {
						t.Errorf("%s, %s: %v", act, kind, err)
					}
				}
			}
			if got := w.store.open(); got != 0 {
				t.Errorf("%d tries count as guesses", got)
			}
		})
	}
}

func TestJellyfinGoesAwayMidway(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	w.store.fail["Spend"] = errors.New("connection refused")
	w.jellyfin.set(func(f *fakeJellyfin) {
		f.checked = func() { f.set(func(f *fakeJellyfin) { f.noExit = true }) }
	})
	_, err := w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
	wantError(t, err, signin.ErrUnavailable)
	w.jellyfin.wantTokens(t, 1) // nobody could be told
	w.jellyfin.set(func(f *fakeJellyfin) { f.noExit = false })
	if err := w.service.Close(t.Context()); err != nil {
		t.Error(err)
	}
	w.jellyfin.wantTokens(t, 0)
}

func TestJellyfinsRefusalsKeepTheirCauseInside(t *testing.T) {
	w := newWorld(t)
	w.jellyfin.add("bob", "builder").disabled = true
	_, err := w.service.SignIn(t.Context(), request("bob", "anything", ""))
	wantError(t, err, signin.ErrRefused)
	_, unknown := w.service.SignIn(t.Context(), request("nobody", "anything", ""))
	if err.Error() != unknown.Error() || errors.Is(err, jellyfin.ErrForbidden) {
		t.Errorf("a disabled user is told apart: %q and %q", err, unknown)
	}
}

func TestOutcomesAreCountedInKnownWords(t *testing.T) {
	var outcomes []string
	w := newWorld(t, func(o *signin.Options) { o.Observe = func(outcome string) { outcomes = append(outcomes, outcome) } })
	alice := w.jellyfin.add("alice", "wonderland")
	w.jellyfin.add("bob", "builder")
	s := w.store.enrolled(alice.id, "alice")
	code := w.code(s)
	for _, tt := range []struct {
		req  signin.Request
		want string
	}{
		{request("alice", "wonderland", ""), "code_missing"},
		{request("nobody", "x", "000000"), "credentials_wrong"},
		{request("bob", "builder", ""), "second_factor_needed"},
		{request("alice", "wonderland", code), "succeeded"},
		{request("alice", "wonderland", code), "code_spent"},
	} {
		outcomes = nil
		_, _ = w.service.SignIn(t.Context(), tt.req) // the outcome tells
		if len(outcomes) != 1 || outcomes[0] != tt.want || !slices.Contains(signin.Outcomes(), tt.want) {
			t.Errorf("outcomes %q, want %q", outcomes, tt.want)
		}
	}
}
