package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/jellyward/jellyward/internal/totp"
	"github.com/redis/go-redis/v9"
)

var _ totp.Store = (*Store)(nil)

// factor is what is sealed of an enrolment and of a pending one.
type factor struct {
	Secret  string    `json:"secret"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// Enrolment implements [totp.Store]. A user who is on the list of those with a
// second factor, or in a database that is not the one that was opened, is not
// taken for one without ([ErrLost]).
func (s *Store) Enrolment(ctx context.Context, userID string) (totp.Enrolment, error) {
	id, err := canonicalID(userID)
	if err != nil {
		return totp.Enrolment{}, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	var record *redis.SliceCmd
	var listed *redis.BoolCmd
	var mark *redis.StringCmd
	_, err = s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		record = p.HMGet(ctx, prefixUser+id, "factor", "name", "factor-id")
		listed = p.SIsMember(ctx, keyEnrolled, id)
		mark = p.Get(ctx, keyCheck)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) || len(record.Val()) == 0 { // Nil: there is no mark
		return totp.Enrolment{}, unavailable(err)
	}
	if record.Val()[0] == nil && (listed.Val() || mark.Val() != s.mark) {
		return totp.Enrolment{}, ErrLost
	}
	return s.enrolment(id, record.Val())
}

// enrolment makes an Enrolment of the fields factor, name and factor-id.
func (s *Store) enrolment(id string, values []any) (totp.Enrolment, error) {
	sealed, ok := values[0].(string)
	if !ok {
		return totp.Enrolment{}, totp.ErrNotEnrolled
	}
	f, secret, err := s.openFactor(prefixUser+id, sealed)
	if err != nil {
		return totp.Enrolment{}, fmt.Errorf("open second factor of user %s: %w", id, err)
	}
	if name, ok := values[1].(string); ok {
		f.Name = name
	}
	factorID, _ := values[2].(string)
	return totp.Enrolment{ID: factorID, UserID: id, Name: f.Name, Secret: secret, Created: f.Created}, nil
}

func (s *Store) sealFactor(key string, f factor) (string, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("encode second factor: %w", err)
	}
	return string(s.box.Seal(plain, []byte(key))), nil
}

func (s *Store) openFactor(key, sealed string) (factor, totp.Secret, error) {
	plain, err := s.box.Open([]byte(sealed), []byte(key))
	if err != nil {
		return factor{}, totp.Secret{}, err
	}
	var f factor
	if err := json.Unmarshal(plain, &f); err != nil {
		return factor{}, totp.Secret{}, errors.New("record is not what was sealed")
	}
	secret, err := totp.ParseSecret(f.Secret)
	if err != nil {
		return factor{}, totp.Secret{}, err
	}
	return f, secret, nil
}

// PutPending implements [totp.Store].
func (s *Store) PutPending(ctx context.Context, p totp.Pending, ttl time.Duration) error {
	id, err := canonicalID(p.UserID)
	if err != nil {
		return err
	}
	if p.ID == "" || p.Secret.IsZero() || ttl < time.Millisecond {
		return errors.New("keep pending second factor: it needs an id, a secret and some time")
	}
	key := prefixPending + id
	record, err := s.sealFactor(key, factor{Secret: p.Secret.Base32(), Name: p.Name, Created: p.Created})
	if err != nil {
		return err
	}
	_, err = s.run(ctx, s.scripts.putPending, []string{key}, p.ID, record, ttl.Milliseconds(), p.Replaces)
	return err
}

// Pending implements [totp.Store].
func (s *Store) Pending(ctx context.Context, userID string) (totp.Pending, error) {
	id, err := canonicalID(userID)
	if err != nil {
		return totp.Pending{}, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	values, err := s.client.HMGet(ctx, prefixPending+id, "id", "record", "replaces").Result()
	if err != nil {
		return totp.Pending{}, unavailable(err)
	}
	pendingID, _ := values[0].(string)
	sealed, ok := values[1].(string)
	if !ok || pendingID == "" {
		return totp.Pending{}, totp.ErrNoPending
	}
	f, secret, err := s.openFactor(prefixPending+id, sealed)
	if err != nil {
		return totp.Pending{}, fmt.Errorf("open pending second factor of user %s: %w", id, err)
	}
	replaces, _ := values[2].(string)
	return totp.Pending{ID: pendingID, UserID: id, Name: f.Name, Secret: secret, Replaces: replaces, Created: f.Created}, nil
}

// Activate implements [totp.Store]. The pending record is read, sealed anew for
// its new place, and put there by the script if it is still the same one.
func (s *Store) Activate(ctx context.Context, userID, pendingID string, step totp.Step) error {
	pending, err := s.Pending(ctx, userID)
	if err != nil {
		return err
	}
	if pending.ID != pendingID {
		return totp.ErrNoPending
	}
	id, key := pending.UserID, prefixUser+pending.UserID
	record, err := s.sealFactor(key, factor{Secret: pending.Secret.Base32(), Name: pending.Name, Created: pending.Created})
	if err != nil {
		return err
	}
	answer, err := s.runInt(ctx, s.scripts.activate, []string{key, prefixPending + id, keyEnrolled},
		id, pendingID, int64(step), record, rand.Text())
	switch {
	case err != nil:
		return err
	case answer < 0:
		return totp.ErrNoPending
	case answer == 0:
		return totp.ErrSpent
	}
	return nil
}

// Enrolments implements [totp.Store]. A record that cannot be opened fails the
// whole list.
func (s *Store) Enrolments(ctx context.Context) ([]totp.Enrolment, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	ids, err := s.client.SMembers(ctx, keyEnrolled).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	rows := make([]*redis.SliceCmd, len(ids))
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			rows[i] = p.HMGet(ctx, prefixUser+id, "factor", "name", "factor-id")
		}
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	all := make([]totp.Enrolment, 0, len(ids))
	for i, row := range rows {
		e, err := s.enrolment(ids[i], row.Val())
		if errors.Is(err, totp.ErrNotEnrolled) {
			continue // reset since the list was read
		}
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	sort.Slice(all, func(i, j int) bool {
		if a, b := fold(all[i].Name), fold(all[j].Name); a != b {
			return a < b
		}
		return all[i].UserID < all[j].UserID
	})
	return all, nil
}

// Reset implements [totp.Store].
func (s *Store) Reset(ctx context.Context, userID string) error {
	id, err := canonicalID(userID)
	if err != nil {
		return err
	}
	keys := []string{prefixUser + id, prefixPending + id, keyEnrolled, prefixKnown + id, othersKey(id)}
	_, err = s.run(ctx, s.scripts.reset, keys, id, prefixTries+id+":")
	return err
}
