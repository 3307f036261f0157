package app_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// recordedFilm is the length of the fake's film, as recorded.
const recordedFilm = 407270

// household is where an app and the player that it starts are.
type household struct {
	name        string
	app, player string
	// strangers are nobody of the household, in the player's address family.
	strangers []string
	// room is how many of them may come in with the player: an opening has room
	// for two networks of the other family, since it cannot tell whose they are.
	room int
}

// households are the ways in which one home looks from outside.
var households = []household{
	{"one IPv4 address", "198.51.100.20", "198.51.100.20", []string{"198.51.100.21", "203.0.113.77"}, 0},
	{"one IPv6 network", "2001:db8:1:2::10", "2001:db8:1:2:abcd::1", []string{"2001:db8:1:3::10", "2001:db9::1"}, 0},
	{"app over IPv6, player over IPv4", "2001:db8:2:2::10", "198.51.100.30", []string{"198.51.100.31", "203.0.113.77", "192.0.2.1"}, 1},
	{"app over IPv4, player over IPv6", "198.51.100.40", "2001:db8:4:2::10", []string{"2001:db8:4:3::10", "2001:db9::1", "2001:dba::1"}, 1},
}

// TestAWholeFilmPlaysInAnotherProgram lets an app open a film and hand its
// address to another program, which then fetches all of it in pieces without one
// request that carries a token, as Android TV, Wholphin and the Android app do.
// It plays in every household, and only there; and no longer once the app has
// signed out.
func TestAWholeFilmPlaysInAnotherProgram(t *testing.T) {
	players := playersOf(t)
	perTunnel(t, func(t *testing.T, _ jellyfintest.Release, s *stage.Stage) {
		for _, h := range households {
			for client, player := range players {
				t.Run(h.name+"/"+client, func(t *testing.T) { h.watch(t, s, player) })
			}
		}
	})
}

// playersOf are the requests that other programs make without a token, by the
// app that starts them.
func playersOf(t *testing.T) map[string][]asked {
	t.Helper()
	players := map[string][]asked{}
	for _, script := range nativeScripts() {
		for i, row := range script.rows {
			if script.bare[i] && strings.HasPrefix(row.step, "external player") {
				players[script.client] = append(players[script.client], row)
			}
		}
	}
	if len(players) != 3 {
		t.Fatalf("%d apps start other players, want 3", len(players))
	}
	return players
}

// watch plays the film once.
func (h household) watch(t *testing.T, s *stage.Stage, player []asked) {
	t.Helper()
	user := s.Jellyfin.AddUser("user of "+t.Name(), "wonderland")
	app := newSite(s.Jellyfin, user, through(s.Edge, netip.MustParseAddr(h.app)))
	at := func(addr string) *site {
		there := *app
		there.transport = through(s.Edge, netip.MustParseAddr(addr))
		return &there
	}
	other := at(h.player)

	refused(t, other, "before the film was opened", player...)
	withToken := [2]string{"Authorization", `MediaBrowser Token="{{token}}"`}
	opened := app.ask(t, asked{method: http.MethodPost, target: "/Items/{{movie.id}}/PlaybackInfo", headers: [][2]string{withToken, {"Content-Type", "application/json"}}, body: "{}"})
	if opened.status != http.StatusOK {
		t.Fatalf("open the film: %d %s", opened.status, opened.body)
	}
	for _, row := range player {
		if strings.Contains(row.step, "subtitle") {
			if got := other.ask(t, row); got.status != http.StatusOK {
				t.Errorf("%s: %d, want 200", row, got.status)
			}
			continue
		}
		watchAll(t, other, row)
		let := 0
		for _, stranger := range h.strangers {
			if at(stranger).ask(t, row).status != http.StatusUnauthorized {
				let++
			}
		}
		if let > h.room {
			t.Errorf("%s: %d strangers see it as well, at most %d may", row, let, h.room)
		}
	}
	if h.room > 0 {
		refused(t, other, "for what was not opened", asked{method: http.MethodGet, target: "/Audio/{{song.id}}/stream?static=true"})
	}
	if got := app.ask(t, asked{method: http.MethodPost, target: "/Sessions/Logout", headers: [][2]string{withToken}}); got.status != http.StatusNoContent {
		t.Fatalf("sign out: %d", got.status)
	}
	refused(t, other, "after the app has signed out", player...)
}

// watchAll looks at the whole film as players do: how long it is, its end, and
// then piece by piece.
func watchAll(t *testing.T, s *site, row asked) {
	t.Helper()
	row.headers = slices.DeleteFunc(slices.Clone(row.headers), func(h [2]string) bool { return h[0] == "Range" })
	row.headers = append(row.headers, [2]string{"Range", ""})
	last := len(row.headers) - 1
	const piece = 60_000
	begins := []int{recordedFilm - 100}
	for begin := 0; begin < recordedFilm; begin += piece {
		begins = append(begins, begin)
	}
	for _, begin := range begins {
		end := min(begin+piece, recordedFilm) - 1
		row.headers[last][1] = fmt.Sprintf("bytes=%d-%d", begin, end)
		got := s.ask(t, row)
		want := fmt.Sprintf("bytes %d-%d/%d", begin, end, recordedFilm)
		if got.status != http.StatusPartialContent || got.header.Get("Content-Range") != want || len(got.body) != end-begin+1 {
			t.Errorf("%s: %s: %d with %d bytes, %q, want 206 with %q", row, row.headers[last][1], got.status, len(got.body), got.header.Get("Content-Range"), want)
			return
		}
		if got.body[0] != jellyfintest.FilmByte(int64(begin)) || got.body[len(got.body)-1] != jellyfintest.FilmByte(int64(end)) {
			t.Errorf("%s: %s: not that part of the film", row, row.headers[last][1])
		}
	}
	row.headers, row.method = row.headers[:last], http.MethodHead
	if got := s.ask(t, row); got.status != http.StatusOK || got.header.Get("Content-Length") != fmt.Sprint(recordedFilm) {
		t.Errorf("%s: %d, %q bytes", row, got.status, got.header.Get("Content-Length"))
	}
}

// refused wants 401 for every row.
func refused(t *testing.T, s *site, when string, rows ...asked) {
	t.Helper()
	for _, row := range rows {
		if got := s.ask(t, row); got.status != http.StatusUnauthorized {
			t.Errorf("%s %s: %d, want 401", row, when, got.status)
		}
	}
}
