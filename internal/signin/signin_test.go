package signin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

func TestSignIn(t *testing.T) {
	right := func(w *world, s totp.Secret) string { return w.code(s) }
	wrong := func(w *world, s totp.Secret) string { return w.wrong(s) }
	none := func(*world, totp.Secret) string { return "" }
	tests := []struct {
		what           string
		name, password string
		code           func(*world, totp.Secret) string
		before         func(*world, totp.Secret)
		want           error
		checks, tokens int // what Jellyfin was asked, and what lives there after
		charges        int // what counts as a failure
	}{
		{"all right", "alice", "wonderland", right, nil, nil, 1, 1, 0},
		{"another letter case", " ALICE ", "wonderland", right, nil, nil, 1, 1, 0},
		{"wrong code", "alice", "wonderland", wrong, nil, signin.ErrRefused, 0, 0, 1},
		{"no code", "alice", "wonderland", none, nil, signin.ErrRefused, 0, 0, 1},
		{"wrong password", "alice", "x", right, nil, signin.ErrRefused, 1, 0, 1},
		{"unknown name", "mallory", "x", right, nil, signin.ErrRefused, 1, 0, 1},
		{"not enrolled", "bob", "builder", none, nil, signin.ErrEnrolmentRequired, 1, 0, 0},
		{"not enrolled, with a code", "bob", "builder", right, nil, signin.ErrEnrolmentRequired, 1, 0, 0},
		{"not enrolled, wrong password", "bob", "x", none, nil, signin.ErrRefused, 1, 0, 1},
		{"disabled", "alice", "wonderland", right, func(w *world, _ totp.Secret) {
			w.jellyfin.set(func(f *fakeJellyfin) {
				for _, u := range f.users {
					u.disabled = true
				}
			})
		}, signin.ErrRefused, 1, 0, 1},
		{"jellyfin away", "alice", "wonderland", right, func(w *world, _ totp.Secret) {
			w.jellyfin.set(func(f *fakeJellyfin) { f.away = true })
		}, signin.ErrUnavailable, 0, 0, 0},
		{"jellyfin starting", "alice", "wonderland", right, func(w *world, _ totp.Secret) {
			w.jellyfin.set(func(f *fakeJellyfin) { f.info = jellyfin.PublicInfo{Starting: true} })
		}, signin.ErrUnavailable, 0, 0, 0},
		{"start-up wizard open", "alice", "wonderland", right, func(w *world, _ totp.Secret) {
			w.jellyfin.set(func(f *fakeJellyfin) { f.info.WizardOpen = true })
		}, signin.ErrUnavailable, 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			w := newWorld(t)
			alice := w.jellyfin.add("alice", "wonderland")
			w.jellyfin.add("bob", "builder")
			s := w.store.enrolled(alice.id, "alice")
			code := tt.code(w, s)
			if tt.before != nil {
				tt.before(w, s)
			}
			session, err := w.service.SignIn(t.Context(), request(tt.name, tt.password, code))
			wantError(t, err, tt.want)
			if (session.Token != "") != (tt.want == nil) {
				t.Errorf("a token was returned with error %v", err)
			}
			if checks, _ := w.jellyfin.count(); checks != tt.checks {
				t.Errorf("Jellyfin checked %d passwords, want %d", checks, tt.checks)
			}
			w.jellyfin.wantTokens(t, tt.tokens)
			if got := w.store.open(); got != tt.charges {
				t.Errorf("%d charges are left, want %d", got, tt.charges)
			}
			if got := w.store.held(); got != 0 {
				t.Errorf("%d claims are left", got)
			}
		})
	}
}

func TestSignInMintsForTheBrowser(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	session, err := w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
	wantError(t, err, nil)
	want := fakeGrant{userID: alice.id, deviceID: "browser", client: "Jellyfin Web"}
	if got := w.jellyfin.tokens[session.Token]; got != want {
		t.Errorf("token was minted for %+v, want %+v", got, want)
	}
}

