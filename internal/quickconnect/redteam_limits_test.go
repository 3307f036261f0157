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
			limits.Initiate(netip.AddrFrom16(block), false)
		}
	}
	if wait := limits.Initiate(netip.MustParseAddr("203.0.113.9"), false); wait > 0 {
		t.Errorf("everybody else has to wait for %s", wait)
	}
	if wait := limits.Initiate(netip.MustParseAddr("2001:db8:43::1"), false); wait > 0 {
		t.Errorf("the neighbouring block has to wait for %s", wait)
	}
}

// TestNoCrowdKeepsTelevisionsOut: some hundred addresses use up what is for all
// strangers, for as long as they like. They are cheap.
func TestNoCrowdKeepsTelevisionsOut(t *testing.T) {
	now := time.Now()
	limits := quickconnect.NewLimits(func() time.Time { return now })
	for second := range 3 * 60 * 60 {
		now = now.Add(time.Second)
		for i := range byte(2) { // each once a minute
			limits.Initiate(netip.AddrFrom4([4]byte{198, 51, i, byte(second % 60)}), false)
		}
	}
	stranger, television := netip.MustParseAddr("203.0.113.8"), netip.MustParseAddr("203.0.113.9")
	if wait := limits.Initiate(stranger, false); wait == 0 {
		t.Error("the crowd is too small for this test")
	}
	for i := range 10 {
		if wait := limits.Initiate(television, true); wait > 0 {
			t.Errorf("request %d from a home where somebody is signed in has to wait for %s", i, wait)
		}
	}
	if wait := limits.Initiate(television, true); wait == 0 {
		t.Error("a home may ask as often as it likes")
	}
}
