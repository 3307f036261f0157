package apppass

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/background"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

// mintFor bounds one run of Quick Connect. A visitor who hangs up meanwhile does
// not end it: a token that nobody heard of would live for ever.
const mintFor = 30 * time.Second

// cleanUpAfter are the waits between attempts to find out whether a device was
// signed in after all. Jellyfin forgets the secret after ten minutes; what is
// left then is a token that nobody knows.
var cleanUpAfter = []time.Duration{
	0, time.Second, 5 * time.Second, 20 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
}

// discarder logs out tokens that nobody shall have. [issued.Registry] is one.
type discarder interface {
	Discard(ctx context.Context, token secret.Text)
}

// minter makes sessions by Quick Connect.
type minter struct {
	jellyfin Jellyfin
	tokens   discarder
	log      *slog.Logger

	background *background.Group
}

func newMinter(j Jellyfin, tokens discarder, log *slog.Logger) *minter {
	return &minter{jellyfin: j, tokens: tokens, log: log, background: background.NewGroup()}
}

// who is a device that is to be signed in.
type who struct {
	device  jellyfin.Device
	visitor netip.Addr
	profile jellyfin.Profile
}

// mint asks for a code on behalf of w, has it authorised, and redeems it. The
// session must be handed out or discarded. If it fails no token is left, or it is
// logged out as soon as Jellyfin can be asked.
func (m *minter) mint(ctx context.Context, w who, authorize func(ctx context.Context, code string) error) (jellyfin.Session, error) {
	request, err := m.jellyfin.Initiate(ctx, w.device, w.visitor)
	if err != nil {
		return jellyfin.Session{}, err
	}
	if err := authorize(ctx, request.Code); err != nil {
		m.cleanUp(ctx, request.Secret, err)
		return jellyfin.Session{}, err
	}
	session, err := m.jellyfin.Redeem(ctx, request.Secret, w.profile, w.visitor)
	if err != nil {
		m.cleanUp(ctx, request.Secret, err)
		return jellyfin.Session{}, err
	}
	return session, nil
}

// cleanUp logs out the token of a request that may have been authorised, unless
// why it failed says that it was not.
func (m *minter) cleanUp(ctx context.Context, request secret.Text, why error) {
	for _, not := range []error{jellyfin.ErrCodeUnknown, jellyfin.ErrForbidden, jellyfin.ErrTokenDead, ErrNoKeeper} {
		if errors.Is(why, not) {
			return
		}
	}
	ctx = context.WithoutCancel(ctx)
	m.background.Go(func() {
		err := m.background.Retry(cleanUpAfter, func() error { return m.redeemAndDiscard(ctx, request) })
		if err != nil {
			m.log.WarnContext(ctx, "a token that nobody has may be left at jellyfin", "error", why)
		}
	})
}

// redeemAndDiscard logs out the token of a request that was authorised.
func (m *minter) redeemAndDiscard(ctx context.Context, request secret.Text) error {
	ctx, cancel := context.WithTimeout(ctx, mintFor)
	defer cancel()
	session, err := m.jellyfin.Redeem(ctx, request, "", netip.Addr{})
	if err == nil {
		m.tokens.Discard(ctx, session.Token)
	}
	return err
}
