package native_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/native"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

// enrolled is a house where alice has a second factor.
func enrolled(t *testing.T) (*house, totp.Secret) {
	h := newHouse(t, nil)
	_, factor := h.enrol(t, "alice", "wonderland")
	return h, factor
}

func TestRefusalsLeaveNothingAndSayNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		typed  func(h *house, s totp.Secret) (name, typed string)
		checks int
		reason string
	}{
		"password alone":     {func(*house, totp.Secret) (string, string) { return "alice", "wonderland" }, 0, "code_missing"},
		"nothing":            {func(*house, totp.Secret) (string, string) { return "alice", "" }, 0, "code_missing"},
		"code alone":         {func(h *house, s totp.Secret) (string, string) { return "alice", h.code(s) }, 0, "input_invalid"},
		"code before":        {func(h *house, s totp.Secret) (string, string) { return "alice", h.code(s) + "wonderland" }, 0, "code_missing"},
		"wrong code":         {func(h *house, s totp.Secret) (string, string) { return "alice", "wonderland" + h.wrong(s) }, 0, "code_wrong"},
		"wrong password":     {func(h *house, s totp.Secret) (string, string) { return "alice", "x" + h.code(s) }, 1, "credentials_wrong"},
		"nobody":             {func(h *house, s totp.Secret) (string, string) { return "nobody", "wonderland" + h.code(s) }, 0, "name_unknown"},
		"bob, never seen":    {func(h *house, s totp.Secret) (string, string) { return "bob", "builder" + h.code(s) }, 0, "name_unknown"},
		"carol, known":       {func(h *house, s totp.Secret) (string, string) { return "carol", "cinema" + h.code(s) }, 0, "second_factor_missing"},
		"another one's code": {func(h *house, s totp.Secret) (string, string) { return "dora", "explorer" + h.code(s) }, 0, "code_wrong"},
		"two codes, one old": {func(h *house, s totp.Secret) (string, string) { return "alice", "wonderland" + h.code(s) + h.wrong(s) }, 0, "code_wrong"},
		"disabled at Jellyfin": {func(h *house, s totp.Secret) (string, string) {
			frank, factor := h.enrol(t, "frank", "sinatra")
			h.server.SetUser(frank.ID, func(u *jellyfintest.User) { u.Disabled = true })
			return "frank", "sinatra" + h.code(factor)
		}, 1, "account_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			h, factor := enrolled(t)
			h.enrol(t, "dora", "explorer")
			h.server.AddUser("bob", "builder")
			carol := h.server.AddUser("carol", "cinema")
			if err := h.store.PutName(t.Context(), "carol", carol.ID); err != nil {
				t.Fatal(err)
			}
			user, typed := tt.typed(h, factor)
			w := h.want(t, post(user, typed), http.StatusUnauthorized)
			if got := w.Body.String(); got != "Name, password or code is wrong." {
				t.Errorf("answered %q", got)
			}
			if h.checks() != tt.checks {
				t.Errorf("Jellyfin checked %d passwords, want %d", h.checks(), tt.checks)
			}
			h.wantNothingLeft(t)
			if log := h.log.String(); !strings.Contains(log, "reason="+tt.reason) || strings.Contains(log, "wonderland") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

// Roku tries an empty password by itself, and Seerr, Streamyfin and Fladder send
// a code again that was spent. Neither is a guess, however often.
func TestWhatAppsDoByThemselvesIsNotCounted(t *testing.T) {
	h, factor := enrolled(t)
	spent := post("alice", "wonderland"+h.code(factor))
	h.want(t, spent, http.StatusOK)
	again := "wonderland" + h.code(factor)
	for range 12 {
		h.want(t, post("alice", ""), http.StatusUnauthorized)
		h.want(t, post("alice", "wonderland"), http.StatusUnauthorized)
		h.want(t, post("alice", again), http.StatusUnauthorized)
	}
	if h.checks() != 1 {
		t.Errorf("Jellyfin checked %d passwords", h.checks())
	}
	h.advance(totp.Period)
	h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusOK)
}

func TestGuessingIsSlowedWhoeverIsGuessed(t *testing.T) {
	h, factor := enrolled(t)
	for _, name := range []string{"alice", "nobody"} {
		for i := range 8 {
			// A device id of its own each time makes no difference.
			r := from(post(name, "wonderland"+h.wrong(factor)), "198.51.100."+strconv.Itoa(i))
			r.Header.Set("Authorization", strings.Replace(television, `"tv"`, `"`+strconv.Itoa(i)+`"`, 1))
			status := http.StatusUnauthorized
			if i >= 5 {
				status = http.StatusTooManyRequests
			}
			w := h.want(t, r, status)
			if after, err := strconv.Atoi(w.Header().Get("Retry-After")); i >= 5 && (err != nil || after < 1) {
				t.Errorf("Retry-After: %s", w.Header().Get("Retry-After"))
			}
		}
	}
	if h.checks() != 0 {
		t.Errorf("Jellyfin checked %d passwords", h.checks())
	}
}

// A device that has just signed in, whatever its id, is asked for a code like
// any other.
func TestNoDeviceIsTrusted(t *testing.T) {
	h, factor := enrolled(t)
	h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusOK)
	for _, header := range []string{"Cookie", "X-Emby-Device-Id", "X-Emby-Token"} {
		r := post("alice", "wonderland")
		r.Header.Set(header, "tv")
		h.want(t, r, http.StatusUnauthorized)
	}
	if h.checks() != 1 {
		t.Errorf("Jellyfin checked %d passwords", h.checks())
	}
}

