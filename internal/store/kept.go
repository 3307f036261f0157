package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/redis/go-redis/v9"
)

// kept is what is sealed of a session that authorises for a user.
type kept struct {
	Token    string    `json:"token"`
	DeviceID string    `json:"device_id"`
	Created  time.Time `json:"created"`
}

// PutKept implements [apppass.Store].
func (s *Store) PutKept(ctx context.Context, k apppass.Kept, replaces string) error {
	user, err := canonicalID(k.UserID)
	if err != nil {
		return err
	}
	if k.Token == "" {
		return errors.New("keep session: it has no token")
	}
	plain, err := json.Marshal(kept{Token: string(k.Token), DeviceID: k.DeviceID, Created: k.Created})
	if err != nil {
		return fmt.Errorf("encode kept session: %w", err)
	}
	key := prefixKept + user
	answer, err := s.runInt(ctx, s.scripts.putKept, []string{key},
		replaces, k.Token.Hash(), string(s.box.Seal(plain, []byte(key))))
	if err != nil {
		return err
	}
	if answer != 1 {
		return apppass.ErrChanged
	}
	return nil
}

// Kept implements [apppass.Store].
func (s *Store) Kept(ctx context.Context, userID string) (apppass.Kept, error) {
	user, err := canonicalID(userID)
	if err != nil {
		return apppass.Kept{}, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	key := prefixKept + user
	sealed, err := s.client.HGet(ctx, key, "record").Result()
	if errors.Is(err, redis.Nil) {
		return apppass.Kept{}, apppass.ErrUnknown
	}
	if err != nil {
		return apppass.Kept{}, unavailable(err)
	}
	var k kept
	if err := s.openJSON(sealed, []byte(key), &k); err != nil {
		return apppass.Kept{}, fmt.Errorf("open kept session: %w", err)
	}
	return apppass.Kept{UserID: user, Token: secret.Text(k.Token), DeviceID: k.DeviceID, Created: k.Created}, nil
}

// DropKept implements [apppass.Store].
func (s *Store) DropKept(ctx context.Context, userID, tokenHash string) error {
	user, err := canonicalID(userID)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, s.scripts.dropKept, []string{prefixKept + user}, tokenHash)
	return err
}

// KEYS kept; ARGV token that it replaces ("" for none), new token, record. Answers
// 1 done, 0 another was faster.
const luaPutKept = `
local now = redis.call('HGET', KEYS[1], 'token') or ''
if now == ARGV[2] then return 1 end
if now ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'record', ARGV[3])
return 1`

// KEYS kept; ARGV token.
const luaDropKept = `
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`
