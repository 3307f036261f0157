package apppass

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

// KeeperOptions are what a [Keeper] is made of. Jellyfin, Store and Issued are
// required.
type KeeperOptions struct {
	Jellyfin Jellyfin
	Store    Store
	Issued   Issued
	// APIKey authorises where no session of the user's can; empty for none.
	// Jellyfin forbids that from 12.1 on.
	APIKey secret.Text
	// Version is what the kept sessions call their client's version; empty
	// means "1".
	Version string
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
	// Logger hears about sessions that died; nil discards.
	Logger *slog.Logger
}

// Keeper keeps, for each user, a session at Jellyfin that serves for nothing but
// to authorise devices: under a device id of its own, because authorising a
// device logs out the user's other tokens of the same device id. It is safe for
// concurrent use.
type Keeper struct {
	o    KeeperOptions
	mint *minter
}

// NewKeeper returns a keeper. Close it to finish its log-outs.
func NewKeeper(o KeeperOptions) *Keeper {
	if o.Version == "" {
		o.Version = "1"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Keeper{o: o, mint: newMinter(o.Jellyfin, o.Issued, o.Logger)}
}

// Ensure makes sure that a session of the user's is kept that lives, and mints
// one with fresh, who has just signed in with a second factor, if there is none.
// fresh lives on. The errors are [jellyfin.ErrQuickConnectOff],
// [jellyfin.ErrForbidden] and [ErrUnavailable]; without it the user is signed in
// all the same, but app passwords may not work.
func (k *Keeper) Ensure(ctx context.Context, fresh jellyfin.Session, visitor netip.Addr) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mintFor)
	defer cancel()
	kept, err := k.living(ctx, fresh.UserID)
	if !errors.Is(err, ErrNoKeeper) {
		return err
	}
	device := jellyfin.Device{Client: "Jellyward", Name: "App passwords", ID: "jellyward-" + rand.Text(), Version: k.o.Version}
	session, err := k.mint.mint(ctx, who{device: device, visitor: visitor}, func(ctx context.Context, code string) error {
		return k.o.Jellyfin.Authorize(ctx, fresh.Token, code, fresh.UserID, visitor)
	})
	if err != nil {
		return fromJellyfin("mint a session to keep", err)
	}
	if session.UserID != fresh.UserID {
		k.o.Issued.Discard(ctx, session.Token)
		return unavailable("mint a session to keep", errors.New("jellyfin signed somebody else in"))
	}
	err = k.o.Store.PutKept(ctx, Kept{UserID: fresh.UserID, Token: session.Token, DeviceID: device.ID, Created: k.o.Now()}, kept.Token.Hash())
	if err == nil {
		return nil
	}
	k.o.Issued.Discard(ctx, session.Token)
	if errors.Is(err, ErrChanged) {
		return nil // another sign-in was faster
	}
	return unavailable("keep a session", err)
}

// living returns the user's kept session, or [ErrNoKeeper] and what is kept of
// a dead one.
func (k *Keeper) living(ctx context.Context, userID string) (Kept, error) {
	kept, err := k.o.Store.Kept(ctx, userID)
	switch {
	case errors.Is(err, ErrUnknown):
		return Kept{}, ErrNoKeeper
	case err != nil:
		return Kept{}, unavailable("read the kept session", err)
	}
	alive, err := k.o.Jellyfin.Alive(ctx, kept.Token, netip.Addr{})
	if err != nil {
		return Kept{}, unavailable("ask whether the kept session lives", err)
	}
	if !alive {
		return kept, ErrNoKeeper
	}
	return kept, nil
}

// Ready tells whether a device could be signed in as the user: nil, or
// [jellyfin.ErrQuickConnectOff], [ErrNoKeeper] or [ErrUnavailable]. That an API
// key suffices is found out only by using it.
func (k *Keeper) Ready(ctx context.Context, userID string) error {
	on, err := k.o.Jellyfin.QuickConnectEnabled(ctx)
	if err != nil {
		return unavailable("ask for quick connect", err)
	}
	if !on {
		return jellyfin.ErrQuickConnectOff
	}
	_, err = k.living(ctx, userID)
	if errors.Is(err, ErrNoKeeper) && k.o.APIKey != "" {
		return nil
	}
	return err
}

// Authorize signs the device that waits with code in as the user, by the kept
// session, or by the API key if that is dead. The errors are [ErrNoKeeper],
// [ErrUnavailable], and Jellyfin's about the code: [jellyfin.ErrCodeUnknown],
// [jellyfin.ErrCodeUsed], [jellyfin.ErrQuickConnectOff] and
// [jellyfin.ErrForbidden], when the user may not sign in from there now.
func (k *Keeper) Authorize(ctx context.Context, userID, code string, visitor netip.Addr) error {
	kept, err := k.o.Store.Kept(ctx, userID)
	switch {
	case errors.Is(err, ErrUnknown):
		return k.byKey(ctx, userID, code, visitor)
	case err != nil:
		return unavailable("read the kept session", err)
	}
	err = k.o.Jellyfin.Authorize(ctx, kept.Token, code, userID, visitor)
	if !errors.Is(err, jellyfin.ErrTokenDead) {
		return fromJellyfin("authorise a device", err)
	}
	k.o.Logger.WarnContext(ctx, "kept session is dead", "user_id", userID)
	if err := k.o.Store.DropKept(ctx, userID, kept.Token.Hash()); err != nil {
		return unavailable("drop a dead session", err)
	}
	return k.byKey(ctx, userID, code, visitor)
}

// byKey authorises with the API key. That Jellyfin forbids it says nothing about
// the user.
func (k *Keeper) byKey(ctx context.Context, userID, code string, visitor netip.Addr) error {
	if k.o.APIKey == "" {
		return ErrNoKeeper
	}
	err := k.o.Jellyfin.Authorize(ctx, k.o.APIKey, code, userID, visitor)
	if errors.Is(err, jellyfin.ErrTokenDead) || errors.Is(err, jellyfin.ErrForbidden) {
		k.o.Logger.WarnContext(ctx, "the api key may not authorise for a user", "user_id", userID, "error", err)
		return ErrNoKeeper
	}
	return fromJellyfin("authorise a device", err)
}

// Drop ends the user's kept session: no app can sign in as the user, by app
// password or page, until the user signs in anew. The error is [ErrUnavailable].
func (k *Keeper) Drop(ctx context.Context, userID string) error {
	kept, err := k.o.Store.Kept(ctx, userID)
	switch {
	case errors.Is(err, ErrUnknown):
		return nil
	case err != nil:
		return unavailable("read the kept session", err)
	}
	if err := k.o.Store.DropKept(ctx, userID, kept.Token.Hash()); err != nil {
		return unavailable("drop the kept session", err)
	}
	k.o.Issued.Discard(ctx, kept.Token)
	return nil
}

// Close waits until tokens that were not kept are logged out, or until ctx ends.
func (k *Keeper) Close(ctx context.Context) error { return k.mint.background.Close(ctx) }

// fromJellyfin passes on what Jellyfin says about code, device and user, and
// makes anything else [ErrUnavailable].
func fromJellyfin(doing string, err error) error {
	for _, kind := range []error{
		jellyfin.ErrCodeUnknown, jellyfin.ErrCodeUsed, jellyfin.ErrQuickConnectOff, jellyfin.ErrForbidden, jellyfin.ErrDevice,
		ErrNoKeeper, ErrUnavailable,
	} {
		if errors.Is(err, kind) {
			return err
		}
	}
	if err == nil {
		return nil
	}
	return unavailable(doing, err)
}
