package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
	"github.com/jellyward/jellyward/internal/totp"
)

// authenticateByName is Jellyfin's operation that checks a password.
const authenticateByName = "UserController.AuthenticateUserByName"

// from is p at another address, on a device of its own.
func (p *person) from(s *stage.Stage, addr netip.Addr) *person {
	other := *p
	other.base, other.device = "https://"+publicHost, "device at "+addr.String()
	other.http = &http.Client{Transport: through(s.Edge, addr)}
	return &other
}

// wrongCode is a code that is not right at any time near now.
func (p *person) wrongCode() string {
	for n := 0; ; n++ {
		code := fmt.Sprintf("%06d", n)
		parsed, err := totp.ParseCode(code)
		if err != nil {
			panic(err) // six digits are a code
		}
		if _, right := p.secret.Match(parsed, time.Now()); right {
			continue
		}
		if _, right := p.secret.Match(parsed, time.Now().Add(time.Minute)); !right {
			return code
		}
	}
}

// eventually waits until something is true that happens outside of this test's
// sight.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestAPasswordAloneReplacesNothing tries to replace a second factor with the
// password and without a good code.
func TestAPasswordAloneReplacesNothing(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{})
	s.Jellyfin.AddUser("alice", "wonderland")
	alice := (&person{name: "alice", password: "wonderland"}).from(s, netip.MustParseAddr("198.51.100.1"))
	alice.enrol(t)
	spent := alice.secret.At(timeOf(alice.spent)).Digits()
	before := len(s.Jellyfin.LiveTokens())

	thief := alice.from(s, netip.MustParseAddr("203.0.113.66"))
	for _, otp := range []string{"", alice.wrongCode(), spent} {
		status, a, _ := thief.post(t, "enroll", thief.fields("Otp", otp))
		if status != http.StatusForbidden || a.Secret != "" || a.OtpAuthUri != "" || a.QrPng != "" {
			t.Errorf("enroll with code %q: %d %+v, want 403 and no secret", otp, status, a)
		}
	}
	own := totp.NewSecret().At(time.Now()).Digits()
	if status, a, _ := thief.post(t, "confirm", thief.fields("Code", own)); status != http.StatusBadRequest || a.Success {
		t.Errorf("confirm with a code of the thief's own: %d %+v, want 400", status, a)
	}
	if after := len(s.Jellyfin.LiveTokens()); after != before {
		t.Errorf("%d tokens live after the thief's tries, want %d", after, before)
	}
	if status, a, _ := alice.signIn(t); status != http.StatusOK {
		t.Errorf("alice with her own next code: %d %+v", status, a)
	}
}

// TestNobodyTouchesAFactorAtJellyfin asks for what plugins with second factors
// offer to anybody who asks.
func TestNobodyTouchesAFactorAtJellyfin(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Jellyfin: []jellyfintest.Option{jellyfintest.Plugins()}, NoTunnel: true, Logger: discard()})
	user := s.Jellyfin.AddUser("alice", "wonderland")
	token := s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value
	s.Jellyfin.Record()
	for _, path := range []string{
		"/Plugins/TwoFA/users/" + user.ID + "/totp/enroll", "/Plugins/TwoFA/users/" + user.ID + "/totp/confirm",
		"/Plugins/TwoFA/users/" + user.ID + "/totp/verify", "/plugins/twofa/users/" + user.ID + "/totp/disable",
		"/TwoFactorAuth/Authenticate", "/emby/TwoFactorAuth/Authenticate",
		"/sso/OID/p/x", "/sso/SAML/Auth/x", "/SSOViews/linking", "/opds", "/opds/v1.2/catalog",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			for _, header := range []string{"", `MediaBrowser Token="` + token + `"`} {
				req, err := http.NewRequestWithContext(t.Context(), method, s.Local+path, strings.NewReader(`{"Username":"alice","Password":"wonderland"}`))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", jsonKind)
				req.Header.Set(rowHeader, "1")
				if header != "" {
					req.Header.Set("Authorization", header)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusForbidden {
					t.Errorf("%s %s: %d, want 403", method, path, resp.StatusCode)
				}
			}
		}
	}
	for _, r := range s.Jellyfin.Requests() {
		if r.Header.Get(rowHeader) != "" {
			t.Errorf("%s %s reached Jellyfin", r.Method, r.Target)
		}
	}
}

