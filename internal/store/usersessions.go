package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jellyward/jellyward/internal/session"
)

// scanAtOnce is how many keys are looked at in one go.
const scanAtOnce = 1000

// SessionsOf returns the sessions of the user's browsers, in no order. Nothing
// else needs to find them by their user, so all that there are are looked at: it
// is for people at a terminal.
func (s *Store) SessionsOf(ctx context.Context, userID string) ([]session.Session, error) {
	user, err := canonicalID(userID)
	if err != nil {
		return nil, err
	}
	all, err := s.AllSessions(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(one session.Session) bool {
		id, err := canonicalID(one.UserID)
		return err != nil || id != user
	}), nil
}

// AllSessions returns the sessions of all browsers, in no order.
func (s *Store) AllSessions(ctx context.Context) ([]session.Session, error) {
	found := map[string]session.Session{} // a scan may name a key twice
	for cursor := uint64(0); ; {
		keys, next, err := s.scan(ctx, cursor, prefixSession+"*")
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			one, err := s.Session(ctx, strings.TrimPrefix(key, prefixSession))
			if errors.Is(err, session.ErrNone) {
				continue // it has ended since
			}
			if err != nil {
				return nil, err
			}
			found[one.ID] = one
		}
		if next == 0 {
			break
		}
		cursor = next
	}
	return slices.Collect(maps.Values(found)), nil
}

func (s *Store) scan(ctx context.Context, cursor uint64, pattern string) (keys []string, next uint64, err error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	keys, next, err = s.client.Scan(ctx, cursor, pattern, scanAtOnce).Result()
	return keys, next, unavailable(err)
}
