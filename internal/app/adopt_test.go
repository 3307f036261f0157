package app_test

import (
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// TestBrowsersOfBeforeAreListed takes away what is remembered of tokens, as it
// is after a program that did not remember any: a restart lists the browsers
// that are signed in.
func TestBrowsersOfBeforeAreListed(t *testing.T) {
	t.Parallel()
	redis := storetest.StartRedis(t)
	s := play(t, stage.Options{Redis: redis.URL, Protocol: "http2"})
	alice := browserOf(t, s, "alice", "wonderland")
	const here = `<span class="tag">here</span>`
	if !strings.Contains(alice.account(t), here) {
		t.Fatal("a browser is not listed on its own account page")
	}
	for _, key := range redisKeys(t, redis.URL) {
		if strings.Contains(key, "issued") {
			askRedis(t, redis.URL, "DEL "+key)
		}
	}
	if strings.Contains(alice.account(t), here) {
		t.Fatal("what is remembered of tokens is still there")
	}
	restart(t.Context(), t, s)
	if !strings.Contains(alice.account(t), here) {
		t.Error("a browser of before is not listed")
	}
}
