package quickconnect

import (
	"net/netip"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	home, neighbour := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.10")

	l := NewLimits(clock)
	for i := range 10 {
		if wait := l.Initiate(home, false); wait != 0 {
			t.Fatalf("request %d waits %v", i, wait)
		}
	}
	if wait := l.Initiate(home, false); wait != 6*time.Second {
		t.Errorf("the eleventh waits %v, want 6s", wait)
	}
	if wait := l.Initiate(neighbour, false); wait != 0 {
		t.Errorf("a neighbour waits %v", wait)
	}
	hour := 10
	for range 600 {
		now = now.Add(6 * time.Second)
		if l.Initiate(home, false) == 0 {
			hour++
		}
	}
	if hour < 100 || hour > 130 { // 60 at once, and 60 that come back
		t.Errorf("%d requests in an hour", hour)
	}

	// Six televisions that poll once a second, for ten minutes.
	for i := range 10 * 60 * 6 {
		if wait := l.Connect(home); wait != 0 {
			t.Fatalf("poll %d waits %v", i, wait)
		}
		now = now.Add(time.Second / 6)
	}
	passed := 0
	for range 1000 {
		if l.Connect(home) == 0 {
			passed++
		}
	}
	if passed > 60 {
		t.Errorf("%d polls at once", passed)
	}
}

func TestTheWholeWorldIsBounded(t *testing.T) {
	now := time.Now()
	l := NewLimits(func() time.Time { return now })
	passed := 0
	for range 10 * 60 { // ten minutes
		for range 30 {
			if l.Initiate(randomNetwork(passed), false) == 0 {
				passed++
			}
		}
		now = now.Add(time.Second)
	}
	if passed < 900 || passed > maxPending {
		t.Errorf("%d requests in the time that a code lives, want about %d", passed, maxPending)
	}
}

func TestMetersForget(t *testing.T) {
	now := time.Now()
	m := newMeter(func() time.Time { return now }, connectRates())
	for i := range 3 * maxNetworks {
		m.take(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32))
		if i == maxNetworks {
			now = now.Add(time.Hour) // all buckets are full again
		}
	}
	if n := len(m.full); n > maxNetworks {
		t.Errorf("%d networks are remembered", n)
	}
}

func randomNetwork(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
}
