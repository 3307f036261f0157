package signin

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

const (
	// claimFor is how long a claimed step stays claimed if we die: longer than
	// a visitor is kept waiting for Jellyfin.
	claimFor = 30 * time.Second
	// storeFor bounds what is done after a token was minted, when the
	// visitor's hanging up no longer counts.
	storeFor = 15 * time.Second
)

// ceremony is one run of the ceremony.
type ceremony struct {
	s       *Service
	act     string // for the log: "sign-in", "enrol", "confirm"
	req     Request
	network netip.Prefix
	started time.Time // when the visitor's turn came
	leave   func()    // ends the turn
	attempt *throttle.Attempt
	settled bool   // attempt was given back or succeeded
	userID  string // as the index or Jellyfin said; empty when unknown
	version string // Jellyfin's
}

// conduct runs steps between what every part of the ceremony has in common:
// the charge before, the log line and the even delay after.
func conduct[T any](ctx context.Context, s *Service, act string, req Request, steps func(*ceremony) (T, error)) (T, error) {
	c := &ceremony{s: s, act: act, req: req, network: throttle.NetworkOf(req.Visitor), started: time.Now()}
	var result T
	err := c.begin(ctx)
	if err == nil {
		result, err = take(ctx, c, steps)
	}
	if errors.Is(err, ErrUnavailable) {
		c.giveBack(ctx)
	}
	c.audit(ctx, err)
	if err == nil {
		return result, nil
	}
	if errors.As(err, new(*refusal)) {
		s.pace.hold(ctx, c.started)
	}
	var none T
	return none, err
}

// take runs steps in the ceremony's turn, and ends the turn also if they panic.
func take[T any](ctx context.Context, c *ceremony, steps func(*ceremony) (T, error)) (T, error) {
	defer func() { c.leave() }() // what leave is may change meanwhile
	if err := c.askJellyfin(ctx); err != nil {
		var none T
		return none, err
	}
	return steps(c)
}

// begin charges the attempt, before anything is checked, and waits for a turn.
func (c *ceremony) begin(ctx context.Context) error {
	userID, err := c.s.factors.UserID(ctx, c.req.Name)
	if err != nil && !errors.Is(err, totp.ErrUnknownName) {
		return unavailable("look name up", err)
	}
	c.userID = userID
	if userID == "" {
		c.attempt, err = c.s.limiter.BeginName(ctx, c.network, c.req.Name)
	} else {
		c.attempt, err = c.s.limiter.Begin(ctx, c.network, userID)
	}
	if err != nil {
		return limited(err)
	}
	if c.leave, err = c.s.gate.enter(ctx); err != nil {
		return err
	}
	c.started = time.Now()
	return nil
}

// identify turns the ceremony to the user whom Jellyfin named where the index
// said nothing or somebody else. A user who is limited is refused like a wrong
// password: else a spelling that the index misses would tell, by the other
// answer, that the password was right.
func (c *ceremony) identify(ctx context.Context, userID string) error {
	if userID == c.userID {
		return nil
	}
	charged := c.userID
	c.userID = userID
	err := limited(c.recharge(ctx, charged, userID))
	if errors.As(err, new(*throttle.LimitError)) {
		return refuse(ErrRefused, userLimited)
	}
	return err
}

// recharge charges userID too, or instead of the user whom the index named.
func (c *ceremony) recharge(ctx context.Context, charged, userID string) error {
	if charged == "" {
		return c.attempt.Identify(ctx, userID)
	}
	c.giveBack(ctx)
	attempt, err := c.s.limiter.Begin(ctx, c.network, userID)
	if err != nil {
		return err
	}
	c.attempt, c.settled = attempt, false
	return nil
}

// giveBack returns the charge: this was no guess.
func (c *ceremony) giveBack(ctx context.Context) {
	if c.attempt == nil || c.settled {
		return
	}
	c.settled = true
	ctx, cancel := detach(ctx)
	defer cancel()
	// If the store is away the charge stays and ages out, which is safe.
	_ = c.attempt.Cancel(ctx)
}

// succeed returns the charge and makes the network known for the user.
func (c *ceremony) succeed(ctx context.Context) error {
	if err := c.attempt.Succeed(ctx); err != nil {
		return unavailable("record success", err)
	}
	c.settled = true
	return nil
}

// match finds the step of code in secret. An error is a refusal of the given
// kind.
func (c *ceremony) match(secret totp.Secret, code totp.Code, present bool, kind error) (totp.Step, error) {
	if !present {
		return 0, refuse(kind, codeMissing)
	}
	step, ok := secret.Match(code, c.s.now())
	if !ok {
		return 0, refuse(kind, codeWrong)
	}
	return step, nil
}

// claim reserves step for this ceremony. A step that is spent, or reserved by
// another, is refused, but was no guess.
func (c *ceremony) claim(ctx context.Context, userID string, step totp.Step, kind error) (string, error) {
	claim, err := c.s.factors.Claim(ctx, userID, step, claimFor)
	switch {
	case err == nil:
		return claim, nil
	case errors.Is(err, totp.ErrSpent):
		c.giveBack(ctx)
		return "", refuse(kind, codeSpent)
	}
	return "", unavailable("claim step", err)
}

// release gives a claim back. If that fails, the claim ends by itself.
func (c *ceremony) release(ctx context.Context, userID string, step totp.Step, claim string) {
	ctx, cancel := detach(ctx)
	defer cancel()
	_ = c.s.factors.Release(ctx, userID, step, claim)
}

// detach returns a context that outlives the visitor's hanging up.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeFor)
}

// limited passes a [*throttle.LimitError] on and makes anything else
// [ErrUnavailable].
func limited(err error) error {
	if err == nil || errors.As(err, new(*throttle.LimitError)) {
		return err
	}
	return unavailable("count attempt", err)
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
