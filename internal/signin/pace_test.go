package signin_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jellyward/jellyward/internal/signin"
)

// sample is how long refusals of one kind took.
type sample []time.Duration

func (s sample) quantile(q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[int(q*float64(len(sorted)-1))]
}

func (s sample) String() string {
	return fmt.Sprintf("min %v, median %v, max %v", s.quantile(0), s.quantile(0.5), s.quantile(1))
}

// apart is the largest distance between the distributions of two samples
// (Kolmogorov and Smirnov's): 0 if they are the same, 1 if they do not overlap.
func apart(a, b sample) float64 {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	var i, j int
	var most float64
	for i < len(a) && j < len(b) {
		if a[i] <= b[j] {
			i++
		} else {
			j++
		}
		most = max(most, float64(i)/float64(len(a))-float64(j)/float64(len(b)), float64(j)/float64(len(b))-float64(i)/float64(len(a)))
	}
	return most
}

// refusals are the ways to be refused, all with an enrolled user alice and a
// user bob who has no second factor.
func refusals(w *world) map[string]signin.Request {
	alice := w.jellyfin.add("alice", "wonderland")
	w.jellyfin.add("bob", "builder")
	s := w.store.enrolled(alice.id, "alice")
	spent := w.jellyfin.add("carol", "cinema")
	w.store.spent[spent.id] = 1 << 40
	c := w.store.enrolled(spent.id, "carol")
	return map[string]signin.Request{
		"wrong name":                    request("mallory", "x", w.code(s)),
		"wrong password":                request("alice", "x", w.code(s)),
		"wrong password, not enrolled":  request("bob", "x", ""),
		"wrong code":                    request("alice", "wonderland", w.wrong(s)),
		"wrong code and wrong password": request("alice", "x", w.wrong(s)),
		"spent code":                    request("carol", "cinema", w.code(c)),
	}
}

// measure runs every refusal rounds times, in turn, and returns how long each
// kind took.
func measure(t *testing.T, w *world, kinds map[string]signin.Request, rounds int) map[string]sample {
	took := map[string]sample{}
	for range rounds {
		for kind, req := range kinds {
			started := time.Now()
			_, err := w.service.SignIn(t.Context(), req)
			wantError(t, err, signin.ErrRefused)
			took[kind] = append(took[kind], time.Since(started))
		}
	}
	return took
}

func around(d time.Duration) func() time.Duration {
	return func() time.Duration { return time.Duration(float64(d) * (0.9 + 0.4*rand.Float64())) }
}

// Jellyfin itself tells who exists: 3 ms or 130. Behind the ceremony nothing
// tells, on quick hardware and on slow.
func TestRefusalsTakeEquallyLong(t *testing.T) {
	for _, password := range []time.Duration{130 * time.Millisecond, 900 * time.Millisecond} {
		t.Run(password.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *signin.Options) { o.Hold = 0 })
				w.jellyfin.unknownDelay = around(3 * time.Millisecond)
				w.jellyfin.passwordDelay = around(password)
				kinds := refusals(w)
				measure(t, w, kinds, 10) // it has to learn how slow Jellyfin is
				took := measure(t, w, kinds, 400)
				reference := took["wrong name"]
				for kind, s := range took {
					t.Logf("%-30s %v", kind, s)
					if d := apart(s, reference); d > 0.2 { // p < 1e-6 for 400 of each
						t.Errorf("%q and a wrong name are told apart by time: distance %.2f", kind, d)
					}
					if s.quantile(0) < 250*time.Millisecond {
						t.Errorf("%q was answered after %v", kind, s.quantile(0))
					}
				}
			})
		})
	}
}

// A flood of names that do not exist must not teach that checks are quick.
func TestUnknownNamesDoNotLowerTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *signin.Options) { o.Hold = 0 })
		w.jellyfin.unknownDelay = around(3 * time.Millisecond)
		w.jellyfin.passwordDelay = around(900 * time.Millisecond)
		kinds := refusals(w)
		measure(t, w, kinds, 10)
		measure(t, w, map[string]signin.Request{"wrong name": kinds["wrong name"]}, 500)
		took := measure(t, w, kinds, 20)
		for kind, s := range took {
			if s.quantile(0) < 900*time.Millisecond {
				t.Errorf("%q was answered after %v, sooner than a password is checked", kind, s.quantile(0))
			}
		}
	})
}

// One slow answer must not slow everybody down.
func TestOneSlowCheckDoesNotRaiseTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *signin.Options) { o.Hold = 0 })
		w.jellyfin.passwordDelay = around(130 * time.Millisecond)
		kinds := refusals(w)
		measure(t, w, kinds, 40)
		w.jellyfin.set(func(f *fakeJellyfin) { f.passwordDelay = around(5 * time.Second) })
		measure(t, w, map[string]signin.Request{"slow": kinds["wrong password"]}, 1)
		w.jellyfin.set(func(f *fakeJellyfin) { f.passwordDelay = around(130 * time.Millisecond) })
		took := measure(t, w, kinds, 5)
		for kind, s := range took {
			if s.quantile(1) > 500*time.Millisecond {
				t.Errorf("%q took %v", kind, s.quantile(1))
			}
		}
	})
}

func TestAVisitorWhoLeavesIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *signin.Options) { o.Hold = time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		_, err := w.service.SignIn(ctx, request("mallory", "x", ""))
		wantError(t, err, signin.ErrRefused)
		if took := time.Since(started); took != time.Second {
			t.Errorf("held for %v", took)
		}
	})
}
