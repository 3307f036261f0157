package background_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jellyward/jellyward/internal/background"
)

var (
	errAway = errors.New("away")
	waits   = []time.Duration{time.Second, time.Minute, time.Hour}
)

func TestRetriesWaitTheirTurn(t *testing.T) {
	for works, want := range map[int]time.Duration{1: time.Second, 2: 61 * time.Second, 3: 3661 * time.Second, 4: 3661 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			g, began, tries := background.NewGroup(), time.Now(), 0
			err := g.Retry(waits, func() error {
				if tries++; tries == works {
					return nil
				}
				return errAway
			})
			if took := time.Since(began); took != want {
				t.Errorf("what works at try %d took %s, want %s", works, took, want)
			}
			if failed := errors.Is(err, errAway); failed != (works > len(waits)) {
				t.Errorf("what works at try %d: %v", works, err)
			}
		})
	}
}

// At the end of the program one more try is made, without waiting for its turn.
func TestCloseHurriesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, tries := background.NewGroup(), 0
		var err error
		g.Go(func() {
			err = g.Retry(waits, func() error { tries++; return errAway })
		})
		<-time.After(2 * time.Second) // the bubble's clock: the first try is over
		began := time.Now()
		if err := g.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if tries != 2 || !errors.Is(err, errAway) || time.Since(began) != 0 {
			t.Errorf("%d tries, %v, after %s", tries, err, time.Since(began))
		}
	})
}

// What is being tried at the end may fail for a reason that is over.
func TestCloseDuringATryLeavesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, tries, fails := background.NewGroup(), 0, make(chan struct{})
		var err error
		g.Go(func() {
			err = g.Retry(waits, func() error {
				if tries++; tries == 1 {
					<-fails
					return errAway
				}
				return nil
			})
		})
		<-time.After(2 * time.Second) // the bubble's clock: the first try is on its way
		closed := make(chan error)
		go func() { closed <- g.Close(t.Context()) }()
		synctest.Wait()
		close(fails)
		if failed := <-closed; failed != nil || tries != 2 || err != nil {
			t.Errorf("%d tries, %v; Close = %v", tries, err, failed)
		}
	})
}

// A request that outlives the program's patience may come with work when all has
// been closed: it is done, but nobody waits for it.
func TestWorkMayComeWhileAllIsClosed(t *testing.T) {
	for range 100 {
		g, done := background.NewGroup(), make(chan struct{})
		go g.Go(func() { close(done) })
		if err := g.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-done
	}
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, stuck := background.NewGroup(), make(chan struct{})
		g.Go(func() { <-stuck })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v", err)
		}
		close(stuck)
		if err := g.Close(t.Context()); err != nil {
			t.Errorf("Close after that = %v", err)
		}
	})
}
