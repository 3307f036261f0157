package signin_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

// realWorld is a service between the fake Jellyfin server, over HTTP, and the
// real store. The clock moves only when it is told to.
type realWorld struct {
	*world
	server *jellyfintest.Server
	store  *store.Store
}

func newRealWorld(t *testing.T, hold time.Duration, opts ...jellyfintest.Option) *realWorld {
	t.Helper()
	server := jellyfintest.Start(t, opts...)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.New([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := store.Open(t.Context(), store.Options{URL: "memory:", Box: box})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	w := newWorld(t, func(o *signin.Options) {
		o.Jellyfin = jellyfin.New(base, http.DefaultTransport, time.Minute)
		o.Factors = kept
		o.Limiter = &throttle.Limiter{Store: kept, Now: o.Now}
		o.Hold = hold
	})
	return &realWorld{world: w, server: server, store: kept}
}

// enrol gives the user a second factor, confirmed with the code of the step
// before, so that the present one is unspent.
func (w *realWorld) enrol(t *testing.T, name, password string) totp.Secret {
	t.Helper()
	e, err := w.service.Enrol(t.Context(), request(name, password, ""))
	if err != nil {
		t.Fatal(err)
	}
	before := e.Secret.At(w.clock().Add(-totp.Period)).Digits()
	session, err := w.service.Confirm(t.Context(), request(name, password, before))
	if err != nil {
		t.Fatal(err)
	}
	w.service.Discard(t.Context(), session.Token)
	return e.Secret
}

func TestNothingIsLeftInJellyfinsDeviceList(t *testing.T) {
	for _, release := range []jellyfintest.Release{jellyfintest.V10_11, jellyfintest.V12} {
		t.Run(release.String(), func(t *testing.T) {
			w := newRealWorld(t, time.Nanosecond, jellyfintest.Version(release))
			alice := w.server.AddUser("alice", "wonderland")
			w.server.AddUser("bob", "builder")
			s := w.enrol(t, "alice", "wonderland")
			_, err := w.service.SignIn(t.Context(), request("bob", "builder", ""))
			wantError(t, err, signin.ErrEnrolmentRequired)
			_, err = w.service.Enrol(t.Context(), request("alice", "wonderland", ""))
			wantError(t, err, signin.ErrCodeRequired)
			_, err = w.service.SignIn(t.Context(), request("alice", "x", w.code(s)))
			wantError(t, err, signin.ErrRefused)
			if devices := w.server.Devices(); len(devices) != 0 {
				t.Errorf("devices are left: %+v", devices)
			}
			session, err := w.service.SignIn(t.Context(), request("ALICE", "wonderland", w.code(s)))
			wantError(t, err, nil)
			if session.UserID != alice.ID || session.UserName != "alice" {
				t.Errorf("session = %+v", session)
			}
			devices := w.server.Devices()
			want := []jellyfintest.Device{{Client: "Jellyfin Web", Name: "Firefox", ID: "browser", Version: release.String(), UserID: alice.ID, UserName: "alice"}}
			if diff := cmp.Diff(want, devices); diff != "" {
				t.Errorf("devices (-want +got):\n%s", diff)
			}
			w.service.Discard(t.Context(), session.Token)
			if tokens := w.server.LiveTokens(); len(tokens) != 0 {
				t.Errorf("tokens are left: %+v", tokens)
			}
		})
	}
}

func TestOneCodeAtARealServer(t *testing.T) {
	w := newRealWorld(t, time.Nanosecond)
	w.server.AddUser("alice", "wonderland")
	s := w.enrol(t, "alice", "wonderland")
	code := w.code(s)
	const tries = 40
	sessions, errs := make([]jellyfin.Session, tries), make([]error, tries)
	var done sync.WaitGroup
	for i := range tries {
		done.Go(func() {
			req := request("alice", "wonderland", code)
			// Networks of their own, so that no limit hides the race; two
			// browsers, one of which they share.
			req.Visitor = netip.AddrFrom4([4]byte{198, 18, 0, byte(i)})
			if i%2 == 0 {
				req.Device.ID = fmt.Sprint("other", i)
			}
			sessions[i], errs[i] = w.service.SignIn(t.Context(), req)
		})
	}
	done.Wait()
	var winner jellyfin.Session
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			winner = sessions[i]
		}
	}
	if won != 1 {
		t.Fatalf("%d of %d succeeded with one code", won, tries)
	}
	tokens := w.server.LiveTokens()
	if len(tokens) != 1 || tokens[0].Value != string(winner.Token) {
		t.Errorf("tokens at Jellyfin: %+v, want the winner's alone", tokens)
	}
}

