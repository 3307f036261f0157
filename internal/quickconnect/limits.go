package quickconnect

import (
	"net/netip"
	"sync"
	"time"

	"github.com/jellyward/jellyward/internal/throttle"
)

// rate lets burst through at once and then one every interval: a bucket that
// fills by one every interval, and holds burst.
type rate struct {
	burst    int
	interval time.Duration
}

// The rates. A person asks for a code a few times; apps poll every five seconds,
// some once a second, and a home may have several.
func initiateRates() []rate {
	return []rate{{burst: 10, interval: 6 * time.Second}, {burst: 60, interval: time.Minute}}
}

func connectRates() []rate { return []rate{{burst: 60, interval: 100 * time.Millisecond}} }

// blockRates are those of an IPv6 /48 together, which is what one customer may
// have: with a network for each request it would use up what is for all.
func blockRates() []rate { return []rate{{burst: 60, interval: 6 * time.Second}} }

// allRates bound what waits at Jellyfin, whose list of codes has no limit: about
// as many as the book holds in the time that a code lives.
func allRates() []rate { return []rate{{burst: maxPending / 2, interval: 1200 * time.Millisecond}} }

// maxNetworks bounds the networks that are remembered.
const maxNetworks = 10_000

// Limits slow down Initiate and Connect, which cost a stranger nothing. They are
// kept in memory, for each replica. Use [NewLimits].
type Limits struct{ initiate, connect, block, all *meter }

// NewLimits returns limits that nobody has used yet. A nil now means [time.Now].
func NewLimits(now func() time.Time) *Limits {
	if now == nil {
		now = time.Now
	}
	return &Limits{
		initiate: newMeter(now, initiateRates()),
		connect:  newMeter(now, connectRates()),
		block:    newMeter(now, blockRates()),
		all:      newMeter(now, allRates()),
	}
}

// Initiate tells how long a visitor has to wait before it may ask for a code;
// zero means that it may now. All strangers together may ask for as many as the
// book can hold. A network that is known, since a live token was shown there
// lately, is not among them: no crowd uses up what a user's own television needs.
func (l *Limits) Initiate(visitor netip.Addr, known bool) time.Duration {
	if wait := l.initiate.take(throttle.NetworkOf(visitor)); wait > 0 || known {
		return wait
	}
	if block, ok := blockOf(visitor); ok {
		if wait := l.block.take(block); wait > 0 {
			return wait
		}
	}
	return l.all.take(netip.Prefix{})
}

// blockOf is the /48 of an IPv6 address.
func blockOf(a netip.Addr) (netip.Prefix, bool) {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return netip.Prefix{}, false
	}
	block, err := a.Prefix(48)
	return block, err == nil
}

// Connect tells how long a visitor has to wait before it may poll.
func (l *Limits) Connect(visitor netip.Addr) time.Duration {
	return l.connect.take(throttle.NetworkOf(visitor))
}

// meter counts by network. For each rate it keeps when the bucket will be full
// again, which is all that a bucket is (the "generic cell rate algorithm").
type meter struct {
	now   func() time.Time
	rates []rate

	mu   sync.Mutex
	full map[netip.Prefix][]time.Time
}

func newMeter(now func() time.Time, rates []rate) *meter {
	return &meter{now: now, rates: rates, full: map[netip.Prefix][]time.Time{}}
}

// take takes one out of each bucket, unless one is empty: then nothing is taken.
func (m *meter) take(network netip.Prefix) (wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	full := m.full[network]
	if full == nil {
		m.makeRoom()
		full = make([]time.Time, len(m.rates))
	}
	next := make([]time.Time, len(m.rates))
	for i, r := range m.rates {
		next[i] = latest(full[i], now).Add(r.interval)
		if after := next[i].Sub(now) - time.Duration(r.burst)*r.interval; after > 0 {
			wait = max(wait, after)
		}
	}
	if wait == 0 {
		m.full[network] = next
	}
	return wait
}

// makeRoom forgets a network if there are too many: of some that come first, in
// no order, the one whose buckets are fullest. A crowd that makes others be
// forgotten only fills their buckets.
func (m *meter) makeRoom() {
	if len(m.full) < maxNetworks {
		return
	}
	const looked = 16
	var victim netip.Prefix
	var first time.Time
	n := 0
	for network, full := range m.full {
		if at := latestOf(full); n == 0 || at.Before(first) {
			victim, first = network, at
		}
		if n++; n == looked {
			break
		}
	}
	delete(m.full, victim)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func latestOf(times []time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		last = latest(last, t)
	}
	return last
}
