package app_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

func TestACutQUICConnectionComesBack(t *testing.T) {
	t.Parallel()
	cutAndBack(t, "quic")
}

// cutAndBack breaks the connection to the edge while films run and requests
// come. What was cut is seen as cut, and when the connection is back, so is
// everything else.
func cutAndBack(t *testing.T, protocol string) {
	t.Helper()
	const long = 4 << 30 // not over before the cut
	s := play(t, stage.Options{Protocol: protocol, Jellyfin: []jellyfintest.Option{jellyfintest.VideoSize(long)}, Logger: discard()})
	user := s.Jellyfin.AddUser("alice", "wonderland")
	app := newAsker(s, s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value)
	socket, _ := dialSocket(t, app.client.Transport, app.base+"/socket?ApiKey="+app.token, http.Header{})
	if socket == nil || socket.message(t) != "ForceKeepAlive" {
		t.Fatal("no WebSocket")
	}
	// All films are being watched, or those that are not would fill the one
	// connection.
	var films sync.WaitGroup
	for range 8 {
		film := app.playFilm(t)
		films.Go(func() {
			if err := film.rest(); err == nil {
				t.Error("a film that was cut looks whole")
			}
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, app.base+"/System/Info/Public", nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := app.client.Do(req)
				if err != nil {
					continue // cut
				}
				_ = resp.Body.Close()
			}
		})
	}

	mend := s.Edge.Cut()
	films.Wait()
	if _, _, err := socket.read(); err == nil {
		t.Error("the WebSocket lives on without a connection")
	}
	back, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, n := range []int{0, 1} {
		if err := s.Edge.WaitConnections(back, n); err != nil {
			t.Fatal(err)
		}
		mend()
	}
	eventually(t, "answers", func() bool {
		resp, _ := visit(t, s.Edge.Transport(), http.MethodGet, "/System/Info/Public", nil)
		return resp.StatusCode == http.StatusOK
	})
	stop()
	load.Wait()
	s.Jellyfin.SetVideoSize(filmSize)
	again := app.playFilm(t)
	if err := again.rest(); err != nil {
		t.Errorf("a film after the cut: %v", err)
	}
	// Nobody watches any more: nothing may go on behind the cut.
	eventually(t, "the WebSocket's end at Jellyfin", func() bool { return s.Jellyfin.Sockets() == 0 })
}
