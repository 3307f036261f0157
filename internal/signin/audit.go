package signin

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
)

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
)

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
	if v, ok := visitor.From(ctx); ok && v.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", v.RequestID))
	}
	var refused *refusal
	var limited *throttle.LimitError
	level, message := slog.LevelInfo, "sign-in succeeded"
	switch {
	case err == nil:
	case errors.As(err, &refused):
		level, message = slog.LevelWarn, "sign-in refused"
		attrs = append(attrs, slog.String("reason", string(refused.reason)))
	case errors.As(err, &limited):
		level, message = slog.LevelWarn, "sign-in limited"
		attrs = append(attrs, slog.Duration("retry_after", limited.RetryAfter), slog.Bool("locked", limited.Locked))
	case errors.Is(err, ErrEnrolmentRequired):
		message = "sign-in needs a second factor"
	case ctx.Err() != nil:
		message = "visitor left during sign-in"
	default:
		level, message = slog.LevelError, "sign-in not available"
		attrs = append(attrs, slog.Any("error", err))
	}
	c.s.log.LogAttrs(ctx, level, message, attrs...)
}
