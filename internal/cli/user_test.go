package cli

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/store/storetest"
	"github.com/jellyward/jellyward/internal/totp"
)

// Whose second factor Redis has lost can be seen, and reset.
func TestALostSecondFactorCanBeReset(t *testing.T) {
	const id = "00000000000000000000000000000001"
	redis := storetest.StartRedis(t)
	box, err := seal.New([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{URL: redis.URL, Box: box})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, err := range []error{
		s.PutPending(t.Context(), totp.Pending{ID: "1", UserID: id, Name: "ann", Secret: totp.NewSecret()}, time.Minute),
		s.Activate(t.Context(), id, "1", 1),
		s.PutName(t.Context(), "ann", id),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	evict(t, redis, "jellyward:user:"+id)

	for _, name := range []string{"ann", id} {
		u, err := findUser(t.Context(), s, name)
		if err != nil || u.id != id || !strings.Contains(u.factor(), "lost by Redis") {
			t.Errorf("findUser(%s) = %+v, %v", name, u, err)
		}
	}
	if err := s.Reset(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	u, err := findUser(t.Context(), s, "ann")
	if err != nil || !strings.HasPrefix(u.factor(), "none") {
		t.Errorf("after a reset: %+v, %v", u, err)
	}
	var said bytes.Buffer
	if err := (user{id: id, name: "ann", lost: true}).sayReset(&said, true); err != nil || !strings.Contains(said.String(), "the second factor is removed") {
		t.Errorf("a reset says %q, %v", said.String(), err)
	}
}

// evict takes a key from the server as its own memory limit might.
func evict(t *testing.T, redis *storetest.Redis, key string) {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(redis.URL, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("DEL " + key + "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 16)
	if n, err := conn.Read(answer); err != nil || string(answer[:n]) != ":1\r\n" {
		t.Fatalf("DEL %s: %q, %v", key, answer[:n], err)
	}
}
