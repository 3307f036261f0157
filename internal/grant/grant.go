// Package grant remembers from which networks Jellyfin has accepted a token, so
// that films can be fetched from there without one.
//
// Android TV, external players and Chromecast fetch media bare, from the network
// where the app has just shown a token. A network (one IPv4 address, an IPv6 /64)
// holds a grant while a token that was shown there lives, for some hours after it
// was shown last. Using a grant does not prolong it, and a network that somebody
// visits later inherits nothing. Everything is known in memory, so that asking
// costs no round trip; the [Store] shares it with other replicas and keeps it for
// the next start.
//
// A home may have both address families, and an app and its player may choose
// differently. So when a token has just opened one item from an address of one
// family, the first who asks for that item from the other family is let in, to
// that item alone.
package grant

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

const (
	// DefaultFor outlasts any film.
	DefaultFor = 12 * time.Hour
	// DefaultMax grants take about 4 MB here and 3 MB in Redis.
	DefaultMax = 10_000
	// maxTokens is how many tokens one network's grants come from: a home's, or
	// those of some neighbours behind one address.
	maxTokens = 16
	// maxNetworks is how many grants one token gives. A telephone changes its
	// network a few times a day; somebody with a whole IPv6 block of his own must
	// not push out the others.
	maxNetworks = 64
	// window is how long after an item was opened its player may come.
	window = 10 * time.Minute
	// maxGuests is how many networks of the other family one opening lets in.
	maxGuests = 2
	// inFlight is how long after a token's end Jellyfin's answers to earlier
	// requests may still come in.
	inFlight = 5 * time.Minute
)

// Options of a [Book]. The zero value is usable.
type Options struct {
	// For is how long a grant lasts after its token was shown; zero means
	// [DefaultFor].
	For time.Duration
	// Max is how many grants are remembered, one for each network and token; the
	// oldest are forgotten. Zero means [DefaultMax].
	Max int
	// Now is the clock; nil means [time.Now]. Replicas must agree within seconds.
	Now func() time.Time
	// Logger hears of trouble with the store; nil discards.
	Logger *slog.Logger
}

// Book knows who holds a grant. It is safe for concurrent use. [Book.Run] must be
// running for it to hear from other replicas and to write anything down.
type Book struct {
	store  Store
	keep   Keep
	now    func() time.Time
	logger *slog.Logger

	mu     sync.RWMutex
	ledger ledger
	onEnd  []func(tokenHash string)

	// wake tells the writer that something has to be written.
	wake chan struct{}
}

// New returns an empty Book.
func New(store Store, o Options) *Book {
	if o.For <= 0 {
		o.For = DefaultFor
	}
	if o.Max <= 0 {
		o.Max = DefaultMax
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	keep := Keep{For: o.For, Max: o.Max, PerToken: maxNetworks, InFlight: inFlight}
	return &Book{
		store: store, keep: keep, now: o.Now, logger: o.Logger,
		ledger: newLedger(keep), wake: make(chan struct{}, 1),
	}
}

// Prove notes that Jellyfin has just accepted token from addr. The item is what
// the request has opened, as [OpenedBy] tells, or "". It never waits for the store.
func (b *Book) Prove(addr netip.Addr, token secret.Text, item string) {
	network := networkOf(addr)
	if token == "" || !network.IsValid() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ledger.prove(grantKey{network, "", hashOf(token)}, item, b.now()) {
		b.stir()
	}
}

// Holds tells whether addr's network may fetch media without a token: anything, or
// what belongs to the item, as [ItemOf] tells, or "". It looks into memory only.
func (b *Book) Holds(addr netip.Addr, item string) bool {
	network := networkOf(addr)
	if !network.IsValid() {
		return false
	}
	now := b.now()
	b.mu.RLock()
	holds, invited := b.ledger.holds(network, item, now)
	b.mu.RUnlock()
	if holds || !invited {
		return holds
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ledger.admit(network, item, now) {
		return false
	}
	b.stir()
	return true
}

// Knows tells whether any network holds a grant by token, so that its end is worth
// telling. Invented tokens are refused by the thousand.
func (b *Book) Knows(token secret.Text) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.ledger.tokens[hashOf(token)]) > 0
}

// End notes that token is dead: it was logged out, or Jellyfin has refused it. Its
// grants end here at once, and on other replicas within a second. With an error
// the others are told when the store is back.
func (b *Book) End(ctx context.Context, token secret.Text) error {
	if token == "" {
		return nil
	}
	return b.end(ctx, hashOf(token))
}

// OnEnd has f called with the hash ([secret.Text.Hash]) of each token that ends from
// now on, here or on another replica. It must not wait for long.
func (b *Book) OnEnd(f func(tokenHash string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onEnd = append(b.onEnd, f)
}

// stir wakes the writer.
func (b *Book) stir() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// networkOf is what a grant is for: an IPv4 address, an IPv6 /64, or the zero
// Prefix for no address.
func networkOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	network, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

// tokenHash is what a token is known by.
type tokenHash [sha256.Size]byte

func hashOf(token secret.Text) tokenHash { return sha256.Sum256([]byte(token)) }

// String is the hash as [secret.Text.Hash] writes it.
func (h tokenHash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// parseHash reads what String has written.
func parseHash(s string) (tokenHash, bool) {
	var h tokenHash
	if base64.RawURLEncoding.DecodedLen(len(s)) != len(h) {
		return h, false
	}
	n, err := base64.RawURLEncoding.Decode(h[:], []byte(s))
	return h, err == nil && n == len(h)
}
