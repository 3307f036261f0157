package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/redis/go-redis/v9"
)

var _ issued.Store = (*Store)(nil)

// given is what is sealed of a token that was given out.
type given struct {
	Token       string    `json:"token"`
	UserID      string    `json:"user_id"`
	UserName    string    `json:"user_name"`
	Kind        string    `json:"kind"`
	Client      string    `json:"client"`
	DeviceName  string    `json:"device_name"`
	DeviceID    string    `json:"device_id"`
	Network     string    `json:"network"`
	AppPassword string    `json:"app_password,omitempty"`
	Created     time.Time `json:"created"`
}

// PutIssued implements [issued.Store].
func (s *Store) PutIssued(ctx context.Context, r issued.Record) error {
	user, err := canonicalID(r.UserID)
	if err != nil {
		return err
	}
	if r.ID == "" || r.ID != r.Secret.Hash() {
		return errors.New("keep token: its id is not its hash")
	}
	plain, err := json.Marshal(given{
		Token: string(r.Secret), UserID: user, UserName: r.UserName, Kind: string(r.Kind), Client: r.Client, DeviceName: r.DeviceName,
		DeviceID: r.DeviceID, Network: r.Network, AppPassword: r.AppPassword, Created: r.Created,
	})
	if err != nil {
		return fmt.Errorf("encode token: %w", err)
	}
	app := 1
	if r.Kind == issued.Browser {
		app = 0
	}
	key := prefixIssued + r.ID
	answer, err := s.runInt(ctx, s.scripts.putIssued, []string{key, prefixIssuedTo + user, keyIssuedApps, keyIssuedEnded},
		r.ID, string(s.box.Seal(plain, []byte(key))), user, milliseconds(r.Created), milliseconds(r.Seen), r.LastNetwork, app, channelIssued)
	if err != nil {
		return err
	}
	if answer < 0 {
		return issued.ErrEnded
	}
	return nil
}

// issuedFields are the fields of a record in the order in which openIssued wants
// them.
func issuedFields() []string { return []string{"record", "seen", "from"} }

// openIssued makes a Record of the fields of a hash. The second result tells
// whether there is one.
func (s *Store) openIssued(id string, values []any) (issued.Record, bool, error) {
	sealed, ok := values[0].(string)
	if !ok {
		return issued.Record{}, false, nil
	}
	key := prefixIssued + id
	plain, err := s.box.Open([]byte(sealed), []byte(key))
	if err != nil {
		return issued.Record{}, false, fmt.Errorf("open token: %w", err)
	}
	var g given
	if err := json.Unmarshal(plain, &g); err != nil {
		return issued.Record{}, false, errors.New("open token: record is not what was sealed")
	}
	seen, _ := values[1].(string)
	from, _ := values[2].(string)
	ms, err := strconv.ParseInt(seen, 10, 64)
	if err != nil {
		return issued.Record{}, false, errors.New("open token: its last use is no time")
	}
	return issued.Record{
		Token: issued.Token{
			ID: id, UserID: g.UserID, UserName: g.UserName, Kind: issued.Kind(g.Kind), Client: g.Client, DeviceName: g.DeviceName,
			DeviceID: g.DeviceID, Network: g.Network, LastNetwork: from, AppPassword: g.AppPassword,
			Created: g.Created, Seen: time.UnixMilli(ms),
		},
		Secret: secret.Text(g.Token),
	}, true, nil
}

// Issued implements [issued.Store].
func (s *Store) Issued(ctx context.Context, id string) (issued.Record, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	var row *redis.SliceCmd
	var ended *redis.FloatCmd
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		row = p.HMGet(ctx, prefixIssued+id, issuedFields()...)
		ended = p.ZScore(ctx, keyIssuedEnded, id)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) || len(row.Val()) == 0 { // Nil: it was not ended
		return issued.Record{}, unavailable(errors.Join(err, row.Err()))
	}
	if ended.Err() == nil {
		return issued.Record{}, issued.ErrEnded
	}
	record, ok, err := s.openIssued(id, row.Val())
	if err == nil && !ok {
		err = issued.ErrUnknown
	}
	return record, err
}

