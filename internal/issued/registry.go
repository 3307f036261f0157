package issued

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jellyward/jellyward/internal/background"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/visitor"
)

// Registry is what was given out. It is safe for concurrent use.
// [Registry.Run] must be running for it to hear other replicas, and for tokens
// to be logged out.
type Registry struct {
	store    Store
	jellyfin Jellyfin
	maxAge   time.Duration
	tell     func(context.Context, secret.Text)
	now      func() time.Time
	log      *slog.Logger

	wake       chan struct{} // there may be tokens to log out
	background *background.Group

	mu     sync.RWMutex
	memory memory
	notes  notes
}

// New returns a registry. Close it to finish its log-outs.
func New(o Options) *Registry {
	if o.Ended == nil {
		o.Ended = func(context.Context, secret.Text) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Registry{
		store:      o.Store,
		jellyfin:   o.Jellyfin,
		maxAge:     o.MaxAge,
		tell:       o.Ended,
		now:        o.Now,
		log:        o.Logger,
		wake:       make(chan struct{}, 1),
		background: background.NewGroup(),
		memory:     newMemory(),
		notes:      newNotes(),
	}
}

// Details say how a token is given out.
type Details struct {
	// Kind is the way in.
	Kind Kind
	// Device is what it was minted for.
	Device jellyfin.Device
	// Visitor is who gets it.
	Visitor netip.Addr
	// AppPassword is the id of the app password that was presented, or "".
	AppPassword string
}

// Record remembers the token of s, before it is handed out. If it returns an
// error the token must not be handed out but given to [Registry.Discard]. The
// errors are [ErrEnded], for a token that was ended here before, and
// [ErrUnavailable].
//
// Jellyfin has ended the user's older tokens for the same device id: they are
// forgotten, once Jellyfin has said so.
func (r *Registry) Record(ctx context.Context, s jellyfin.Session, d Details) (Token, error) {
	now := r.now()
	network := throttle.NetworkOf(d.Visitor).String()
	token := Token{
		ID: s.Token.Hash(), UserID: s.UserID, UserName: clip(s.UserName), Kind: d.Kind,
		Client: clip(d.Device.Client), DeviceName: clip(d.Device.Name), DeviceID: boundedID(d.Device.ID),
		Network: network, LastNetwork: network, AppPassword: d.AppPassword, Created: now, Seen: now,
	}
	others, err := r.store.IssuedTo(ctx, s.UserID)
	if err != nil {
		return Token{}, unavailable("list what was given out", err)
	}
	err = r.store.PutIssued(ctx, Record{Token: token, Secret: s.Token})
	switch {
	case errors.Is(err, ErrEnded):
		return Token{}, ErrEnded
	case err != nil:
		return Token{}, unavailable("record a token", err)
	}
	r.learn(token)
	r.makeRoom(ctx, token, others)
	r.log.InfoContext(ctx, "token given out", "user_id", token.UserID, "kind", token.Kind, "client", token.Client,
		"device", token.DeviceName, "network", token.Network)
	return token, nil
}

// makeRoom forgets the tokens that the new one has replaced, and ends those that
// are too many. What fails here is made good another time.
func (r *Registry) makeRoom(ctx context.Context, token Token, others []Token) {
	kept := others[:0]
	for _, o := range others {
		switch {
		case o.ID == token.ID:
		case o.DeviceID == token.DeviceID && token.DeviceID != "" && r.replaced(ctx, o.ID):
		default:
			kept = append(kept, o)
		}
	}
	if len(kept) < maxPerUser {
		return
	}
	sortBySeen(kept)
	for _, o := range kept[maxPerUser-1:] {
		if err := r.End(ctx, o.UserID, o.ID); err != nil && !errors.Is(err, ErrUnknown) {
			r.log.WarnContext(ctx, "a token too many could not be ended", "user_id", o.UserID, "error", err)
		}
	}
}

// replaced forgets an older token of the same device, and tells whoever had let it
// in, if Jellyfin says that it is dead. Of two sign-ins at once the later one may
// be recorded first: then the older one lives.
func (r *Registry) replaced(ctx context.Context, id string) bool {
	alive, err := r.resolve(ctx, id)
	if err != nil {
		r.doubt(id) // ask again
	}
	return err == nil && !alive
}

// RecordAnswer records the token in body, an answer of Jellyfin's to a sign-in
// that went through us, decoded, as Quick Connect's is. It says which one it
// was. The errors are those of [Registry.Record], and [jellyfin.ErrUnavailable]
// for a body that is no such answer. Unless it returns nil the answer must not
// go on.
func (r *Registry) RecordAnswer(ctx context.Context, kind Kind, body []byte, visitor netip.Addr) (Token, error) {
	session, device, err := jellyfin.ParseSession(body)
	if err != nil {
		return Token{}, err
	}
	token, err := r.Record(ctx, session, Details{Kind: kind, Device: device, Visitor: visitor})
	if err != nil {
		r.Discard(ctx, session.Token)
		return Token{}, err
	}
	return token, nil
}

// List returns the user's tokens, most recently used first. Jellyfin may have ended
// one without a word to us: those that were not seen for long are asked about in a
// while, and the next list has them no more. The error is [ErrUnavailable].
func (r *Registry) List(ctx context.Context, userID string) ([]Token, error) {
	tokens, err := r.store.IssuedTo(ctx, userID)
	if err != nil {
		return nil, unavailable("list what was given out", err)
	}
	now := r.now()
	tokens = slices.DeleteFunc(tokens, func(t Token) bool { return r.expired(t, now) })
	sortBySeen(tokens)
	for _, t := range tokens {
		if now.Sub(t.Seen) >= askAfter {
			r.doubt(t.ID)
		}
	}
	return tokens, nil
}

func sortBySeen(tokens []Token) {
	slices.SortFunc(tokens, func(a, b Token) int {
		if d := b.Seen.Compare(a.Seen); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// boundedID bounds a device id without making two into one: who only begins like
// another has replaced nothing at Jellyfin. Those of jellyfin-web are long, and
// differ at the end.
func boundedID(id string) string {
	if clipped := clip(id); len(id) <= maxText {
		return clipped
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// clip bounds a text that an app has chosen.
func clip(text string) string { return visitor.Clip(text, maxText) }

func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
}
