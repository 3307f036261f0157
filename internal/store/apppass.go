package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/redis/go-redis/v9"
)

var _ apppass.Store = (*Store)(nil)

// appPassword is what is sealed of an app password.
type appPassword struct {
	UserName string    `json:"user_name"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	MAC      string    `json:"mac"`
}

// appUses is what is sealed of its use.
type appUses struct {
	FirstDevice string        `json:"first_device"`
	Uses        []apppass.Use `json:"uses"`
}

// maxUses is how many uses are kept.
const maxUses = 2

func appKey(user, id string) string { return prefixAppPass + user + ":" + id }

// usesData is the additional data of an app password's uses.
func usesData(key string) []byte { return []byte(key + " uses") }

// mac is what an app password is found by: a hash that only we can make.
func (s *Store) mac(password secret.Text) string {
	key := s.box.Derive("app passwords")
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte(password))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// PutAppPassword implements [apppass.Store].
func (s *Store) PutAppPassword(ctx context.Context, p apppass.AppPassword, password secret.Text, limit int) error {
	user, err := canonicalID(p.UserID)
	if err != nil {
		return err
	}
	if p.ID == "" || strings.ContainsAny(p.ID, ": ") || password == "" {
		return errors.New("keep app password: it needs an id and a password")
	}
	mac := s.mac(password)
	plain, err := json.Marshal(appPassword{UserName: p.UserName, Name: p.Name, Created: p.Created, MAC: mac})
	if err != nil {
		return fmt.Errorf("encode app password: %w", err)
	}
	key := appKey(user, p.ID)
	answer, err := s.runInt(ctx, s.scripts.putAppPassword, []string{key, prefixAppsOf + user, prefixAppFind + mac},
		p.ID, string(s.box.Seal(plain, []byte(key))), user+" "+p.ID, limit)
	if err != nil {
		return err
	}
	if answer != 1 {
		return apppass.ErrTooMany
	}
	return nil
}

// FindAppPassword implements [apppass.Store].
func (s *Store) FindAppPassword(ctx context.Context, password secret.Text) (apppass.AppPassword, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	mac := s.mac(password)
	place, err := s.client.Get(ctx, prefixAppFind+mac).Result()
	if errors.Is(err, redis.Nil) {
		return apppass.AppPassword{}, apppass.ErrUnknown
	}
	if err != nil {
		return apppass.AppPassword{}, unavailable(err)
	}
	user, id, _ := strings.Cut(place, " ")
	values, err := s.client.HMGet(ctx, appKey(user, id), "record", "uses").Result()
	if err != nil {
		return apppass.AppPassword{}, unavailable(err)
	}
	p, kept, err := s.openAppPassword(user, id, values)
	if err != nil {
		return apppass.AppPassword{}, err
	}
	// The place is not sealed, what it leads to is: nobody who can write to
	// Redis makes one password open another's account.
	if !hmac.Equal([]byte(kept.MAC), []byte(mac)) {
		return apppass.AppPassword{}, apppass.ErrUnknown
	}
	return p, nil
}

// openAppPassword makes an AppPassword of the fields record and uses. If there
// is none, what was sealed is empty.
func (s *Store) openAppPassword(user, id string, values []any) (apppass.AppPassword, appPassword, error) {
	sealed, ok := values[0].(string)
	if !ok {
		return apppass.AppPassword{}, appPassword{}, nil
	}
	key := appKey(user, id)
	var kept appPassword
	if err := s.openJSON(sealed, []byte(key), &kept); err != nil {
		return apppass.AppPassword{}, appPassword{}, fmt.Errorf("open app password: %w", err)
	}
	p := apppass.AppPassword{ID: id, UserID: user, UserName: kept.UserName, Name: kept.Name, Created: kept.Created}
	if sealed, ok := values[1].(string); ok {
		var uses appUses
		if err := s.openJSON(sealed, usesData(key), &uses); err != nil {
			return apppass.AppPassword{}, appPassword{}, fmt.Errorf("open uses of app password: %w", err)
		}
		p.FirstDevice, p.Uses = uses.FirstDevice, uses.Uses
	}
	return p, kept, nil
}

func (s *Store) openJSON(sealed string, additional []byte, into any) error {
	plain, err := s.box.Open([]byte(sealed), additional)
	if err != nil {
		return err
	}
	if json.Unmarshal(plain, into) != nil {
		return errors.New("record is not what was sealed")
	}
	return nil
}

// AppPasswords implements [apppass.Store].
func (s *Store) AppPasswords(ctx context.Context, userID string) ([]apppass.AppPassword, error) {
	user, err := canonicalID(userID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	ids, err := s.client.SMembers(ctx, prefixAppsOf+user).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	rows := make([]*redis.SliceCmd, len(ids))
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			rows[i] = p.HMGet(ctx, appKey(user, id), "record", "uses")
		}
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	all := make([]apppass.AppPassword, 0, len(ids))
	for i, row := range rows {
		p, _, err := s.openAppPassword(user, ids[i], row.Val())
		if err != nil {
			return nil, err
		}
		if p.ID != "" { // else it was revoked since the list was read
			all = append(all, p)
		}
	}
	return all, nil
}

// useTries is how often a use is noted anew because another came in between.
const useTries = 20

// UseAppPassword implements [apppass.Store].
func (s *Store) UseAppPassword(ctx context.Context, userID, id string, use apppass.Use, bound bool) (apppass.Use, error) {
	user, err := canonicalID(userID)
	if err != nil {
		return apppass.Use{}, err
	}
	for range useTries {
		before, done, err := s.useOnce(ctx, user, id, use, bound)
		if err != nil || done {
			return before, err
		}
	}
	return apppass.Use{}, fmt.Errorf("%w: an app password is used too often at once", ErrUnavailable)
}

// useOnce reads the uses, adds one, and has it written if nobody was faster.
func (s *Store) useOnce(ctx context.Context, user, id string, use apppass.Use, bound bool) (before apppass.Use, done bool, err error) {
	key := appKey(user, id)
	bounded, cancel := s.bound(ctx)
	defer cancel()
	values, err := s.client.HMGet(bounded, key, "record", "uses", "token").Result()
	if err != nil {
		return before, false, unavailable(err)
	}
	p, _, err := s.openAppPassword(user, id, values)
	if err != nil {
		return before, false, err
	}
	switch {
	case p.ID == "":
		return before, false, apppass.ErrUnknown
	case bound && len(p.Uses) > 0 && p.FirstDevice != use.DeviceID:
		return before, false, apppass.ErrElsewhere
	}
	uses := appUses{FirstDevice: p.FirstDevice, Uses: append([]apppass.Use{use}, p.Uses...)}
	if len(p.Uses) > 0 {
		before = p.Uses[0]
	} else {
		uses.FirstDevice = use.DeviceID
	}
	uses.Uses = uses.Uses[:min(len(uses.Uses), maxUses)]
	plain, err := json.Marshal(uses)
	if err != nil {
		return before, false, fmt.Errorf("encode uses of app password: %w", err)
	}
	token, _ := values[2].(string)
	answer, err := s.runInt(ctx, s.scripts.useAppPassword, []string{key},
		token, use.TokenID, string(s.box.Seal(plain, usesData(key))))
	if err != nil {
		return before, false, err
	}
	if answer < 0 {
		return before, false, apppass.ErrUnknown
	}
	return before, answer == 1, nil
}

// DropAppPassword implements [apppass.Store].
func (s *Store) DropAppPassword(ctx context.Context, userID, id string) error {
	user, err := canonicalID(userID)
	if err != nil {
		return err
	}
	key := appKey(user, id)
	bounded, cancel := s.bound(ctx)
	defer cancel()
	values, err := s.client.HMGet(bounded, key, "record", "uses").Result()
	if err != nil {
		return unavailable(err)
	}
	_, kept, err := s.openAppPassword(user, id, values)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, s.scripts.dropAppPassword, []string{key, prefixAppsOf + user, prefixAppFind + kept.MAC}, id)
	return err
}

// KEYS app password, the user's, where it is found; ARGV id, record, place, limit.
// Answers 1 done, 0 too many.
const luaPutAppPassword = `
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'token', '')
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[3])
return 1`

// KEYS app password; ARGV token of the use before, of this one, uses. Answers 1
// done, 0 another was faster, -1 there is none.
const luaUseAppPassword = `
local token = redis.call('HGET', KEYS[1], 'token')
if not token then return -1 end
if token == ARGV[2] then return 1 end
if token ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'uses', ARGV[3])
return 1`

// KEYS app password, the user's, where it is found; ARGV id.
const luaDropAppPassword = `
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('SREM', KEYS[2], ARGV[1])
return 1`
