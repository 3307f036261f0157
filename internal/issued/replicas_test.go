package issued_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

func TestAnEndReachesOtherReplicasWithinASecond(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(t), w.replica(t)
	run(t, two)
	for range 20 {
		token, given := w.give(t, one, issued.Code, "phone")
		if !admitted(t, two, token) {
			t.Fatal("a token of the other replica is not admitted")
		}
		wantErr(t, "End", one.End(t.Context(), w.alice.ID, given.ID), nil)
		within(t, time.Second, "the other replica refuses it", func() bool { return ended(t, two, token) && !admitted(t, two, token) })
	}
}

func TestATokenIsAdmittedEverywhereAtOnce(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(t), w.replica(t)
	run(t, two)
	for range 50 {
		s := w.mint("phone")
		if admitted(t, two, s.Token) {
			t.Fatal("a token is admitted before it is recorded")
		}
		_, err := one.Record(t.Context(), s, issued.Details{Kind: issued.Code, Device: jellyfin.Device{ID: "phone"}, Visitor: home})
		if err != nil {
			t.Fatal(err)
		}
		// What memory says may be a moment old, and no app asks for itself
		// before it has its token.
		eventually(t, "the other replica admits it", func() bool { return admitted(t, two, s.Token) })
	}
}

func TestEndedWhileNobodyListened(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(t), w.replica(t)
	token, given := w.give(t, one, issued.Code, "phone")
	if !admitted(t, two, token) {
		t.Fatal("a token of the other replica is not admitted")
	}
	wantErr(t, "End", one.End(t.Context(), w.alice.ID, given.ID), nil)
	wantErr(t, "Leave", one.Leave(t.Context()), nil)
	w.pass(time.Second) // for which it trusts its memory
	if admitted(t, two, token) {
		t.Error("it is admitted by one that does not listen")
	}
	three := w.replica(t)
	if !ended(t, three, token) {
		t.Error("one that starts does not know")
	}
}

func TestWithoutTheStoreNobodyIsAdmitted(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	run(t, r)
	token, given := w.give(t, r, issued.Code, "phone")
	over, _ := w.give(t, r, issued.Code, "tv")
	wantErr(t, "EndToken", r.EndToken(t.Context(), over), nil)
	w.redis.Kill(t)
	eventually(t, "it says that it cannot tell", func() bool {
		_, err := r.Admitted(t.Context(), token)
		if err != nil {
			wantErr(t, "Admitted", err, issued.ErrUnavailable)
		}
		return err != nil
	})
	_, err := r.Admitted(t.Context(), "0123456789abcdef0123456789abcdef")
	wantErr(t, "Admitted", err, issued.ErrUnavailable)
	if admitted, err := r.Admitted(t.Context(), over); err != nil || admitted {
		t.Errorf("Admitted of what was ended = %v, %v", admitted, err)
	}
	if !ended(t, r, over) || ended(t, r, token) {
		t.Error("what was ended is forgotten while the store is away")
	}
	_, err = r.List(t.Context(), w.alice.ID)
	wantErr(t, "List", err, issued.ErrUnavailable)
	wantErr(t, "End", r.End(t.Context(), w.alice.ID, given.ID), issued.ErrUnavailable)
	wantErr(t, "EndToken", r.EndToken(t.Context(), token), issued.ErrUnavailable)
	s := w.mint("new")
	_, err = r.Record(t.Context(), s, issued.Details{Kind: issued.Code, Device: jellyfin.Device{ID: "new"}, Visitor: home})
	wantErr(t, "Record", err, issued.ErrUnavailable)
	r.Discard(t.Context(), s.Token)
	if w.alive(s.Token) {
		t.Error("a token that was not handed out lives")
	}
	r.Touch(token, home)
	w.redis.Start(t)
	eventually(t, "it admits again", func() bool {
		ok, err := r.Admitted(t.Context(), token)
		return ok && err == nil
	})
}

func TestDiscardGoesOnUntilSomebodyTakesTheToken(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	s := w.mint("new")
	w.redis.Kill(t)
	w.jellyfin.Close()
	r.Discard(t.Context(), s.Token) // returns, and goes on
	w.redis.Start(t)
	eventually(t, "the store has taken it over", func() bool {
		return r.Load(t.Context()) == nil && ended(t, r, s.Token)
	})
}

func TestRunLogsOutAndWritesDown(t *testing.T) {
	w := newWorld(t)
	r, other := w.replica(t), w.replica(t)
	token, given := w.give(t, r, issued.Code, "phone")
	kept, _ := w.give(t, r, issued.Code, "tv")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	wantErr(t, "End", r.End(t.Context(), w.alice.ID, given.ID), nil)
	eventually(t, "Jellyfin was told", func() bool { return !w.alive(token) })
	w.pass(time.Hour)
	r.Touch(kept, netip.MustParseAddr("2001:db8::1"))
	cancel() // what was noted is written before it ends
	wantErr(t, "Run", <-done, nil)
	all, err := other.List(t.Context(), w.alice.ID)
	if err != nil || len(all) != 1 || all[0].LastNetwork != "2001:db8::/64" {
		t.Errorf("List = %+v, %v", all, err)
	}
}

func TestWhatAnotherEndedIsLoggedOutAtOnce(t *testing.T) {
	w := newWorld(t)
	idle, r := w.replica(t), w.replica(t)
	run(t, r)
	for range 3 {
		token, _ := w.give(t, idle, issued.Code, "phone")
		wantErr(t, "EndToken", idle.EndToken(t.Context(), token), nil)
		within(t, 5*time.Second, "Jellyfin was told", func() bool { return !w.alive(token) })
	}
}

func TestUnreadIsUnavailable(t *testing.T) {
	r := issued.New(issued.Options{})
	_, err := r.Ended(secret.Text("x"))
	wantErr(t, "Ended", err, issued.ErrUnavailable)
	wantErr(t, "Close", r.Close(t.Context()), nil)
}
