package throttle_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/throttle"
	"pgregory.net/rapid"
)

func start() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// at makes failures of durations since the start.
func at(times ...time.Duration) []time.Time {
	var failures []time.Time
	for _, d := range times {
		failures = append(failures, start().Add(d))
	}
	return failures
}

func TestWaitsDoubleUpToTheLongest(t *testing.T) {
	rules := throttle.Standard()
	var seconds []float64
	for n := range 18 {
		seconds = append(seconds, rules.WaitFor(n).Seconds())
	}
	want := []float64{0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900}
	if diff := cmp.Diff(want, seconds); diff != "" {
		t.Error(diff)
	}
	if got := rules.WaitFor(1_000_000); got != 15*time.Minute {
		t.Errorf("after a million failures: %v", got)
	}
}

func TestWait(t *testing.T) {
	const s, m = time.Second, time.Minute
	tests := []struct {
		what     string
		failures []time.Time
		now      time.Duration
		want     time.Duration
	}{
		{"nothing yet", nil, 0, 0},
		{"four failures are free", at(0, 0, 0, 0), 0, 0},
		{"the fifth costs a second", at(0, 0, 0, 0, 0), 0, 1 * s},
		{"which passes", at(0, 0, 0, 0, 0), 1 * s, 0},
		{"the sixth costs two", at(0, 0, 0, 0, 0, 1*s), 1 * s, 2 * s},
		{"five that took fifteen minutes cost nothing", at(0, 4*m, 8*m, 12*m, 15*m), 15 * m, 0},
		{"five that took less cost a second", at(0, 4*m, 8*m, 12*m, 15*m-s), 15*m - s, 1 * s},
		{"four and later four cost nothing", at(0, 0, 0, 0, 16*m, 16*m, 16*m, 16*m), 16 * m, 0},
		{"five and later one are six", at(0, 0, 0, 0, 0, 59*m), 59 * m, 2 * s},
		{"an hour forgets", at(0, 0, 0, 0, 0, 60*m), 60 * m, 0},
		{"clocks that differ do not lengthen a wait", at(0, 0, 0, 0, 10*m), 0, 1 * s},
	}
	for _, tt := range tests {
		if got := throttle.Standard().Wait(tt.failures, start().Add(tt.now)); got != tt.want {
			t.Errorf("%s: wait %v, want %v", tt.what, got, tt.want)
		}
	}
}

func TestNobodyGuessesFast(t *testing.T) {
	rules := throttle.Standard()
	rapid.Check(t, func(t *rapid.T) {
		var failures []time.Time
		now := start()
		for range 150 {
			// The guesser waits as long as told, and sometimes longer.
			now = now.Add(rules.Wait(failures, now))
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 30, 300, 901, 3600}).Draw(t, "rest")) * time.Second)
			failures = append(failures, now)
		}
		for i, first := range failures {
			n := 0
			for _, f := range failures[i:] {
				if f.Sub(first) < time.Hour {
					n++
				}
			}
			if n > 24 {
				t.Fatalf("%d guesses in one hour", n)
			}
		}
	})
}

func TestNetworkOf(t *testing.T) {
	for addr, want := range map[string]string{
		"203.0.113.9":               "203.0.113.9/32",
		"::ffff:203.0.113.9":        "203.0.113.9/32",
		"2001:db8:1:2:3:4:5:6":      "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::":       "2001:db8:1:2::/64",
		"fe80::1%eth0":              "fe80::/64",
		"::1":                       "::/64",
		"64:ff9b::203.0.113.9":      "64:ff9b::/64",
		"2001:0db8:0000:0003::0001": "2001:db8:0:3::/64",
	} {
		if got := throttle.NetworkOf(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("NetworkOf(%s) = %s, want %s", addr, got, want)
		}
	}
	if throttle.NetworkOf(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}