// Apps on many networks and browsers race for one code: one wins.
func TestOneCodeLetsOneIn(t *testing.T) {
	h, factor := enrolled(t)
	code := h.code(factor)
	const tries = 24
	var won [tries]bool
	var done sync.WaitGroup
	for i := range tries {
		addr := "198.18.0." + strconv.Itoa(i)
		done.Go(func() {
			if i%2 == 0 {
				w := h.serve(from(post("alice", "wonderland"+code), addr))
				won[i] = w.Code == http.StatusOK
				return
			}
			_, err := h.signin.SignIn(t.Context(), signin.Request{
				Name: "alice", Password: "wonderland", Code: code, Visitor: netip.MustParseAddr(addr),
				Device: jellyfin.Device{Client: "Jellyfin Web", Name: "Firefox", ID: "browser" + strconv.Itoa(i)},
			})
			won[i] = err == nil
		})
	}
	done.Wait()
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	if tokens := h.server.LiveTokens(); n != 1 || len(tokens) != 1 || h.checks() != 1 {
		t.Errorf("%d of %d won; %d tokens live; Jellyfin checked %d passwords", n, tries, len(tokens), h.checks())
	}
}

func TestATokenThatIsNotHandedOutIsLoggedOut(t *testing.T) {
	t.Run("hung up while Jellyfin is asked", func(t *testing.T) {
		h, factor := enrolled(t)
		r := post("alice", "wonderland"+h.code(factor))
		ctx, hangUp := context.WithCancel(r.Context())
		h.asked.after = hangUp
		h.serve(r.WithContext(ctx))
		h.wantNothingLeft(t)
		h.asked.after = nil
		h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusOK) // the code was not lost
	})
	t.Run("hung up while it is recorded", func(t *testing.T) {
		h, book := bookedHouse(t)
		_, factor := h.enrol(t, "alice", "wonderland")
		r := post("alice", "wonderland"+h.code(factor))
		ctx, hangUp := context.WithCancel(r.Context())
		book.after = hangUp
		h.serve(r.WithContext(ctx))
		h.wantNothingLeft(t)
		if len(book.recorded) != 1 || len(book.discarded) != 1 {
			t.Errorf("recorded %d, discarded %d", len(book.recorded), len(book.discarded))
		}
	})
	t.Run("hung up before the answer", func(t *testing.T) {
		h, factor := enrolled(t)
		h.handler.ServeHTTP(broken{httptest.NewRecorder()}, post("alice", "wonderland"+h.code(factor)))
		h.wantNothingLeft(t)
	})
	t.Run("not recorded", func(t *testing.T) {
		h, book := bookedHouse(t)
		book.fail = issued.ErrUnavailable
		_, factor := h.enrol(t, "alice", "wonderland")
		w := h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusServiceUnavailable)
		if w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		h.wantNothingLeft(t)
	})
	t.Run("Redis goes away midway", func(t *testing.T) {
		h, factor := enrolled(t)
		h.asked.after = func() { _ = h.store.Close() }
		h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusServiceUnavailable)
		h.wantNothingLeft(t)
		h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusServiceUnavailable)
		if h.checks() != 1 {
			t.Errorf("Jellyfin checked %d passwords", h.checks())
		}
	})
}

