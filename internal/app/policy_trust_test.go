package app_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// written is a log whose words can be counted.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *written) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *written) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

// TestTheLogSaysThatJellyfinDoesNotTrustUs warns when the program starts, and
// again when Jellyfin was away.
func TestTheLogSaysThatJellyfinDoesNotTrustUs(t *testing.T) {
	t.Parallel()
	const warning, trusts = "takes every visitor for one at home", "knows this program as a proxy"
	for _, trusted := range []bool{false, true} {
		log := &written{}
		o := stage.Options{NoTunnel: true, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		said, other := trusts, warning
		if !trusted {
			o.Jellyfin = []jellyfintest.Option{jellyfintest.KnownProxies()}
			said, other = warning, trusts
		}
		s := play(t, o)
		eventually(t, said, func() bool { return log.count(said) == 1 })
		app := newAsker(s, s.Jellyfin.AddAPIKey("trust"))
		for _, phase := range []struct {
			jellyfintest.Phase
			status int
		}{{jellyfintest.Loading, http.StatusServiceUnavailable}, {jellyfintest.Started, http.StatusOK}} {
			s.Jellyfin.SetStarting(phase.Phase)
			eventually(t, fmt.Sprint(phase.status), func() bool { return app.status(t, "/Items") == phase.status })
		}
		eventually(t, said, func() bool { return log.count(said) == 2 })
		if n := log.count(other); n != 0 {
			t.Errorf("trusted: %v, and yet the log says %d times that it %s", trusted, n, other)
		}
	}
}
