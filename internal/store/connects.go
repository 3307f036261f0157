package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/quickconnect"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/redis/go-redis/v9"
)

var _ quickconnect.Store = (*Store)(nil)

// waiting is what is sealed of a device that shows a code.
type waiting struct {
	Client     string    `json:"client"`
	DeviceName string    `json:"device_name"`
	DeviceID   string    `json:"device_id"`
	Version    string    `json:"version"`
	Network    string    `json:"network"`
	At         time.Time `json:"at"`
	Secret     string    `json:"secret,omitempty"`
}

// PutConnect implements [quickconnect.Store].
func (s *Store) PutConnect(ctx context.Context, r quickconnect.Request, ttl time.Duration, limit int) error {
	if r.Code == "" || ttl < time.Millisecond {
		return errors.New("keep quick connect request: it needs a code and some time")
	}
	plain, err := json.Marshal(waiting{
		Client: r.Device.Client, DeviceName: r.Device.Name, DeviceID: r.Device.ID, Version: r.Device.Version,
		Network: r.Network, At: r.At, Secret: string(r.Secret),
	})
	if err != nil {
		return fmt.Errorf("encode quick connect request: %w", err)
	}
	key := prefixConnect + r.Code
	_, err = s.run(ctx, s.scripts.putConnect, []string{key, keyConnects},
		r.Code, string(s.box.Seal(plain, []byte(key))), milliseconds(r.At), ttl.Milliseconds(), limit, prefixConnect,
		milliseconds(r.At.Add(-ttl)))
	return err
}

// Connect implements [quickconnect.Store].
func (s *Store) Connect(ctx context.Context, code string) (quickconnect.Request, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	key := prefixConnect + code
	sealed, err := s.client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return quickconnect.Request{}, quickconnect.ErrUnknown
	}
	if err != nil {
		return quickconnect.Request{}, unavailable(err)
	}
	var w waiting
	if err := s.openJSON(sealed, []byte(key), &w); err != nil {
		return quickconnect.Request{}, fmt.Errorf("open quick connect request: %w", err)
	}
	return quickconnect.Request{
		Code: code, Seen: true, Network: w.Network, At: w.At, Secret: secret.Text(w.Secret),
		Device: jellyfin.Device{Client: w.Client, Name: w.DeviceName, ID: w.DeviceID, Version: w.Version},
	}, nil
}

// DropConnect implements [quickconnect.Store].
func (s *Store) DropConnect(ctx context.Context, code string) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, prefixConnect+code)
		p.ZRem(ctx, keyConnects, code)
		return nil
	})
	return unavailable(err)
}

// KEYS request, all; ARGV code, record, now, ttl, limit, prefix of requests, what
// is too old. Times are in ms.
const luaPutConnect = `
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[7])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
while redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[5]) do
  local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  redis.call('ZREM', KEYS[2], oldest)
  redis.call('DEL', ARGV[6] .. oldest)
end
return 1`
