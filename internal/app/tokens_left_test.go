package app_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// TestRefusedSignInsLeaveNothing fails to sign in by every way. Jellyfin's tokens
// and devices stay as they were.
func TestRefusedSignInsLeaveNothing(t *testing.T) {
	t.Parallel()
	s := here(t, "")
	home := moveIn(t, s, "203.0.113.9")
	alice := home.alice
	bob := s.Jellyfin.AddUser("bob", "builder")
	s.Jellyfin.AddUser("carol", "wonderland")
	carol := visiting(t, "carol", through(s.Edge, netip.MustParseAddr("203.0.113.10")))
	carol.enrol(t)
	s.Jellyfin.AddUser("dave", "wonderland")
	dave := visiting(t, "dave", through(s.Edge, netip.MustParseAddr("203.0.113.11")))
	revoked := carol.appPassword(t, "Old phone")
	carol.wants(t, "passwords/revoke", "Id", carol.appPasswordID(t, s))
	before := holdingsOf(s.Jellyfin)

	byPassword := func(name, password string) func(handset) int {
		return func(h handset) int { return h.signIn(t, name, password) }
	}
	onPage := func(p *person, endpoint string, more ...string) func(handset) int {
		return func(h handset) int {
			status, _, _ := p.at(s, h.addr).post(t, endpoint, p.fields(more...))
			return status
		}
	}
	for i, tt := range []struct {
		what string
		try  func(handset) int
		want int
	}{
		{"a wrong code", byPassword("alice", "wonderland"+alice.wrongCode()), http.StatusUnauthorized},
		{"no code", byPassword("alice", "wonderland"), http.StatusUnauthorized},
		{"no password", byPassword("alice", ""), http.StatusUnauthorized},
		{"a spent code", byPassword("alice", "wonderland"+alice.secret.At(timeOf(alice.spent)).Digits()), http.StatusUnauthorized},
		{"a wrong password with a right code", byPassword("carol", "wonder"+carol.code(t)), http.StatusUnauthorized},
		{"no second factor", byPassword("bob", "builder123456"), http.StatusUnauthorized},
		{"nobody", byPassword("eve", "wonderland123456"), http.StatusUnauthorized},
		{"an invented app password", byPassword("alice", "abcde-fghjk-mnpqr-stuvw"), http.StatusUnauthorized},
		{"another user's app password", byPassword("carol", home.made), http.StatusUnauthorized},
		{"a revoked app password", byPassword("carol", revoked), http.StatusUnauthorized},
		{"the password in the address", func(h handset) int {
			return h.ask(t, http.MethodPost, "/Users/"+bob.ID+"/Authenticate?pw=builder", "", nil)
		}, http.StatusForbidden},
		{"a device that nobody allows", func(h handset) int {
			_, secret := h.showCode(t)
			return h.redeem(t, secret)
		}, http.StatusNotFound},
		{"a device with an invented secret", func(h handset) int { return h.redeem(t, strings.Repeat("AB", 32)) }, http.StatusNotFound},
		{"wrong digits allowed", func(handset) int {
			status, _, _ := alice.post(t, "connect/allow", map[string]string{"Code": "000000"})
			return status
		}, http.StatusNotFound},
		{"digits allowed by a stranger", func(h handset) int {
			code, _ := h.showCode(t)
			status, _, _ := dave.post(t, "connect/allow", map[string]string{"Code": code})
			return status
		}, http.StatusUnauthorized},
		{"a wrong code on the page", onPage(alice, "authenticate", "Otp", alice.wrongCode()), http.StatusUnauthorized},
		{"a second factor that is not confirmed", onPage(dave, "enroll"), http.StatusOK},
		{"a second factor confirmed with a wrong code", onPage(dave, "confirm", "Code", "000000"), http.StatusBadRequest},
	} {
		app := handset{stage: s, addr: netip.AddrFrom4([4]byte{198, 51, 100, byte(100 + i)}).String(), name: "newcomer"}
		if status := tt.try(app); status != tt.want {
			t.Errorf("%s: %d, want %d", tt.what, status, tt.want)
		}
		unchanged(t, s.Jellyfin, tt.what, before)
	}
	for way, app := range home.all() {
		app.isLetIn(t, way+", after all that")
	}
}

// behind plays a stage whose Jellyfin stands behind a meddler.
func behind(t *testing.T, redis string, options ...jellyfintest.Option) (*stage.Stage, *meddler) {
	t.Helper()
	jellyfin, m := meddled(t, append(options, jellyfintest.VideoSize(1000))...)
	return play(t, stage.Options{Redis: redis, Protocol: "http2", Server: jellyfin, Change: onlyHere, Logger: discard()}), m
}

// meddled is a Jellyfin that stands behind a meddler.
func meddled(t *testing.T, options ...jellyfintest.Option) (*jellyfintest.Server, *meddler) {
	t.Helper()
	m := startMeddler(t)
	jellyfin := jellyfintest.New(options...)
	m.before(jellyfin)
	jellyfin.URL = m.url.String()
	return jellyfin, m
}

