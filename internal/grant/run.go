package grant

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// The wait before a watch is tried again doubles from first to last.
	firstBackOff, lastBackOff = 50 * time.Millisecond, time.Second
	// writeAgain is how long a write waits that has failed.
	writeAgain = time.Second
	// lastWrite bounds what is written when everything ends.
	lastWrite = 2 * time.Second
)

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
	for _, token := range ended {
		for _, f := range b.onEnd {
			f(token.String())
		}
	}
}

// write writes what has to be, until ctx ends, and then the rest.
func (b *Book) write(ctx context.Context) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			_ = b.flush(ctx)
			return
		case <-b.wake:
		}
		err := b.flush(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			b.logger.WarnContext(ctx, "grants are not written down", "error", err)
		}
		failing = err != nil
		if failing && pause(ctx, writeAgain) {
			b.stir()
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

// flush writes all that has to be written, endings first.
func (b *Book) flush(ctx context.Context) error {
	for {
		b.mu.Lock()
		l := b.ledger.take(b.now())
		b.mu.Unlock()
		if l.empty() {
			return nil
		}
		if err := b.send(ctx, &l); err != nil {
			b.mu.Lock()
			b.ledger.giveBack(l)
			b.mu.Unlock()
			return err
		}
		b.mu.Lock()
		b.ledger.wrote(l.grants)
		b.mu.Unlock()
	}
}

// letter is what is written at once.
type letter struct {
	endings  map[tokenHash]time.Time
	openings []Opening
	grants   map[grantKey]time.Time
}

func (l letter) empty() bool { return len(l.endings)+len(l.openings)+len(l.grants) == 0 }

// take takes out what has to be written.
func (l *ledger) take(now time.Time) letter {
	t := letter{endings: l.endings.unwritten, grants: make(map[grantKey]time.Time)}
	l.endings.unwritten = make(map[tokenHash]time.Time)
	t.openings = l.openings.take(now)
	for key := range l.unwritten {
		if len(t.grants) == maxBatch {
			break
		}
		delete(l.unwritten, key)
		t.grants[key] = l.grants[key].at
	}
	return t
}

// take takes out what other replicas have to be told, and can still use.
func (s *openings) take(now time.Time) []Opening {
	var all []Opening
	for key := range s.unwritten {
		if o := s.all[key]; now.Before(o.at.Add(window)) {
			all = append(all, Opening{TokenHash: key.token.String(), Network: o.network, Item: key.item, At: o.at})
		}
	}
	clear(s.unwritten)
	return all
}

// send writes t, and takes out of it what is written.
func (b *Book) send(ctx context.Context, t *letter) error {
	for token, at := range t.endings {
		if err := b.store.EndGrants(ctx, Ending{TokenHash: token.String(), At: at}, b.keep); err != nil {
			return err
		}
		delete(t.endings, token)
	}
	if len(t.openings) > 0 {
		if err := b.store.PutOpenings(ctx, t.openings); err != nil {
			return err
		}
		t.openings = nil
	}
	if len(t.grants) == 0 {
		return nil
	}
	grants := make([]Grant, 0, len(t.grants))
	for key, at := range t.grants {
		grants = append(grants, Grant{TokenHash: key.token.String(), Network: key.network, Item: key.item, At: at})
	}
	return b.store.PutGrants(ctx, grants, b.keep)
}

// giveBack puts back what could not be written.
func (l *ledger) giveBack(t letter) {
	for token, at := range t.endings {
		l.endings.postpone(token, at)
	}
	for _, o := range t.openings {
		token, _ := parseHash(o.TokenHash)
		key := openingKey{o.Item, token, o.Network.Addr().Is4()}
		if l.openings.all[key] != nil {
			l.openings.unwritten[key] = struct{}{}
		}
	}
	for key := range t.grants {
		if l.grants[key] != nil {
			l.unwritten[key] = struct{}{}
		}
	}
}

// wrote notes what the store knows now.
func (l *ledger) wrote(grants map[grantKey]time.Time) {
	for key, at := range grants {
		if h := l.grants[key]; h != nil && h.written.Before(at) {
			h.written = at
		}
	}
}
