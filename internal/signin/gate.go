package signin

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// queueFor is how long a ceremony waits for its turn.
const queueFor = 10 * time.Second

// queueFactor bounds how many ceremonies wait for each that runs.
const queueFactor = 128

// gate bounds how many ceremonies run at once. All pass it before anything is
// known about them, so that a queue delays the wrong name as it delays the
// wrong password.
type gate struct {
	running chan struct{}
	waiting chan struct{}
}

func newGate(n int) gate {
	return gate{running: make(chan struct{}, n), waiting: make(chan struct{}, n*queueFactor)}
}

// enter waits for a turn and returns the function that ends it, which may be
// called more than once.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return nil, fmt.Errorf("%w: too many sign-ins wait", ErrUnavailable)
	}
	timer := time.NewTimer(queueFor)
	defer timer.Stop()
	select {
	case g.running <- struct{}{}:
		return sync.OnceFunc(func() { <-g.running }), nil
	case <-timer.C:
		return nil, fmt.Errorf("%w: sign-ins wait too long", ErrUnavailable)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
