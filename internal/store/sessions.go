package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/redis/go-redis/v9"
)

var _ session.Store = (*Store)(nil)

// record is what is sealed of a session.
type record struct {
	UserID     string    `json:"user_id"`
	UserName   string    `json:"user_name"`
	Admin      bool      `json:"admin,omitempty"`
	Token      string    `json:"token"`
	DeviceID   string    `json:"device_id"`
	DeviceName string    `json:"device_name"`
	ServerID   string    `json:"server_id"`
	Network    string    `json:"network"`
	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires"`
}

// PutSession implements [session.Store].
func (s *Store) PutSession(ctx context.Context, r session.Record, ttl time.Duration) error {
	if r.ID == "" || ttl < time.Millisecond {
		return errors.New("keep session: it needs an id and some time")
	}
	plain, err := json.Marshal(record{
		UserID: r.UserID, UserName: r.UserName, Admin: r.Admin, Token: string(r.Token),
		DeviceID: r.DeviceID, DeviceName: r.DeviceName, ServerID: r.ServerID, Network: r.Network,
		Created: r.Created, Expires: r.Expires,
	})
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	key := prefixSession + r.ID
	keys := []string{key}
	if r.TokenHash != "" {
		keys = append(keys, prefixToken+r.TokenHash)
	}
	sealed := string(s.box.Seal(plain, []byte(key)))
	_, err = s.run(ctx, s.scripts.putSession, keys, r.ID, sealed, r.TokenHash, ttl.Milliseconds())
	return err
}

// Session implements [session.Store].
func (s *Store) Session(ctx context.Context, id string) (session.Session, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	key := prefixSession + id
	sealed, err := s.client.HGet(ctx, key, "record").Result()
	if errors.Is(err, redis.Nil) {
		return session.Session{}, session.ErrNone
	}
	if err != nil {
		return session.Session{}, unavailable(err)
	}
	plain, err := s.box.Open([]byte(sealed), []byte(key))
	if err != nil {
		return session.Session{}, fmt.Errorf("open session: %w", err)
	}
	var r record
	if err := json.Unmarshal(plain, &r); err != nil {
		return session.Session{}, errors.New("open session: record is not what was sealed")
	}
	return session.Session{
		ID: id, UserID: r.UserID, UserName: r.UserName, Admin: r.Admin, Token: secret.Text(r.Token),
		DeviceID: r.DeviceID, DeviceName: r.DeviceName, ServerID: r.ServerID, Network: r.Network,
		Created: r.Created, Expires: r.Expires,
	}, nil
}

// EndSession implements [session.Store].
func (s *Store) EndSession(ctx context.Context, id string) error {
	_, err := s.run(ctx, s.scripts.endSession, []string{prefixSession + id}, id, prefixToken, channelEnded)
	return err
}

// EndSessionsOfToken implements [session.Store].
func (s *Store) EndSessionsOfToken(ctx context.Context, tokenHash string) error {
	_, err := s.run(ctx, s.scripts.endToken, []string{prefixToken + tokenHash}, prefixSession, channelEnded)
	return err
}

const (
	// pingEvery is how often a subscription gives a sign of life.
	pingEvery = 500 * time.Millisecond
	// silence is when it is taken for dead.
	silence = 2 * time.Second
)

// WatchSessions implements [session.Store]. Redis answers a ping on the
// subscription's connection in order, after everything that was published before
// it: the answer vouches for all until the ping was sent.
func (s *Store) WatchSessions(ctx context.Context, tell func(session.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	sub := s.client.Subscribe(ctx, channelEnded)
	stop := context.AfterFunc(ctx, func() { sub.Close() })
	defer func() {
		if stop() {
			sub.Close()
		}
	}()
	go func() {
		defer cancel()
		ping(ctx, sub, start)
	}()
	for {
		message, err := sub.ReceiveTimeout(ctx, silence)
		if cause := ctx.Err(); cause != nil {
			return cause
		}
		if err != nil {
			return unavailable(err)
		}
		switch m := message.(type) {
		case *redis.Subscription:
			tell(session.Event{Kind: session.Watching, Ago: time.Since(start)})
		case *redis.Message:
			tell(session.Event{Kind: session.Ended, ID: m.Payload})
		case *redis.Pong:
			sent, err := strconv.ParseInt(m.Payload, 10, 64)
			if err != nil {
				return fmt.Errorf("%w: unexpected answer to a ping", ErrUnavailable)
			}
			tell(session.Event{Kind: session.Alive, Ago: time.Since(start) - time.Duration(sent)})
		}
	}
}

// ping sends pings that carry their time until one cannot be sent.
func ping(ctx context.Context, sub *redis.PubSub, start time.Time) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := strconv.FormatInt(int64(time.Since(start)), 10)
			if err := sub.Ping(ctx, now); err != nil {
				return
			}
		}
	}
}
