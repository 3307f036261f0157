package grant

import "time"

// endings are the tokens that have ended, so that what Jellyfin said of them
// before, and what another replica writes late, grants nothing.
type endings struct {
	keep Keep
	at   map[tokenHash]time.Time
	// unwritten are those that the store has to learn of.
	unwritten map[tokenHash]time.Time
}

// add notes an ending, and tells whether that is news.
func (e *endings) add(token tokenHash, at time.Time) bool {
	if known, ok := e.at[token]; ok && !at.After(known) {
		return false
	}
	if _, known := e.at[token]; !known && len(e.at) >= e.keep.Max {
		e.forgetOldest()
	}
	e.at[token] = at
	return true
}

// void tells whether a token that was shown at this time was dead by then, or was
// shown before it died. Long after its end it is taken for alive: the end was a
// mistake.
func (e *endings) void(token tokenHash, at time.Time) bool {
	end, ended := e.at[token]
	return ended && at.Before(end.Add(e.keep.InFlight))
}

// postpone notes that the store does not know of an ending yet.
func (e *endings) postpone(token tokenHash, at time.Time) {
	if len(e.unwritten) < e.keep.Max {
		e.unwritten[token] = at
	}
}

func (e *endings) forgetOldest() {
	var victim tokenHash
	var oldest time.Time
	for token, at := range e.at {
		if oldest.IsZero() || at.Before(oldest) {
			victim, oldest = token, at
		}
	}
	delete(e.at, victim)
}

func (e *endings) prune(now time.Time) {
	for token, at := range e.at {
		if !now.Before(at.Add(e.keep.For + e.keep.InFlight)) {
			delete(e.at, token)
		}
	}
}
