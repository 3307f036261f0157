package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/totp"
)

// pendingFor is how long a new secret waits to be confirmed.
const pendingFor = 10 * time.Minute

// Enrol makes a new secret for the user whose name and password these are. A
// user who has a second factor already must show a code from it, which is
// spent: a password alone never replaces a second factor. The new secret is
// worth nothing until [Service.Confirm].
//
// The errors are [ErrRefused], [ErrCodeRequired], [ErrUnavailable],
// [*throttle.LimitError] and [*ValidationError].
func (s *Service) Enrol(ctx context.Context, req Request) (Enrolment, error) {
	code, present, err := validate(&req, false)
	if err != nil {
		return Enrolment{}, err
	}
	return conduct(ctx, s, "enrol", req, func(c *ceremony) (Enrolment, error) {
		who, err := c.probe(ctx)
		if err != nil {
			return Enrolment{}, err
		}
		if err := c.identify(ctx, who.UserID); err != nil {
			return Enrolment{}, err
		}
		replaces, err := c.allowEnrolment(ctx, code, present)
		if err != nil {
			return Enrolment{}, err
		}
		enrolment, err := c.pend(ctx, who, replaces)
		if err != nil {
			return Enrolment{}, err
		}
		// A password alone is not what makes a network known for the user.
		if replaces == "" {
			c.giveBack(ctx)
			return enrolment, nil
		}
		return enrolment, c.succeed(ctx)
	})
}

// allowEnrolment spends a code of the second factor that the user has, and
// returns that factor's ID; empty if there is none.
func (c *ceremony) allowEnrolment(ctx context.Context, code totp.Code, present bool) (replaces string, err error) {
	factor, err := c.s.factors.Enrolment(ctx, c.userID)
	switch {
	case errors.Is(err, totp.ErrNotEnrolled):
		return "", nil
	case err != nil:
		return "", unavailable("read second factor", err)
	}
	step, err := c.match(factor.Secret, code, present, ErrCodeRequired)
	if err != nil {
		return "", err
	}
	claim, err := c.claim(ctx, c.userID, step, ErrCodeRequired)
	if err != nil {
		return "", err
	}
	err = c.s.factors.Spend(ctx, c.userID, step, claim)
	switch {
	case errors.Is(err, totp.ErrSpent):
		c.giveBack(ctx)
		return "", refuse(ErrCodeRequired, raceLost)
	case err != nil:
		return "", unavailable("spend code", err)
	}
	return factor.ID, nil
}

// pend makes the secret and keeps it until it is confirmed. It is bound to the
// factor that it replaces, so that a password alone replaces none, also when
// the user confirms a first one at this very moment.
func (c *ceremony) pend(ctx context.Context, who jellyfin.Session, replaces string) (Enrolment, error) {
	secret := totp.NewSecret()
	uri := secret.URI(c.s.issuer, who.UserName)
	png, err := totp.QR(uri)
	if err != nil {
		return Enrolment{}, unavailable("draw QR code", err)
	}
	// Confirm finds the secret by the name.
	if err := c.s.factors.PutName(ctx, who.UserName, who.UserID); err != nil {
		return Enrolment{}, unavailable("remember name", err)
	}
	err = c.s.factors.PutPending(ctx, totp.Pending{
		ID:       rand.Text(),
		UserID:   who.UserID,
		Name:     who.UserName,
		Secret:   secret,
		Replaces: replaces,
		Created:  c.s.now(),
	}, pendingFor)
	if err != nil {
		return Enrolment{}, unavailable("keep new secret", err)
	}
	return Enrolment{Secret: secret, URI: uri, PNG: png}, nil
}

// Confirm makes the secret of [Service.Enrol] the user's second factor, once a
// code from it and the password are right, and signs the user in: the code is
// spent, so there is no second one to wait for. The caller owns the token, as
// after [Service.SignIn].
//
// The errors are [ErrWrongCode], [ErrRefused] for a wrong password,
// [ErrUnavailable], [*throttle.LimitError] and [*ValidationError].
func (s *Service) Confirm(ctx context.Context, req Request) (jellyfin.Session, error) {
	code, _, err := validate(&req, true)
	if err != nil {
		return jellyfin.Session{}, err
	}
	return conduct(ctx, s, "confirm", req, func(c *ceremony) (jellyfin.Session, error) {
		if c.userID == "" {
			return jellyfin.Session{}, refuse(ErrWrongCode, nameUnknown)
		}
		pending, err := s.factors.Pending(ctx, c.userID)
		switch {
		case errors.Is(err, totp.ErrNoPending):
			return jellyfin.Session{}, refuse(ErrWrongCode, nothingPending)
		case err != nil:
			return jellyfin.Session{}, unavailable("read new secret", err)
		}
		return c.confirm(ctx, pending, code)
	})
}

func (c *ceremony) confirm(ctx context.Context, pending totp.Pending, code totp.Code) (jellyfin.Session, error) {
	step, err := c.match(pending.Secret, code, true, ErrWrongCode)
	if err != nil {
		return jellyfin.Session{}, err
	}
	claim, err := c.claim(ctx, pending.UserID, step, ErrWrongCode)
	if err != nil {
		return jellyfin.Session{}, err
	}
	session, err := c.mint(ctx, c.req.Device)
	if err != nil {
		c.release(ctx, pending.UserID, step, claim)
		return jellyfin.Session{}, err
	}
	err = ctx.Err()
	if err == nil && session.UserID != pending.UserID {
		err = refuse(ErrRefused, otherUser)
	}
	if err != nil {
		c.release(ctx, pending.UserID, step, claim)
		c.s.Discard(ctx, session.Token)
		return jellyfin.Session{}, err
	}
	err = c.seal(ctx, session, ErrWrongCode, func(ctx context.Context) error {
		return c.s.factors.Activate(ctx, pending.UserID, pending.ID, step)
	})
	return session, err
}