func TestACodeWorksOnce(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	req := request("alice", "wonderland", w.code(s))
	_, err := w.service.SignIn(t.Context(), req)
	wantError(t, err, nil)
	for range 3 {
		_, err = w.service.SignIn(t.Context(), req)
		wantError(t, err, signin.ErrRefused)
	}
	if checks, _ := w.jellyfin.count(); checks != 1 {
		t.Errorf("a spent code reached Jellyfin: %d checks", checks)
	}
	if got := w.store.open(); got != 0 {
		t.Errorf("a spent code counts as a guess: %d charges", got)
	}
	w.advance(totp.Period)
	_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
	wantError(t, err, nil)
}

func TestACodeIsNotSpentByAWrongPassword(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	_, err := w.service.SignIn(t.Context(), request("alice", "typo", w.code(s)))
	wantError(t, err, signin.ErrRefused)
	_, err = w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
	wantError(t, err, nil)
}

func TestOfManyWithOneCodeOneWins(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	code := w.code(s)
	const tries = 50
	sessions, errs := make([]jellyfin.Session, tries), make([]error, tries)
	var done sync.WaitGroup
	for i := range tries {
		done.Go(func() {
			req := request("alice", "wonderland", code)
			if i%2 == 0 {
				req.Device.ID = fmt.Sprint("other", i)
			}
			sessions[i], errs[i] = w.service.SignIn(t.Context(), req)
		})
	}
	done.Wait()
	won := 0
	for i := range tries {
		if errs[i] != nil {
			wantError(t, errs[i], signin.ErrRefused)
			continue
		}
		won++
		if _, alive := w.jellyfin.tokens[sessions[i].Token]; !alive {
			t.Error("the winner's token is dead")
		}
	}
	if won != 1 {
		t.Errorf("%d of %d succeeded with one code", won, tries)
	}
	w.jellyfin.wantTokens(t, 1)
	if got := w.store.open(); got != 0 {
		t.Errorf("losing a race counts as a guess: %d charges", got)
	}
}

func TestAWrongCodeNeverReachesJellyfin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(nil)
		alice := w.jellyfin.add("alice", "wonderland")
		s := w.store.enrolled(alice.id, "alice")
		w.advance(time.Duration(rapid.Int64Range(0, 1e6).Draw(rt, "seconds")) * time.Second)
		code := rapid.OneOf(
			rapid.StringMatching(`[0-9]{6}`),
			rapid.StringMatching(`[0-9]{3}[ -][0-9]{3}`),
			rapid.StringN(0, 12, -1),
			rapid.Just(w.code(s)),
			rapid.Just(s.At(w.clock().Add(-totp.Period)).Digits()),
			rapid.Just(s.At(w.clock().Add(2*totp.Period)).Digits()),
		).Draw(rt, "code")
		name := rapid.SampledFrom([]string{"alice", "Alice", "ALICE", " alice"}).Draw(rt, "name")
		password := rapid.SampledFrom([]string{"wonderland", "wrong", "x"}).Draw(rt, "password")

		parsed, parseErr := totp.ParseCode(code)
		_, matches := s.Match(parsed, w.clock())
		right := parseErr == nil && matches

		_, err := w.service.SignIn(t.Context(), request(name, password, code))
		checks, tokens := w.jellyfin.count()
		if !right && checks > 0 {
			rt.Fatalf("code %q reached Jellyfin", code)
		}
		if (err == nil) != (right && password == "wonderland") || (err == nil) != (tokens == 1) {
			rt.Fatalf("SignIn(%q, %q, %q) = %v with %d tokens", name, password, code, err, tokens)
		}
	})
}

