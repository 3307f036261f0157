package session_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
)

const maxAge = 30 * 24 * time.Hour

// create begins a session with a token.
func create(t testing.TB, m *session.Manager, token secret.Text) (string, session.Session) {
	t.Helper()
	value, s, err := m.Create(t.Context(), session.Session{UserID: "1", UserName: "alice", Token: token, DeviceID: "d"})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return string(value), s
}

// watched returns a manager that listens to the store, in a synctest bubble.
func watched(t *testing.T, store session.Store) *session.Manager {
	t.Helper()
	m := session.New(store, maxAge, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	return m
}

func wantErr(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) || (target == nil) != (err == nil) {
		t.Errorf("%s: error %v, want %v", what, err, target)
	}
}

func look(t testing.TB, m *session.Manager, value string) error {
	t.Helper()
	_, err := m.Lookup(t.Context(), value)
	return err
}

func TestCreateKeepsOnlyTheHash(t *testing.T) {
	store := newFake()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	m := session.New(store, maxAge, func() time.Time { return now })
	value, s := create(t, m, "token")
	if raw, err := base64.RawURLEncoding.DecodeString(value); err != nil || len(raw) != 32 {
		t.Errorf("the value is no 256 bits of base64url: %q", value)
	}
	if !s.Created.Equal(now) || !s.Expires.Equal(now.Add(maxAge)) {
		t.Errorf("created %v, expires %v", s.Created, s.Expires)
	}
	if kept := fmt.Sprintf("%v", store.sessions); strings.Contains(kept, value) || !strings.Contains(kept, s.ID) {
		t.Errorf("the store holds %s", kept)
	}
	if strings.Contains(store.sessions[s.ID].TokenHash, "token") {
		t.Error("the token's hash holds the token")
	}
	got, err := m.Lookup(t.Context(), value)
	if diff := cmp.Diff(s, got); err != nil || diff != "" {
		t.Errorf("Lookup: %v, %s", err, diff)
	}
	other, _ := create(t, m, "token")
	if other == value {
		t.Error("two sessions have one value")
	}
}

func TestLookupRefusesWhatIsNoSession(t *testing.T) {
	store := newFake()
	m := session.New(store, maxAge, nil)
	value, s := create(t, m, "t")
	for _, bad := range []string{"", "x", s.ID, value[1:], value + "A", strings.ToUpper(value), strings.Repeat("\xff", 43), strings.Repeat("x", 1<<20)} {
		wantErr(t, fmt.Sprintf("Lookup(%.50q)", bad), look(t, m, bad), session.ErrNone)
	}
	wantErr(t, "Lookup of a session", look(t, m, value), nil)
}

func TestASessionEndsWithItsAge(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	m := session.New(newFake(), maxAge, func() time.Time { return now })
	value, _ := create(t, m, "t")
	now = now.Add(maxAge - time.Millisecond)
	wantErr(t, "Lookup at the end", look(t, m, value), nil)
	now = now.Add(time.Millisecond)
	wantErr(t, "Lookup after the end", look(t, m, value), session.ErrNone)
}

func TestTheHotPathDoesNotAskTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		m := watched(t, store)
		value, _ := create(t, m, "t")
		for range 1000 {
			wantErr(t, "Lookup", look(t, m, value), nil)
			time.Sleep(100 * time.Millisecond) // of the bubble's time
		}
		if n := store.questions(); n != 1 {
			t.Errorf("1000 lookups in 100 s asked the store %d times, want once", n)
		}
	})
}

func TestAnEndIsHeardElsewhereAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		one, two := watched(t, store), watched(t, store)
		value, s := create(t, one, "t")
		second, _ := create(t, two, "t")
		other, _ := create(t, two, "u")
		for _, m := range []*session.Manager{one, two} {
			for _, v := range []string{value, second, other} {
				wantErr(t, "Lookup", look(t, m, v), nil)
			}
		}
		wantErr(t, "End", one.End(t.Context(), s.ID), nil)
		wantErr(t, "Lookup here", look(t, one, value), session.ErrNone)
		synctest.Wait()
		wantErr(t, "Lookup there", look(t, two, value), session.ErrNone)
		wantErr(t, "Lookup of the second", look(t, two, second), nil)
		wantErr(t, "EndToken", two.EndToken(t.Context(), "t"), nil)
		wantErr(t, "EndToken of no token", two.EndToken(t.Context(), ""), nil)
		wantErr(t, "Lookup here", look(t, two, second), session.ErrNone)
		synctest.Wait()
		wantErr(t, "Lookup there", look(t, one, second), session.ErrNone)
		wantErr(t, "Lookup of another token", look(t, one, other), nil)
	})
}

func TestUnwatchedMemoryIsTrustedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		m := session.New(store, maxAge, nil) // Run is not running
		value, s := create(t, m, "t")
		wantErr(t, "Lookup", look(t, m, value), nil)
		store.silently(s.ID)
		time.Sleep(999 * time.Millisecond)
		wantErr(t, "Lookup within a second", look(t, m, value), nil)
		time.Sleep(time.Millisecond)
		wantErr(t, "Lookup after a second", look(t, m, value), session.ErrNone)
	})
}

func TestABrokenSubscriptionIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		m := watched(t, store)
		value, s := create(t, m, "t")
		wantErr(t, "Lookup", look(t, m, value), nil)
		time.Sleep(10 * time.Second)
		store.goAway(true)
		synctest.Wait()
		wantErr(t, "Lookup while the store is away", look(t, m, value), errAway)
		store.silently(s.ID) // ended by another replica, unheard
		store.goAway(false)
		time.Sleep(time.Second) // the subscription is back
		synctest.Wait()
		wantErr(t, "Lookup when it is back", look(t, m, value), session.ErrNone)

		value, _ = create(t, m, "t")
		before := store.questions()
		for range 100 {
			wantErr(t, "Lookup", look(t, m, value), nil)
			time.Sleep(100 * time.Millisecond)
		}
		if n := store.questions() - before; n != 1 {
			t.Errorf("100 lookups with the subscription back asked the store %d times, want once", n)
		}
	})
}

func TestASilentSubscriptionIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := silent{newFake()}
		m := watched(t, store)
		value, s := create(t, m, "t")
		wantErr(t, "Lookup", look(t, m, value), nil)
		store.silently(s.ID)
		time.Sleep(1400 * time.Millisecond)
		wantErr(t, "Lookup a moment later", look(t, m, value), nil)
		time.Sleep(100 * time.Millisecond)
		wantErr(t, "Lookup after the silence", look(t, m, value), session.ErrNone)
	})
}

// silent is a store whose subscription gives no sign of life after the first, as
// when a cable is cut.
type silent struct{ *fake }

func (s silent) WatchSessions(ctx context.Context, tell func(session.Event)) error {
	tell(session.Event{Kind: session.Watching})
	<-ctx.Done()
	return ctx.Err()
}

func TestASessionThatEndsWhileItIsReadIsNotCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		m := watched(t, store)
		value, s := create(t, m, "t")
		store.onGet = func() {
			store.onGet = nil
			wantErr(t, "EndSession", store.EndSession(t.Context(), s.ID), nil)
			synctest.Wait() // the end has been heard
		}
		wantErr(t, "Lookup that read it before its end", look(t, m, value), nil)
		wantErr(t, "Lookup after its end", look(t, m, value), session.ErrNone)
	})
}

func TestStoreTroubleIsNotNone(t *testing.T) {
	store := newFake()
	m := session.New(store, maxAge, nil)
	value, s := create(t, m, "t")
	store.goAway(true)
	if err := look(t, m, value); errors.Is(err, session.ErrNone) || !errors.Is(err, errAway) {
		t.Errorf("Lookup while the store is away: %v", err)
	}
	wantErr(t, "End", m.End(t.Context(), s.ID), errAway)
	wantErr(t, "EndToken", m.EndToken(t.Context(), "t"), errAway)
	_, _, err := m.Create(t.Context(), session.Session{})
	wantErr(t, "Create", err, errAway)
}

func TestTheCacheIsBounded(t *testing.T) {
	store := newFake()
	m := session.New(store, maxAge, nil)
	for range 10_100 {
		value, _ := create(t, m, "")
		wantErr(t, "Lookup", look(t, m, value), nil)
	}
	if n := session.Cached(m); n != 10_000 {
		t.Errorf("%d sessions are cached, want 10000", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	m := session.New(newFake(), maxAge, func() time.Time { return time.Unix(1_800_000_000, 0) })
	value, _ := create(b, m, "token")
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Lookup(ctx, value); err != nil {
			b.Fatal(err)
		}
	}
}
