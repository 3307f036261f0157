package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jellyward/jellyward/internal/throttle"
)

var _ throttle.Store = (*Store)(nil)

// Charge implements [throttle.Store].
func (s *Store) Charge(ctx context.Context, c throttle.Charge, rules throttle.Rules) (throttle.Verdict, error) {
	return s.charge(ctx, c, rules, 1)
}

// Identify implements [throttle.Store].
func (s *Store) Identify(ctx context.Context, c throttle.Charge, rules throttle.Rules) (throttle.Verdict, error) {
	return s.charge(ctx, c, rules, 0)
}

func (s *Store) charge(ctx context.Context, c throttle.Charge, rules throttle.Rules, chargeNetwork int) (throttle.Verdict, error) {
	network := c.Network.String()
	keys := []string{prefixNetwork + network}
	if c.UserID != "" {
		id, err := canonicalID(c.UserID)
		if err != nil {
			return throttle.Verdict{}, err
		}
		keys = append(keys, prefixKnown+id, homeKey(id, c.Network), othersKey(id))
	}
	var othersAge time.Duration
	if c.Nobody {
		othersAge = rules.Kept()
	}
	args := []any{
		c.ID, milliseconds(c.At), network, rules.Free, rules.Burst.Milliseconds(), rules.Memory.Milliseconds(),
		rules.LongestWait.Milliseconds(), rules.Lock, rules.Known.Milliseconds(), rules.Kept().Milliseconds(),
		homeTriesAge.Milliseconds(), chargeNetwork, othersAge.Milliseconds(),
	}
	for n := rules.Free; ; n++ {
		wait := rules.WaitFor(n)
		args = append(args, wait.Milliseconds())
		if wait >= rules.LongestWait {
			break
		}
	}
	answer, err := s.run(ctx, s.scripts.charge, keys, args...)
	if err != nil {
		return throttle.Verdict{}, err
	}
	return verdict(answer)
}

// verdict reads what the script answers: {scope, wait, locked}.
func verdict(answer any) (throttle.Verdict, error) {
	fields, _ := answer.([]any)
	if len(fields) != 3 {
		return throttle.Verdict{}, fmt.Errorf("%w: unexpected answer %v", ErrUnavailable, answer)
	}
	var numbers [3]int64
	for i, f := range fields {
		n, ok := f.(int64)
		if !ok {
			return throttle.Verdict{}, fmt.Errorf("%w: unexpected answer %v", ErrUnavailable, answer)
		}
		numbers[i] = n
	}
	return throttle.Verdict{
		Scope:  throttle.Scope(numbers[0]),
		Wait:   time.Duration(numbers[1]) * time.Millisecond,
		Locked: numbers[2] != 0,
	}, nil
}

// Refund implements [throttle.Store].
func (s *Store) Refund(ctx context.Context, c throttle.Charge) error {
	keys := []string{prefixNetwork + c.Network.String()}
	if c.Scope != throttle.NoScope {
		id, err := canonicalID(c.UserID)
		if err != nil {
			return err
		}
		keys = append(keys, scopeKey(id, c))
	}
	_, err := s.run(ctx, s.scripts.refund, keys, c.ID)
	return err
}

// Settle implements [throttle.Store].
func (s *Store) Settle(ctx context.Context, c throttle.Charge, now time.Time, rules throttle.Rules) error {
	if c.Scope == throttle.NoScope {
		return s.Refund(ctx, c)
	}
	id, err := canonicalID(c.UserID)
	if err != nil {
		return err
	}
	network := c.Network.String()
	keys := []string{prefixNetwork + network, prefixKnown + id, homeKey(id, c.Network), scopeKey(id, c)}
	_, err = s.run(ctx, s.scripts.settle, keys,
		c.ID, milliseconds(c.At), network, milliseconds(now), milliseconds(now.Add(-rules.Known)),
		rules.Known.Milliseconds(), maxKnown)
	return err
}

func scopeKey(id string, c throttle.Charge) string {
	if c.Scope == throttle.Home {
		return homeKey(id, c.Network)
	}
	return othersKey(id)
}
