package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// WatchSessions implements [session.Store].
func (s *Store) WatchSessions(ctx context.Context, tell func(session.Event)) error {
	return s.subscribe(ctx, channelEnded, subscriber{
		begun:   func(ago time.Duration) { tell(session.Event{Kind: session.Watching, Ago: ago}) },
		alive:   func(ago time.Duration) { tell(session.Event{Kind: session.Alive, Ago: ago}) },
		message: func(id string) { tell(session.Event{Kind: session.Ended, ID: id}) },
	})
}
