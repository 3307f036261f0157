package signin

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// paceSamples is how many recent password checks are remembered.
	paceSamples = 64
	// paceQuantile is the share of them that must fit under the deadline, so
	// that a few slow ones do not make everybody wait.
	paceQuantile = 0.95
	// paceMargin is the room above that, for what a check may take longer.
	paceMargin = 1.5
	// paceMax bounds the deadline: a Jellyfin this slow hides nothing anyway.
	paceMax = 4 * time.Second
	// paceJitter is the share of the deadline by which it is spread.
	paceJitter = 0.2
)

// pace makes refusals take equally long. Jellyfin refuses an unknown name in
// 3 ms and a wrong password in 130 (measured), and a wrong code never gets
// there; so every refusal is held until a deadline that password checks of
// late would have met.
type pace struct {
	floor time.Duration

	mu      sync.Mutex
	samples []time.Duration // a ring once it is full
	next    int
}

func newPace(floor time.Duration) *pace { return &pace{floor: floor} }

// observe remembers how long a password check took. Refused ones count only if
// they took so long that a password may have been hashed; else a flood of
// unknown names would teach us that checks are quick.
func (p *pace) observe(took time.Duration, accepted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !accepted && took < p.base()/3 {
		return
	}
	if len(p.samples) < paceSamples {
		p.samples = append(p.samples, took)
		return
	}
	p.samples[p.next] = took
	p.next = (p.next + 1) % paceSamples
}

// base is the deadline without its jitter. The caller holds the lock.
func (p *pace) base() time.Duration {
	if len(p.samples) == 0 {
		return p.floor
	}
	sorted := slices.Sorted(slices.Values(p.samples))
	high := sorted[int(paceQuantile*float64(len(sorted)-1))]
	return min(max(p.floor, time.Duration(paceMargin*float64(high))), max(p.floor, paceMax))
}

// hold waits until a refusal that began at started may be given, or until ctx
// ends.
func (p *pace) hold(ctx context.Context, started time.Time) {
	p.mu.Lock()
	deadline := p.base()
	p.mu.Unlock()
	deadline += time.Duration(rand.Float64() * paceJitter * float64(deadline))
	timer := time.NewTimer(deadline - time.Since(started))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
