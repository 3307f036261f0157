package grant

import (
	"container/list"
	"net/netip"
	"slices"
	"time"
)

const (
	// maxOpenings bounds the openings that are remembered; the oldest are
	// forgotten.
	maxOpenings = 10_000
	// announceEvery is how often the same opening is told to other replicas.
	announceEvery = time.Minute
)

// openingKey is what an opening is known by: who opened what, from which family.
type openingKey struct {
	item  string
	token tokenHash
	v4    bool
}

// opening is an item that was opened, and who came for it from the other family.
type opening struct {
	key       openingKey
	network   netip.Prefix
	at        time.Time
	announced time.Time
	guests    []netip.Prefix
	place     *list.Element
}

// openings are the items that were opened lately.
type openings struct {
	all    map[openingKey]*opening
	items  map[string][]*opening
	tokens map[tokenHash]map[*opening]struct{}
	order  *list.List // of *opening, nearly the oldest first
	// unwritten are those that other replicas have to learn of.
	unwritten map[openingKey]struct{}
}

func newOpenings() openings {
	return openings{
		all:       make(map[openingKey]*opening),
		items:     make(map[string][]*opening),
		tokens:    make(map[tokenHash]map[*opening]struct{}),
		order:     list.New(),
		unwritten: make(map[openingKey]struct{}),
	}
}

// open notes an opening here, and tells whether others have to be told.
func (s *openings) open(key openingKey, network netip.Prefix, now time.Time) bool {
	o := s.put(key, network, now, now)
	if now.Sub(o.announced) < announceEvery {
		return false
	}
	o.announced = now
	s.unwritten[key] = struct{}{}
	return true
}

// put notes an opening, or prolongs it.
func (s *openings) put(key openingKey, network netip.Prefix, at, now time.Time) *opening {
	s.prune(now)
	o := s.all[key]
	if o == nil {
		o = &opening{key: key, at: at}
		s.insert(o)
	}
	if !o.at.After(at) {
		o.at, o.network = at, network
		s.order.MoveToBack(o.place)
	}
	if len(s.all) > maxOpenings {
		s.drop(s.order.Front().Value.(*opening))
	}
	return o
}

func (s *openings) insert(o *opening) {
	s.all[o.key] = o
	s.items[o.key.item] = append(s.items[o.key.item], o)
	if s.tokens[o.key.token] == nil {
		s.tokens[o.key.token] = make(map[*opening]struct{})
	}
	s.tokens[o.key.token][o] = struct{}{}
	o.place = s.order.PushBack(o)
}

// find returns the latest opening of item in the other family that network may
// come for, or nil.
func (s *openings) find(network netip.Prefix, item string, now time.Time) *opening {
	var best *opening
	for _, o := range s.items[item] {
		if o.key.v4 == network.Addr().Is4() || !now.Before(o.at.Add(window)) || !o.welcomes(network) {
			continue
		}
		if best == nil || o.at.After(best.at) {
			best = o
		}
	}
	return best
}

// welcomes tells whether network may come.
func (o *opening) welcomes(network netip.Prefix) bool {
	return len(o.guests) < maxGuests || slices.Contains(o.guests, network)
}

// greet notes that network has come.
func (o *opening) greet(network netip.Prefix) {
	if !slices.Contains(o.guests, network) {
		o.guests = append(o.guests, network)
	}
}

// end forgets what token has opened.
func (s *openings) end(token tokenHash) {
	for o := range s.tokens[token] {
		s.drop(o)
	}
}

func (s *openings) drop(o *opening) {
	delete(s.all, o.key)
	delete(s.unwritten, o.key)
	s.order.Remove(o.place)
	if delete(s.tokens[o.key.token], o); len(s.tokens[o.key.token]) == 0 {
		delete(s.tokens, o.key.token)
	}
	rest := slices.DeleteFunc(s.items[o.key.item], func(other *opening) bool { return other == o })
	if len(rest) > 0 {
		s.items[o.key.item] = rest
		return
	}
	delete(s.items, o.key.item)
}

// prune forgets those for which nobody can come any more.
func (s *openings) prune(now time.Time) {
	for e := s.order.Front(); e != nil; e = s.order.Front() {
		o := e.Value.(*opening)
		if now.Before(o.at.Add(window)) {
			return
		}
		s.drop(o)
	}
}
