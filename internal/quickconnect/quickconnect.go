// Package quickconnect lets a user allow a device that shows six digits. The
// devices' requests go through Jellyward on their way to Jellyfin, which cannot
// be asked whose code is whose; so a book is kept of what went through, and the
// user is shown which device and app is asking, from where, before allowing it.
//
// A code that is not in the book may still be good: the device may have asked
// Jellyfin at home. Guessing codes is slowed down, and stopped in the end, for
// each user and each network.
package quickconnect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
)

// Errors of the package, beside [*throttle.LimitError] and, from Jellyfin,
// [jellyfin.ErrCodeUnknown] (also for one that is too old),
// [jellyfin.ErrCodeUsed], [jellyfin.ErrQuickConnectOff] and
// [jellyfin.ErrForbidden].
var (
	// ErrCode means that what was typed is not six digits.
	ErrCode = errors.New("a quick connect code has six digits")
	// ErrUnknown means that the book has no such code.
	ErrUnknown = errors.New("no device has asked with this code through here")
	// ErrNoSession means that no session of the user's can allow a device: the
	// user has to sign in at the page once more.
	ErrNoSession = errors.New("no session of the user's can allow a device")
	// ErrUnavailable means that Jellyfin or the store gave no answer, so that
	// nothing was decided.
	ErrUnavailable = errors.New("quick connect is not available")
)

const (
	// digits is the length of a code.
	digits = 6
	// maxPending bounds the book; the oldest are forgotten.
	maxPending = 1000
	// maxText bounds what a device says of itself.
	maxText = 100
)

// Request is a device that waits to be allowed.
type Request struct {
	// Code is what it shows.
	Code string
	// Seen tells that it asked through here; if not, only Code is known.
	Seen bool
	// Device is what it calls itself. Anybody can call a device anything.
	Device jellyfin.Device
	// Network is where it asked from: an address, or an IPv6 /64.
	Network string
	// At is when it asked.
	At time.Time
	// Secret is what it will come with for its token, "" if that is not known.
	Secret secret.Text
}

// Store keeps the book for all replicas. Errors other than [ErrUnknown] mean that
// it could not be asked.
type Store interface {
	// PutConnect keeps r for ttl, and forgets the oldest beyond max.
	PutConnect(ctx context.Context, r Request, ttl time.Duration, max int) error
	// Connect returns the request of this code, or [ErrUnknown].
	Connect(ctx context.Context, code string) (Request, error)
	// DropConnect forgets a request.
	DropConnect(ctx context.Context, code string) error
}

// Jellyfin is what is asked of a Jellyfin server. [jellyfin.Client] is one.
type Jellyfin interface {
	Authorize(ctx context.Context, token secret.Text, code, userID string, visitor netip.Addr) error
	// Redeem gives the same answer as often as it is asked.
	Redeem(ctx context.Context, request secret.Text, profile jellyfin.Profile, visitor netip.Addr) (jellyfin.Session, error)
}

// Keeper authorises devices for users whose session it keeps, and says
// [apppass.ErrNoKeeper] where it keeps none. [apppass.Keeper] is one.
type Keeper interface {
	Authorize(ctx context.Context, userID, code string, visitor netip.Addr) error
}

// Issued knows whose tokens are whose. [issued.Registry] is one.
type Issued interface {
	Known(ctx context.Context, token secret.Text) (issued.Token, bool, error)
	RecordAnswer(ctx context.Context, kind issued.Kind, body []byte, visitor netip.Addr) (issued.Token, error)
}

// Options are what a [Book] is made of. All but Issued, Now and Logger are
// required.
type Options struct {
	Store    Store
	Jellyfin Jellyfin
	Keeper   Keeper
	// Issued, if not nil, lets one user's guesses with several tokens be counted
	// together, and remembers each device from the moment it is allowed.
	Issued Issued
	// Limiter counts tries per user and network.
	Limiter *throttle.Limiter
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
	// Logger takes the audit lines; nil discards them.
	Logger *slog.Logger
}

// Book knows which devices wait. It is safe for concurrent use.
type Book struct{ o Options }

// New returns a book.
func New(o Options) *Book {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Book{o: o}
}

// ParseCode reads a code as it was typed or pasted, with spaces or dashes or
// without.
func ParseCode(typed string) (string, error) {
	if len(typed) > 10*digits {
		return "", ErrCode
	}
	code := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return r
	}, typed)
	if len(code) != digits || strings.Trim(code, "0123456789") != "" {
		return "", ErrCode
	}
	return code, nil
}

// Observe notes the request in body, Jellyfin's decoded answer of 200 to
// Initiate, before the answer goes on to the device. If it returns an error the
// answer must not go on: the user would not be shown who is asking. The errors
// are [ErrUnavailable] and [jellyfin.ErrUnavailable], for a body that is no such
// answer.
func (b *Book) Observe(ctx context.Context, body []byte, visitor netip.Addr) error {
	request, err := jellyfin.ParseQuickConnect(body)
	if err != nil {
		return err
	}
	code, err := ParseCode(request.Code)
	if err != nil {
		return fmt.Errorf("%w: quick connect answered with an odd code", jellyfin.ErrUnavailable)
	}
	d := request.Device
	r := Request{
		Code: code, Seen: true, Network: throttle.NetworkOf(visitor).String(), At: b.o.Now(), Secret: request.Secret,
		Device: jellyfin.Device{Client: clip(d.Client), Name: clip(d.Name), ID: clip(d.ID), Version: clip(d.Version)},
	}
	if err := b.o.Store.PutConnect(ctx, r, jellyfin.QuickConnectFor, maxPending); err != nil {
		return unavailable("note a request", err)
	}
	return nil
}