// TestAPasswordAloneGetsNoToken tries ways on which rivals gave one: another
// spelling of the answer, a packed one, a padded body, and the id of a device
// that has just signed in.
func TestAPasswordAloneGetsNoToken(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, _ := w.play(t, stage.Options{Logger: discard()})
			s.Jellyfin.AddUser("alice", "wonderland")
			base, client := visitor(s)
			alice := &person{name: "alice", password: "wonderland", base: base, http: client, device: "just seen"}
			alice.enrol(t)
			before, asked := len(s.Jellyfin.LiveTokens()), s.Jellyfin.Count(authenticateByName)
			device := `MediaBrowser Client="Jellyfin Web", Device="Test browser", DeviceId="just seen", Version="10.11.11"`
			body := `{"Username":"alice","Pw":"wonderland"}`
			for _, path := range []string{"/Users/AuthenticateByName", "/users/authenticatebyname/", "/emby/Users/AuthenticateByName", "/mediabrowser/Users/AuthenticateByName"} {
				for _, headers := range [][2]string{
					{"Accept", `application/json; profile="CamelCase"`},
					{"Accept-Encoding", "gzip"},
					{"X-Forwarded-For", "192.168.1.5"},
					{"X-Emby-Authorization", device},
					{"X-Emby-Device-Id", "just seen"},
					{"Cookie", "TwoFactorTrust=1"},
					{"Content-Type", "text/json"},
				} {
					for _, padding := range []string{"", strings.Repeat(" ", 70<<10)} {
						req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(body+padding))
						if err != nil {
							t.Fatal(err)
						}
						req.Header.Set("Content-Type", jsonKind)
						req.Header.Set("Authorization", device)
						req.Header.Set(headers[0], headers[1])
						resp, err := client.Do(req)
						if err != nil {
							t.Fatal(err)
						}
						text, _ := io.ReadAll(resp.Body)
						_ = resp.Body.Close()
						if resp.StatusCode != http.StatusForbidden {
							t.Errorf("POST %s with %v: %d %.200q %v, want 403", path, headers, resp.StatusCode, text, resp.Header)
						}
					}
				}
			}
			if n := s.Jellyfin.Count(authenticateByName) - asked; n != 0 {
				t.Errorf("Jellyfin was asked for a password %d times", n)
			}
			// At our own endpoint, neither without a code nor with a wrong one,
			// which Jellyfin does not hear of.
			for _, otp := range []string{"", alice.wrongCode()} {
				if status, a, _ := alice.post(t, "authenticate", alice.fields("Otp", otp)); status != http.StatusUnauthorized || a.EnrollmentRequired {
					t.Errorf("authenticate with code %q: %d %+v, want 401", otp, status, a)
				}
			}
			if n := s.Jellyfin.Count(authenticateByName) - asked; n != 0 {
				t.Errorf("a wrong code reached Jellyfin %d times", n)
			}
			if after := len(s.Jellyfin.LiveTokens()); after != before {
				t.Errorf("%d tokens live at Jellyfin, want %d", after, before)
			}
		})
	}
}

// TestAStrangerDoesNotLockTheOwnerOut tries wrong codes and passwords from many
// networks, until they are stopped. The owner signs in from home all the same.
func TestAStrangerDoesNotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Logger: discard()})
	s.Jellyfin.AddUser("alice", "wonderland")
	alice := (&person{name: "alice", password: "wonderland"}).from(s, netip.MustParseAddr("198.51.100.1"))
	alice.enrol(t)

	wrong := alice.wrongCode()
	var mu sync.Mutex
	outcomes := map[int]int{}
	var tries sync.WaitGroup
	for network := range 8 {
		stranger := alice.from(s, netip.AddrFrom4([4]byte{192, 0, 2, byte(network)}))
		tries.Go(func() {
			for i := range 8 {
				// Half of the strangers know the password.
				if network%2 == 0 {
					stranger.password = fmt.Sprint("guess ", i)
				}
				status, _, _ := stranger.post(t, "authenticate", stranger.fields("Otp", wrong))
				mu.Lock()
				outcomes[status]++
				mu.Unlock()
			}
		})
	}
	tries.Wait()
	if outcomes[http.StatusTooManyRequests] == 0 || outcomes[http.StatusUnauthorized]+outcomes[http.StatusTooManyRequests] != 64 {
		t.Errorf("strangers got %v, want 401 until they are stopped with 429", outcomes)
	}
	if status, a, _ := alice.signIn(t); status != http.StatusOK {
		t.Errorf("alice at home: %d %+v", status, a)
	}
}

// TestLosersOfARaceDoNotLockTheirAccount sends one code fifty times at once
// from home. One gets in, and the next code works at once.
func TestLosersOfARaceDoNotLockTheirAccount(t *testing.T) {
	s := play(t, stage.Options{Redis: storetest.StartRedis(t).URL, Logger: discard()})
	s.Jellyfin.AddUser("alice", "wonderland")
	alice := (&person{name: "alice", password: "wonderland"}).from(s, netip.MustParseAddr("198.51.100.1"))
	alice.enrol(t)
	before := len(s.Jellyfin.LiveTokens())
	code := alice.code(t)
	outcomes := make([]int, 50)
	var tries sync.WaitGroup
	for i := range outcomes {
		tries.Go(func() {
			one := alice.from(s, netip.MustParseAddr("198.51.100.1"))
			one.device = fmt.Sprint("device ", i)
			outcomes[i], _, _ = one.post(t, "authenticate", one.fields("Otp", code))
		})
	}
	tries.Wait()
	count := map[int]int{}
	for _, status := range outcomes {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusOK]+count[http.StatusUnauthorized]+count[http.StatusTooManyRequests] != len(outcomes) {
		t.Errorf("one code fifty times at once: %v, want one 200", count)
	}
	if status, a, _ := alice.post(t, "authenticate", alice.fields("Otp", code)); status != http.StatusUnauthorized {
		t.Errorf("the spent code again: %d %+v, want 401", status, a)
	}
	if after := len(s.Jellyfin.LiveTokens()); after != before+1 {
		t.Errorf("%d tokens live at Jellyfin, want %d", after, before+1)
	}
	// The owner has no code left that is valid now, but is not made to wait.
	if status, a, _ := alice.post(t, "authenticate", alice.fields("Otp", alice.wrongCode())); status != http.StatusUnauthorized {
		t.Errorf("after the race: %d %+v, want 401 and no 429", status, a)
	}
}
