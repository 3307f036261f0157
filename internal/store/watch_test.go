package store_test

import (
	"bytes"
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/store"
)

// halfDead is a connection on which no sign of life can be sent, and nothing comes.
type halfDead struct{ net.Conn }

// Write fails for pings.
func (c halfDead) Write(p []byte) (int, error) {
	if bytes.Contains(bytes.ToLower(p), []byte("ping")) {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(p)
}

// Whoever watches is told that Redis is away, whichever side of the connection
// notices first, and not that he himself has stopped watching.
func TestAWatchThatCannotPingSaysThatRedisIsAway(t *testing.T) {
	server := miniredis.NewMiniRedis()
	t.Cleanup(server.Close)
	s := store.OpenThrough(server, box(t, 1), func(c net.Conn) net.Conn { return halfDead{c} })
	t.Cleanup(func() { s.Close() })
	err := s.WatchSessions(t.Context(), func(session.Event) {})
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("WatchSessions returned %v, want %v", err, store.ErrUnavailable)
	}
}
