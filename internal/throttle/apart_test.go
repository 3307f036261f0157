package throttle_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/jellyward/jellyward/internal/throttle"
)

// TestTriesApartSlowDownNobodyElse: they wait for each other, in their realm, and
// nothing else waits for them.
func TestTriesApartSlowDownNobodyElse(t *testing.T) {
	for _, network := range []string{"203.0.113.9/32", "2001:db8:1:2::/64"} {
		home := netip.MustParsePrefix(network)
		l := &throttle.Limiter{Store: &throttle.Memory{}}
		begin := func(realm throttle.Realm, user string) error {
			ctx := t.Context()
			if realm != 0 {
				ctx = throttle.Apart(ctx, realm)
			}
			_, err := l.Begin(ctx, home, user)
			return err
		}
		attempt, err := l.Begin(t.Context(), home, "alice")
		if err != nil || attempt.Succeed(t.Context()) != nil {
			t.Fatal(err)
		}
		limited := false
		for range 10 {
			limited = limited || errors.As(begin(throttle.Pages, "alice"), new(*throttle.LimitError))
		}
		if !limited {
			t.Errorf("%s: ten tries apart are not slowed down", network)
		}
		if err := begin(0, "alice"); err != nil {
			t.Errorf("%s: alice at home: %v", network, err)
		}
		if err := begin(throttle.Devices, "bob"); err != nil {
			t.Errorf("%s: another realm: %v", network, err)
		}
		if err := begin(throttle.Pages, "bob"); !errors.As(err, new(*throttle.LimitError)) {
			t.Errorf("%s: the network is not counted: %v", network, err)
		}
	}
}
