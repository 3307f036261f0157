package signin

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

// SignInApp is [Service.SignIn] for an app that has only a field for a name and
// one for a password, behind which the code was typed. Two things differ. Nobody
// is told what is wrong with the form, or that a second factor has yet to be set
// up: an app could not show it. And Jellyfin is never asked who a name belongs
// to: a name that is not known here, or that of a user without a second factor,
// is refused. So no password is checked before a valid code was shown. The price
// is that a user who was renamed at Jellyfin signs in at our own page once before
// an app can use the new name.
//
// Without a code nothing is charged: some apps try an empty password by
// themselves.
//
// The errors are [ErrRefused], [ErrUnavailable] and [*throttle.LimitError].
func (s *Service) SignInApp(ctx context.Context, req Request) (jellyfin.Session, error) {
	if strings.TrimSpace(req.Code) == "" {
		return s.refuseUncharged(ctx, req, codeMissing)
	}
	code, present, err := validate(&req, true)
	if err != nil {
		return s.refuseUncharged(ctx, req, inputInvalid)
	}
	return conduct(ctx, s, appSignIn, req, func(c *ceremony) (jellyfin.Session, error) {
		if c.userID == "" {
			return jellyfin.Session{}, refuse(ErrRefused, nameUnknown)
		}
		factor, err := s.factors.Enrolment(ctx, c.userID)
		switch {
		case err == nil:
			return c.signInWith(ctx, factor, presented{code: code, present: present, last: true})
		case errors.Is(err, totp.ErrNotEnrolled):
			return jellyfin.Session{}, refuse(ErrRefused, factorMissing)
		}
		return jellyfin.Session{}, unavailable("read second factor", err)
	})
}

// appSignIn names the ceremony of apps in the log.
const appSignIn = "app sign-in"

// refuseUncharged refuses what can be seen to be no guess from the request alone,
// in the time that every refusal takes.
func (s *Service) refuseUncharged(ctx context.Context, req Request, why reason) (jellyfin.Session, error) {
	started := time.Now()
	c := &ceremony{s: s, act: appSignIn, req: req, network: throttle.NetworkOf(req.Visitor), started: started}
	err := refuse(ErrRefused, why)
	c.audit(ctx, err)
	s.pace.hold(ctx, started)
	return jellyfin.Session{}, err
}
