package issued_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

func TestWhatWasRecordedIsListedAndAdmitted(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	token, given := w.give(t, r, issued.Code, "phone")
	if !admitted(t, r, token) || ended(t, r, token) {
		t.Error("what was given out is not admitted")
	}
	for _, other := range []secret.Text{"", "0123456789abcdef0123456789abcdef", token + "x"} {
		if admitted(t, r, other) || ended(t, r, other) {
			t.Error("a token from elsewhere is admitted, or called ended")
		}
	}
	want := issued.Token{
		ID: token.Hash(), UserID: w.alice.ID, UserName: "alice", Kind: issued.Code, Client: "App", DeviceName: "Device",
		DeviceID: "phone", Network: "203.0.113.9/32", LastNetwork: "203.0.113.9/32", Created: given.Created, Seen: given.Seen,
	}
	if diff := cmp.Diff(want, given); diff != "" {
		t.Errorf("Record: %s", diff)
	}
	all, err := r.List(t.Context(), w.alice.ID)
	if err != nil || len(all) != 1 || all[0].ID != given.ID {
		t.Errorf("List = %v, %v", all, err)
	}
	if all, err := r.List(t.Context(), "ffffffffffffffffffffffffffffffff"); err != nil || len(all) != 0 {
		t.Errorf("List of somebody else = %v, %v", all, err)
	}
}

func TestTextsOfAppsAreBounded(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	s := w.mint("d")
	token, err := r.Record(t.Context(), s, issued.Details{
		Kind: issued.Code, Device: jellyfin.Device{Client: strings.Repeat("ü", 5000), Name: "\xff\x00", ID: "d"}, Visitor: home,
	})
	if err != nil || len(token.Client) > 200 || !strings.HasPrefix(token.Client, "üü") {
		t.Errorf("Record = %d bytes, %v", len(token.Client), err)
	}
	if all, err := r.List(t.Context(), w.alice.ID); err != nil || len(all) != 1 {
		t.Errorf("List = %v, %v", all, err)
	}
}

func TestANewTokenReplacesTheOneOfItsDevice(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	old, _ := w.give(t, r, issued.Code, "phone")
	other, _ := w.give(t, r, issued.Code, "tv")
	fresh, _ := w.give(t, r, issued.AppPassword, "phone")
	if admitted(t, r, old) || !admitted(t, r, other) || !admitted(t, r, fresh) {
		t.Error("the token of the same device was not replaced, or another was")
	}
	if all, err := r.List(t.Context(), w.alice.ID); err != nil || len(all) != 2 {
		t.Errorf("List = %v, %v", all, err)
	}
}

func TestTokensOfAUserAreBounded(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	first, _ := w.give(t, r, issued.Code, "first")
	for i := range 200 {
		w.pass(time.Second)
		w.give(t, r, issued.Code, fmt.Sprint("device", i))
	}
	all, err := r.List(t.Context(), w.alice.ID)
	if err != nil || len(all) != 200 || admitted(t, r, first) || !ended(t, r, first) {
		t.Errorf("%d tokens, %v, the first one admitted: %v", len(all), err, admitted(t, r, first))
	}
}

func TestEndedIsRefusedAtOnceAndLoggedOut(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	token, given := w.give(t, r, issued.Code, "phone")
	kept, _ := w.give(t, r, issued.Code, "tv")
	wantErr(t, "End as somebody else", r.End(t.Context(), "ffffffffffffffffffffffffffffffff", given.ID), issued.ErrUnknown)
	wantErr(t, "End of no token", r.End(t.Context(), w.alice.ID, "x"), issued.ErrUnknown)
	wantErr(t, "End", r.End(t.Context(), w.alice.ID, given.ID), nil)
	wantErr(t, "End again", r.End(t.Context(), w.alice.ID, given.ID), issued.ErrUnknown)
	if admitted(t, r, token) || !ended(t, r, token) {
		t.Error("the token is admitted after its end")
	}
	if !w.alive(token) {
		t.Fatal("this test cannot tell who refuses")
	}
	if diff := cmp.Diff([]string{string(token)}, w.told()); diff != "" {
		t.Errorf("told of: %s", diff)
	}
	wantErr(t, "Leave", r.Leave(t.Context()), nil)
	if w.alive(token) || !w.alive(kept) || !admitted(t, r, kept) {
		t.Error("the token lives at Jellyfin, or another has ended")
	}
	// For a while it is refused all the same: others may remember it as alive.
	wantErr(t, "Load", r.Load(t.Context()), nil)
	if !ended(t, r, token) {
		t.Error("the end was forgotten at once")
	}
	w.pass(2 * time.Hour)
	wantErr(t, "Load", r.Load(t.Context()), nil)
	if ended(t, r, token) || admitted(t, r, token) {
		t.Error("the end was never forgotten, or the token came back")
	}
}

func TestAnEndedTokenIsNotRecordedAgain(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	s := w.mint("tv")
	details := issued.Details{Kind: issued.QuickConnect, Device: jellyfin.Device{ID: "tv"}, Visitor: home}
	if _, err := r.Record(t.Context(), s, details); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "EndToken", r.EndToken(t.Context(), s.Token), nil)
	_, err := r.Record(t.Context(), s, details) // Jellyfin gives it out as often as it is asked
	wantErr(t, "Record", err, issued.ErrEnded)
}

