// Package signin is the ceremony by which a person becomes signed in: name,
// password and one-time code on one side, a token minted at Jellyfin on the
// other. It knows no HTTP; the portal and the sign-in of native apps call it.
//
// Its laws:
//   - A wrong code never reaches Jellyfin: where the user is known, the code is
//     matched first, and claimed, so that of many sign-ins with one code only
//     one asks Jellyfin at all.
//   - A code works once. The step is spent in one atomic operation, and whoever
//     loses that race is logged out again.
//   - The user is who Jellyfin says, by id. A name only leads to a guess of it.
//   - A token that is not handed out is logged out, whatever happens meanwhile.
//   - Refusals look alike, in words and in time, whatever was wrong.
//   - What cannot be checked is not let through: [ErrUnavailable].
package signin

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/background"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

// Errors of the ceremony, beside [*throttle.LimitError], [*ValidationError] and
// the context's own when the visitor has gone.
var (
	// ErrRefused means that the name, the password or the code was wrong, or
	// that Jellyfin does not let the account in. Which of these it was is only
	// in the log.
	ErrRefused = errors.New("name, password or code refused")
	// ErrEnrolmentRequired means that name and password were right and that
	// the user has no second factor yet.
	ErrEnrolmentRequired = errors.New("no second factor is set up")
	// ErrCodeRequired means that the user who wants to enrol has a second
	// factor already, and that a code from it was missing, wrong or spent.
	ErrCodeRequired = errors.New("a current code is required to replace the second factor")
	// ErrWrongCode means that a confirmation did not come from the secret that
	// waits to be confirmed, or that none waits any more.
	ErrWrongCode = errors.New("code does not confirm the second factor")
	// ErrUnavailable means that Jellyfin or the store gave no answer, so that
	// nothing was decided.
	ErrUnavailable = errors.New("sign-in is not available")
)

// Jellyfin is what the ceremony asks of a Jellyfin server.
// [jellyfin.Client] is one.
type Jellyfin interface {
	Authenticate(ctx context.Context, as jellyfin.Credentials) (jellyfin.Session, error)
	Logout(ctx context.Context, token secret.Text) error
	PublicInfo(ctx context.Context) (jellyfin.PublicInfo, error)
}

// Options are what a [Service] is made of. Jellyfin, Factors and Limiter are
// required.
type Options struct {
	// Jellyfin checks passwords and mints tokens. Its own time limit should be
	// longer than the ten seconds that a visitor is kept waiting: a token that
	// comes late can only be logged out by someone who still listens.
	Jellyfin Jellyfin
	// Factors holds the second factors.
	Factors totp.Store
	// Limiter counts tries.
	Limiter *throttle.Limiter
	// Issuer is what authenticator apps show; empty means "Jellyfin".
	Issuer string
	// Concurrency bounds the password checks that run at Jellyfin at once;
	// zero means eight. Each costs Jellyfin a tenth of a second of processor
	// time or more.
	Concurrency int
	// Hold is the least time that a refusal takes; zero means 250 ms, which
	// covers what a password check takes on usual hardware (130 ms measured).
	// A slower Jellyfin raises it by itself.
	Hold time.Duration
	// Now is the clock that codes are matched by; nil means [time.Now].
	Now func() time.Time
	// Observe, if not nil, is told how each ceremony ended, in one of
	// [Outcomes].
	Observe func(outcome string)
	// Logger takes the audit lines; nil discards them.
	Logger *slog.Logger
}

// Service runs ceremonies. It is safe for concurrent use. See [New].
type Service struct {
	jellyfin Jellyfin
	factors  totp.Store
	limiter  *throttle.Limiter
	issuer   string
	now      func() time.Time
	observe  func(string)
	log      *slog.Logger
	gate     gate
	pace     *pace

	background *background.Group
}

// New returns a service. Close it to finish its log-outs.
func New(o Options) *Service {
	if o.Issuer == "" {
		o.Issuer = "Jellyfin"
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	if o.Hold <= 0 {
		o.Hold = 250 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{
		jellyfin:   o.Jellyfin,
		factors:    o.Factors,
		limiter:    o.Limiter,
		issuer:     o.Issuer,
		now:        o.Now,
		observe:    o.Observe,
		log:        o.Logger,
		gate:       newGate(o.Concurrency),
		pace:       newPace(o.Hold),
		background: background.NewGroup(),
	}
}

// Close waits until tokens that were not handed out are logged out, or until
// ctx ends; retries that wait for their turn are made at once and are the last.
func (s *Service) Close(ctx context.Context) error {
	return s.background.Close(ctx)
}

// Request is what a visitor sends to any part of the ceremony.
type Request struct {
	// Name is the user's name as typed.
	Name string
	// Password is Jellyfin's password.
	Password secret.Text
	// Code is the one-time code as typed; empty where none was given.
	Code string
	// Device is what the token is minted for. An empty Version becomes the
	// server's, which is what jellyfin-web says of itself.
	Device jellyfin.Device
	// Visitor is the visitor's address; it must be valid.
	Visitor netip.Addr
	// Profile is the spelling of keys in Jellyfin's answer.
	Profile jellyfin.Profile
}

// Enrolment is a second factor that waits to be confirmed with a code from it.
type Enrolment struct {
	// Secret is the new secret. The old one, if any, stays in force until
	// [Service.Confirm].
	Secret totp.Secret
	// URI is the otpauth link that authenticator apps read.
	URI string
	// PNG is the QR code of URI.
	PNG []byte
}
