package issued_test

import (
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
)

// TestABrowserOfBeforeIsAdoptedOnce: its token is listed with when it was given
// out and can be ended; what is known keeps its facts, what was ended stays so.
func TestABrowserOfBeforeIsAdoptedOnce(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t)
	minted := w.mint("laptop")
	before := issued.Adoption{
		UserID: w.alice.ID, UserName: "alice", Token: minted.Token, Network: "198.51.100.1/32",
		Device: jellyfin.Device{Client: "Jellyfin Web", Name: "Laptop", ID: "laptop"}, At: w.now().Add(-time.Hour).UTC().Truncate(time.Second),
	}
	if ok, err := r.Adopt(t.Context(), before); !ok || err != nil {
		t.Fatalf("Adopt = %v, %v", ok, err)
	}
	all, err := r.List(t.Context(), w.alice.ID)
	if err != nil || len(all) != 1 || all[0].Kind != issued.Browser || all[0].DeviceName != "Laptop" || !all[0].Seen.Equal(before.At) {
		t.Fatalf("List = %+v, %v", all, err)
	}
	if !admitted(t, r, minted.Token) {
		t.Error("it is not admitted")
	}
	_, known := w.give(t, r, issued.Code, "phone")
	for what, a := range map[string]issued.Adoption{
		"again": before,
		"known": {UserID: w.alice.ID, Token: minted.Token, Network: "192.0.2.1/32", At: before.At.Add(-time.Hour)},
	} {
		if ok, err := r.Adopt(t.Context(), a); ok || err != nil {
			t.Errorf("%s: Adopt = %v, %v", what, ok, err)
		}
	}
	if err := r.End(t.Context(), w.alice.ID, minted.Token.Hash()); err != nil {
		t.Fatal(err)
	}
	if ok, err := r.Adopt(t.Context(), before); ok || err != nil {
		t.Errorf("ended: Adopt = %v, %v", ok, err)
	}
	if all, err := r.List(t.Context(), w.alice.ID); err != nil || len(all) != 1 || all[0].ID != known.ID {
		t.Errorf("List = %+v, %v", all, err)
	}
}
