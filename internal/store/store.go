// Package store keeps everything that must survive a restart and be the same for
// all replicas, in Redis: second factors and spent steps ([totp.Store]), counters
// of tries ([throttle.Store]), sessions ([session.Store]).
//
// Whatever changes more than one thing is a Lua script, so it happens as a whole
// or not at all. Secrets are sealed with a key that Redis does not have. keys.go
// lists what is kept, under which keys and for how long. One Redis server is
// meant, with replicas of its own if you like, but no cluster: scripts touch keys
// that a cluster would keep apart.
package store

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/seal"
	"github.com/redis/go-redis/v9"
)

var (
	// ErrUnavailable means that Redis could not be asked, or did not answer in
	// time or as it should. Nobody may be let through; it passes by itself when
	// Redis is back.
	ErrUnavailable = errors.New("redis is not available")
	// ErrKey means that the records in Redis were sealed with another key.
	ErrKey = errors.New("redis holds records that were sealed with another key")
	// ErrLost means that Redis has forgotten what is never deleted: records were
	// evicted, or the database was emptied or is another one. Nobody may be taken
	// for a user without a second factor then.
	ErrLost = errors.New("redis has lost second factors (restore it; or reset the user; or, if it was emptied on purpose, restart jellyward)")
)

const (
	// dialTimeout and answerTimeout are for one try; there are two.
	dialTimeout   = 2 * time.Second
	answerTimeout = 2 * time.Second
	// operationTimeout is for one operation, waiting for a free connection and the
	// second try included.
	operationTimeout = 5 * time.Second
	// memoryTimeout takes the place of the others for a Redis in memory, which is
	// never away, but slow when a thousand ask at once.
	memoryTimeout = 30 * time.Second
	// openTimeout is how long Open waits for a Redis that is starting up.
	openTimeout = 10 * time.Second
	// poolSize is above go-redis' default, since with an fsync for every write
	// many wait for the same fsync.
	poolSize = 64
)

// Options say which Redis to use.
type Options struct {
	// URL is redis://, rediss:// or unix://, with user and password; "memory:" for
	// a Redis inside this process that forgets everything; or "" for a private
	// redis-server in DataDir that this process starts and stops.
	URL string
	// Box seals what is kept.
	Box *seal.Box
	// DataDir holds the private server's files, in a directory "redis" of their
	// own. It is not used with a URL.
	DataDir string
	// RootCAs are who may vouch for a rediss:// server; nil is the system's.
	RootCAs *x509.CertPool
	// Logger hears about the private server and about a Redis that may forget. A
	// nil Logger discards.
	Logger *slog.Logger
}

// Store is a connection to Redis. It is safe for concurrent use.
type Store struct {
	client  *redis.Client
	box     *seal.Box
	scripts scripts
	mark    string        // what keyCheck held when it was opened
	timeout time.Duration // of one operation
	// stop ends the server that Open has started.
	stop func() error
}

// Open connects to Redis, starting it first if Options say so, and makes sure
// that Box is the key that its records were sealed with ([ErrKey]). It waits ten
// seconds for a server that is not there yet, then gives up with
// [ErrUnavailable]. Close must be called.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Box == nil {
		return nil, errors.New("open store: no key")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	redis.SetLogger(silent{}) // what matters comes back as an error
	options, stop, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	s := newStore(options, o.Box)
	s.stop = stop
	if err := s.prepare(ctx, o.Logger); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func newStore(options *redis.Options, box *seal.Box) *Store {
	timeout := max(operationTimeout, options.ReadTimeout)
	return &Store{client: redis.NewClient(options), box: box, scripts: newScripts(), timeout: timeout}
}

// prepare waits until Redis answers and the key is found to be right. It gives up
// at once where waiting is no use: a wrong password stays wrong.
func (s *Store) prepare(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	for {
		first, err := s.checkKey(ctx)
		if first {
			log.WarnContext(ctx, "redis holds no second factors yet; if it should, stop now and bring its data back: until users set up new ones, their passwords alone can")
		}
		if err == nil {
			break
		}
		if !errors.Is(err, ErrUnavailable) || refusedForGood(err) || !pause(ctx, 100*time.Millisecond) {
			return err
		}
	}
	for _, w := range s.Warnings(ctx) {
		log.WarnContext(ctx, "redis may lose data", "problem", w)
	}
	return nil
}

func refusedForGood(err error) bool {
	for _, sign := range []string{"WRONGPASS", "NOAUTH", "NOPERM", "ERR AUTH", "DB index", "invalid password", "x509:", "tls:"} {
		if strings.Contains(err.Error(), sign) {
			return true
		}
	}
	return false
}

// checkKey makes sure that Box opens what is kept. The first key ever used leaves
// its mark.
func (s *Store) checkKey(ctx context.Context) (first bool, err error) {
	const constant = "jellyward"
	mark := s.box.KeyID() + " " + string(s.box.Seal([]byte(constant), []byte(keyCheck)))
	answer, err := s.run(ctx, s.scripts.keyCheck, []string{keyCheck}, mark)
	if err != nil {
		return false, err
	}
	kept, _ := answer.(string)
	id, sealed, _ := strings.Cut(kept, " ")
	plain, err := s.box.Open([]byte(sealed), []byte(keyCheck))
	if err != nil || string(plain) != constant {
		return false, fmt.Errorf("%w: they need key %s, the key file holds key %s (put the right key file back, or name another Redis database)",
			ErrKey, id, s.box.KeyID())
	}
	s.mark = kept
	return kept == mark, nil
}

// Close closes the connections and stops a server that Open has started; it
// returns when that has ended. It may be called again.
func (s *Store) Close() error {
	err := s.client.Close()
	if errors.Is(err, redis.ErrClosed) {
		err = nil
	}
	if s.stop != nil {
		err = errors.Join(err, s.stop())
	}
	return err
}

// Ping tells whether Redis answers; the error wraps [ErrUnavailable].
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return unavailable(s.client.Ping(ctx).Err())
}

// bound limits how long one operation takes.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}

// run runs a script.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (any, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	answer, err := script.Run(ctx, s.client, keys, args...).Result()
	return answer, unavailable(err)
}

// runInt runs a script that answers with a number.
func (s *Store) runInt(ctx context.Context, script *redis.Script, keys []string, args ...any) (int64, error) {
	answer, err := s.run(ctx, script, keys, args...)
	if err != nil {
		return 0, err
	}
	n, ok := answer.(int64)
	if !ok {
		return 0, fmt.Errorf("%w: unexpected answer %v", ErrUnavailable, answer)
	}
	return n, nil
}

func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
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

// silent is go-redis' logger: what it would say comes back to us as errors.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
