package app_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

const (
	filmPath = "/Videos/" + jellyfintest.MovieID + "/stream?static=true"
	songPath = "/Audio/" + jellyfintest.SongID + "/stream?static=true"
)

// from is a visitor at an address, with a token or without.
func from(s *stage.Stage, addr, token string) asker {
	a := newAsker(s, token)
	a.client.Transport = s.Edge.TransportFor(edgetest.Visitor{Addr: netip.MustParseAddr(addr)})
	return a
}

// wantStatus asks for path and compares.
func (a asker) wantStatus(t *testing.T, who, path string, want int) {
	t.Helper()
	if got := a.status(t, path); got != want {
		t.Errorf("%s: GET %.40s: %d, want %d", who, path, got, want)
	}
}

// twoReplicas are two programs with one Redis and one Jellyfin, in which alice has
// a token.
func twoReplicas(t *testing.T) (one, two *stage.Stage, token string) {
	t.Helper()
	url := storetest.StartRedis(t).URL
	one = play(t, stage.Options{Redis: url, Protocol: "http2"})
	two = play(t, stage.Options{
		Redis: url, Server: one.Jellyfin, Protocol: "http2",
		Change: func(c *config.Config) { c.KeyFile = one.Config.KeyFile },
	})
	alice := one.Jellyfin.AddUser("alice", "wonderland")
	return one, two, one.Jellyfin.Issue(alice.ID, jellyfintest.Device{ID: "tv"}).Value
}

// TestAGrantBelongsToItsNetworkAndToken shows a token at one replica and plays at
// the other, then logs out.
func TestAGrantBelongsToItsNetworkAndToken(t *testing.T) {
	one, two, token := twoReplicas(t)
	const home, neighbour = "203.0.113.7", "203.0.113.8"
	app := from(one, home, token)
	from(one, home, "").wantStatus(t, "a stranger", filmPath, http.StatusUnauthorized)
	app.wantStatus(t, "the app", "/Users/Me", http.StatusOK)
	from(one, home, "").wantStatus(t, "the player", filmPath, http.StatusOK)
	player := from(two, home, "")
	within(t, "the grant at the other replica", func() bool { return player.status(t, filmPath) == http.StatusOK })
	player.wantStatus(t, "the player", songPath, http.StatusOK)
	from(two, neighbour, "").wantStatus(t, "a neighbour", filmPath, http.StatusUnauthorized)
	from(one, "2001:db8::1", "").wantStatus(t, "a stranger", filmPath, http.StatusUnauthorized)
	from(two, neighbour, token).wantStatus(t, "the app at the neighbour's", filmPath, http.StatusOK)
	from(two, neighbour, token).wantStatus(t, "the app at the neighbour's", "/Users/Me", http.StatusOK)

	app.post(t, "/Sessions/Logout")
	from(one, home, "").wantStatus(t, "the player after the log-out", filmPath, http.StatusUnauthorized)
	within(t, "the end at the other replica", func() bool { return player.status(t, filmPath) == http.StatusUnauthorized })
	for _, s := range []*stage.Stage{one, two} {
		for _, addr := range []string{home, neighbour} {
			from(s, addr, "").wantStatus(t, "a player", filmPath, http.StatusUnauthorized)
			from(s, addr, token).wantStatus(t, "the dead token", filmPath, http.StatusUnauthorized)
			from(s, addr, token).wantStatus(t, "the dead token", "/Users/Me", http.StatusUnauthorized)
		}
	}
}

// TestAHomeWithBothFamiliesPlays lets an app show its token over IPv6, and an
// external player fetch the film over IPv4 in ranges.
func TestAHomeWithBothFamiliesPlays(t *testing.T) {
	one, two, token := twoReplicas(t)
	const app6, player4, stranger4 = "2001:db8:1:1::7", "203.0.113.7", "198.51.100.9"
	player := from(two, player4, "")
	player.wantStatus(t, "the player before all", filmPath, http.StatusUnauthorized)
	from(one, app6, token).wantStatus(t, "the app", "/Items/"+jellyfintest.MovieID, http.StatusOK)
	within(t, "the opening at the other replica", func() bool {
		resp, _ := player.get(t.Context(), t, filmPath, "Range", "bytes=0-99")
		return resp.StatusCode == http.StatusPartialContent
	})
	for range 5 {
		if resp, body := player.get(t.Context(), t, filmPath, "Range", "bytes=100-199"); resp.StatusCode != http.StatusPartialContent || len(body) != 100 {
			t.Errorf("a range of the film: %d with %d bytes", resp.StatusCode, len(body))
		}
	}
	player.wantStatus(t, "the player", songPath, http.StatusUnauthorized)
	from(two, "2001:db8:1:2::7", "").wantStatus(t, "the same family elsewhere", filmPath, http.StatusUnauthorized)
	eventually(t, "the guest at the other replica", func() bool { return from(one, player4, "").status(t, filmPath) == http.StatusOK })
	from(one, "192.0.2.1", "").wantStatus(t, "a second player", filmPath, http.StatusOK)
	from(one, stranger4, "").wantStatus(t, "a third", filmPath, http.StatusUnauthorized)
	from(one, app6, token).post(t, "/Sessions/Logout")
	eventually(t, "the end of the player's grant", func() bool { return player.status(t, filmPath) == http.StatusUnauthorized })
}

// post makes a POST request without a body and wants a success.
func (a asker) post(t *testing.T, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", `MediaBrowser Token="`+a.token+`"`)
	resp, err := a.client.Do(req)
	if err != nil {
		t.Fatalf("POST %s: %v", path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Errorf("POST %s: %d", path, resp.StatusCode)
	}
}
