package quickconnect

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/jellyward/jellyward/internal/secret"
)

// Guess charges a try to allow a device by Jellyfin's own API, as jellyfin-web's
// page does, to whoever holds token. The digits are in rawQuery. Answered must be
// told what Jellyfin said: a code that it does not know stays charged, since it
// may be a guess, and a device that was allowed is remembered. The errors are
// [*throttle.LimitError] and [ErrUnavailable]; the request must not go on then.
func (b *Book) Guess(ctx context.Context, token secret.Text, rawQuery string, visitor netip.Addr) (answered func(status int), err error) {
	who, err := b.owner(ctx, token)
	if err != nil {
		return nil, err
	}
	attempt, err := b.begin(ctx, who, visitor)
	if err != nil {
		return nil, err
	}
	return func(status int) {
		if status != http.StatusNotFound {
			b.giveBack(ctx, attempt)
		}
		if status == http.StatusOK {
			b.remember(ctx, codesIn(rawQuery)...)
		}
	}, nil
}

// owner is the user whose token it is. One that was not given out here is
// counted alone.
func (b *Book) owner(ctx context.Context, token secret.Text) (string, error) {
	if b.o.Issued == nil {
		return token.Hash(), nil
	}
	known, ok, err := b.o.Issued.Known(ctx, token)
	switch {
	case err != nil:
		return "", unavailable("find whose token it is", err)
	case !ok:
		return token.Hash(), nil
	}
	return known.UserID, nil
}
