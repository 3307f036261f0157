package store

import (
	"context"
	"strconv"

	"github.com/alicebob/miniredis/v2"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/redis/go-redis/v9"
)

// OpenMemory connects to a miniredis that a test looks after.
func OpenMemory(server *miniredis.Miniredis, box *seal.Box) *Store {
	return newStore(memoryOptions(server), box)
}

// Client is the raw connection.
func (s *Store) Client() *redis.Client { return s.client }

// ProcessID is that of the server, or 0.
func ProcessID(ctx context.Context, s *Store) int {
	info, err := s.client.Info(ctx, "server").Result()
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(infoField(info, "process_id"))
	return pid
}