// IssuedTo implements [issued.Store].
func (s *Store) IssuedTo(ctx context.Context, userID string) ([]issued.Token, error) {
	user, err := canonicalID(userID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	ids, err := s.client.SMembers(ctx, prefixIssuedTo+user).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	rows := make([]*redis.SliceCmd, len(ids))
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			rows[i] = p.HMGet(ctx, prefixIssued+id, issuedFields()...)
		}
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	tokens := make([]issued.Token, 0, len(ids))
	for i, row := range rows {
		record, ok, err := s.openIssued(ids[i], row.Val())
		if err != nil {
			return nil, err
		}
		if ok { // else it ended since the list was read
			tokens = append(tokens, record.Token)
		}
	}
	return tokens, nil
}

// IssuedBefore implements [issued.Store].
func (s *Store) IssuedBefore(ctx context.Context, t time.Time) ([]string, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	ids, err := s.client.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: keyIssuedApps, ByScore: true, Start: "-inf", Stop: "(" + strconv.FormatInt(milliseconds(t), 10),
	}).Result()
	return ids, unavailable(err)
}

// TouchIssued implements [issued.Store].
func (s *Store) TouchIssued(ctx context.Context, uses []issued.Use) error {
	if len(uses) == 0 {
		return nil
	}
	args := []any{prefixIssued}
	for _, use := range uses {
		args = append(args, use.ID, milliseconds(use.At), use.Network)
	}
	_, err := s.run(ctx, s.scripts.touchIssued, nil, args...)
	return err
}

// ForgetIssued implements [issued.Store].
func (s *Store) ForgetIssued(ctx context.Context, id string) error {
	_, err := s.run(ctx, s.scripts.forgetIssued, []string{prefixIssued + id, keyIssuedApps}, id, prefixIssuedTo, channelIssued)
	return err
}

// WatchIssued implements [issued.Store].
func (s *Store) WatchIssued(ctx context.Context, tell func(issued.Event)) error {
	return s.subscribe(ctx, channelIssued, subscriber{
		begun: func(ago time.Duration) { tell(issued.Event{Kind: issued.Watching, Ago: ago}) },
		alive: func(ago time.Duration) { tell(issued.Event{Kind: issued.Alive, Ago: ago}) },
		message: func(payload string) {
			if payload == "" {
				return
			}
			kind := issued.Changed
			if payload[0] == '-' {
				kind = issued.Ended
			}
			tell(issued.Event{Kind: kind, ID: payload[1:]})
		},
	})
}

// KEYS token, the user's, apps', ended; ARGV token, record, user id, when it was
// given out, last used, from where, whether an app has it, channel. Times are in
// ms. Answers 1, or -1 for one that was ended.
const luaPutIssued = `
if redis.call('ZSCORE', KEYS[4], ARGV[1]) then return -1 end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'seen', ARGV[5], 'from', ARGV[6])
  return 1
end
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'user', ARGV[3], 'seen', ARGV[5], 'from', ARGV[6])
redis.call('SADD', KEYS[2], ARGV[1])
if ARGV[7] == '1' then redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1]) end
redis.call('PUBLISH', ARGV[8], '+' .. ARGV[1])
return 1`

// ARGV prefix of tokens, then token, when in ms, from where, for each use.
const luaTouchIssued = `
for i = 2, #ARGV, 3 do
  local key = ARGV[1] .. ARGV[i]
  local seen = redis.call('HGET', key, 'seen')
  if seen and tonumber(seen) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', key, 'seen', ARGV[i + 1], 'from', ARGV[i + 2])
  end
end
return 1`

// KEYS token, apps'; ARGV token, prefix of users, channel.
const luaForgetIssued = `
local user = redis.call('HGET', KEYS[1], 'user')
if user then redis.call('SREM', ARGV[2] .. user, ARGV[1]) end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PUBLISH', ARGV[3], '+' .. ARGV[1])
return 1`
