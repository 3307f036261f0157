package grant_test

import (
	"context"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/grant"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// replica returns a Book with its own connection to a Redis, and where it tells of
// ends.
func replica(t *testing.T, redis *storetest.Redis) (*grant.Book, <-chan string) {
	t.Helper()
	box, err := seal.New([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{URL: redis.URL, Box: box})
	if err != nil {
		t.Fatal(err)
	}
	b := grant.New(s, grant.Options{})
	ends := make(chan string, 100)
	b.OnEnd(func(hash string) { ends <- hash })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		s.Close()
	})
	return b, ends
}

// until waits for something that a replica learns.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !done(); <-tick.C {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// within is until, for what must be known a second later.
func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	began := time.Now()
	late := false
	until(t, what, func() bool {
		asked := time.Since(began)
		known := done()
		if !known && asked > time.Second && !late {
			late = true
			t.Errorf("%s did not reach the other replica within a second", what)
		}
		return known
	})
	t.Logf("%s reached the other replica after %v", what, time.Since(began))
}

// wantEnd waits until a replica tells of the end of token.
func wantEnd(t *testing.T, ends <-chan string, token secret.Text) {
	t.Helper()
	select {
	case got := <-ends:
		if got != token.Hash() {
			t.Errorf("the end of %s was told", got)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("waited in vain for an end")
	}
}

func TestReplicasAgreeWithinASecond(t *testing.T) {
	redis := storetest.StartRedis(t)
	one, _ := replica(t, redis)
	two, ends := replica(t, redis)
	// Both listen once each has heard of the other.
	one.Prove(at("192.0.2.1"), "first", "")
	two.Prove(at("192.0.2.2"), "second", "")
	until(t, "the replicas to listen", func() bool {
		return two.Holds(at("192.0.2.1"), "") && one.Holds(at("192.0.2.2"), "")
	})
	one.Prove(at(home6), "t", film)
	within(t, "a grant", func() bool { return two.Holds(at(home6), "") })
	within(t, "an opening", func() bool { return two.Holds(at(home4), film) })

	if err := one.End(t.Context(), "t"); err != nil {
		t.Fatalf("End: %v", err)
	}
	within(t, "an end", func() bool { return len(ends) > 0 })
	wantEnd(t, ends, "t")
	for _, b := range []*grant.Book{one, two} {
		check(t, b, film, map[string]bool{home4: false, home6: false, "192.0.2.1": true})
	}
}

func TestRedisComesBack(t *testing.T) {
	redis := storetest.StartRedis(t)
	one, _ := replica(t, redis)
	two, ends := replica(t, redis)
	one.Prove(at(home4), "t", "")
	one.Prove(at(other4), "u", "")
	until(t, "the grants", func() bool { return two.Holds(at(home4), "") && two.Holds(at(other4), "") })

	redis.Kill(t)
	one.Prove(at(home6), "t", "")
	if err := one.End(t.Context(), "u"); err == nil {
		t.Error("End without Redis is no error")
	}
	check(t, one, "", map[string]bool{home4: true, home6: true, other4: false})
	check(t, two, "", map[string]bool{home4: true, home6: false, other4: true})
	redis.Start(t)
	wantEnd(t, ends, "u")
	until(t, "the new grant", func() bool { return two.Holds(at(home6), "") })
	three, _ := replica(t, redis)
	until(t, "what Redis keeps", func() bool { return three.Holds(at(home6), "") })
	for _, b := range []*grant.Book{one, two, three} {
		check(t, b, "", map[string]bool{home4: true, home6: true, other4: false})
	}
}
