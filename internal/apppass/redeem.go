package apppass

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
	"github.com/jellyward/jellyward/internal/visitor"
)

// orphanAfter is how long a token may live beside its successor. It is longer
// than a sign-in takes, so that two at once do not end each other.
const orphanAfter = time.Minute

// maxLogged is how much of an app's name for itself a line of the log holds, in
// bytes.
const maxLogged = 64

// reason says in the log, and nowhere else, why an app password was refused.
type reason string

const (
	passwordUnknown reason = "app_password_unknown"
	otherUser       reason = "app_password_of_another_user"
	otherDevice     reason = "app_password_on_another_device"
	wasRevoked      reason = "app_password_revoked"
)

// Outcomes of a try that is not refused, for [Options.Observe]. They are those
// of a sign-in with a code as well.
const (
	succeeded    = "succeeded"
	wasLimited   = "limited"
	hasLeft      = "visitor_left"
	notAvailable = "not_available"
)

// Outcomes are all words that [Options.Observe] is called with.
func Outcomes() []string {
	return []string{
		succeeded, wasLimited, hasLeft, notAvailable,
		string(passwordUnknown), string(otherUser), string(otherDevice), string(wasRevoked),
	}
}

// Claims tells whether what was typed as a password is to be taken for an app
// password and given to [Service.Redeem]: because it is one, or because it can
// be nothing else that opens anything. A password with a code behind it may look
// like one. The error is [ErrUnavailable].
func (s *Service) Claims(ctx context.Context, typed secret.Text) (bool, error) {
	password, ok := Parse(typed)
	if !ok || !endsInCode(typed) {
		return ok, nil
	}
	_, err := s.o.Store.FindAppPassword(ctx, password)
	switch {
	case errors.Is(err, ErrUnknown):
		return false, nil
	case err != nil:
		return false, unavailable("look an app password up", err)
	}
	return true, nil
}

// Redeem signs the app on a device in with an app password, as the user of that
// name, and returns Jellyfin's session, whose Raw is what the app wants. Its
// token is recorded already; if it cannot be handed out it must be given to
// [issued.Registry.Discard].
//
// The errors are [ErrRefused], [ErrNoKeeper], [ErrUnavailable],
// [*throttle.LimitError], [jellyfin.ErrQuickConnectOff], [jellyfin.ErrDevice]
// and [jellyfin.ErrForbidden].
func (s *Service) Redeem(ctx context.Context, as jellyfin.Credentials) (jellyfin.Session, error) {
	session, err := s.try(ctx, as)
	if s.o.Observe == nil {
		return session, err
	}
	switch {
	case err == nil:
		s.o.Observe(succeeded)
	case errors.Is(err, ErrRefused): // its reason was observed
	case errors.As(err, new(*throttle.LimitError)):
		s.o.Observe(wasLimited)
	case ctx.Err() != nil:
		s.o.Observe(hasLeft)
	default:
		s.o.Observe(notAvailable)
	}
	return session, err
}

// try is a redemption within the limits on tries.
func (s *Service) try(ctx context.Context, as jellyfin.Credentials) (jellyfin.Session, error) {
	attempt, err := s.o.Limiter.Begin(ctx, throttle.NetworkOf(as.Visitor), "")
	if errors.As(err, new(*throttle.LimitError)) {
		return jellyfin.Session{}, err
	}
	if err != nil {
		return jellyfin.Session{}, unavailable("count a try", err)
	}
	left := ctx.Err
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mintFor)
	defer cancel()
	session, err := s.redeem(ctx, as, left)
	if !errors.Is(err, ErrRefused) {
		// If the store is away the charge stays and ages out, which is safe.
		_ = attempt.Cancel(ctx)
	}
	if err == nil && left() != nil {
		s.o.Issued.Discard(ctx, session.Token)
		return jellyfin.Session{}, left()
	}
	return session, err
}

// redeem signs the app in unless it has left meanwhile: what was signed in before
// is ended only for somebody who takes its place.
func (s *Service) redeem(ctx context.Context, as jellyfin.Credentials, left func() error) (jellyfin.Session, error) {
	p, err := s.find(ctx, as)
	if err != nil {
		return jellyfin.Session{}, err
	}
	w := who{device: as.Device, visitor: as.Visitor, profile: as.Profile}
	session, err := s.mint.mint(ctx, w, func(ctx context.Context, code string) error {
		return s.o.Keeper.Authorize(ctx, p.UserID, code, as.Visitor)
	})
	if err != nil {
		return jellyfin.Session{}, fromJellyfin("sign an app in", err)
	}
	err = left()
	if err == nil {
		err = s.settle(ctx, p, session, as)
	}
	if err != nil {
		s.o.Issued.Discard(ctx, session.Token)
		return jellyfin.Session{}, err
	}
	return session, nil
}

