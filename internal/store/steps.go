package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jellyward/jellyward/internal/totp"
	"github.com/redis/go-redis/v9"
)

// Claim implements [totp.Store].
func (s *Store) Claim(ctx context.Context, userID string, step totp.Step, ttl time.Duration) (string, error) {
	id, err := canonicalID(userID)
	if err != nil {
		return "", err
	}
	if ttl < time.Millisecond {
		return "", errors.New("claim step: it needs some time")
	}
	claim := rand.Text()
	answer, err := s.runInt(ctx, s.scripts.claim, []string{prefixUser + id, claimKey(id, step)},
		int64(step), claim, ttl.Milliseconds())
	if err != nil {
		return "", err
	}
	if answer != 1 {
		return "", totp.ErrSpent
	}
	return claim, nil
}

// Spend implements [totp.Store].
func (s *Store) Spend(ctx context.Context, userID string, step totp.Step, claim string) error {
	id, err := canonicalID(userID)
	if err != nil {
		return err
	}
	if claim == "" {
		return fmt.Errorf("%w: it was not claimed", totp.ErrSpent)
	}
	answer, err := s.runInt(ctx, s.scripts.spend, []string{prefixUser + id, claimKey(id, step)}, int64(step), claim)
	if err != nil {
		return err
	}
	if answer != 1 {
		return totp.ErrSpent
	}
	return nil
}

// Release implements [totp.Store].
func (s *Store) Release(ctx context.Context, userID string, step totp.Step, claim string) error {
	id, err := canonicalID(userID)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, s.scripts.release, []string{claimKey(id, step)}, claim)
	return err
}

// UserID implements [totp.Store].
func (s *Store) UserID(ctx context.Context, name string) (string, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	id, err := s.client.HGet(ctx, keyNames, fold(name)).Result()
	if errors.Is(err, redis.Nil) {
		return "", totp.ErrUnknownName
	}
	if err != nil {
		return "", unavailable(err)
	}
	return id, nil
}

// PutName implements [totp.Store].
func (s *Store) PutName(ctx context.Context, name, userID string) error {
	id, err := canonicalID(userID)
	if err != nil {
		return err
	}
	if name == "" {
		return errors.New("remember name: it is empty")
	}
	_, err = s.run(ctx, s.scripts.putName, []string{prefixUser + id, keyNames}, id, name, fold(name))
	return err
}
