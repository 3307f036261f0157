package signin

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
)

// maxLogged is how much of an app's name for itself a line of the log holds, in
// bytes.
const maxLogged = 64

// reason says in the log, and nowhere else, why a ceremony was refused.
type reason string

const (
	credentialsWrong  reason = "credentials_wrong"
	accountNotAllowed reason = "account_not_allowed"
	codeMissing       reason = "code_missing"
	codeWrong         reason = "code_wrong"
	codeSpent         reason = "code_spent"
	raceLost          reason = "race_lost"
	userLimited       reason = "user_limited"
	nameUnknown       reason = "name_unknown"
	nothingPending    reason = "nothing_pending"
	otherUser         reason = "other_user"
	factorMissing     reason = "second_factor_missing"
	inputInvalid      reason = "input_invalid"
)

// Outcomes of a ceremony that is not refused, for [Options.Observe].
const (
	succeeded    = "succeeded"
	wasLimited   = "limited"
	notEnrolled  = "second_factor_needed"
	left         = "visitor_left"
	notAvailable = "not_available"
)

// Outcomes are all words that [Options.Observe] is called with.
func Outcomes() []string {
	words := []string{succeeded, wasLimited, notEnrolled, left, notAvailable}
	for _, why := range []reason{
		credentialsWrong, accountNotAllowed, codeMissing, codeWrong, codeSpent, raceLost, userLimited, nameUnknown, nothingPending, otherUser,
		factorMissing, inputInvalid,
	} {
		words = append(words, string(why))
	}
	return words
}

// refusal is one of the package's errors together with the reason that only
// the log is told.
type refusal struct {
	kind   error
	reason reason
}

func refuse(kind error, why reason) error { return &refusal{kind: kind, reason: why} }

func (r *refusal) Error() string { return r.kind.Error() }
func (r *refusal) Unwrap() error { return r.kind }

// audit writes the line that tells how a ceremony ended. Names are left out:
// an unknown one may be a password that was typed into the wrong field.
func (c *ceremony) audit(ctx context.Context, err error) {
	attrs := []slog.Attr{
		slog.String("ceremony", c.act),
		slog.String("network", c.network.String()),
	}
	if c.userID != "" {
		attrs = append(attrs, slog.String("user_id", c.userID))
	}
	if c.act == appSignIn {
		attrs = append(attrs, slog.String("client", visitor.Clip(c.req.Device.Client, maxLogged)))
	}
	if v, ok := visitor.From(ctx); ok && v.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", v.RequestID))
	}
	var refused *refusal
	var limited *throttle.LimitError
	level, message, outcome := slog.LevelInfo, "sign-in succeeded", succeeded
	switch {
	case err == nil:
	case errors.As(err, &refused):
		level, message, outcome = slog.LevelWarn, "sign-in refused", string(refused.reason)
		attrs = append(attrs, slog.String("reason", outcome))
	case errors.As(err, &limited):
		level, message, outcome = slog.LevelWarn, "sign-in limited", wasLimited
		attrs = append(attrs, slog.Duration("retry_after", limited.RetryAfter), slog.Bool("locked", limited.Locked))
	case errors.Is(err, ErrEnrolmentRequired):
		message, outcome = "sign-in needs a second factor", notEnrolled
	case ctx.Err() != nil:
		message, outcome = "visitor left during sign-in", left
	default:
		level, message, outcome = slog.LevelError, "sign-in not available", notAvailable
		attrs = append(attrs, slog.Any("error", err))
	}
	c.s.log.LogAttrs(ctx, level, message, attrs...)
	if c.s.observe != nil {
		c.s.observe(outcome)
	}
}
