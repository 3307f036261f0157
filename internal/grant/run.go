package grant

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// The wait before a watch is tried again doubles from first to last.
const firstBackOff, lastBackOff = 50 * time.Millisecond, time.Second

// Load reads what the store has kept. [Book.Run] does so too; who waits for Load
// before serving refuses no player after a restart.
func (b *Book) Load(ctx context.Context) error {
	now := b.now()
	grants, endings, err := b.store.Grants(ctx, now.Add(-b.keep.For))
	if err != nil {
		return err
	}
	slices.SortFunc(grants, func(a, b Grant) int { return a.At.Compare(b.At) })
	b.mu.Lock()
	ended := b.ledger.load(grants, endings, now)
	b.stir()
	b.mu.Unlock()
	b.tellEnds(ended)
	return nil
}

// load merges what the store has kept, and returns the tokens that are found to
// have ended. What the store does not know of the rest will be written.
func (l *ledger) load(grants []Grant, endings []Ending, now time.Time) (ended []tokenHash) {
	l.prune(now)
	for _, e := range endings {
		if token, ok := parseHash(e.TokenHash); ok && l.end(token, earlier(e.At, now)) {
			ended = append(ended, token)
		}
	}
	for _, h := range l.grants {
		h.written = time.Time{}
	}
	for _, g := range grants {
		l.hear(g, now)
	}
	for _, h := range l.grants {
		l.mark(h, min(slowest, l.keep.For/10))
	}
	return ended
}

// hear notes a grant that the store knows.
func (l *ledger) hear(g Grant, now time.Time) {
	token, ok := parseHash(g.TokenHash)
	at := earlier(g.At, now)
	if !ok || !g.Network.IsValid() || g.Item != itemID(g.Item) || !l.fresh(at, now) {
		return
	}
	h := l.put(grantKey{g.Network, g.Item, token}, at)
	if h == nil {
		return
	}
	if h.written.Before(at) {
		h.written = at
	}
	if o := l.openings.all[openingKey{g.Item, token, !g.Network.Addr().Is4()}]; o != nil {
		o.greet(g.Network)
	}
}

// earlier keeps another replica's clock from giving more time than ours.
func earlier(at, now time.Time) time.Time {
	if at.After(now) {
		return now
	}
	return at
}

// Run keeps the Book and the store together until ctx ends; it then writes what is
// not written yet, and returns nil. While the store is away, what memory knows
// stays valid.
func (b *Book) Run(ctx context.Context) error {
	var writer sync.WaitGroup
	writer.Go(func() { b.write(ctx) })
	defer writer.Wait()
	backOff := firstBackOff
	for ctx.Err() == nil {
		if b.watch(ctx) {
			backOff = firstBackOff
		}
		if !pause(ctx, backOff) {
			break
		}
		backOff = min(2*backOff, lastBackOff)
	}
	return nil
}

// watch hears what happens elsewhere until the connection breaks, and tells
// whether there was one.
func (b *Book) watch(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loaded := false
	err := b.store.WatchGrants(ctx, func(e Event) {
		if e != (Event{}) {
			b.hear(e)
			return
		}
		if err := b.Load(ctx); err != nil {
			b.logger.WarnContext(ctx, "grants were not loaded", "error", err)
			cancel()
			return
		}
		loaded = true
	})
	if !errors.Is(err, context.Canceled) {
		b.logger.WarnContext(ctx, "grants of other replicas are not heard of", "error", err)
	}
	return loaded
}

// hear notes what another replica, or this one, has told.
func (b *Book) hear(e Event) {
	now := b.now()
	var ended []tokenHash
	b.mu.Lock()
	switch {
	case e.Ending != nil:
		if token, ok := parseHash(e.Ending.TokenHash); ok && b.ledger.end(token, earlier(e.Ending.At, now)) {
			ended = append(ended, token)
		}
	case e.Grant != nil:
		b.ledger.hear(*e.Grant, now)
	case e.Opening != nil:
		b.ledger.hearOpening(*e.Opening, now)
	}
	b.mu.Unlock()
	b.tellEnds(ended)
}

func (l *ledger) hearOpening(o Opening, now time.Time) {
	token, ok := parseHash(o.TokenHash)
	at := earlier(o.At, now)
	if !ok || !o.Network.IsValid() || o.Item == "" || o.Item != itemID(o.Item) || l.endings.void(token, at) {
		return
	}
	noted := l.openings.put(openingKey{o.Item, token, o.Network.Addr().Is4()}, o.Network, at, now)
	if noted.announced.Before(at) {
		noted.announced = at
	}
}

// end is [Book.End] by hash.
func (b *Book) end(ctx context.Context, token tokenHash) error {
	now := b.now()
	b.mu.Lock()
	if b.ledger.endings.void(token, now) {
		b.mu.Unlock()
		return nil // it has ended just now, and nothing was granted since
	}
	b.ledger.end(token, now)
	b.mu.Unlock()
	b.tellEnds([]tokenHash{token})
	err := b.store.EndGrants(ctx, Ending{TokenHash: token.String(), At: now}, b.keep)
	if err == nil {
		return nil
	}
	b.mu.Lock()
	b.ledger.endings.postpone(token, now)
	b.mu.Unlock()
	b.stir()
	return err
}

func (b *Book) tellEnds(ended []tokenHash) {
	b.mu.RLock()
	all := b.onEnd
	b.mu.RUnlock()
	for _, token := range ended {
		for _, f := range all {
			f(token.String())
		}
	}
}

// pause waits, and tells whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