func TestGuessingIsSlowedAndAStrangerDoesNotLockTheOwnerOut(t *testing.T) {
	w := newRealWorld(t, time.Nanosecond)
	w.server.AddUser("alice", "wonderland")
	s := w.enrol(t, "alice", "wonderland") // which makes home known for her
	w.server.Reset()
	stranger := request("alice", "guess", "000000")
	var limited int
	for i := range 30 {
		stranger.Visitor = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		if _, err := w.service.SignIn(t.Context(), stranger); isLimit(err) {
			limited++
		}
	}
	if limited != 25 {
		t.Errorf("%d of 30 guesses from 30 networks were limited, want all after five", limited)
	}
	if asked := w.server.Count("UserController.AuthenticateUserByName"); asked != 0 {
		t.Errorf("guessed codes reached Jellyfin %d times", asked)
	}
	if _, err := w.service.SignIn(t.Context(), request("alice", "wonderland", w.code(s))); err != nil {
		t.Errorf("the owner at home is kept out: %v", err)
	}
}

// Limits must not tell who exists: a name that nobody has signed in by is
// counted as one that somebody has, from however many networks.
func TestLimitsDoNotTellWhoExists(t *testing.T) {
	w := newRealWorld(t, time.Nanosecond)
	w.server.AddUser("alice", "wonderland")
	w.server.AddUser("bob", "builder") // has never signed in here
	w.enrol(t, "alice", "wonderland")
	guess := func(i int, name string) bool {
		stranger := request(name, "guess", "000000")
		stranger.Visitor = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		_, err := w.service.SignIn(t.Context(), stranger)
		return isLimit(err)
	}
	for i := range 12 {
		alice, bob, nobody := guess(3*i, "alice"), guess(3*i+1, []string{"bob", "BOB"}[i%2]), guess(3*i+2, "nobody")
		if alice != bob || alice != nobody {
			t.Fatalf("guess %d is limited for alice: %v, for bob: %v, for nobody: %v", i, alice, bob, nobody)
		}
	}
	if !guess(200, "bob") {
		t.Error("bob's password can be guessed without a limit, from one network after the other")
	}
	// The right password is refused alike while the name has to wait.
	owner := request("bob", "builder", "")
	owner.Visitor = netip.MustParseAddr("203.0.113.77")
	if _, err := w.service.SignIn(t.Context(), owner); !isLimit(err) {
		t.Errorf("the right password is told apart: %v", err)
	}
}

// The same distributions as in the bubble, small, with real time, a real store
// and HTTP between.
func TestRefusalsTakeEquallyLongInRealTime(t *testing.T) {
	w := newRealWorld(t, 0, jellyfintest.PasswordDelays(3*time.Millisecond, 130*time.Millisecond))
	w.server.AddUser("alice", "wonderland")
	w.server.AddUser("bob", "builder")
	s := w.enrol(t, "alice", "wonderland")
	kinds := map[string]signin.Request{
		"wrong name":     request("mallory", "x", ""),
		"wrong password": request("bob", "x", ""),
		"wrong code":     request("alice", "wonderland", w.wrong(s)),
	}
	var mu sync.Mutex
	took := map[string]sample{}
	var done sync.WaitGroup
	for kind, req := range kinds {
		done.Go(func() {
			for i := range 5 { // what alice has free
				req.Visitor = netip.AddrFrom4([4]byte{198, 18, kind[len(kind)-1], byte(i)})
				started := time.Now()
				_, err := w.service.SignIn(t.Context(), req)
				wantError(t, err, signin.ErrRefused)
				mu.Lock()
				took[kind] = append(took[kind], time.Since(started))
				mu.Unlock()
			}
		})
	}
	done.Wait()
	for kind, s := range took {
		t.Logf("%-16s %v", kind, s)
		if s.quantile(0) < 250*time.Millisecond {
			t.Errorf("%q was answered after %v", kind, s.quantile(0))
		}
		// Without the delay, every password would take 127 ms longer than any wrong
		// name; of the delay, 50 ms are chance. How closely the rest agrees is for
		// the bubble to tell: here it hangs on what else the machine does.
		if d := gap(s, took["wrong name"]); d > 100*time.Millisecond {
			t.Errorf("%q and a wrong name are told apart by time: %v and %v", kind, s, took["wrong name"])
		}
	}
}

// gap is how far apart two samples are that do not overlap.
func gap(a, b sample) time.Duration {
	return max(a.quantile(0)-b.quantile(1), b.quantile(0)-a.quantile(1), 0)
}
