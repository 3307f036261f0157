package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// leavingData is the additional data of a token that is to be logged out.
func leavingData(id string) []byte { return []byte(keyLeaving + ":" + id) }

// EndIssued implements [issued.Store].
func (s *Store) EndIssued(ctx context.Context, token secret.Text, until time.Time) error {
	if token == "" {
		return errors.New("end token: it is empty")
	}
	id := token.Hash()
	_, err := s.run(ctx, s.scripts.endIssued, []string{prefixIssued + id, keyIssuedApps, keyLeaving, keyIssuedEnded},
		id, string(s.box.Seal([]byte(token), leavingData(id))), milliseconds(until), prefixIssuedTo, channelIssued)
	return err
}

// EndedIssued implements [issued.Store].
func (s *Store) EndedIssued(ctx context.Context, now time.Time) ([]string, error) {
	answer, err := s.run(ctx, s.scripts.endedIssued, []string{keyIssuedEnded, keyLeaving}, milliseconds(now))
	if err != nil {
		return nil, err
	}
	members, ok := answer.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: unexpected answer %v", ErrUnavailable, answer)
	}
	ids := make([]string, 0, len(members))
	for _, m := range members {
		if id, ok := m.(string); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Leaving implements [issued.Store]. One that cannot be opened keeps no other from
// being logged out.
func (s *Store) Leaving(ctx context.Context, limit int) ([]secret.Text, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	kept, err := s.client.HRandFieldWithValues(ctx, keyLeaving, limit).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	tokens := make([]secret.Text, 0, len(kept))
	for _, k := range kept {
		plain, cause := s.box.Open([]byte(k.Value), leavingData(k.Key))
		if cause != nil {
			err = fmt.Errorf("open token to be logged out: %w", cause)
			continue
		}
		tokens = append(tokens, secret.Text(plain))
	}
	if len(tokens) > 0 {
		return tokens, nil
	}
	return nil, err
}

// Left implements [issued.Store].
func (s *Store) Left(ctx context.Context, id string) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return unavailable(s.client.HDel(ctx, keyLeaving, id).Err())
}

// KEYS token, apps', leaving, ended; ARGV token, sealed, until when in ms, prefix
// of users, channel.
const luaEndIssued = `
local user = redis.call('HGET', KEYS[1], 'user')
if user then redis.call('SREM', ARGV[4] .. user, ARGV[1]) end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[4], ARGV[3], ARGV[1])
redis.call('PUBLISH', ARGV[5], '-' .. ARGV[1])
return 1`

// KEYS ended, leaving; ARGV now in ms. Answers the tokens that are refused.
const luaEndedIssued = `
for _, token in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])) do
  if redis.call('HEXISTS', KEYS[2], token) == 0 then redis.call('ZREM', KEYS[1], token) end
end
return redis.call('ZRANGE', KEYS[1], 0, -1)`