// bookedHouse is a house that remembers what it hands out.
func bookedHouse(t *testing.T) (*house, *registry) {
	var h *house
	book := &registry{signin: func() *signin.Service { return h.signin }}
	h = newHouse(t, func(o *native.Options) { o.Issued = book })
	return h, book
}

// broken cannot be written to.
type broken struct{ http.ResponseWriter }

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWhatIsHandedOutIsRecordedBefore(t *testing.T) {
	h, book := bookedHouse(t)
	_, factor := h.enrol(t, "alice", "wonderland")
	h.want(t, post("alice", "wonderland"), http.StatusUnauthorized)
	h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusOK)
	if len(book.recorded) != 1 || len(book.discarded) != 0 {
		t.Fatalf("recorded %d, discarded %d", len(book.recorded), len(book.discarded))
	}
	got := book.recorded[0]
	if got.Kind != issued.Code || got.Device.ID != "tv" || got.Visitor.String() != "203.0.113.9" {
		t.Errorf("recorded %+v", got)
	}
}

func TestJellyfinIsAway(t *testing.T) {
	for name, change := range map[string]func(*house){
		"starting":    func(h *house) { h.server.SetStarting(jellyfintest.Migrating) },
		"loading":     func(h *house) { h.server.SetStarting(jellyfintest.Loading) },
		"wizard open": func(h *house) { h.server.SetWizardOpen(true) },
		"gone":        func(h *house) { h.server.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			h, factor := enrolled(t)
			change(h)
			w := h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusServiceUnavailable)
			if w.Header().Get("Retry-After") != "5" {
				t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
			}
			if strings.Contains(w.Body.String(), "127.0.0.1") {
				t.Errorf("the answer says why: %s", w.Body)
			}
		})
	}
}

// vault stands for the app passwords.
type vault struct {
	claims  string
	session jellyfin.Session
	err     error
	asked   int
}

func (v *vault) Claims(_ context.Context, typed secret.Text) (bool, error) {
	if v.claims == "" {
		return false, v.err
	}
	return string(typed) == v.claims, nil
}

func (v *vault) Redeem(context.Context, jellyfin.Credentials) (jellyfin.Session, error) {
	v.asked++
	return v.session, v.err
}

// What is an app password goes where those are checked, and nowhere else.
func TestAppPasswords(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		status int
	}{
		"right":             {nil, http.StatusOK},
		"wrong":             {apppass.ErrRefused, http.StatusUnauthorized},
		"limited":           {&throttle.LimitError{RetryAfter: 1500 * time.Millisecond}, http.StatusTooManyRequests},
		"no keeper":         {apppass.ErrNoKeeper, http.StatusForbidden},
		"Quick Connect off": {jellyfin.ErrQuickConnectOff, http.StatusForbidden},
		"not now":           {jellyfin.ErrForbidden, http.StatusForbidden},
		"device":            {jellyfin.ErrDevice, http.StatusBadRequest},
		"away":              {apppass.ErrUnavailable, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			const typed = "abcde-fghjk-mnpqr-stvwx"
			v := &vault{claims: typed, err: tt.err, session: jellyfin.Session{Token: "t", Raw: []byte(`{}`), ContentType: "application/json"}}
			h := newHouse(t, func(o *native.Options) { o.AppPasswords = v })
			_, factor := h.enrol(t, "alice", "wonderland")
			w := h.want(t, post("alice", typed), tt.status)
			if tt.err != nil && tt.status == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "2" {
				t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
			}
			if v.asked != 1 || h.checks() != 0 {
				t.Errorf("asked %d times; Jellyfin checked %d passwords", v.asked, h.checks())
			}
			h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusOK)
			if v.asked != 1 {
				t.Error("a password with a code was taken for an app password")
			}
		})
	}
	t.Run("cannot be told", func(t *testing.T) {
		v := &vault{err: apppass.ErrUnavailable}
		h := newHouse(t, func(o *native.Options) { o.AppPasswords = v })
		_, factor := h.enrol(t, "alice", "wonderland")
		h.want(t, post("alice", "wonderland"+h.code(factor)), http.StatusServiceUnavailable)
		h.wantNothingLeft(t)
	})
}
