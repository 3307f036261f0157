package apppass_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
)

func TestEnsureKeepsOneSession(t *testing.T) {
	w := newWorld(t, options{})
	fresh := w.fresh(w.alice)
	wantErr(t, "Ready", w.keeper.Ready(t.Context(), w.alice.ID), apppass.ErrNoKeeper)
	var all sync.WaitGroup
	for range 6 { // sign-ins at once
		all.Go(func() { wantErr(t, "Ensure", w.keeper.Ensure(t.Context(), fresh, home), nil) })
	}
	all.Wait()
	if diff := cmp.Diff([]string{"kept"}, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
	wantErr(t, "Ready", w.keeper.Ready(t.Context(), w.alice.ID), nil)
	first, err := w.store.Kept(t.Context(), w.alice.ID)
	wantErr(t, "Kept", err, nil)
	wantErr(t, "Ensure", w.keeper.Ensure(t.Context(), fresh, home), nil)
	if again, err := w.store.Kept(t.Context(), w.alice.ID); err != nil || again.Token != first.Token {
		t.Errorf("a living session was replaced: %v", err)
	}
	// The user changed the password: Jellyfin has ended all sessions.
	w.jellyfin.Revoke(string(first.Token))
	wantErr(t, "Ready", w.keeper.Ready(t.Context(), w.alice.ID), apppass.ErrNoKeeper)
	wantErr(t, "Ensure", w.keeper.Ensure(t.Context(), fresh, home), nil)
	if again, err := w.store.Kept(t.Context(), w.alice.ID); err != nil || again.Token == first.Token || again.DeviceID == first.DeviceID {
		t.Errorf("a dead session was not replaced: %v", err)
	}
	wantErr(t, "Drop", w.keeper.Drop(t.Context(), w.alice.ID), nil)
	wantErr(t, "Drop again", w.keeper.Drop(t.Context(), w.alice.ID), nil)
	if diff := cmp.Diff([]string{}, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
}

func TestEnsureInTrouble(t *testing.T) {
	w := newWorld(t, options{})
	fresh := w.fresh(w.alice)
	w.jellyfin.SetQuickConnect(false)
	wantErr(t, "Ensure", w.keeper.Ensure(t.Context(), fresh, home), jellyfin.ErrQuickConnectOff)
	wantErr(t, "Ready", w.keeper.Ready(t.Context(), w.alice.ID), jellyfin.ErrQuickConnectOff)
	w.jellyfin.SetQuickConnect(true)
	dead := fresh
	dead.Token = "0123456789abcdef0123456789abcdef"
	wantErr(t, "Ensure with a dead token", w.keeper.Ensure(t.Context(), dead, home), apppass.ErrUnavailable)
	w.before("/QuickConnect/Authorize", func(t testing.TB) { w.redis.Kill(t) })
	wantErr(t, "Ensure without Redis", w.keeper.Ensure(t.Context(), fresh, home), apppass.ErrUnavailable)
	w.meddler.set(nil)
	w.close(t)
	if diff := cmp.Diff([]string{}, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
}

func TestTheAPIKeyStandsInWhereItMay(t *testing.T) {
	w := newWorld(t, options{key: true})
	password, _ := w.make(t, w.alice, "TV") // she has never signed in here
	wantErr(t, "Ready", w.keeper.Ready(t.Context(), w.alice.ID), nil)
	_, err := w.service.Redeem(t.Context(), as("alice", password, "phone"))
	wantErr(t, "Redeem", err, nil)
	if diff := cmp.Diff([]string{"phone"}, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
	w.jellyfin.Revoke(string(w.key))
	_, err = w.service.Redeem(t.Context(), as("alice", password, "tv"))
	wantErr(t, "Redeem with a dead key", err, apppass.ErrNoKeeper)
	if diff := cmp.Diff([]string{"phone"}, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
}

// From 12.1 on Jellyfin answers 403 to a key that authorises for somebody, as
// it does to any user who authorises for another.
func TestAKeyThatMayNotAuthorise(t *testing.T) {
	w := newWorld(t, options{key: true, jellyfin: []jellyfintest.Option{jellyfintest.Version(jellyfintest.V12)}})
	bob := w.user(t, "bob")
	keeper := apppass.NewKeeper(apppass.KeeperOptions{
		Jellyfin: w.client(t), Store: w.store, Issued: w.issued, APIKey: w.fresh(bob).Token, Now: w.now,
	})
	request, err := w.client(t).Initiate(t.Context(), app("phone"), home)
	wantErr(t, "Initiate", err, nil)
	wantErr(t, "Authorize", keeper.Authorize(t.Context(), w.alice.ID, request.Code, home), apppass.ErrNoKeeper)
	wantErr(t, "Close", keeper.Close(t.Context()), nil)
}

// What Jellyfin says of a living session's user is final: the key would let in
// who may not come in from there.
func TestTheAPIKeyOverrulesNobody(t *testing.T) {
	w := newWorld(t, options{key: true})
	password, _ := w.ready(t)
	w.jellyfin.SetUser(w.alice.ID, func(u *jellyfintest.User) { u.NoRemoteAccess = true })
	_, err := w.service.Redeem(t.Context(), as("alice", password, "phone"))
	wantErr(t, "Redeem", err, jellyfin.ErrForbidden)
	if diff := cmp.Diff([]string{"kept"}, w.devices()); diff != "" {
		t.Errorf("devices: %s", diff)
	}
}

// Jellyfin signs a disabled user in by Quick Connect, with a token that is dead.
func TestTheAPIKeySignsNobodyInWhoIsDisabled(t *testing.T) {
	w := newWorld(t, options{key: true})
	password, _ := w.make(t, w.alice, "TV")
	w.jellyfin.SetUser(w.alice.ID, func(u *jellyfintest.User) { u.Disabled = true })
	_, err := w.service.Redeem(t.Context(), as("alice", password, "phone"))
	wantErr(t, "Redeem", err, jellyfin.ErrForbidden)
}

func TestCodesThatCannotBeAuthorised(t *testing.T) {
	w := newWorld(t, options{})
	w.ready(t)
	request, err := w.client(t).Initiate(t.Context(), app("phone"), home)
	wantErr(t, "Initiate", err, nil)
	authorize := func(code string) error { return w.keeper.Authorize(t.Context(), w.alice.ID, code, home) }
	wantErr(t, "an unknown code", authorize("000000"), jellyfin.ErrCodeUnknown)
	wantErr(t, "the right one", authorize(request.Code), nil)
	wantErr(t, "the same again", authorize(request.Code), jellyfin.ErrCodeUsed)
	w.jellyfin.SetQuickConnect(false)
	wantErr(t, "with quick connect off", authorize(request.Code), jellyfin.ErrQuickConnectOff)
}
