package quickconnect

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/jellyward/jellyward/internal/secret"
)

// Guess charges a try to allow a device by Jellyfin's own API, as jellyfin-web's
// page does, to whoever holds token. Answered must be told what Jellyfin said: a
// code that it does not know stays charged, since it may be a guess. The errors
// are [*throttle.LimitError] and [ErrUnavailable].
func (b *Book) Guess(ctx context.Context, token secret.Text, visitor netip.Addr) (answered func(status int), err error) {
	attempt, err := b.begin(ctx, token.Hash(), visitor)
	if err != nil {
		return nil, err
	}
	return func(status int) {
		if status != http.StatusNotFound {
			b.giveBack(ctx, attempt)
		}
	}, nil
}
