package quickconnect_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/quickconnect"
)

// TestOneBlockOfAddressesDoesNotUseUpWhatIsForAll: somebody with an IPv6 block
// has more /64 than there may be requests in the whole world.
func TestOneBlockOfAddressesDoesNotUseUpWhatIsForAll(t *testing.T) {
	now := time.Now()
	limits := quickconnect.NewLimits(func() time.Time { return now })
	block := netip.MustParseAddr("2001:db8:42::1").As16()
	for range 30 * 60 { // half an hour
		now = now.Add(time.Second)
		for range 4 {
			if block[7]++; block[7] == 0 {
				block[6]++
			}
			limits.Initiate(netip.AddrFrom16(block))
		}
	}
	if wait := limits.Initiate(netip.MustParseAddr("203.0.113.9")); wait > 0 {
		t.Errorf("everybody else has to wait for %s", wait)
	}
	if wait := limits.Initiate(netip.MustParseAddr("2001:db8:43::1")); wait > 0 {
		t.Errorf("the neighbouring block has to wait for %s", wait)
	}
}
