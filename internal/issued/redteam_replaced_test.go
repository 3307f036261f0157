package issued_test

import (
	"slices"
	"testing"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
)

// TestAReplacedTokenIsForgottenEverywhere: Jellyfin has ended the older token of
// the same device. Whoever had let it in must hear of that as of any other end,
// or its networks could fetch films after the user has signed out.
func TestAReplacedTokenIsForgottenEverywhere(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	old, _ := w.give(t, r, issued.Code, "phone")
	other, _ := w.give(t, r, issued.Code, "tv")
	fresh, _ := w.give(t, r, issued.Code, "phone")
	if told := w.told(); !slices.Equal(told, []string{string(old)}) {
		t.Errorf("told of %d ends, want the replaced token's", len(told))
	}
	if !admitted(t, r, other) || !admitted(t, r, fresh) {
		t.Error("a token that was not replaced is turned away")
	}
}

// TestNobodyHidesByRecordingInTheWrongOrder: Jellyfin hands out the token of a
// Quick Connect request as often and as late as somebody asks, also when it has
// ended it for a later one of the same device. Recording the dead one last must
// not put the living one out of sight.
func TestNobodyHidesByRecordingInTheWrongOrder(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	details := issued.Details{
		Kind: issued.QuickConnect, Device: jellyfin.Device{Client: "App", Name: "Device", ID: "tv", Version: "1"}, Visitor: home,
	}
	dead, living := w.mint("tv"), w.mint("tv")
	if w.alive(dead.Token) || !w.alive(living.Token) {
		t.Fatal("the fake server does not end the older token")
	}
	for _, s := range []jellyfin.Session{living, dead} {
		if _, err := r.Record(t.Context(), s, details); err != nil {
			t.Fatal(err)
		}
	}
	if !admitted(t, r, living.Token) {
		t.Error("a token that lives is not admitted")
	}
	if _, err := r.EndAll(t.Context(), w.alice.ID, ""); err != nil {
		t.Fatal(err)
	}
	if !ended(t, r, living.Token) {
		t.Error("after signing out everywhere a token still counts")
	}
	if err := r.Leave(t.Context()); err != nil || w.alive(living.Token) {
		t.Errorf("signing out everywhere leaves a token alive, %v", err)
	}
}
