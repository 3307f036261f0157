package store

import (
	"log/slog"

	"github.com/alicebob/miniredis/v2"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/redis/go-redis/v9"
)

// OpenMemory connects to a miniredis that a test looks after.
func OpenMemory(server *miniredis.Miniredis, box *seal.Box) *Store {
	return &Store{client: redis.NewClient(memoryOptions(server)), box: box, scripts: newScripts()}
}

// Client is the raw connection.
func (s *Store) Client() *redis.Client { return s.client }

// Discard is a logger that says nothing.
func Discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
