package grant

import (
	"container/list"
	"time"
)

// endings are the tokens that have ended, so that what Jellyfin said of them
// before, and what another replica writes late, grants nothing.
type endings struct {
	keep  Keep
	all   map[tokenHash]*ending
	order *list.List // of *ending, nearly the oldest first
	// unwritten are those that the store has to learn of.
	unwritten map[tokenHash]time.Time
}

type ending struct {
	token tokenHash
	at    time.Time
	place *list.Element
}

func newEndings(k Keep) endings {
	return endings{
		keep: k, all: make(map[tokenHash]*ending), order: list.New(),
		unwritten: make(map[tokenHash]time.Time),
	}
}

// add notes an ending, and tells whether that is news.
func (s *endings) add(token tokenHash, at time.Time) bool {
	e := s.all[token]
	switch {
	case e == nil:
		e = &ending{token: token, at: at}
		s.all[token] = e
		e.place = s.order.PushBack(e)
	case at.After(e.at):
		e.at = at
		s.order.MoveToBack(e.place)
	default:
		return false
	}
	if len(s.all) > s.keep.Max {
		s.forgetOldest()
	}
	return true
}

// void tells whether a token that was shown at this time was dead by then, or was
// shown before it died. Long after its end it is taken for alive: the end was a
// mistake.
func (s *endings) void(token tokenHash, at time.Time) bool {
	e := s.all[token]
	return e != nil && at.Before(e.at.Add(s.keep.InFlight))
}

// postpone notes that the store does not know of an ending yet.
func (s *endings) postpone(token tokenHash, at time.Time) {
	if len(s.unwritten) < s.keep.Max {
		s.unwritten[token] = at
	}
}

// prune forgets those that nothing depends on any more.
func (s *endings) prune(now time.Time) {
	for e := s.order.Front(); e != nil; e = s.order.Front() {
		if now.Before(e.Value.(*ending).at.Add(s.keep.For + s.keep.InFlight)) {
			return
		}
		s.forgetOldest()
	}
}

func (s *endings) forgetOldest() {
	oldest := s.order.Front()
	delete(s.all, oldest.Value.(*ending).token)
	s.order.Remove(oldest)
}
