package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
)

// trustTimeout bounds the question whether Jellyfin trusts us.
const trustTimeout = 10 * time.Second

// trust asks Jellyfin, each time it has come up, whether it believes what it is
// told of visitors: the setting is read when Jellyfin starts.
type trust struct {
	jellyfin interface {
		TrustsProxy(context.Context) (bool, error)
	}
	logger *slog.Logger
	ready  chan struct{}
}

func newTrust(client *jellyfin.Client, logger *slog.Logger) *trust {
	return &trust{jellyfin: client, logger: logger, ready: make(chan struct{}, 1)}
}

// isReady notes that Jellyfin has come up.
func (t *trust) isReady() {
	select {
	case t.ready <- struct{}{}:
	default: // the question to come will do
	}
}

// run asks until ctx ends.
func (t *trust) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.ready:
			t.ask(ctx)
		}
	}
}

func (t *trust) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, trustTimeout)
	defer cancel()
	switch trusts, err := t.jellyfin.TrustsProxy(ctx); {
	case err != nil:
		t.logger.DebugContext(ctx, "whether jellyfin trusts us is not known", "error", err)
	case !trusts:
		t.logger.ErrorContext(ctx, "jellyfin takes every visitor for one at home, because it does not know this program as a proxy",
			"hint", "in Jellyfin, under Dashboard, Networking, Known proxies, add the address that this program has for Jellyfin, and restart Jellyfin; jellyward check names the address")
	default:
		t.logger.DebugContext(ctx, "jellyfin knows this program as a proxy")
	}
}
