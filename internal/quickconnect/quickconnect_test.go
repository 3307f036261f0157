package quickconnect_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/quickconnect"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/store/storetest"
	"github.com/jellyward/jellyward/internal/throttle"
)

// world is a book between a fake Jellyfin and a real Redis.
type world struct {
	jellyfin *jellyfintest.Server
	client   *jellyfin.Client
	redis    *storetest.Redis
	store    *store.Store
	issued   *issued.Registry
	keeper   *apppass.Keeper
	book     *quickconnect.Book
	alice    jellyfintest.User
	now      time.Time
}

func newWorld(t *testing.T, opts ...jellyfintest.Option) *world {
	t.Helper()
	w := &world{redis: storetest.StartRedis(t), now: time.Now().Truncate(time.Millisecond)}
	clock := func() time.Time { return w.now }
	w.jellyfin = jellyfintest.Start(t, append(opts, jellyfintest.Clock(clock))...)
	base, err := url.Parse(w.jellyfin.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.client = jellyfin.New(base, &http.Transport{DisableKeepAlives: true}, time.Minute)
	box, err := seal.New([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = store.Open(t.Context(), store.Options{URL: w.redis.URL, Box: box}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.issued = issued.New(issued.Options{Store: w.store, Jellyfin: w.client, Now: clock})
	w.keeper = apppass.NewKeeper(apppass.KeeperOptions{Jellyfin: w.client, Store: w.store, Issued: w.issued, Now: clock})
	w.book = quickconnect.New(quickconnect.Options{
		Store: w.store, Jellyfin: w.client, Keeper: w.keeper, Issued: w.issued,
		Limiter: &throttle.Limiter{Store: w.store, Now: clock}, Now: clock,
	})
	w.alice = w.jellyfin.AddUser("alice", "wonderland")
	return w
}

var home, away = netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2001:db8::7")

// ask has a television ask for a code through us.
func (w *world) ask(t *testing.T) jellyfin.QuickConnect {
	t.Helper()
	request, err := w.client.Initiate(t.Context(), tv(), away)
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Observe", w.book.Observe(t.Context(), answer(t, request), away), nil)
	return request
}

func tv() jellyfin.Device {
	return jellyfin.Device{Client: "Roku", Name: "Küche", ID: "tv", Version: "1"}
}

// answer is what Jellyfin answered.
func answer(t *testing.T, r jellyfin.QuickConnect) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"authenticated": false, "secret": string(r.Secret), "code": r.Code, "deviceId": r.Device.ID,
		"deviceName": r.Device.Name, "appName": r.Device.Client, "appVersion": r.Device.Version,
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// session is alice's session on a device.
func (w *world) session(device string) secret.Text {
	return secret.Text(w.jellyfin.Issue(w.alice.ID, jellyfintest.Device{ID: device, Name: "Firefox", Client: "Jellyfin Web", Version: "1"}).Value)
}

func wantErr(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) || (target == nil) != (err == nil) {
		t.Errorf("%s: error %v, want %v", what, err, target)
	}
}

func TestADeviceIsSeenAndAllowed(t *testing.T) {
	for _, release := range []jellyfintest.Release{jellyfintest.V10_11, jellyfintest.V12} {
		t.Run(release.String(), func(t *testing.T) {
			w := newWorld(t, jellyfintest.Version(release))
			request := w.ask(t)
			got, err := w.book.Look(t.Context(), w.alice.ID, request.Code[:3]+" "+request.Code[3:], home)
			want := quickconnect.Request{Code: request.Code, Seen: true, Device: tv(), Network: "2001:db8::/64", At: w.now, Secret: request.Secret}
			got.At = got.At.Local()
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("Look: %v, %s", err, diff)
			}
			session := w.session("browser")
			wantErr(t, "Allow", w.book.Allow(t.Context(), w.alice.ID, session, request.Code, home), nil)
			redeemed, err := w.client.Redeem(t.Context(), request.Secret, "", away)
			if err != nil || redeemed.UserID != w.alice.ID {
				t.Fatalf("Redeem = %s, %v", redeemed.UserID, err)
			}
			token, err := w.issued.RecordAnswer(t.Context(), issued.QuickConnect, redeemed.Raw, away)
			if err != nil || token.Kind != issued.QuickConnect || token.DeviceName != "Küche" {
				t.Errorf("RecordAnswer = %+v, %v", token, err)
			}
			wantErr(t, "Allow again", w.book.Allow(t.Context(), w.alice.ID, session, request.Code, home), jellyfin.ErrCodeUsed)
			if got, err := w.book.Look(t.Context(), w.alice.ID, request.Code, home); err != nil || got.Seen {
				t.Errorf("Look after that = %+v, %v", got, err)
			}
		})
	}
}

func TestTheKeptSessionAllowsFirst(t *testing.T) {
	w := newWorld(t)
	// A session of the very device that asks would end by allowing it.
	session := w.session("tv")
	wantErr(t, "Ensure", w.keeper.Ensure(t.Context(), jellyfin.Session{Token: session, UserID: w.alice.ID}, home), nil)
	wantErr(t, "Allow without a session", w.book.Allow(t.Context(), w.alice.ID, "", w.ask(t).Code, home), nil)
	if alive, err := w.client.Alive(t.Context(), session, home); alive || err != nil {
		t.Errorf("a new token of the device left the old one alive: %v", err)
	}
	wantErr(t, "Ready", w.keeper.Ready(t.Context(), w.alice.ID), nil)
}

func TestACodeFromHomeIsUnknownHereAndStillGood(t *testing.T) {
	w := newWorld(t)
	request, err := w.client.Initiate(t.Context(), tv(), home)
	wantErr(t, "Initiate", err, nil)
	got, err := w.book.Look(t.Context(), w.alice.ID, request.Code, home)
	if diff := cmp.Diff(quickconnect.Request{Code: request.Code}, got); err != nil || diff != "" {
		t.Errorf("Look: %v, %s", err, diff)
	}
	wantErr(t, "Allow", w.book.Allow(t.Context(), w.alice.ID, w.session("browser"), request.Code, home), nil)
}

func TestWhatCannotBeAllowed(t *testing.T) {
	w := newWorld(t)
	session := w.session("browser")
	for _, typed := range []string{"", "12345", "1234567", "12345a", "１２３４５６", strings.Repeat(" ", 100) + "123456"} {
		_, err := w.book.Look(t.Context(), w.alice.ID, typed, home)
		wantErr(t, "Look at "+typed, err, quickconnect.ErrCode)
		wantErr(t, "Allow "+typed, w.book.Allow(t.Context(), w.alice.ID, session, typed, home), quickconnect.ErrCode)
	}
	request := w.ask(t)
	wantErr(t, "without any session", w.book.Allow(t.Context(), w.alice.ID, "", request.Code, home), quickconnect.ErrNoSession)
	wantErr(t, "with a dead session", w.book.Allow(t.Context(), w.alice.ID, "0123456789abcdef0123456789abcdef", request.Code, home), quickconnect.ErrNoSession)
	bob := w.jellyfin.AddUser("bob", "builder")
	wantErr(t, "for another user", w.book.Allow(t.Context(), bob.ID, session, request.Code, home), jellyfin.ErrForbidden)
	w.jellyfin.SetQuickConnect(false)
	wantErr(t, "with quick connect off", w.book.Allow(t.Context(), w.alice.ID, session, request.Code, home), jellyfin.ErrQuickConnectOff)
	w.jellyfin.SetQuickConnect(true)
	w.now = w.now.Add(jellyfin.QuickConnectFor)
	wantErr(t, "too late", w.book.Allow(t.Context(), w.alice.ID, session, request.Code, home), jellyfin.ErrCodeUnknown)
	w.jellyfin.Close()
	wantErr(t, "with Jellyfin away", w.book.Allow(t.Context(), w.alice.ID, session, request.Code, home), quickconnect.ErrUnavailable)
	w.redis.Kill(t)
	wantErr(t, "with Redis away", w.book.Allow(t.Context(), w.alice.ID, session, request.Code, home), quickconnect.ErrUnavailable)
	_, err := w.book.Look(t.Context(), w.alice.ID, request.Code, home)
	wantErr(t, "Look with Redis away", err, quickconnect.ErrUnavailable)
	wantErr(t, "Observe with Redis away", w.book.Observe(t.Context(), answer(t, request), home), quickconnect.ErrUnavailable)
}

func TestGuessingIsSlowedDownForTheUserFromWhateverNetwork(t *testing.T) {
	w := newWorld(t)
	session := w.session("browser")
	request := w.ask(t)
	asked := w.jellyfin.Count("QuickConnectController.AuthorizeQuickConnect")
	limited := 0
	for i := range 20 {
		from := netip.AddrFrom4([4]byte{198, 18, 0, byte(i)})
		guess := fmt.Sprintf("%06d", i) // Jellyfin's begin at 100000
		err := w.book.Allow(t.Context(), w.alice.ID, session, guess, from)
		if i%2 == 0 {
			_, err = w.book.Look(t.Context(), w.alice.ID, guess, from)
		}
		if errors.As(err, new(*throttle.LimitError)) {
			limited++
		}
	}
	if limited < 14 {
		t.Errorf("%d of 20 guesses were limited", limited)
	}
	if n := w.jellyfin.Count("QuickConnectController.AuthorizeQuickConnect") - asked; n > 5 {
		t.Errorf("%d guesses reached Jellyfin", n)
	}
	// It keeps her from nothing else, and nobody else from anything.
	limiter := &throttle.Limiter{Store: w.store, Now: func() time.Time { return w.now }}
	if _, err := limiter.Begin(t.Context(), throttle.NetworkOf(home), w.alice.ID); err != nil {
		t.Errorf("she cannot sign in: %v", err)
	}
	bob := w.jellyfin.AddUser("bob", "builder")
	if got, err := w.book.Look(t.Context(), bob.ID, request.Code, home); err != nil || !got.Seen {
		t.Errorf("Look by another user = %+v, %v", got, err)
	}
	w.now = w.now.Add(16 * time.Minute)
	if _, err := w.book.Look(t.Context(), w.alice.ID, request.Code, home); err != nil {
		t.Errorf("Look later: %v", err)
	}
}

func TestWhatIsForwardedIsCountedToo(t *testing.T) {
	w := newWorld(t)
	var tokens []secret.Text
	for _, device := range []string{"phone", "tablet"} {
		token := w.session(device)
		tokens = append(tokens, token)
		_, err := w.issued.Record(t.Context(), jellyfin.Session{Token: token, UserID: w.alice.ID},
			issued.Details{Kind: issued.Code, Device: jellyfin.Device{ID: device}, Visitor: home})
		wantErr(t, "Record", err, nil)
	}
	guess := func(token secret.Text, status int) {
		t.Helper()
		answered, err := w.book.Guess(t.Context(), token, "code=000000", home)
		wantErr(t, "Guess", err, nil)
		answered(status)
	}
	for range 20 {
		guess(tokens[0], http.StatusOK)
	}
	for i := range 5 {
		guess(tokens[i%2], http.StatusNotFound)
	}
	for _, token := range tokens {
		if _, err := w.book.Guess(t.Context(), token, "code=000000", away); !errors.As(err, new(*throttle.LimitError)) {
			t.Errorf("the sixth guess: %v, want a limit", err)
		}
	}
	if _, err := w.book.Look(t.Context(), w.alice.ID, "000000", away); !errors.As(err, new(*throttle.LimitError)) {
		t.Errorf("the sixth guess, here: %v, want a limit", err)
	}
	if _, err := w.book.Guess(t.Context(), "0123456789abcdef0123456789abcdef", "code=000000", away); err != nil {
		t.Errorf("somebody else's guess: %v", err)
	}
	w.redis.Kill(t)
	w.now = w.now.Add(time.Minute)
	_, err := w.book.Guess(t.Context(), tokens[0], "code=000000", away)
	wantErr(t, "Guess", err, quickconnect.ErrUnavailable)
}

func TestLookingAtAKnownDeviceCostsNothing(t *testing.T) {
	w := newWorld(t)
	request := w.ask(t)
	for range 20 {
		if got, err := w.book.Look(t.Context(), w.alice.ID, request.Code, home); err != nil || !got.Seen {
			t.Fatalf("Look = %+v, %v", got, err)
		}
	}
}

func TestObserveTakesOnlyAnswers(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{"", "{}", "null", `"Quick connect is disabled"`, `{"Code":"123456"}`, `{"Code":"12:56","Secret":"x"}`} {
		wantErr(t, "Observe "+body, w.book.Observe(t.Context(), []byte(body), home), jellyfin.ErrUnavailable)
	}
	long := jellyfin.QuickConnect{Code: "123456", Secret: "x", Device: jellyfin.Device{Name: strings.Repeat("ü", 10_000)}}
	wantErr(t, "Observe", w.book.Observe(t.Context(), answer(t, long), home), nil)
	if got, err := w.book.Look(t.Context(), w.alice.ID, "123456", home); err != nil || len(got.Device.Name) > 100 {
		t.Errorf("Look = %d bytes, %v", len(got.Device.Name), err)
	}
}
