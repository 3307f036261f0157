package grant_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jellyward/jellyward/internal/grant"
)

func TestAPlayerMayComeFromTheOtherFamily(t *testing.T) {
	for _, tt := range []struct{ app, player, neighbour string }{
		{home6, home4, "2001:db8:1:2::7"},
		{home4, home6, "203.0.113.8"},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newFake()
			one, _ := running(t, store)
			two, _ := running(t, store)
			check(t, one, film, map[string]bool{tt.player: false})
			one.Prove(at(tt.app), "t", film)
			synctest.Wait()
			check(t, two, film, map[string]bool{tt.neighbour: false})           // the same family
			check(t, two, song, map[string]bool{tt.player: false})              // nobody has opened it
			check(t, two, "", map[string]bool{tt.player: false})                // about no item
			check(t, two, film, map[string]bool{tt.player: true, tt.app: true}) // the player has come
			synctest.Wait()
			for range 11 {
				time.Sleep(time.Hour) // a long film
				for _, b := range []*grant.Book{one, two} {
					check(t, b, film, map[string]bool{tt.player: true})
					check(t, b, song, map[string]bool{tt.player: false})
					check(t, b, "", map[string]bool{tt.player: false})
				}
			}
			time.Sleep(time.Hour)
			check(t, one, film, map[string]bool{tt.player: false})
		})
	}
}

func TestWhoComesLateForAnOpeningIsNotLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := running(t, newFake())
		b.Prove(at(home6), "t", film)
		time.Sleep(10*time.Minute - time.Nanosecond)
		check(t, b, film, map[string]bool{home4: true})
		time.Sleep(time.Nanosecond)
		check(t, b, film, map[string]bool{home4: true, other4: false})
		b.Prove(at(home6), "t", film) // opened again
		check(t, b, film, map[string]bool{other4: true})
	})
}

func TestAnOpeningLetsInTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		one, _ := running(t, store)
		two, _ := running(t, store)
		one.Prove(at(home6), "t", film)
		synctest.Wait()
		check(t, one, film, map[string]bool{home4: true})
		synctest.Wait()
		check(t, two, film, map[string]bool{"192.0.2.1": true})
		synctest.Wait()
		for range 5 {
			time.Sleep(time.Minute)
			one.Prove(at(home6), "t", film) // the same opening goes on
			synctest.Wait()
			for i, b := range []*grant.Book{one, two} {
				check(t, b, film, map[string]bool{fmt.Sprintf("198.51.100.%d", i): false, home4: true, "192.0.2.1": true})
			}
		}
		two.Prove(at("2001:db8:9::1"), "u", film) // somebody else opens it
		synctest.Wait()
		check(t, one, film, map[string]bool{other4: true})
	})
}

func TestTheEndOfATokenEndsItsGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFake()
		one, _ := running(t, store)
		two, _ := running(t, store)
		one.Prove(at(home6), "t", film)
		one.Prove(at(home6), "t", song)
		synctest.Wait()
		check(t, one, film, map[string]bool{home4: true})
		synctest.Wait()
		if err := two.End(t.Context(), "t"); err != nil {
			t.Errorf("End: %v", err)
		}
		synctest.Wait()
		for _, b := range []*grant.Book{one, two} {
			check(t, b, film, map[string]bool{home4: false, home6: false})
			check(t, b, song, map[string]bool{home4: false, other4: false})
		}
	})
}

// TestWhatIsNoItemOpensNothing shows that only ids do, however they came in.
func TestWhatIsNoItemOpensNothing(t *testing.T) {
	b := grant.New(newFake(), grant.Options{})
	for _, item := range []string{"", "x", film[1:], film + "1", "../" + film[3:], "1111111111111111111111111111111F"} {
		b.Prove(at(home6), "t", item)
		check(t, b, item, map[string]bool{home4: false})
	}
}
