package store

import (
	"context"
	"net"
	"strconv"

	"github.com/alicebob/miniredis/v2"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/redis/go-redis/v9"
)

// OpenMemory connects to a miniredis that a test looks after.
func OpenMemory(server *miniredis.Miniredis, box *seal.Box) *Store {
	return newStore(memoryOptions(server), box)
}

// OpenThrough is [OpenMemory] by connections that a test has its hands on.
func OpenThrough(server *miniredis.Miniredis, box *seal.Box, by func(net.Conn) net.Conn) *Store {
	o := memoryOptions(server)
	dial := o.Dialer
	o.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return by(conn), nil
	}
	return newStore(o, box)
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
