package apppass_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
)

func TestAnAppGetsJellyfinsOrdinaryAnswer(t *testing.T) {
	for _, release := range []jellyfintest.Release{jellyfintest.V10_11, jellyfintest.V12} {
		t.Run(release.String(), func(t *testing.T) {
			w := newWorld(t, options{jellyfin: []jellyfintest.Option{jellyfintest.Version(release)}})
			password, p := w.ready(t)
			typed := secret.Text(strings.ToUpper(strings.ReplaceAll(string(password), "-", " ")))
			session, err := w.service.Redeem(t.Context(), as("ALICE", typed, "phone"))
			if err != nil {
				t.Fatalf("Redeem: %v", err)
			}
			var answer struct {
				AccessToken, ServerId string
				User                  struct{ Name, Id string }
				SessionInfo           struct{ Client, DeviceName, DeviceId, ApplicationVersion string }
			}
			if err := json.Unmarshal(session.Raw, &answer); err != nil {
				t.Fatal(err)
			}
			info := answer.SessionInfo
			if answer.AccessToken != string(session.Token) || answer.User.Id != w.alice.ID || info.Client != "Findroid" ||
				info.DeviceName != "Phone phone" || info.DeviceId != "phone" || info.ApplicationVersion != "1.2" {
				t.Errorf("the app gets %s", session.Raw)
			}
			if diff := cmp.Diff([]string{"kept", "phone"}, w.devices()); diff != "" {
				t.Errorf("devices: %s", diff)
			}
			if ok, err := w.issued.Admitted(t.Context(), session.Token); !ok || err != nil {
				t.Errorf("the token is not recorded: %v", err)
			}
			all, err := w.service.List(t.Context(), w.alice.ID)
			if err != nil || len(all) != 1 || all[0].ID != p.ID || all[0].Name != "TV" || !all[0].SignedIn {
				t.Fatalf("List = %+v, %v", all, err)
			}
			if use := all[0].Uses[0]; use.Client != "Findroid" || use.DeviceName != "Phone phone" || use.Network != "198.51.100.7/32" {
				t.Errorf("last use = %+v", use)
			}
			// The browser, whose token authorised the kept session, lives on.
			if n := len(w.jellyfin.LiveTokens()); n != 3 {
				t.Errorf("%d tokens live, want the browser's, the kept one and the app's", n)
			}
		})
	}
}