// Look tells who waits with a code, for a user who is signed in. A code that is
// not in the book counts as a try, since it may be a guess. The errors are
// [ErrCode], [ErrUnavailable] and [*throttle.LimitError].
func (b *Book) Look(ctx context.Context, userID, typed string, visitor netip.Addr) (Request, error) {
	code, err := ParseCode(typed)
	if err != nil {
		return Request{}, err
	}
	attempt, err := b.begin(ctx, userID, visitor)
	if err != nil {
		return Request{}, err
	}
	r, err := b.o.Store.Connect(ctx, code)
	switch {
	case errors.Is(err, ErrUnknown):
		return Request{Code: code}, nil
	case err != nil:
		b.giveBack(ctx, attempt)
		return Request{}, unavailable("look a code up", err)
	}
	b.giveBack(ctx, attempt)
	return r, nil
}

// Allow signs the device that waits with a code in as the user, by the kept
// session, or else by token, the user's own session's, which may be "". A token
// whose device id is the device's own ends by that. The errors are [ErrCode],
// [ErrNoSession], [ErrUnavailable], [*throttle.LimitError], and Jellyfin's.
func (b *Book) Allow(ctx context.Context, userID string, token secret.Text, typed string, visitor netip.Addr) error {
	code, err := ParseCode(typed)
	if err != nil {
		return err
	}
	attempt, err := b.begin(ctx, userID, visitor)
	if err != nil {
		return err
	}
	err = b.authorize(ctx, userID, token, code, visitor)
	if !errors.Is(err, jellyfin.ErrCodeUnknown) {
		b.giveBack(ctx, attempt)
	}
	b.audit(ctx, userID, code, visitor, err)
	if err == nil {
		b.remember(ctx, code)
	}
	if err == nil || errors.Is(err, jellyfin.ErrCodeUnknown) || errors.Is(err, jellyfin.ErrCodeUsed) {
		_ = b.o.Store.DropConnect(ctx, code) // or it is forgotten by itself
	}
	return err
}

func (b *Book) authorize(ctx context.Context, userID string, token secret.Text, code string, visitor netip.Addr) error {
	err := b.o.Keeper.Authorize(ctx, userID, code, visitor)
	if errors.Is(err, apppass.ErrNoKeeper) {
		err = jellyfin.ErrTokenDead
		if token != "" {
			err = b.o.Jellyfin.Authorize(ctx, token, code, userID, visitor)
		}
	}
	switch {
	case err == nil, errors.Is(err, jellyfin.ErrCodeUnknown), errors.Is(err, jellyfin.ErrCodeUsed),
		errors.Is(err, jellyfin.ErrQuickConnectOff), errors.Is(err, jellyfin.ErrForbidden):
		return err
	case errors.Is(err, jellyfin.ErrTokenDead):
		return ErrNoSession
	}
	return unavailable("authorise a device", err)
}

// ownCounter begins the name of a user's counter. No name that can be typed into
// a sign-in, which is charged alike, holds a control character: else strangers
// could use the counter up.
const ownCounter = "quick connect\x00"

// begin charges a try to the user and to the network, in counters of their own:
// mistyping here, or following links, keeps nobody from signing in.
func (b *Book) begin(ctx context.Context, userID string, visitor netip.Addr) (*throttle.Attempt, error) {
	ctx = throttle.Apart(ctx, throttle.Devices)
	attempt, err := b.o.Limiter.BeginName(ctx, throttle.NetworkOf(visitor), ownCounter+userID)
	if err != nil && !errors.As(err, new(*throttle.LimitError)) {
		err = unavailable("count a try", err)
	}
	return attempt, err
}

// giveBack returns the charge. If the store is away the charge stays and ages
// out, which is safe.
func (b *Book) giveBack(ctx context.Context, attempt *throttle.Attempt) {
	_ = attempt.Cancel(context.WithoutCancel(ctx))
}

func (b *Book) audit(ctx context.Context, userID, code string, visitor netip.Addr, err error) {
	attrs := []slog.Attr{slog.String("user_id", userID), slog.String("network", throttle.NetworkOf(visitor).String())}
	if err != nil {
		b.o.Logger.LogAttrs(ctx, slog.LevelWarn, "device not allowed", append(attrs, slog.Any("error", err))...)
		return
	}
	if r, err := b.o.Store.Connect(ctx, code); err == nil {
		attrs = append(attrs, slog.String("client", r.Device.Client), slog.String("device", r.Device.Name), slog.String("device_network", r.Network))
	}
	b.o.Logger.LogAttrs(ctx, slog.LevelInfo, "device allowed", attrs...)
}

// clip bounds a text that a device has chosen.
func clip(text string) string { return visitor.Clip(text, maxText) }

func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
