package grant

import (
	"container/list"
	"net/netip"
	"slices"
	"time"
)

// grantKey is what one grant is known by.
type grantKey struct {
	network netip.Prefix
	item    string // "" is everything
	token   tokenHash
}

// held is one grant.
type held struct {
	key     grantKey
	at      time.Time
	written time.Time // the time that the store knows, as far as we know
	place   *list.Element
}

// holder is what one network holds.
type holder struct {
	grants []*held
	// shown is when a token was last shown there, among those that live.
	shown time.Time
}

// ledger is what a [Book] knows. It is not safe for concurrent use.
type ledger struct {
	keep     Keep
	grants   map[grantKey]*held
	networks map[netip.Prefix]*holder
	tokens   map[tokenHash][]*held
	order    *list.List // of *held, the oldest first
	openings openings
	endings  endings
	// unwritten are the grants that the store has to learn of.
	unwritten map[grantKey]struct{}
}

func newLedger(k Keep) ledger {
	return ledger{
		keep:      k,
		grants:    make(map[grantKey]*held),
		networks:  make(map[netip.Prefix]*holder),
		tokens:    make(map[tokenHash][]*held),
		order:     list.New(),
		openings:  newOpenings(),
		endings:   newEndings(k),
		unwritten: make(map[grantKey]struct{}),
	}
}

// fresh tells whether a grant of this time counts.
func (l *ledger) fresh(at, now time.Time) bool { return now.Before(at.Add(l.keep.For)) }

// prove notes that a token was shown and that it opened item, if that is not "".
// It tells whether something has to be written.
func (l *ledger) prove(key grantKey, item string, now time.Time) bool {
	h := l.put(key, now)
	if h == nil {
		return false
	}
	write := l.mark(h, min(slowest, l.keep.For/10))
	if item = itemID(item); item != "" {
		write = l.openings.open(openingKey{item, key.token, key.network.Addr().Is4()}, key.network, now) || write
	}
	return write
}

// holds tells whether network has a grant for item, and if not, whether the item
// was just opened from the other family.
func (l *ledger) holds(network netip.Prefix, item string, now time.Time) (holds, invited bool) {
	if n := l.networks[network]; n != nil {
		if l.fresh(n.shown, now) {
			return true, false
		}
		for _, h := range n.grants {
			if item != "" && h.key.item == item && l.fresh(h.at, now) {
				return true, false
			}
		}
	}
	return false, item != "" && l.openings.find(network, item, now) != nil
}

// admit binds network to the latest opening of item in the other family, and
// tells whether there was one.
func (l *ledger) admit(network netip.Prefix, item string, now time.Time) bool {
	if holds, _ := l.holds(network, item, now); holds {
		return true // somebody else's request came first
	}
	o := l.openings.find(network, item, now)
	if o == nil {
		return false
	}
	h := l.put(grantKey{network, o.key.item, o.key.token}, now)
	if h == nil {
		return false
	}
	o.greet(network)
	l.mark(h, 0)
	return true
}

// put notes a grant, or prolongs it. It returns nil if the token has ended.
func (l *ledger) put(key grantKey, at time.Time) *held {
	if l.endings.void(key.token, at) {
		return nil
	}
	h := l.grants[key]
	switch {
	case h == nil:
		h = &held{key: key, at: at}
		l.insert(h)
	case h.at.Before(at):
		h.at = at
		l.order.Remove(h.place)
		l.line(h)
	}
	if n := l.networks[key.network]; key.item == "" && n != nil && n.shown.Before(h.at) {
		n.shown = h.at
	}
	return h
}

// insert adds h and drops what is too much, which may be h.
func (l *ledger) insert(h *held) {
	l.grants[h.key] = h
	n := l.networks[h.key.network]
	if n == nil {
		n = &holder{}
		l.networks[h.key.network] = n
	}
	n.grants = append(n.grants, h)
	l.tokens[h.key.token] = append(l.tokens[h.key.token], h)
	l.line(h)
	if full := n.full(); len(full) > maxTokens {
		l.drop(oldest(full))
	}
	if grants := l.tokens[h.key.token]; len(grants) > l.keep.PerToken {
		l.drop(oldest(grants))
	}
	for len(l.grants) > l.keep.Max {
		l.drop(l.order.Front().Value.(*held))
	}
}

// full returns the grants for everything.
func (n *holder) full() []*held {
	var full []*held
	for _, h := range n.grants {
		if h.key.item == "" {
			full = append(full, h)
		}
	}
	return full
}

func oldest(grants []*held) *held {
	return slices.MinFunc(grants, func(a, b *held) int { return a.at.Compare(b.at) })
}

// line puts h into the order. Times come nearly in order.
func (l *ledger) line(h *held) {
	for e := l.order.Back(); e != nil; e = e.Prev() {
		if !e.Value.(*held).at.After(h.at) {
			h.place = l.order.InsertAfter(h, e)
			return
		}
	}
	h.place = l.order.PushFront(h)
}

// drop forgets h.
func (l *ledger) drop(h *held) {
	delete(l.grants, h.key)
	delete(l.unwritten, h.key)
	l.order.Remove(h.place)
	is := func(other *held) bool { return other == h }
	if rest := slices.DeleteFunc(l.tokens[h.key.token], is); len(rest) > 0 {
		l.tokens[h.key.token] = rest
	} else {
		delete(l.tokens, h.key.token)
	}
	n := l.networks[h.key.network]
	if n.grants = slices.DeleteFunc(n.grants, is); len(n.grants) == 0 {
		delete(l.networks, h.key.network)
		return
	}
	n.shown = time.Time{}
	for _, other := range n.grants {
		if other.key.item == "" && other.at.After(n.shown) {
			n.shown = other.at
		}
	}
}

// mark notes that h has to be written if what is written is older by some time,
// and tells whether that is news.
func (l *ledger) mark(h *held, by time.Duration) bool {
	if _, marked := l.unwritten[h.key]; marked || h.at.Sub(h.written) < by || l.grants[h.key] != h {
		return false
	}
	l.unwritten[h.key] = struct{}{}
	return true
}

// end notes the end of a token, and tells whether that is news.
func (l *ledger) end(token tokenHash, at time.Time) bool {
	if !l.endings.add(token, at) {
		return false
	}
	for _, h := range slices.Clone(l.tokens[token]) {
		if l.endings.void(token, h.at) {
			l.drop(h)
		}
	}
	l.openings.end(token)
	return true
}

// prune forgets what has run out.
func (l *ledger) prune(now time.Time) {
	for e := l.order.Front(); e != nil && !l.fresh(e.Value.(*held).at, now); e = l.order.Front() {
		l.drop(e.Value.(*held))
	}
	l.openings.prune(now)
	l.endings.prune(now)
}