// meddling lets do happen before Jellyfin answers path, once.
func meddling(m *meddler, path string, do func()) {
	own := m.at("", nil)
	m.say(m.at(path, func(w http.ResponseWriter, r *http.Request) {
		m.say(nil)
		do()
		own(w, r)
	}))
}

const (
	byNamePath  = "/Users/AuthenticateByName"
	byQuickPath = "/Users/AuthenticateWithQuickConnect"
)

// TestAppsThatHangUpLeaveNothing hangs up while Jellyfin checks a password, and
// while it makes the token for an app password.
func TestAppsThatHangUpLeaveNothing(t *testing.T) {
	t.Parallel()
	s, m := behind(t, "")
	home := moveIn(t, s, "203.0.113.9")
	s.Jellyfin.AddUser("carol", "wonderland")
	carol := visiting(t, "carol", through(s.Edge, netip.MustParseAddr("203.0.113.10")))
	carol.enrol(t)
	before := holdingsOf(s.Jellyfin)
	for _, tt := range []struct{ what, path, body string }{
		{"with a code", byNamePath, `{"Username":"carol","Pw":"wonderland` + carol.code(t) + `"}`},
		{"with an app password", byQuickPath, `{"Username":"alice","Pw":"` + home.made + `"}`},
	} {
		asked := make(chan struct{})
		gone := make(chan struct{})
		meddling(m, tt.path, func() {
			close(asked)
			<-gone
		})
		app := handset{stage: s, addr: "198.51.100.50", name: "in a tunnel"}
		ctx, hangUp := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+publicHost+byNamePath, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", app.header())
		req.Header.Set("Content-Type", jsonKind)
		done := make(chan error)
		go func() {
			resp, err := app.transport().RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			done <- err
		}()
		<-asked
		hangUp()
		if err := <-done; err == nil {
			t.Errorf("%s: the answer came before the app could hang up", tt.what)
		}
		app.me(t) // on the same way as the hanging up, and behind it
		minted := s.Jellyfin.Count("SessionController.ReportSessionEnded")
		close(gone)
		eventually(t, "a log-out "+tt.what, func() bool { return s.Jellyfin.Count("SessionController.ReportSessionEnded") > minted })
		unchanged(t, s.Jellyfin, "hung up "+tt.what, before)
	}
	home.code.isLetIn(t, "another app")
}

// TestWithoutRedisMidwayNothingIsLeft kills Redis in the middle of a sign-in, in
// each way that an app has.
func TestWithoutRedisMidwayNothingIsLeft(t *testing.T) {
	t.Parallel()
	redis := storetest.StartRedis(t)
	s, m := behind(t, redis.URL)
	home := moveIn(t, s, "203.0.113.9")
	s.Jellyfin.AddUser("carol", "wonderland")
	carol := visiting(t, "carol", through(s.Edge, netip.MustParseAddr("203.0.113.10")))
	carol.enrol(t)
	before := holdingsOf(s.Jellyfin)
	kill := func() { redis.Kill(t) }
	app := handset{stage: s, addr: "198.51.100.60", name: "newcomer"}
	for _, tt := range []struct {
		what string
		try  func() int
	}{
		{"a code", func() int {
			meddling(m, byNamePath, kill)
			return app.signIn(t, "carol", "wonderland"+carol.code(t))
		}},
		{"an app password", func() int {
			meddling(m, byQuickPath, kill)
			return app.signIn(t, "alice", home.made)
		}},
		{"Quick Connect", func() int {
			code, secret := app.showCode(t)
			home.alice.wants(t, "connect/allow", "Code", code)
			meddling(m, byQuickPath, kill)
			return app.redeem(t, secret)
		}},
	} {
		if status := tt.try(); status != http.StatusServiceUnavailable && status != http.StatusBadGateway || app.token != "" {
			t.Errorf("%s without Redis: %d and token %q", tt.what, status, app.token)
		}
		redis.Start(t)
		eventually(t, "Redis again", func() bool { return home.code.me(t) == http.StatusOK })
		unchanged(t, s.Jellyfin, tt.what+" without Redis", before)
	}
	// The app password is as good as before.
	if status := home.appPassword.signIn(t, "alice", home.made); status != http.StatusOK {
		t.Errorf("the app password with Redis back: %d", status)
	}
	home.appPassword.isLetIn(t, "the app with Redis back")
}

// TestATokenOfAgeEnds has a shorter age than the settings allow, to see it pass.
func TestATokenOfAgeEnds(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{
		Protocol: "http2", Logger: discard(), Jellyfin: []jellyfintest.Option{jellyfintest.VideoSize(1000)},
		Change: func(c *config.Config) {
			onlyHere(c)
			c.Native.MaxAge = 3 * time.Second
		},
	})
	home := moveIn(t, s, "203.0.113.9")
	for way, app := range home.all() {
		app.addr = "198.51.100.70"
		if way == "browser" {
			continue
		}
		eventually(t, way+" to grow too old", func() bool { return app.me(t) == http.StatusUnauthorized })
	}
	home.browser.isLetIn(t, "a browser, which has no such age")
	if !home.alice.signedIn(t) {
		t.Error("the browser is signed out")
	}
}
