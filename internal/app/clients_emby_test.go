package app_test

import (
	"net/http"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// TestTheOldPrefixIsNeverTheBetterAnswer holds the probe for /emby to the plain
// one. Moonfin asks it when the plain probe did not succeed, and keeps the
// prefix for good if it gets 200; so it must not succeed where the plain one
// fails: while Jellyfin is starting, not set up, or away.
func TestTheOldPrefixIsNeverTheBetterAnswer(t *testing.T) {
	for _, release := range []jellyfintest.Release{jellyfintest.V10_11, jellyfintest.V12} {
		t.Run(release.String(), func(t *testing.T) {
			t.Parallel()
			states := []struct {
				name   string
				set    func(*jellyfintest.Server)
				status int
			}{
				{"up", func(*jellyfintest.Server) {}, http.StatusOK},
				{"migrating", func(j *jellyfintest.Server) { j.SetStarting(jellyfintest.Migrating) }, http.StatusServiceUnavailable},
				{"loading", func(j *jellyfintest.Server) { j.SetStarting(jellyfintest.Loading) }, http.StatusServiceUnavailable},
				{"not set up", func(j *jellyfintest.Server) { j.SetWizardOpen(true) }, http.StatusServiceUnavailable},
				{"away", func(j *jellyfintest.Server) { j.Close() }, http.StatusBadGateway},
			}
			for _, state := range states {
				s := play(t, stage.Options{Jellyfin: []jellyfintest.Option{jellyfintest.Version(release)}, NoTunnel: true, Logger: discard()})
				state.set(s.Jellyfin)
				restart(t.Context(), t, s) // so that what was known of the server is forgotten
				for _, probe := range []string{"/System/Info/Public", "/emby/System/Info/Public", "/mediabrowser/System/Info/Public"} {
					resp, err := http.Get(s.Local + probe)
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
					if resp.StatusCode != state.status {
						t.Errorf("%s: GET %s: %d, want %d", state.name, probe, resp.StatusCode, state.status)
					}
				}
			}
		})
	}
}
