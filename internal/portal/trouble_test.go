package portal_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/portal"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
)

func TestOurTroubleIs503(t *testing.T) {
	t.Run("jellyfin away", func(t *testing.T) {
		s := newSite(t)
		s.jellyfin.Close()
		for _, path := range []string{"authenticate", "enroll"} {
			a := s.post(t, path, fields("alice", "wonderland", ""))
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				t.Errorf("%s answered %d %s", path, a.status, a.body)
			}
		}
	})
	t.Run("redis away", func(t *testing.T) {
		s := newSite(t)
		s.jellyfin.AddUser("alice", "wonderland")
		cookie, _ := s.signIn(t, "alice", "wonderland", s.enrol(t, "alice", "wonderland"))
		_ = s.store.Close()
		before := s.jellyfin.Count("UserController.AuthenticateUserByName")
		for _, path := range []string{"authenticate", "enroll", "confirm", "signout"} {
			f := fields("alice", "wonderland", "123456")
			f["Code"] = "123456"
			a := s.post(t, path, f, "Cookie", cookie)
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				t.Errorf("%s answered %d %s", path, a.status, a.body)
			}
			if strings.Contains(a.body, "redis") {
				t.Errorf("%s tells the cause: %s", path, a.body)
			}
		}
		if s.jellyfin.Count("UserController.AuthenticateUserByName") != before {
			t.Error("a password was checked though tries could not be counted")
		}
		a := s.do(t, http.MethodGet, "/sso/2fa", "", "Cookie", cookie)
		if a.status != http.StatusOK || !strings.Contains(a.body, "not available right now") {
			t.Errorf("the page answered %d", a.status)
		}
	})
}

// cutSessions fails or interrupts what comes after the ceremony.
type cutSessions struct {
	portal.Sessions
	before func()
	err    error
}

func (c cutSessions) Create(ctx context.Context, s session.Session) (secret.Text, session.Session, error) {
	if c.before != nil {
		c.before()
	}
	if c.err != nil {
		return "", session.Session{}, c.err
	}
	return c.Sessions.Create(ctx, s)
}

func TestATokenWithoutASessionIsLoggedOut(t *testing.T) {
	t.Run("redis goes away midway", func(t *testing.T) {
		cut := &cutSessions{}
		s := newSite(t, func(o *portal.Options) { cut.Sessions = o.Sessions; o.Sessions = cut })
		s.jellyfin.AddUser("alice", "wonderland")
		secret := s.enrol(t, "alice", "wonderland")
		cut.err = errors.New("connection refused")
		a := s.post(t, "authenticate", fields("alice", "wonderland", s.code(secret)))
		if a.status != http.StatusServiceUnavailable || a.cookie() != "" {
			t.Errorf("answered %d %s", a.status, a.body)
		}
		s.wantTokens(t, 0)
	})
	t.Run("the visitor hangs up midway", func(t *testing.T) {
		cut := &cutSessions{}
		s := newSite(t, func(o *portal.Options) { cut.Sessions = o.Sessions; o.Sessions = cut })
		s.jellyfin.AddUser("alice", "wonderland")
		secret := s.enrol(t, "alice", "wonderland")
		ctx, cancel := context.WithCancel(t.Context())
		cut.before = cancel
		body := `{"Username":"alice","Password":"wonderland","Otp":"` + s.code(secret) + `"}`
		a := s.serve(t, ctx, http.MethodPost, "/sso/2fa/authenticate", body, "Content-Type", "application/json")
		if a.cookie() != "" {
			t.Errorf("a cookie was set: %v", a.header)
		}
		s.wantTokens(t, 0)
	})
}

func TestTwoAtOnceWithOneCode(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	secret := s.enrol(t, "alice", "wonderland")
	otp := s.code(secret)
	answers := make([]answer, 20)
	var done sync.WaitGroup
	for i := range answers {
		done.Go(func() {
			other := *s
			other.visitor.Addr = netip.AddrFrom4([4]byte{198, 18, 0, byte(i)})
			answers[i] = other.post(t, "authenticate", fields("alice", "wonderland", otp), "X-DeviceId", "browser")
		})
	}
	done.Wait()
	var winners []answer
	for _, a := range answers {
		if a.status == http.StatusOK {
			winners = append(winners, a)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("%d of %d signed in with one code", len(winners), len(answers))
	}
	tokens := s.jellyfin.LiveTokens()
	if len(tokens) != 1 || !strings.Contains(string(winners[0].json["AuthenticatedUser"]), tokens[0].Value) {
		t.Errorf("tokens = %+v, want the winner's alone", tokens)
	}
	if devices := s.jellyfin.Devices(); len(devices) != 1 {
		t.Errorf("devices = %+v", devices)
	}
}

func TestLogsKeepSecrets(t *testing.T) {
	s := newSite(t)
	s.jellyfin.AddUser("alice", "wonderland")
	secret := s.enrol(t, "alice", "wonderland")
	otp := s.code(secret)
	cookie, _ := s.signIn(t, "alice", "wonderland", secret)
	s.post(t, "authenticate", fields("hunter2", "typo", otp))
	s.do(t, http.MethodGet, "/sso/2fa?again=1", "", "Cookie", cookie)
	_ = s.store.Close()
	s.post(t, "signout", nil, "Cookie", cookie)
	_, value, _ := strings.Cut(cookie, "=")
	text := s.log.String()
	for _, leak := range []string{"wonderland", "hunter2", "typo", otp, value, secret.Base32(), s.jellyfin.LiveTokens()[0].Value} {
		if strings.Contains(text, leak) {
			t.Errorf("the log contains %q:\n%s", leak, text)
		}
	}
	if !strings.Contains(text, "request_id=req-1") || !strings.Contains(text, "session not ended") {
		t.Errorf("the log does not help:\n%s", text)
	}
}
