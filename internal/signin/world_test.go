package signin_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

// world is a service between a fake Jellyfin and a fake store.
type world struct {
	jellyfin *fakeJellyfin
	store    *fakeStore
	service  *signin.Service
	log      *lockedBuffer

	mu  sync.Mutex
	now time.Time
}

func newWorld(t testing.TB, change ...func(*signin.Options)) *world {
	w := &world{
		jellyfin: newJellyfin(),
		store:    newStore(),
		log:      &lockedBuffer{},
		now:      time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	}
	o := signin.Options{
		Jellyfin: w.jellyfin,
		Factors:  w.store,
		Limiter:  &throttle.Limiter{Store: w.store, Now: w.clock},
		Hold:     time.Nanosecond,
		Now:      w.clock,
		Logger:   slog.New(slog.NewTextHandler(w.log, nil)),
	}
	for _, c := range change {
		c(&o)
	}
	w.service = signin.New(o)
	if t != nil {
		t.Cleanup(func() { _ = w.service.Close(t.Context()) })
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// code returns the code that an app with s shows now.
func (w *world) code(s totp.Secret) string { return s.At(w.clock()).Digits() }

// wrong returns a code that s does not show now, nor one step away.
func (w *world) wrong(s totp.Secret) string {
	for _, candidate := range []string{"000000", "111111", "222222", "333333"} {
		code, err := totp.ParseCode(candidate)
		if err != nil {
			panic(err)
		}
		if _, ok := s.Match(code, w.clock()); !ok {
			return candidate
		}
	}
	panic("four candidates cannot all match")
}

var home = netip.MustParseAddr("203.0.113.9")

func request(name, password, code string) signin.Request {
	return signin.Request{
		Name: name, Password: secret.Text(password), Code: code, Visitor: home,
		Device: jellyfin.Device{Client: "Jellyfin Web", Name: "Firefox", ID: "browser"},
	}
}

// wantError fails the test unless err is want, or nil if want is.
func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Errorf("error = %v, want %v", err, want)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// isLimit tells whether err asks to come back later.
func isLimit(err error) bool { return errors.As(err, new(*throttle.LimitError)) }