func TestEndAllSparesOne(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	phone, _ := w.give(t, r, issued.Code, "phone")
	tv, _ := w.give(t, r, issued.QuickConnect, "tv")
	this, given := w.give(t, r, issued.Browser, "browser")
	if n, err := r.EndAll(t.Context(), w.alice.ID, given.ID); err != nil || n != 2 {
		t.Errorf("EndAll = %d, %v", n, err)
	}
	if !ended(t, r, phone) || !ended(t, r, tv) || ended(t, r, this) || !admitted(t, r, this) {
		t.Error("others live on, or this one does not")
	}
	if n, err := r.EndAll(t.Context(), w.alice.ID, ""); err != nil || n != 1 || !ended(t, r, this) {
		t.Errorf("EndAll = %d, %v", n, err)
	}
}

func TestATokenEndedWhileJellyfinIsAwayIsLoggedOutLater(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	token, given := w.give(t, r, issued.Code, "phone")
	away := errors.New("away")
	broken := w.replica(t, func(o *issued.Options) { o.Jellyfin = silent{away} })
	wantErr(t, "End", broken.End(t.Context(), w.alice.ID, given.ID), nil)
	wantErr(t, "Leave", broken.Leave(t.Context()), away)
	// A restart, hours later: what Jellyfin was not told is not forgotten.
	w.redis.Kill(t)
	w.redis.Start(t)
	w.pass(24 * time.Hour)
	later := w.replica(t)
	if !ended(t, later, token) || admitted(t, later, token) {
		t.Error("a token that lives at Jellyfin is not refused any more")
	}
	wantErr(t, "Leave", later.Leave(t.Context()), nil)
	if w.alive(token) {
		t.Error("it lives at Jellyfin")
	}
}

func TestOneTokenInTroubleHoldsNoOtherUp(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	bad, _ := w.give(t, r, issued.Code, "bad")
	var others []secret.Text
	for i := range 5 {
		token, _ := w.give(t, r, issued.Code, fmt.Sprint("phone", i))
		others = append(others, token)
	}
	if n, err := r.EndAll(t.Context(), w.alice.ID, ""); n != 6 || err != nil {
		t.Fatalf("EndAll = %d, %v", n, err)
	}
	trouble := errors.New("trouble")
	picky := w.replica(t, func(o *issued.Options) { o.Jellyfin = choosy{o.Jellyfin, bad, trouble} })
	wantErr(t, "Leave", picky.Leave(t.Context()), trouble)
	for _, token := range others {
		if w.alive(token) {
			t.Error("another token was not logged out")
		}
	}
	wantErr(t, "Leave", r.Leave(t.Context()), nil)
	if w.alive(bad) {
		t.Error("it was not logged out when that was possible")
	}
}

// choosy is a Jellyfin that does not log one token out.
type choosy struct {
	issued.Jellyfin
	bad secret.Text
	err error
}

func (c choosy) Logout(ctx context.Context, token secret.Text) error {
	if token == c.bad {
		return c.err
	}
	return c.Jellyfin.Logout(ctx, token)
}

// silent is a Jellyfin that is away.
type silent struct{ err error }

func (s silent) Logout(context.Context, secret.Text) error { return s.err }
func (s silent) Alive(context.Context, secret.Text, netip.Addr) (bool, error) {
	return false, s.err
}

func TestMaxAgeEndsAppsAndNoBrowsers(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, func(o *issued.Options) { o.MaxAge = 24 * time.Hour })
	app, _ := w.give(t, r, issued.Code, "phone")
	browser, _ := w.give(t, r, issued.Browser, "browser")
	w.pass(23 * time.Hour)
	late, _ := w.give(t, r, issued.AppPassword, "tv")
	wantErr(t, "Sweep", r.Sweep(t.Context()), nil)
	if !admitted(t, r, app) || ended(t, r, app) {
		t.Error("an app was ended early")
	}
	w.pass(time.Hour)
	if admitted(t, r, app) || !ended(t, r, app) {
		t.Error("an old token is admitted before the sweep")
	}
	if all, err := r.List(t.Context(), w.alice.ID); err != nil || len(all) != 2 {
		t.Errorf("List = %d, %v", len(all), err)
	}
	wantErr(t, "Sweep", r.Sweep(t.Context()), nil)
	wantErr(t, "Leave", r.Leave(t.Context()), nil)
	if w.alive(app) || !w.alive(browser) || !w.alive(late) || !admitted(t, r, browser) || !admitted(t, r, late) {
		t.Error("the sweep ended too much or too little")
	}
	if diff := cmp.Diff([]string{string(app)}, w.told()); diff != "" {
		t.Errorf("told of: %s", diff)
	}
}

