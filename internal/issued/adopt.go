package issued

import (
	"context"
	"errors"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

// Adoption is a token that was given out to a browser by a program that did not
// remember tokens yet.
type Adoption struct {
	UserID, UserName string
	Token            secret.Text
	Device           jellyfin.Device
	// Network is where it was given out to, At when.
	Network string
	At      time.Time
}

// Adopt remembers the token, as if it had been recorded when it was given out,
// and reports whether it did: not if it is known, or was ended. The error is
// [ErrUnavailable].
func (r *Registry) Adopt(ctx context.Context, a Adoption) (bool, error) {
	token := Token{
		ID: a.Token.Hash(), UserID: a.UserID, UserName: clip(a.UserName), Kind: Browser,
		Client: clip(a.Device.Client), DeviceName: clip(a.Device.Name), DeviceID: boundedID(a.Device.ID),
		Network: a.Network, LastNetwork: a.Network, Created: a.At, Seen: a.At,
	}
	_, err := r.store.Issued(ctx, token.ID)
	if errors.Is(err, ErrUnknown) {
		err = r.store.PutIssued(ctx, Record{Token: token, Secret: a.Token})
		if err == nil {
			r.learn(token)
			return true, nil
		}
	}
	if err != nil && !errors.Is(err, ErrEnded) {
		return false, unavailable("adopt a token", err)
	}
	return false, nil
}