func TestInvalidRequestsTouchNothing(t *testing.T) {
	tests := []struct {
		what   string
		req    signin.Request
		fields []signin.Field
	}{
		{"nothing", request("", "", ""), []signin.Field{signin.FieldName, signin.FieldPassword}},
		{"spaces", request("  ", "x", ""), []signin.Field{signin.FieldName}},
		{"no password", request("alice", "", "123456"), []signin.Field{signin.FieldPassword}},
		{"NUL in the name", request("ali\x00ce", "x", ""), []signin.Field{signin.FieldName}},
		{"broken UTF-8", request("ali\xffce", "\xff", ""), []signin.Field{signin.FieldName, signin.FieldPassword}},
		{"name of 10 KB", request(strings.Repeat("a", 10<<10), "x", ""), []signin.Field{signin.FieldName}},
		{"password of 10 KB", request("alice", strings.Repeat("x", 10<<10), ""), []signin.Field{signin.FieldPassword}},
		{"code too short", request("alice", "x", "12345"), []signin.Field{signin.FieldCode}},
		{"code too long", request("alice", "x", "1234567"), []signin.Field{signin.FieldCode}},
		{"code of letters", request("alice", "x", "abcdef"), []signin.Field{signin.FieldCode}},
		{"code of 10 KB", request("alice", "x", strings.Repeat("1", 10<<10)), []signin.Field{signin.FieldCode}},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			w := newWorld(t)
			w.jellyfin.add("alice", "x")
			_, err := w.service.SignIn(t.Context(), tt.req)
			var invalid *signin.ValidationError
			if !errors.As(err, &invalid) {
				t.Fatalf("error = %v, want a ValidationError", err)
			}
			if len(invalid.Fields) != len(tt.fields) {
				t.Errorf("fields %v, want %v", invalid.Fields, tt.fields)
			}
			for _, f := range tt.fields {
				if invalid.Fields[f] == "" || !strings.Contains(err.Error(), string(f)) {
					t.Errorf("field %s is not named in %v", f, err)
				}
			}
			if checks, _ := w.jellyfin.count(); checks != 0 || w.store.open() != 0 {
				t.Errorf("%d checks and %d charges for an invalid request", checks, w.store.open())
			}
		})
	}
}

func TestOddNamesAndPasswordsArriveAsTheyAre(t *testing.T) {
	for _, odd := range []string{`o"bri\en`, "Zoë", "名前", "'; drop table users; --", "<script>"} {
		w := newWorld(t)
		u := w.jellyfin.add(odd, odd+"\x00\n€")
		s := w.store.enrolled(u.id, odd)
		_, err := w.service.SignIn(t.Context(), request(odd, odd+"\x00\n€", w.code(s)))
		wantError(t, err, nil)
	}
}

func TestCodesAreReadAsPeopleTypeThem(t *testing.T) {
	for what, respell := range map[string]func(string) string{
		"space": func(c string) string { return c[:3] + " " + c[3:] },
		"dash":  func(c string) string { return c[:3] + "-" + c[3:] },
		"arabic": func(c string) string {
			return strings.Map(func(r rune) rune { return r - '0' + '٠' }, c)
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			alice := w.jellyfin.add("alice", "wonderland")
			s := w.store.enrolled(alice.id, "alice")
			_, err := w.service.SignIn(t.Context(), request("alice", "wonderland", respell(w.code(s))))
			wantError(t, err, nil)
		})
	}
}

func TestALimitedVisitorIsToldWhenToComeBack(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	w.store.limited[alice.id] = throttle.Verdict{Wait: 7 * time.Second}
	_, err := w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s)))
	var limit *throttle.LimitError
	if !errors.As(err, &limit) || limit.RetryAfter != 7*time.Second {
		t.Errorf("error = %v, want a limit of 7 s", err)
	}
	if checks, _ := w.jellyfin.count(); checks != 0 {
		t.Error("a limited try reached Jellyfin")
	}
}

func TestLogsKeepSecrets(t *testing.T) {
	w := newWorld(t)
	alice := w.jellyfin.add("alice", "wonderland")
	s := w.store.enrolled(alice.id, "alice")
	code := w.code(s)
	ctx := context.Background()
	_, _ = w.service.SignIn(ctx, request("hunter2-typed-as-name", "wonderland", code))
	_, _ = w.service.SignIn(ctx, request("alice", "wonderland", w.wrong(s)))
	_, _ = w.service.SignIn(ctx, request("alice", "wonderland", code))
	text := w.log.String()
	for _, leak := range []string{"hunter2", "wonderland", code, w.wrong(s), "token-", s.Base32()} {
		if strings.Contains(text, leak) {
			t.Errorf("the log contains %q:\n%s", leak, text)
		}
	}
	for _, want := range []string{
		"sign-in refused", "reason=credentials_wrong", "reason=code_wrong", "sign-in succeeded",
		"user_id=" + alice.id, "network=203.0.113.9/32",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
}