func TestTheAnswerIsSpeltAsTheAppAsks(t *testing.T) {
	w := newWorld(t, options{})
	password, _ := w.ready(t)
	creds := as("alice", password, "phone")
	creds.Profile = jellyfin.CamelCase
	session, err := w.service.Redeem(t.Context(), creds)
	if err != nil || !strings.Contains(string(session.Raw), `"accessToken"`) || !strings.Contains(session.ContentType, "json") {
		t.Errorf("Redeem = %s (%s), %v", session.Raw, session.ContentType, err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t, options{})
	password, _ := w.ready(t)
	bob := w.user(t, "bob")
	ofBob, _ := w.make(t, bob, "TV")
	wrong := secret.Text("00000-00000-00000-00000")
	tests := []struct {
		what string
		as   jellyfin.Credentials
	}{
		{"no app password", as("alice", wrong, "phone")},
		{"not even the form of one", as("alice", "secret", "phone")},
		{"another user's", as("alice", ofBob, "phone")},
		{"as another user", as("bob", password, "phone")},
		{"a name that nobody has", as("mallory", password, "phone")},
		{"no name", as("", password, "phone")},
	}
	before := w.devices()
	w.jellyfin.Reset()
	for _, tt := range tests {
		tt.as.Visitor = home // a network for each, so that none waits
		_, err := w.service.Redeem(t.Context(), tt.as)
		if tt.what == "no name" {
			continue // the sixth has to wait
		}
		wantErr(t, tt.what, err, apppass.ErrRefused)
	}
	_, err := w.service.Redeem(t.Context(), jellyfin.Credentials{Name: "alice", Password: wrong, Device: app("x"), Visitor: home})
	if limit := (*throttle.LimitError)(nil); !errors.As(err, &limit) {
		t.Errorf("after five wrong ones: %v, want a limit", err)
	}
	if n := w.jellyfin.Count("QuickConnectController.InitiateQuickConnect"); n != 0 {
		t.Errorf("Jellyfin was asked for %d codes", n)
	}
	if diff := cmp.Diff(before, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
	// Another network is not kept waiting, and success costs nothing.
	for i := range 8 {
		if _, err := w.service.Redeem(t.Context(), as("alice", password, fmt.Sprint("phone", i))); err != nil {
			t.Fatalf("sign-in %d from elsewhere: %v", i, err)
		}
	}
	want := map[string]int{"app_password_unknown": 2, "app_password_of_another_user": 3, "limited": 2, "succeeded": 8}
	if diff := cmp.Diff(want, w.observed); diff != "" {
		t.Errorf("observed: %s", diff)
	}
	for outcome := range w.observed {
		if !slices.Contains(apppass.Outcomes(), outcome) {
			t.Errorf("%q is none of Outcomes", outcome)
		}
	}
}

// TestARefusalIsFoundByItsRequest: whoever was refused can tell the request, and
// the log then tells why.
func TestARefusalIsFoundByItsRequest(t *testing.T) {
	w := newWorld(t, options{})
	ctx := visitor.With(t.Context(), visitor.Visitor{Addr: home, RequestID: "5f46212d6cd3af03"})
	_, err := w.service.Redeem(ctx, as("alice", "00000-00000-00000-00000", "phone"))
	wantErr(t, "Redeem", err, apppass.ErrRefused)
	if line := w.log.String(); !strings.Contains(line, "reason=app_password_unknown") || !strings.Contains(line, "request_id=5f46212d6cd3af03") {
		t.Errorf("the log says %q", line)
	}
}

func TestOneAppAtATime(t *testing.T) {
	w := newWorld(t, options{})
	password, p := w.ready(t)
	first, err := w.service.Redeem(t.Context(), as("alice", password, "phone"))
	wantErr(t, "Redeem", err, nil)
	second, err := w.service.Redeem(t.Context(), as("alice", password, "tv"))
	wantErr(t, "Redeem elsewhere", err, nil)
	if over, err := w.issued.Ended(first.Token); !over || err != nil {
		t.Errorf("the first app's token lives on here: %v", err)
	}
	wantErr(t, "Leave", w.issued.Leave(t.Context()), nil)
	if diff := cmp.Diff([]string{"kept", "tv"}, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
	all, err := w.service.List(t.Context(), w.alice.ID)
	if err != nil || len(all) != 1 || len(all[0].Uses) != 2 || all[0].Uses[0].DeviceID != "tv" || all[0].Uses[1].DeviceID != "phone" || !all[0].SignedIn {
		t.Errorf("List = %+v, %v", all, err)
	}
	// On the same device anew: Jellyfin itself replaces the token.
	third, err := w.service.Redeem(t.Context(), as("alice", password, "tv"))
	wantErr(t, "Redeem again", err, nil)
	if ok, err := w.issued.Admitted(t.Context(), third.Token); !ok || err != nil || third.Token == second.Token {
		t.Errorf("the new token is not admitted: %v", err)
	}
	wantErr(t, "Revoke", w.service.Revoke(t.Context(), w.alice.ID, p.ID), nil)
	wantErr(t, "Revoke again", w.service.Revoke(t.Context(), w.alice.ID, p.ID), nil)
	wantErr(t, "Leave", w.issued.Leave(t.Context()), nil)
	if diff := cmp.Diff([]string{"kept"}, w.devices()); diff != "" {
		t.Errorf("devices after revocation: %s", diff)
	}
	_, err = w.service.Redeem(t.Context(), as("alice", password, "tv"))
	wantErr(t, "Redeem after revocation", err, apppass.ErrRefused)
}

func TestManyAppsAtOnceAndOneStays(t *testing.T) {
	w := newWorld(t, options{})
	password, _ := w.ready(t)
	const apps = 8
	tokens := make([]secret.Text, apps)
	var all sync.WaitGroup
	for i := range apps {
		all.Go(func() {
			creds := as("alice", password, fmt.Sprint("phone", i))
			creds.Visitor = netip.AddrFrom4([4]byte{198, 18, 0, byte(i)}) // so that none has to wait
			session, err := w.service.Redeem(t.Context(), creds)
			wantErr(t, "Redeem", err, nil)
			tokens[i] = session.Token
		})
	}
	all.Wait()
	admitted := 0
	for _, token := range tokens {
		if ok, err := w.issued.Admitted(t.Context(), token); err == nil && ok {
			admitted++
		}
	}
	if admitted != 1 {
		t.Errorf("%d of %d tokens are admitted, want 1", admitted, apps)
	}
	wantErr(t, "Leave", w.issued.Leave(t.Context()), nil)
	if n := len(w.devices()); n != 2 {
		t.Errorf("devices: %v", w.devices())
	}
}

func TestBoundToItsFirstDevice(t *testing.T) {
	w := newWorld(t, options{bind: true})
	password, _ := w.ready(t)
	for _, device := range []string{"phone", "phone"} {
		_, err := w.service.Redeem(t.Context(), as("alice", password, device))
		wantErr(t, "Redeem on "+device, err, nil)
	}
	_, err := w.service.Redeem(t.Context(), as("alice", password, "Phone"))
	wantErr(t, "Redeem elsewhere", err, apppass.ErrRefused)
}

// Whatever goes wrong, and when: nobody is let in, and no token is left.
func TestTroubleLeavesNoToken(t *testing.T) {
	tests := []struct {
		what    string
		trouble func(w *world)
		want    error
	}{
		{"quick connect is off", func(w *world) { w.jellyfin.SetQuickConnect(false) }, jellyfin.ErrQuickConnectOff},
		{"the answer to Initiate got lost", func(w *world) { w.lose("/QuickConnect/Initiate", 1) }, apppass.ErrUnavailable},
		{"the answer to Authorize got lost", func(w *world) { w.lose("/QuickConnect/Authorize", 1) }, apppass.ErrUnavailable},
		{"the answer to Redeem got lost", func(w *world) { w.lose("/Users/AuthenticateWithQuickConnect", 1) }, apppass.ErrUnavailable},
		{"two answers to Redeem got lost", func(w *world) { w.lose("/Users/AuthenticateWithQuickConnect", 2) }, apppass.ErrUnavailable},
		{"Redis goes away after Authorize", func(w *world) {
			w.before("/Users/AuthenticateWithQuickConnect", func(t testing.TB) { w.redis.Kill(t) })
		}, apppass.ErrUnavailable},
		{"Redis is away", func(w *world) { w.redis.Kill(nothing{}) }, apppass.ErrUnavailable},
		{"it was revoked meanwhile", func(w *world) {
			w.before("/Users/AuthenticateWithQuickConnect", func(t testing.TB) {
				wantErr(t, "RevokeAll", w.service.RevokeAll(context.Background(), w.alice.ID), nil)
			})
		}, apppass.ErrRefused},
		{"the account is not allowed from there", func(w *world) {
			w.jellyfin.SetUser(w.alice.ID, func(u *jellyfintest.User) { u.NoRemoteAccess = true })
		}, jellyfin.ErrForbidden},
		{"the kept session is dead", func(w *world) {
			for _, token := range w.jellyfin.LiveTokens() {
				w.jellyfin.Revoke(token.Value)
			}
		}, apppass.ErrNoKeeper},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			w := newWorld(t, options{})
			password, _ := w.ready(t)
			tt.trouble(w)
			before := w.devices()
			session, err := w.service.Redeem(t.Context(), as("alice", password, "phone"))
			wantErr(t, "Redeem", err, tt.want)
			if session.Token != "" || session.Raw != nil {
				t.Error("somebody was let in")
			}
			if w.lost != nil {
				<-w.lost
			}
			w.close(t) // all retries have been made
			w.meddler.set(nil)
			if diff := cmp.Diff(before, w.devices()); diff != "" {
				t.Errorf("devices: %s", diff)
			}
		})
	}
}

// nothing is a test that does not fail.
type nothing struct{ testing.TB }

// Helper does nothing.
func (nothing) Helper() {}

// before does something before the first request for a path.
func (w *world) before(path string, do func(t testing.TB)) {
	var once sync.Once
	w.meddler.set(func(r *http.Request, ask func() (*http.Response, error)) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, path) {
			once.Do(func() { do(nothing{}) })
		}
		return ask()
	})
}

