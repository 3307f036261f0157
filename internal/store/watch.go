package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// pingEvery is how often a subscription gives a sign of life.
	pingEvery = 500 * time.Millisecond
	// silence is when it is taken for dead.
	silence = 2 * time.Second
)

// subscriber is told what happens on a subscription. Nil functions are not called.
type subscriber struct {
	// begun: from now on nothing is missed. It was asked for so long ago.
	begun func(ago time.Duration)
	// alive: everything has been told that was published before this long ago.
	alive func(ago time.Duration)
	// message was published.
	message func(payload string)
}

// subscribe listens to a channel until ctx ends or the connection breaks, and
// returns why. Redis answers a ping on the subscription's connection in order,
// after everything that was published before it: the answer vouches for all until
// the ping was sent.
func (s *Store) subscribe(ctx context.Context, channel string, to subscriber) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	sub := s.client.Subscribe(ctx, channel)
	stop := context.AfterFunc(ctx, func() { sub.Close() })
	defer func() {
		if stop() {
			sub.Close()
		}
	}()
	go func() { cancel(unavailable(ping(ctx, sub, start))) }()
	for {
		message, err := sub.ReceiveTimeout(ctx, silence)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return unavailable(err)
		}
		switch m := message.(type) {
		case *redis.Subscription:
			if to.begun != nil {
				to.begun(time.Since(start))
			}
		case *redis.Message:
			to.message(m.Payload)
		case *redis.Pong:
			sent, err := strconv.ParseInt(m.Payload, 10, 64)
			if err != nil {
				return fmt.Errorf("%w: unexpected answer to a ping", ErrUnavailable)
			}
			if to.alive != nil {
				to.alive(time.Since(start) - time.Duration(sent))
			}
		}
	}
}

// ping sends pings that carry their time until one cannot be sent, and returns why,
// or until ctx ends.
func ping(ctx context.Context, sub *redis.PubSub, start time.Time) error {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			now := strconv.FormatInt(int64(time.Since(start)), 10)
			if err := sub.Ping(ctx, now); err != nil {
				return err
			}
		}
	}
}
