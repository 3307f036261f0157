package signin

import (
	"context"
	"errors"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/totp"
)

// SignIn checks name, password and code, and returns the session that Jellyfin
// made for the request's device. The caller owns its token: if it cannot hand
// it out, it must give it to [Service.Discard].
//
// The errors are [ErrRefused], [ErrEnrolmentRequired], [ErrUnavailable],
// [*throttle.LimitError] and [*ValidationError].
func (s *Service) SignIn(ctx context.Context, req Request) (jellyfin.Session, error) {
	code, present, err := validate(&req, false)
	if err != nil {
		return jellyfin.Session{}, err
	}
	return conduct(ctx, s, "sign-in", req, func(c *ceremony) (jellyfin.Session, error) {
		p := presented{code: code, present: present}
		if c.userID == "" {
			return c.signInUnknown(ctx, p)
		}
		factor, err := s.factors.Enrolment(ctx, c.userID)
		switch {
		case err == nil:
			return c.signInWith(ctx, factor, p)
		case errors.Is(err, totp.ErrNotEnrolled):
			return c.signInUnknown(ctx, p)
		}
		return jellyfin.Session{}, unavailable("read second factor", err)
	})
}

// presented is the code that came with a sign-in.
type presented struct {
	code    totp.Code
	present bool
	last    bool // Jellyfin has named another user than the index before
}

// signInUnknown asks Jellyfin who this is, because the index does not know the
// name or knows of no second factor for it.
func (c *ceremony) signInUnknown(ctx context.Context, p presented) (jellyfin.Session, error) {
	who, err := c.probe(ctx)
	if err != nil {
		return jellyfin.Session{}, err
	}
	return c.signInAs(ctx, who, p)
}

// signInAs goes on with the user whom Jellyfin named for name and password.
func (c *ceremony) signInAs(ctx context.Context, who jellyfin.Session, p presented) (jellyfin.Session, error) {
	factor, err := c.s.factors.Enrolment(ctx, who.UserID)
	switch {
	case errors.Is(err, totp.ErrNotEnrolled):
		return jellyfin.Session{}, c.enrolmentRequired(ctx, who)
	case err != nil:
		return jellyfin.Session{}, unavailable("read second factor", err)
	}
	if err := c.identify(ctx, who.UserID); err != nil {
		return jellyfin.Session{}, err
	}
	p.last = true
	return c.signInWith(ctx, factor, p)
}

// enrolmentRequired remembers the name, which Jellyfin has vouched for, and
// gives the charge back: name and password were right.
func (c *ceremony) enrolmentRequired(ctx context.Context, who jellyfin.Session) error {
	c.userID = who.UserID
	if err := c.s.factors.PutName(ctx, who.UserName, who.UserID); err != nil {
		return unavailable("remember name", err)
	}
	c.giveBack(ctx)
	return ErrEnrolmentRequired
}

// signInWith checks the code by factor, then the password at Jellyfin, then
// spends the code.
func (c *ceremony) signInWith(ctx context.Context, factor totp.Enrolment, p presented) (jellyfin.Session, error) {
	step, err := c.match(factor.Secret, p.code, p.present, ErrRefused)
	if err != nil {
		return jellyfin.Session{}, err
	}
	claim, err := c.claim(ctx, factor.UserID, step, ErrRefused)
	if err != nil {
		return jellyfin.Session{}, err
	}
	session, err := c.mint(ctx, c.req.Device)
	if err != nil {
		c.release(ctx, factor.UserID, step, claim)
		return jellyfin.Session{}, err
	}
	if session.UserID != factor.UserID {
		// The name has moved: this password belongs to somebody else, for
		// whom the code says nothing.
		c.release(ctx, factor.UserID, step, claim)
		c.s.Discard(ctx, session.Token)
		if p.last {
			return jellyfin.Session{}, refuse(ErrRefused, otherUser)
		}
		return c.signInAs(ctx, session, p)
	}
	if err := ctx.Err(); err != nil {
		c.release(ctx, factor.UserID, step, claim)
		c.s.Discard(ctx, session.Token)
		return jellyfin.Session{}, err
	}
	err = c.seal(ctx, session, ErrRefused, func(ctx context.Context) error {
		return c.s.factors.Spend(ctx, factor.UserID, step, claim)
	})
	return session, err
}

// seal decides the fate of a minted token: commit spends its code, and if
// anything fails from here on the token is logged out.
func (c *ceremony) seal(ctx context.Context, session jellyfin.Session, kind error, commit func(context.Context) error) error {
	ctx, cancel := detach(ctx)
	defer cancel()
	err := c.commit(ctx, session, kind, commit)
	if err != nil {
		c.s.Discard(ctx, session.Token)
	}
	return err
}

func (c *ceremony) commit(ctx context.Context, session jellyfin.Session, kind error, commit func(context.Context) error) error {
	err := commit(ctx)
	switch {
	case errors.Is(err, totp.ErrSpent) || errors.Is(err, totp.ErrNoPending):
		c.giveBack(ctx)
		return refuse(kind, raceLost)
	case err != nil:
		return unavailable("spend code", err)
	}
	if err := c.s.factors.PutName(ctx, session.UserName, session.UserID); err != nil {
		return unavailable("remember name", err)
	}
	return c.succeed(ctx)
}