func TestWhoHangsUpLeavesNoToken(t *testing.T) {
	w := newWorld(t, options{})
	password, _ := w.ready(t)
	before, err := w.service.Redeem(t.Context(), as("alice", password, "tv"))
	wantErr(t, "Redeem", err, nil)
	ctx, cancel := context.WithCancel(t.Context())
	w.before("/Users/AuthenticateWithQuickConnect", func(testing.TB) { cancel() })
	_, err = w.service.Redeem(ctx, as("alice", password, "phone"))
	wantErr(t, "Redeem", err, context.Canceled)
	// The app that is signed in stays so, since nobody has taken its place.
	if ok, err := w.issued.Admitted(t.Context(), before.Token); !ok || err != nil {
		t.Errorf("the app that was signed in before: %v, %v", ok, err)
	}
	if diff := cmp.Diff([]string{"kept", "tv"}, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
}

func TestADeviceThatSaysTooLittle(t *testing.T) {
	w := newWorld(t, options{})
	password, _ := w.ready(t)
	creds := as("alice", password, "phone")
	creds.Device.Version = ""
	_, err := w.service.Redeem(t.Context(), creds)
	wantErr(t, "Redeem", err, jellyfin.ErrDevice)
}

func TestClaims(t *testing.T) {
	w := newWorld(t, options{})
	password, p := w.ready(t)
	tests := []struct {
		typed secret.Text
		want  bool
	}{
		{password, true},
		{"00000-00000-00000-0000z", true}, // nobody's, but nothing else either
		{"correcthorsebx123456", false},
		{"secret123456", false},
		{"", false},
	}
	for _, tt := range tests {
		if got, err := w.service.Claims(t.Context(), tt.typed); got != tt.want || err != nil {
			t.Errorf("Claims(%q) = %v, %v", string(tt.typed), got, err)
		}
	}
	// One that ends in six digits is still one.
	ends := secret.Text("c0rrecthkrsebx123456")
	p.ID = "digits"
	wantErr(t, "PutAppPassword", w.store.PutAppPassword(t.Context(), p, ends, 20), nil)
	if got, err := w.service.Claims(t.Context(), "CORRECTHKRSEBX123456"); !got || err != nil {
		t.Errorf("Claims of one that ends in digits = %v, %v", got, err)
	}
	w.redis.Kill(t)
	_, err := w.service.Claims(t.Context(), ends)
	wantErr(t, "Claims", err, apppass.ErrUnavailable)
}

func TestMakeIsBounded(t *testing.T) {
	w := newWorld(t, options{})
	for _, name := range []string{"", "   ", strings.Repeat("x", 61), "a\x00b", "a\u202eb", "\xff"} {
		_, _, err := w.service.Make(t.Context(), w.alice.ID, "alice", name)
		wantErr(t, fmt.Sprintf("Make %q", name), err, apppass.ErrName)
	}
	for i := range apppass.MaxPerUser {
		w.make(t, w.alice, fmt.Sprint("  Wohnzimmer \t", i))
	}
	_, _, err := w.service.Make(t.Context(), w.alice.ID, "alice", "one more")
	wantErr(t, "Make", err, apppass.ErrTooMany)
	all, err := w.service.List(t.Context(), w.alice.ID)
	if err != nil || len(all) != apppass.MaxPerUser || !strings.HasPrefix(all[0].Name, "Wohnzimmer ") {
		t.Errorf("List = %d, %v", len(all), err)
	}
	if !slices.IsSortedFunc(all, func(a, b apppass.AppPassword) int { return a.Created.Compare(b.Created) }) {
		t.Error("they are not in order")
	}
	wantErr(t, "RevokeAll", w.service.RevokeAll(t.Context(), w.alice.ID), nil)
	if all, err := w.service.List(t.Context(), w.alice.ID); err != nil || len(all) != 0 {
		t.Errorf("List = %d, %v", len(all), err)
	}
}

// An orphan is a token whose successor's sign-in died before it could end it.
func TestOrphansEndWithTheNextSignIn(t *testing.T) {
	w := newWorld(t, options{})
	password, p := w.ready(t)
	token := w.jellyfin.Issue(w.alice.ID, jellyfintest.Device{ID: "orphan", Name: "x", Client: "x", Version: "1"})
	_, err := w.issued.Record(t.Context(), jellyfin.Session{Token: secret.Text(token.Value), UserID: w.alice.ID},
		issued.Details{Kind: issued.AppPassword, Device: app("orphan"), Visitor: home, AppPassword: p.ID})
	wantErr(t, "Record", err, nil)
	w.pass(2 * time.Minute)
	_, err = w.service.Redeem(t.Context(), as("alice", password, "phone"))
	wantErr(t, "Redeem", err, nil)
	wantErr(t, "Leave", w.issued.Leave(t.Context()), nil)
	if diff := cmp.Diff([]string{"kept", "phone"}, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
}