func TestUsesAreNotedEveryFewMinutes(t *testing.T) {
	w := newWorld(t)
	w.stopClock()
	r := w.replica(t)
	token, given := w.give(t, r, issued.Code, "phone")
	seen := func() issued.Token {
		all, err := r.List(t.Context(), w.alice.ID)
		if err != nil || len(all) != 1 {
			t.Fatalf("List = %v, %v", all, err)
		}
		return all[0]
	}
	w.pass(time.Hour)
	r.Touch(token, netip.MustParseAddr("2001:db8::1"))
	r.Touch("", home)
	r.Touch("0123456789abcdef0123456789abcdef", home) // given out by somebody else
	wantErr(t, "Flush", r.Flush(t.Context()), nil)
	first := seen()
	if first.LastNetwork != "2001:db8::/64" || first.Network != given.Network || first.Seen.Sub(given.Seen) < time.Hour-time.Second {
		t.Errorf("after a use: %+v", first)
	}
	w.pass(issued.SeenEvery - time.Second)
	r.Touch(token, home)
	wantErr(t, "Flush", r.Flush(t.Context()), nil)
	if got := seen(); !got.Seen.Equal(first.Seen) {
		t.Error("a use was noted too early")
	}
	w.pass(time.Second)
	r.Touch(token, home)
	wantErr(t, "Flush", r.Flush(t.Context()), nil)
	if got := seen(); got.Seen.Sub(first.Seen) < issued.SeenEvery-time.Second || got.LastNetwork != "203.0.113.9/32" {
		t.Errorf("a use was not noted: %+v", got)
	}
}

func TestDeadTokensGoAndLivingOnesStay(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	dead, _ := w.give(t, r, issued.Code, "phone")
	living, _ := w.give(t, r, issued.Code, "tv")
	w.jellyfin.Revoke(string(dead))
	for _, token := range []secret.Text{dead, living, "", "0123456789abcdef0123456789abcdef"} {
		r.Dead(token) // Jellyfin answers 401 for other reasons as well
	}
	asked := w.jellyfin.Count("UserController.GetCurrentUser")
	wantErr(t, "Flush", r.Flush(t.Context()), nil)
	if admitted(t, r, dead) || !admitted(t, r, living) {
		t.Error("a dead token is admitted, or a living one is not")
	}
	if n := w.jellyfin.Count("UserController.GetCurrentUser") - asked; n != 2 {
		t.Errorf("Jellyfin was asked %d times, want once for each that was given out", n)
	}
	wantErr(t, "Forget", r.Forget(t.Context(), living), nil)
	if admitted(t, r, living) || ended(t, r, living) {
		t.Error("a forgotten token is admitted")
	}
}

func TestWhatIsListedAndWasNotSeenForLongIsAskedAbout(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	dead, _ := w.give(t, r, issued.Code, "phone")
	_, living := w.give(t, r, issued.Code, "tv")
	list := func() []issued.Token {
		t.Helper()
		all, err := r.List(t.Context(), w.alice.ID)
		wantErr(t, "List", err, nil)
		wantErr(t, "Flush", r.Flush(t.Context()), nil)
		return all
	}
	w.jellyfin.Revoke(string(dead)) // by an admin at Jellyfin
	asked := w.jellyfin.Count("UserController.GetCurrentUser")
	list()
	if n := w.jellyfin.Count("UserController.GetCurrentUser") - asked; n != 0 {
		t.Errorf("Jellyfin was asked %d times about what was seen just now", n)
	}
	w.pass(time.Hour)
	list()
	if diff := cmp.Diff([]issued.Token{living}, list(), cmpopts.EquateApproxTime(time.Second)); diff != "" {
		t.Errorf("what is listed: %s", diff)
	}
}

func TestAnswersAreRecordedInEitherSpelling(t *testing.T) {
	for _, profile := range []jellyfin.Profile{"", jellyfin.CamelCase} {
		w := newWorld(t)
		r := w.replica(t)
		device := jellyfin.Device{Client: "Roku", Name: "TV", ID: "tv", Version: "1"}
		request, err := w.client.Initiate(t.Context(), device, home)
		if err != nil {
			t.Fatal(err)
		}
		wantErr(t, "Authorize", w.client.Authorize(t.Context(), w.mint("phone").Token, request.Code, w.alice.ID, home), nil)
		session, err := w.client.Redeem(t.Context(), request.Secret, profile, home)
		if err != nil {
			t.Fatal(err)
		}
		token, err := r.RecordAnswer(t.Context(), issued.QuickConnect, session.Raw, home)
		if err != nil || token.Client != "Roku" || token.DeviceName != "TV" || token.DeviceID != "tv" || token.UserID != w.alice.ID {
			t.Errorf("profile %q: RecordAnswer = %+v, %v", profile, token, err)
		}
		if !admitted(t, r, session.Token) {
			t.Errorf("profile %q: it is not admitted", profile)
		}
		for _, bad := range []string{"", "{}", "[]", "true", `{"AccessToken":"x"}`} {
			_, err := r.RecordAnswer(t.Context(), issued.QuickConnect, json.RawMessage(bad), home)
			wantErr(t, "RecordAnswer of "+bad, err, jellyfin.ErrUnavailable)
		}
	}
}
