package issued_test

import (
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/issued"
)

// TestNobodyHidesBehindALongDeviceID: jellyfin-web's device ids are its
// User-Agent in base 64 with the time behind it, and often longer than what is
// kept. What only begins like another device's id has replaced nothing at
// Jellyfin, so its token must stay in sight.
func TestNobodyHidesBehindALongDeviceID(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	agent := strings.Repeat("TW96aWxsYS81LjAg", 20)
	first, given := w.give(t, r, issued.QuickConnect, agent+"1")
	second, _ := w.give(t, r, issued.Browser, agent+"2")
	if !w.alive(first) || !w.alive(second) {
		t.Fatal("the server has ended a token, so this test shows nothing")
	}
	all, err := r.List(t.Context(), w.alice.ID)
	if err != nil || len(all) != 2 {
		t.Errorf("%d of two tokens that live are listed, %v", len(all), err)
	}
	if len(given.DeviceID) > 200 {
		t.Errorf("a device id of %d bytes is kept", len(given.DeviceID))
	}
	if n, err := r.EndAll(t.Context(), w.alice.ID, second.Hash()); err != nil || n != 1 {
		t.Errorf("signing out everywhere else ends %d, %v", n, err)
	}
	third, _ := w.give(t, r, issued.Code, agent+"2")
	if admitted(t, r, second) || !admitted(t, r, third) {
		t.Error("a new token of the very same device does not replace the old one")
	}
}
