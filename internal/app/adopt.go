package app

import (
	"context"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
)

// adopt remembers the tokens of browsers that are signed in since before the
// program remembered tokens: their users are to see them, and be able to sign
// them out.
func (a *App) adopt(ctx context.Context) error {
	sessions, err := a.store.AllSessions(ctx)
	if err != nil {
		return err
	}
	adopted := 0
	for _, s := range sessions {
		ok, err := a.apps.issued.Adopt(ctx, issued.Adoption{
			UserID: s.UserID, UserName: s.UserName, Token: s.Token, Network: s.Network, At: s.Created,
			Device: jellyfin.Device{Client: "Jellyfin Web", Name: s.DeviceName, ID: s.DeviceID},
		})
		if err != nil {
			return err
		}
		if ok {
			adopted++
		}
	}
	if adopted > 0 {
		a.logger.InfoContext(ctx, "browsers that signed in before devices were listed are listed now", "browsers", adopted)
	}
	return nil
}
