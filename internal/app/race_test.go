package app_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// TestACodeSignsInOnce tries one code a thousand times at once, each from a
// network of its own so that no throttle hides the race, on two programs that
// share one Redis. Exactly one may succeed, and only its token may be left.
func TestACodeSignsInOnce(t *testing.T) {
	const tries = 1000
	url := storetest.StartRedis(t).URL
	first := play(t, stage.Options{Redis: url, Logger: discard()})
	second := play(t, stage.Options{
		Redis: url, Server: first.Jellyfin, Logger: discard(),
		Change: func(c *config.Config) { c.KeyFile = first.Config.KeyFile },
	})
	first.Jellyfin.AddUser("alice", "wonderland")
	alice := &person{name: "alice", password: "wonderland", base: first.Edge.URL(), http: http.DefaultClient, device: "home"}
	alice.enrol(t)
	before := len(first.Jellyfin.LiveTokens())

	code := alice.code(t)
	outcomes := make([]int, tries)
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	for i := range tries {
		s := first
		if i%2 == 1 {
			s = second
		}
		visitor := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
		one := &person{
			name: "alice", password: "wonderland", base: "https://jellyfin.example.org",
			http: &http.Client{Transport: s.Edge.TransportFor(edgetest.Visitor{Addr: visitor})}, device: fmt.Sprint("device", i),
		}
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			outcomes[i], _, _ = one.post(t, "authenticate", one.fields("Otp", code))
		})
	}
	ready.Wait()
	close(start)
	done.Wait()

	count := map[int]int{}
	for _, status := range outcomes {
		count[status]++
	}
	t.Logf("%d tries with one code: %v", tries, count)
	if count[http.StatusOK] != 1 {
		t.Errorf("%d sign-ins succeeded with one code", count[http.StatusOK])
	}
	if count[http.StatusUnauthorized]+count[http.StatusTooManyRequests]+count[http.StatusOK] != tries {
		t.Errorf("something else than success or refusal was answered: %v", count)
	}
	if after := len(first.Jellyfin.LiveTokens()); after != before+1 {
		t.Errorf("%d tokens live at Jellyfin after the race, want %d", after, before+1)
	}
}
