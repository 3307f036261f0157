package jellyfin

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/jellyward/jellyward/internal/secret"
)

// Whoever found nothing remembered, and comes to ask only when the answer to
// another's question is in, does not ask again.
func TestALateCallerFindsTheAnswer(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"Id":"d2f8a9b1c4e34f6a8b7c6d5e4f3a2b1c"}`))
	}))
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	const token = secret.Text("0123456789abcdef0123456789abcdef")
	visitor := netip.MustParseAddr("203.0.113.9")
	liveness := NewLiveness(New(base, nil, 0), nil)
	if alive, err := liveness.Alive(t.Context(), token, visitor); !alive || err != nil {
		t.Fatal(alive, err)
	}
	late, err := liveness.ask(t.Context(), sha256.Sum256([]byte(token)), token, visitor)
	if !late || err != nil {
		t.Error(late, err)
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("Jellyfin was asked %d times", got)
	}
}
