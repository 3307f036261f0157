package issued

import (
	"context"
	"errors"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

const (
	// endedFor is how long a token that was ended is refused here at least. It
	// is much longer than anybody remembers that Jellyfin has accepted it.
	endedFor = time.Hour
	// logoutFor bounds one attempt to log a token out.
	logoutFor = 5 * time.Second
	// leavingAtOnce is how many tokens are logged out in one go, logoutFailures
	// how many failures end it.
	leavingAtOnce  = 100
	logoutFailures = 3
)

// End ends the user's token of this id: here at once, on other replicas within a
// second, and at Jellyfin as soon as it can be told. The errors are [ErrUnknown],
// also for another user's token, and [ErrUnavailable].
func (r *Registry) End(ctx context.Context, userID, id string) error {
	record, err := r.store.Issued(ctx, id)
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrEnded):
		return ErrUnknown
	case err != nil:
		return unavailable("look a token up", err)
	case record.UserID != userID:
		return ErrUnknown
	}
	return r.EndToken(ctx, record.Secret)
}

// EndAll ends all of the user's tokens except the one of the id except, which
// may be "", and returns how many. It ends as many as it can before it returns
// an error.
func (r *Registry) EndAll(ctx context.Context, userID, except string) (int, error) {
	tokens, err := r.store.IssuedTo(ctx, userID)
	if err != nil {
		return 0, unavailable("list what was given out", err)
	}
	ended := 0
	var failed error
	for _, t := range tokens {
		if t.ID == except {
			continue
		}
		switch err := r.End(ctx, userID, t.ID); {
		case err == nil:
			ended++
		case !errors.Is(err, ErrUnknown): // else somebody else was faster
			failed = errors.Join(failed, err)
		}
	}
	return ended, failed
}

// EndToken ends a token, as [Registry.End] does, whether or not it was recorded.
// The error is [ErrUnavailable]; the token lives on then.
func (r *Registry) EndToken(ctx context.Context, token secret.Text) error {
	if token == "" {
		return nil
	}
	if err := r.store.EndIssued(ctx, token, r.now().Add(endedFor)); err != nil {
		return unavailable("end a token", err)
	}
	r.noteEnded(token.Hash())
	r.tell(ctx, token)
	r.nudge()
	return nil
}

// nudge tells [Registry.Run] that there may be tokens to log out.
func (r *Registry) nudge() {
	select {
	case r.wake <- struct{}{}:
	default: // it is awake
	}
}

// logoutRetries are the waits between attempts to end a token while neither
// Jellyfin nor the store can be told.
var logoutRetries = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}

// Discard ends a token that nobody shall have, and was not handed out. It does
// not end with ctx. It returns when Jellyfin has logged it out or the store has
// taken it over; if both are away it goes on trying in the background for a
// while.
func (r *Registry) Discard(ctx context.Context, token secret.Text) {
	ctx = context.WithoutCancel(ctx)
	if token == "" || r.discard(ctx, token) == nil {
		return
	}
	r.background.Go(func() {
		if err := r.background.Retry(logoutRetries, func() error { return r.discard(ctx, token) }); err != nil {
			r.log.ErrorContext(ctx, "a token could not be logged out at jellyfin", "error", err)
		}
	})
}

func (r *Registry) discard(ctx context.Context, token secret.Text) error {
	if err := r.logout(ctx, token); err != nil {
		return r.EndToken(ctx, token)
	}
	_ = r.Forget(ctx, token) // a record of a dead token does no harm
	return nil
}

func (r *Registry) logout(ctx context.Context, token secret.Text) error {
	ctx, cancel := context.WithTimeout(ctx, logoutFor)
	defer cancel()
	return r.jellyfin.Logout(ctx, token)
}

// Leave logs out at Jellyfin what was ended. [Registry.Run] does it when
// something was ended, and again until it is done. The error is
// [ErrUnavailable], or that of Jellyfin's.
func (r *Registry) Leave(ctx context.Context) error {
	for {
		tokens, err := r.store.Leaving(ctx, leavingAtOnce)
		if err != nil {
			return unavailable("read what is to be logged out", err)
		}
		if err := r.logoutAll(ctx, tokens); err != nil || len(tokens) < leavingAtOnce {
			return err
		}
	}
}

// logoutAll logs tokens out, and gives up when several could not be: one may have
// trouble of its own, but then Jellyfin is away.
func (r *Registry) logoutAll(ctx context.Context, tokens []secret.Text) error {
	var failed error
	failures := 0
	for _, token := range tokens {
		err := r.logout(ctx, token)
		if err == nil {
			if err := r.store.Left(ctx, token.Hash()); err != nil {
				return unavailable("note a log-out", err)
			}
			continue
		}
		failed = err
		if failures++; failures == logoutFailures {
			break
		}
	}
	return failed
}

// Sweep ends tokens that are too old, and reads anew what was ended.
// [Registry.Run] does it once a minute.
func (r *Registry) Sweep(ctx context.Context) error {
	err := r.Load(ctx)
	if r.maxAge <= 0 {
		return err
	}
	ids, cause := r.store.IssuedBefore(ctx, r.now().Add(-r.maxAge))
	if cause != nil {
		return errors.Join(err, unavailable("look for old tokens", cause))
	}
	for _, id := range ids {
		record, cause := r.store.Issued(ctx, id)
		if errors.Is(cause, ErrUnknown) || errors.Is(cause, ErrEnded) {
			continue
		}
		if cause == nil {
			cause = r.EndToken(ctx, record.Secret)
		}
		if cause != nil {
			return errors.Join(err, unavailable("end an old token", cause))
		}
		r.log.InfoContext(ctx, "token too old", "user_id", record.UserID, "client", record.Client, "device", record.DeviceName)
	}
	return err
}
