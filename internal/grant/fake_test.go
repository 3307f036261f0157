package grant_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jellyward/jellyward/internal/grant"
)

var errAway = errors.New("away")

// fake is a store in memory that counts what it is asked, can be away, and can
// break its watches.
type fake struct {
	mu       sync.Mutex
	grants   map[string]grant.Grant
	endings  map[string]time.Time
	watchers map[chan grant.Event]struct{}
	away     bool
	broken   chan struct{}
	writes   int // calls that change something
}

func newFake() *fake {
	f := &fake{watchers: map[chan grant.Event]struct{}{}, broken: make(chan struct{})}
	f.empty()
	return f
}

// empty makes the store forget everything.
func (f *fake) empty() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grants, f.endings = map[string]grant.Grant{}, map[string]time.Time{}
}

func (f *fake) change(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.away {
		return errAway
	}
	f.writes++
	return nil
}

func (f *fake) tell(e grant.Event) {
	for w := range f.watchers {
		w <- e
	}
}

func (f *fake) PutGrants(ctx context.Context, grants []grant.Grant, k grant.Keep) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(ctx); err != nil {
		return err
	}
	for _, g := range grants {
		if end, ended := f.endings[g.TokenHash]; ended && g.At.Before(end.Add(k.InFlight)) {
			continue
		}
		f.grants[g.TokenHash+g.Network.String()+g.Item] = g
		f.tell(grant.Event{Grant: &g})
	}
	return nil
}

func (f *fake) PutOpenings(ctx context.Context, all []grant.Opening) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(ctx); err != nil {
		return err
	}
	for _, o := range all {
		f.tell(grant.Event{Opening: &o})
	}
	return nil
}

func (f *fake) EndGrants(ctx context.Context, e grant.Ending, k grant.Keep) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(ctx); err != nil {
		return err
	}
	f.endings[e.TokenHash] = e.At
	maps.DeleteFunc(f.grants, func(_ string, g grant.Grant) bool {
		return g.TokenHash == e.TokenHash && g.At.Before(e.At.Add(k.InFlight))
	})
	f.tell(grant.Event{Ending: &e})
	return nil
}

func (f *fake) Grants(_ context.Context, since time.Time) (grants []grant.Grant, endings []grant.Ending, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away {
		return nil, nil, errAway
	}
	for hash, at := range f.endings {
		endings = append(endings, grant.Ending{TokenHash: hash, At: at})
	}
	grants = slices.Collect(maps.Values(f.grants))
	return slices.DeleteFunc(grants, func(g grant.Grant) bool { return g.At.Before(since) }), endings, nil
}

func (f *fake) WatchGrants(ctx context.Context, tell func(grant.Event)) error {
	events := make(chan grant.Event, 1000)
	f.mu.Lock()
	if f.away {
		f.mu.Unlock()
		return errAway
	}
	f.watchers[events] = struct{}{}
	broken := f.broken
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, events)
	}()
	tell(grant.Event{})
	for {
		select {
		case e := <-events:
			tell(e)
		case <-broken:
			return errAway
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// goAway makes every call fail and breaks all watches; false ends it.
func (f *fake) goAway(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if away && !f.away {
		close(f.broken)
		f.broken = make(chan struct{})
	}
	f.away = away
}

func (f *fake) written() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}
