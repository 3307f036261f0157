package issued

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/throttle"
)

const (
	// maxDoubts bounds how many tokens wait to be asked about.
	maxDoubts = 1000
	// askAfter is how long a token was not seen before it is asked about.
	askAfter = time.Hour
)

// notes are what is written down off the hot path. The registry's lock guards
// them.
type notes struct {
	// noted is when a token's use was last put into uses.
	noted map[string]time.Time
	uses  map[string]Use
	// doubts are the ids of tokens that Jellyfin may have ended.
	doubts map[string]struct{}
}

func newNotes() notes {
	return notes{noted: map[string]time.Time{}, uses: map[string]Use{}, doubts: map[string]struct{}{}}
}

// Touch notes that token was used from an address: for a token that Jellyfin has
// accepted. It costs no round trip, and is written down within seconds, for each
// token once in [SeenEvery].
func (r *Registry) Touch(token secret.Text, visitor netip.Addr) {
	if token == "" {
		return
	}
	id, now := token.Hash(), r.now()
	r.mu.RLock()
	last, ok := r.notes.noted[id]
	r.mu.RUnlock()
	if ok && now.Sub(last) < SeenEvery {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.notes.noted[id]; !ok && len(r.notes.noted) >= cacheSize {
		for victim := range r.notes.noted { // whichever comes first
			delete(r.notes.noted, victim)
			delete(r.notes.uses, victim)
			break
		}
	}
	r.notes.noted[id] = now
	r.notes.uses[id] = Use{ID: id, Network: throttle.NetworkOf(visitor).String(), At: now}
}

// Dead notes that Jellyfin has answered 401 to token. There are other reasons
// for that than a dead token, so Jellyfin is asked about it in a while, and the
// record goes if it is dead.
func (r *Registry) Dead(token secret.Text) {
	if token != "" {
		r.doubt(token.Hash())
	}
}

func (r *Registry) doubt(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes.doubts) < maxDoubts {
		r.notes.doubts[id] = struct{}{}
	}
}

// Forget removes the record of a token that was logged out at Jellyfin. The
// error is [ErrUnavailable].
func (r *Registry) Forget(ctx context.Context, token secret.Text) error {
	if token == "" {
		return nil
	}
	return r.forget(ctx, token.Hash())
}

func (r *Registry) forget(ctx context.Context, id string) error {
	err := r.store.ForgetIssued(ctx, id)
	r.drop(id)
	if err != nil {
		return unavailable("forget a token", err)
	}
	return nil
}

// Flush writes down what was noted. [Registry.Run] does it every few seconds.
// What cannot be written waits for the next time. The error is [ErrUnavailable].
func (r *Registry) Flush(ctx context.Context) error {
	r.mu.Lock()
	uses, doubts := r.notes.uses, r.notes.doubts
	r.notes.uses, r.notes.doubts = map[string]Use{}, map[string]struct{}{}
	r.mu.Unlock()
	return errors.Join(r.writeUses(ctx, uses), r.resolveAll(ctx, doubts))
}

// resolveAll asks about doubts until somebody is away; the rest waits.
func (r *Registry) resolveAll(ctx context.Context, doubts map[string]struct{}) error {
	var failed error
	for id := range doubts {
		if failed == nil {
			_, failed = r.resolve(ctx, id)
		}
		if failed != nil {
			r.doubt(id)
		}
	}
	return failed
}

func (r *Registry) writeUses(ctx context.Context, uses map[string]Use) error {
	if len(uses) == 0 {
		return nil
	}
	all := make([]Use, 0, len(uses))
	for _, use := range uses {
		all = append(all, use)
	}
	err := r.store.TouchIssued(ctx, all)
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, use := range uses {
		if _, newer := r.notes.uses[id]; !newer && len(r.notes.uses) < cacheSize {
			r.notes.uses[id] = use
		}
	}
	return unavailable("note uses of tokens", err)
}

// resolve forgets a token if it is recorded and Jellyfin says that it is dead, and
// tells whether it is alive.
func (r *Registry) resolve(ctx context.Context, id string) (alive bool, err error) {
	record, err := r.store.Issued(ctx, id)
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrEnded):
		return false, nil
	case err != nil:
		return false, unavailable("look a token up", err)
	}
	ctx, cancel := context.WithTimeout(ctx, logoutFor)
	defer cancel()
	alive, err = r.jellyfin.Alive(ctx, record.Secret, netip.Addr{})
	if err != nil || alive {
		return alive, err
	}
	r.tell(ctx, record.Secret)
	return false, r.forget(ctx, id)
}
