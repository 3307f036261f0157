package app_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// TestAStopLetsRunningDownloadsEnd stops the program while a film runs. Nobody
// new is let in, the film comes to its end, and then the program ends without
// an error.
func TestAStopLetsRunningDownloadsEnd(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, _ := w.play(t, stage.Options{Jellyfin: []jellyfintest.Option{jellyfintest.VideoSize(filmSize)}, Logger: discard()})
			user := s.Jellyfin.AddUser("alice", "wonderland")
			app := newAsker(s, s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value)
			film := app.playFilm(t)
			edge, local := s.Edge, strings.TrimPrefix(s.Local, "http://")

			ended := make(chan error, 1)
			go func() { ended <- s.Restart(context.WithoutCancel(t.Context())) }()
			eventually(t, "the local door to close", func() bool {
				conn, err := net.Dial("tcp", local)
				if err == nil {
					_ = conn.Close()
				}
				return err != nil
			})
			if edge != nil {
				eventually(t, "the tunnel to close", func() bool {
					resp, _ := visit(t, edge.Transport(), http.MethodGet, "/System/Info/Public", nil)
					return resp.StatusCode != http.StatusOK
				})
			}
			select {
			case err := <-ended:
				t.Fatalf("the program ended while a film was running: %v", err)
			default:
			}
			if err := film.rest(); err != nil {
				t.Errorf("the film was not let to its end: %v", err)
			}
			if err := <-ended; err != nil {
				t.Errorf("the program ended with %v", err)
			}
			again := newAsker(s, app.token)
			if status := again.status(t, "/Users/Me"); status != http.StatusOK {
				t.Errorf("after the restart: %d", status)
			}
		})
	}
}
