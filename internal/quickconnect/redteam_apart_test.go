package quickconnect_test

import (
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/throttle"
)

// TestDigitsKeepNobodyFromSigningIn: a link with digits looks them up when the
// user follows it, and whoever wrote the link could do so again and again.
func TestDigitsKeepNobodyFromSigningIn(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		_, _ = w.book.Look(t.Context(), w.alice.ID, "000000", home)
	}
	limiter := &throttle.Limiter{Store: w.store, Now: func() time.Time { return w.now }}
	if _, err := limiter.Begin(t.Context(), throttle.NetworkOf(home), w.alice.ID); err != nil {
		t.Errorf("alice cannot sign in: %v", err)
	}
}
