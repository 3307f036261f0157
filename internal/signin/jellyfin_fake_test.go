package signin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

// fakeJellyfin behaves as Jellyfin does where the ceremony touches it, without
// a network, so that it can stand in a synctest bubble.
type fakeJellyfin struct {
	unknownDelay, passwordDelay func() time.Duration

	mu      sync.Mutex
	users   map[string]*fakeUser // by id
	tokens  map[secret.Text]fakeGrant
	minted  int
	checks  int
	logouts int
	away    bool
	noExit  bool   // log-outs fail
	delay   func() // before an answer, outside the lock
	checked func() // after a password was found right, outside the lock
	info    jellyfin.PublicInfo
}

type fakeUser struct {
	id, name, password string
	disabled           bool
}

type fakeGrant struct{ userID, deviceID, client string }

func newJellyfin() *fakeJellyfin {
	return &fakeJellyfin{
		users:  map[string]*fakeUser{},
		tokens: map[secret.Text]fakeGrant{},
		info:   jellyfin.PublicInfo{ServerID: "5e12", Version: "10.11.11"},
	}
}

func fakeID(n int) string { return fmt.Sprintf("%s%02x", strings.Repeat("fade", 7)+"fa", n) }

func (f *fakeJellyfin) add(name, password string) *fakeUser {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := &fakeUser{id: fakeID(len(f.users) + 1), name: name, password: password}
	f.users[u.id] = u
	return u
}

func (f *fakeJellyfin) rename(u *fakeUser, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u.name = name
}

func (f *fakeJellyfin) PublicInfo(context.Context) (jellyfin.PublicInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return jellyfin.PublicInfo{}, jellyfin.ErrUnavailable
	}
	return f.info, nil
}

func (f *fakeJellyfin) Authenticate(_ context.Context, as jellyfin.Credentials) (jellyfin.Session, error) {
	d := as.Device
	s, wait, err := f.decide(d, as.Name, as.Password)
	if wait > 0 {
		time.Sleep(wait) // only in bubbles
	}
	f.mu.Lock()
	delay, checked := f.delay, f.checked
	f.mu.Unlock()
	if delay != nil {
		delay()
	}
	if err != nil {
		return jellyfin.Session{}, err
	}
	f.mu.Lock()
	f.minted++
	s.Token = secret.Text(fmt.Sprintf("token-%d", f.minted))
	for token, grant := range f.tokens {
		if grant.userID == s.UserID && grant.deviceID == d.ID {
			delete(f.tokens, token)
		}
	}
	f.tokens[s.Token] = fakeGrant{s.UserID, d.ID, d.Client}
	f.mu.Unlock()
	if checked != nil {
		checked()
	}
	return s, nil
}

func (f *fakeJellyfin) decide(d jellyfin.Device, name string, password secret.Text) (jellyfin.Session, time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checks++
	if f.away || d.Client == "" || d.Name == "" || d.ID == "" || d.Version == "" {
		return jellyfin.Session{}, 0, jellyfin.ErrUnavailable
	}
	for _, u := range f.users {
		if !strings.EqualFold(u.name, name) {
			continue
		}
		took := f.passwordDelay
		var wait time.Duration
		if took != nil {
			wait = took()
		}
		switch {
		case u.disabled:
			return jellyfin.Session{}, wait, jellyfin.ErrForbidden
		case u.password != string(password):
			return jellyfin.Session{}, wait, jellyfin.ErrCredentials
		}
		return jellyfin.Session{UserID: u.id, UserName: u.name, ServerID: f.info.ServerID, Raw: json.RawMessage(`{}`)}, wait, nil
	}
	var wait time.Duration
	if f.unknownDelay != nil {
		wait = f.unknownDelay()
	}
	return jellyfin.Session{}, wait, jellyfin.ErrCredentials
}

func (f *fakeJellyfin) Logout(_ context.Context, token secret.Text) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logouts++
	if f.away || f.noExit {
		return jellyfin.ErrUnavailable
	}
	delete(f.tokens, token)
	return nil
}

func (f *fakeJellyfin) set(change func(*fakeJellyfin)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeJellyfin) count() (checks, tokens int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.checks, len(f.tokens)
}

// wantTokens fails the test unless exactly n tokens live.
func (f *fakeJellyfin) wantTokens(t *testing.T, n int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.tokens) != n {
		t.Errorf("%d tokens live at Jellyfin, want %d: %v", len(f.tokens), n, f.tokens)
	}
}
