package grant

import (
	"context"
	"time"
)

const (
	// slowest is how long a grant that is merely prolonged may wait to be written.
	slowest = 5 * time.Minute
	// maxBatch is how many grants are written at once.
	maxBatch = 100
	// writeAgain is how long a write waits that has failed.
	writeAgain = time.Second
	// lastWrite bounds what is written when everything ends.
	lastWrite = 2 * time.Second
)

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
