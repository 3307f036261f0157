package grant_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jellyward/jellyward/internal/grant"
	"github.com/jellyward/jellyward/internal/secret"
)

const (
	home4  = "203.0.113.7"
	home6  = "2001:db8:1:1::7"
	other4 = "198.51.100.9"
	other6 = "2001:db8:2:2::9"
)

func at(addr string) netip.Addr { return netip.MustParseAddr(addr) }

// running returns a Book that runs, in a synctest bubble, until the test ends or
// stop is called.
func running(t *testing.T, store grant.Store) (b *grant.Book, stop func()) {
	t.Helper()
	b = grant.New(store, grant.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	synctest.Wait()
	return b, stop
}

// check tells of each address whether the Book should hold a grant for item.
func check(t *testing.T, b *grant.Book, item string, want map[string]bool) {
	t.Helper()
	for addr, want := range want {
		if got := b.Holds(at(addr), item); got != want {
			t.Errorf("Holds(%s, %.4q) = %t, want %t", addr, item, got, want)
		}
	}
}

func TestAGrantIsForTheNetwork(t *testing.T) {
	b := grant.New(newFake(), grant.Options{})
	check(t, b, "", map[string]bool{home4: false, home6: false})
	b.Prove(at(home4), "t", "")
	b.Prove(at(home6), "t", "")
	check(t, b, film, map[string]bool{
		home4: true, "::ffff:" + home4: true, "203.0.113.8": false, "203.0.113.6": false,
		home6: true, "2001:db8:1:1:ffff::1": true, "2001:db8:1:1::7%eth0": true, "2001:db8:1:2::7": false,
		other4: false, other6: false,
	})
	b.Prove(netip.Addr{}, "t", "")
	b.Prove(at(other4), "", "")
	check(t, b, film, map[string]bool{other4: false})
	if b.Holds(netip.Addr{}, "") || b.Holds(netip.Addr{}, film) {
		t.Error("no address holds a grant")
	}
}

func TestProofProlongsAndUseDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := running(t, newFake())
		b.Prove(at(home4), "t", "")
		time.Sleep(8 * time.Hour)
		b.Prove(at(home4), "t", "")
		time.Sleep(8 * time.Hour)
		check(t, b, "", map[string]bool{home4: true})
		time.Sleep(4*time.Hour - time.Nanosecond)
		check(t, b, "", map[string]bool{home4: true})
		time.Sleep(time.Nanosecond)
		check(t, b, "", map[string]bool{home4: false})
	})
}

func TestAnEndTakesTheTokensGrantsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		one, _ := running(t, store)
		two, _ := running(t, store)
		var heard [2][]string
		for i, b := range []*grant.Book{one, two} {
			b.OnEnd(func(hash string) { heard[i] = append(heard[i], hash) })
		}
		one.Prove(at(home4), "t", film)
		two.Prove(at(home6), "t", "")
		one.Prove(at(home4), "u", "")
		two.Prove(at(other4), "t", "")
		synctest.Wait()
		before := map[string]bool{home4: true, home6: true, other4: true, other6: false}
		check(t, one, "", before)
		check(t, two, "", before)

		if err := one.End(t.Context(), "t"); err != nil {
			t.Errorf("End: %v", err)
		}
		after := map[string]bool{home4: true, home6: false, other4: false, other6: false}
		check(t, one, film, after)
		synctest.Wait()
		check(t, two, film, after)
		for range 100 {
			if err := two.End(t.Context(), "t"); err != nil {
				t.Errorf("End again: %v", err)
			}
		}
		if err := two.End(t.Context(), "u"); err != nil {
			t.Errorf("End: %v", err)
		}
		synctest.Wait()
		check(t, one, "", map[string]bool{home4: false})
		want := []string{secret.Text("t").Hash(), secret.Text("u").Hash()}
		for i := range heard {
			if len(heard[i]) != 2 || heard[i][0] != want[0] || heard[i][1] != want[1] {
				t.Errorf("book %d was told of %v, want %v", i, heard[i], want)
			}
		}
		if got := one.End(t.Context(), ""); got != nil {
			t.Errorf("End of no token: %v", got)
		}
	})
}

// TestALateAnswerGrantsNothing lets Jellyfin's answer to a request come in that
// was sent before the log-out.
func TestALateAnswerGrantsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		one, _ := running(t, store)
		two, _ := running(t, store)
		if err := one.End(t.Context(), "t"); err != nil {
			t.Errorf("End: %v", err)
		}
		synctest.Wait()
		for _, b := range []*grant.Book{one, two} {
			b.Prove(at(home6), "t", film)
			check(t, b, film, map[string]bool{home6: false, home4: false})
		}
		time.Sleep(5 * time.Minute)
		one.Prove(at(home6), "t", film) // it lives after all
		check(t, one, film, map[string]bool{home6: true})
	})
}

func TestARestartKeepsGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		b, stop := running(t, store)
		b.Prove(at(home4), "t", "")
		b.Prove(at(other4), "u", "")
		b.Prove(at(home6), "t", film)
		b.Holds(at("192.0.2.1"), film) // is let in
		if err := b.End(t.Context(), "u"); err != nil {
			t.Errorf("End: %v", err)
		}
		stop() // at once: the last words are written
		time.Sleep(2 * time.Hour)
		b = grant.New(store, grant.Options{})
		if err := b.Load(t.Context()); err != nil {
			t.Errorf("Load: %v", err)
		}
		check(t, b, film, map[string]bool{home4: true, home6: true, other4: false, other6: false, "192.0.2.1": true})
		check(t, b, song, map[string]bool{"192.0.2.1": false})
		b.Prove(at(home4), "u", "")
		time.Sleep(10 * time.Hour)
		check(t, b, film, map[string]bool{home4: true, home6: false, "192.0.2.1": false})
	})
}

// TestTheLastProofIsWritten stops in the very moment of a proof.
func TestTheLastProofIsWritten(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			store := newFake()
			b, stop := running(t, store)
			b.Prove(at(home4), "t", "")
			stop()
			if grants, _, err := store.Grants(t.Context(), time.Time{}); len(grants) != 1 || err != nil {
				t.Errorf("the store keeps %d grants, %v", len(grants), err)
			}
		})
	}
}

func TestWithoutTheStoreMemoryGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		one, _ := running(t, store)
		two, _ := running(t, store)
		one.Prove(at(home4), "t", "")
		one.Prove(at(other4), "u", "")
		synctest.Wait()
		store.goAway(true)
		one.Prove(at(home6), "t", "")
		if err := two.End(t.Context(), "u"); !errors.Is(err, errAway) {
			t.Errorf("End without the store: %v", err)
		}
		time.Sleep(time.Hour)
		check(t, one, "", map[string]bool{home4: true, home6: true, other4: true})
		check(t, two, "", map[string]bool{home4: true, home6: false, other4: false})
		store.goAway(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, b := range []*grant.Book{one, two} {
			check(t, b, "", map[string]bool{home4: true, home6: true, other4: false})
		}
	})
}

func TestAStoreThatForgotIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		b, _ := running(t, store)
		b.Prove(at(home4), "t", "")
		b.Prove(at(other4), "u", "")
		synctest.Wait()
		store.goAway(true)
		store.empty()
		if err := b.End(t.Context(), "u"); !errors.Is(err, errAway) {
			t.Errorf("End without the store: %v", err)
		}
		store.goAway(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		later, _ := running(t, store)
		for _, b := range []*grant.Book{b, later} {
			check(t, b, "", map[string]bool{home4: true, other4: false})
		}
	})
}

// TestAnEndThatWasNotHeardIsLearnt ends a token while one replica is cut off.
func TestAnEndThatWasNotHeardIsLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		one, _ := running(t, store)
		var heard []string
		one.OnEnd(func(hash string) { heard = append(heard, hash) })
		one.Prove(at(home4), "t", "")
		synctest.Wait()
		store.goAway(true)
		one.Prove(at(home6), "t", "")
		time.Sleep(time.Minute)
		synctest.Wait()
		store.mu.Lock()
		store.endings[secret.Text("t").Hash()] = time.Now()
		clear(store.grants)
		store.mu.Unlock()
		check(t, one, "", map[string]bool{home4: true, home6: true})
		store.goAway(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		check(t, one, "", map[string]bool{home4: false, home6: false})
		if len(heard) != 1 {
			t.Errorf("told of %d ends, want one", len(heard))
		}
		if grants, _, err := store.Grants(t.Context(), time.Time{}); len(grants) > 0 || err != nil {
			t.Errorf("the store keeps %d grants of a dead token, %v", len(grants), err)
		}
	})
}

func TestProlongingIsWrittenRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		b, _ := running(t, store)
		for range 3600 {
			b.Prove(at(home4), "t", film)
			time.Sleep(time.Second)
		}
		// Twelve times the grant, sixty times the opening.
		if got := store.written(); got > 75 {
			t.Errorf("3600 proofs in an hour were written %d times", got)
		}
		grants, _, err := store.Grants(t.Context(), time.Time{})
		if err != nil || len(grants) != 1 || time.Since(grants[0].At) > 5*time.Minute {
			t.Errorf("the store knows %v, %v", grants, err)
		}
	})
}
