// Package store keeps everything that must survive a restart and be the same for
// all replicas, in Redis: second factors and spent steps ([totp.Store]), counters
// of tries ([throttle.Store]), sessions ([session.Store]).
//
// Whatever changes more than one thing is a Lua script, so it happens as a whole
// or not at all. Secrets are sealed with a key that Redis does not have. keys.go
// lists what is kept, under which keys and for how long.
package store

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jellyward/jellyward/internal/seal"
	"github.com/redis/go-redis/v9"
)

var (
	// ErrUnavailable means that Redis could not be asked, or did not answer in
	// time or as it should. Nobody may be let through; it passes by itself when
	// Redis is back.
	ErrUnavailable = errors.New("redis is not available")
	// ErrKey means that the records in Redis were sealed with another key.
	ErrKey = errors.New("redis holds records that were sealed with another key")
)

// Options say which Redis to use.
type Options struct {
	// URL is redis://, rediss:// or unix://, with user and password; "memory:" for
	// a Redis inside this process that forgets everything; or "" for a private
	// redis-server in DataDir that this process starts and stops.
	URL string
	// Box seals what is kept.
	Box *seal.Box
	// DataDir holds the private server's files. It is not used with a URL.
	DataDir string
	// Logger hears about the private server and about lost connections. A nil
	// Logger discards.
	Logger *slog.Logger
}

// Store is a connection to Redis. It is safe for concurrent use.
type Store struct {
	client *redis.Client
	box    *seal.Box
	log    *slog.Logger
}

// Open connects to Redis, starting it first if Options say so, and makes sure
// that Box is the key that its records were sealed with. Close must be called.
func Open(ctx context.Context, o Options) (*Store, error) {
	return nil, errors.New("not there yet")
}

// Close closes the connections and stops a private server; it returns when the
// server has ended.
func (s *Store) Close() error { return s.client.Close() }

// Ping tells whether Redis answers; the error wraps [ErrUnavailable].
func (s *Store) Ping(ctx context.Context) error { return s.client.Ping(ctx).Err() }