// find returns the app password if it is one of the user of that name.
func (s *Service) find(ctx context.Context, as jellyfin.Credentials) (AppPassword, error) {
	password, ok := Parse(as.Password)
	if !ok {
		return AppPassword{}, s.refuse(ctx, AppPassword{}, passwordUnknown, as)
	}
	p, err := s.o.Store.FindAppPassword(ctx, password)
	switch {
	case errors.Is(err, ErrUnknown):
		return AppPassword{}, s.refuse(ctx, AppPassword{}, passwordUnknown, as)
	case err != nil:
		return AppPassword{}, unavailable("look an app password up", err)
	}
	userID, err := s.o.Names.UserID(ctx, as.Name)
	if err != nil && !errors.Is(err, totp.ErrUnknownName) {
		return AppPassword{}, unavailable("look a name up", err)
	}
	switch {
	case userID != p.UserID:
		return AppPassword{}, s.refuse(ctx, p, otherUser, as)
	case s.o.Bind && p.FirstDevice != "" && p.FirstDevice != as.Device.ID:
		return AppPassword{}, s.refuse(ctx, p, otherDevice, as)
	}
	return p, nil
}

// refuse says why in the log. The user and the app password are those of p, if it
// was found.
func (s *Service) refuse(ctx context.Context, p AppPassword, why reason, as jellyfin.Credentials) error {
	attrs := []slog.Attr{slog.String("reason", string(why)), slog.String("network", throttle.NetworkOf(as.Visitor).String())}
	if p.ID != "" {
		attrs = append(attrs, slog.String("user_id", p.UserID), slog.String("app_password", p.ID))
	}
	if as.Device.Client != "" {
		attrs = append(attrs, slog.String("client", visitor.Clip(as.Device.Client, maxLogged)))
	}
	if v, ok := visitor.From(ctx); ok && v.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", v.RequestID))
	}
	s.o.Logger.LogAttrs(ctx, slog.LevelWarn, "app password refused", attrs...)
	if s.o.Observe != nil {
		s.o.Observe(string(why))
	}
	return ErrRefused
}

// settle records the token, and ends the one that the app password got before.
func (s *Service) settle(ctx context.Context, p AppPassword, session jellyfin.Session, as jellyfin.Credentials) error {
	if session.UserID != p.UserID {
		return unavailable("sign an app in", errors.New("jellyfin signed somebody else in"))
	}
	// An API key signs in a user who is disabled as well, but the token is dead.
	alive, err := s.o.Jellyfin.Alive(ctx, session.Token, as.Visitor)
	if err != nil {
		return unavailable("ask whether the token lives", err)
	}
	if !alive {
		return jellyfin.ErrForbidden
	}
	token, err := s.o.Issued.Record(ctx, session, issued.Details{
		Kind: issued.AppPassword, Device: as.Device, Visitor: as.Visitor, AppPassword: p.ID,
	})
	if err != nil {
		return unavailable("record a token", err)
	}
	use := Use{
		TokenID: token.ID, Client: token.Client, DeviceName: token.DeviceName, DeviceID: token.DeviceID,
		Network: token.Network, At: token.Created,
	}
	before, err := s.o.Store.UseAppPassword(ctx, p.UserID, p.ID, use, s.o.Bind)
	switch {
	case errors.Is(err, ErrUnknown):
		return s.refuse(ctx, p, wasRevoked, as)
	case errors.Is(err, ErrElsewhere):
		return s.refuse(ctx, p, otherDevice, as)
	case err != nil:
		return unavailable("note the use of an app password", err)
	}
	err = s.endTokens(ctx, p.UserID, func(t issued.Token) bool {
		orphan := t.AppPassword == p.ID && t.ID != token.ID && token.Created.Sub(t.Created) > orphanAfter
		return t.ID == before.TokenID || orphan
	})
	if err != nil {
		return err
	}
	s.o.Logger.InfoContext(ctx, "app password used", "user_id", p.UserID, "app_password", p.ID, "client", use.Client,
		"device", use.DeviceName, "network", use.Network, "before", before.DeviceName)
	return nil
}
