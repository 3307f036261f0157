package throttle_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/throttle"
	"pgregory.net/rapid"
)

const owner = "owner"

// stage is a limiter on a clock of its own.
type stage struct {
	*throttle.Limiter
	mu  sync.Mutex
	now time.Time
}

func newStage() *stage {
	s := &stage{now: start()}
	s.Limiter = &throttle.Limiter{Store: &throttle.Memory{}, Now: func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}}
	return s
}

func (s *stage) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func network(i int) netip.Prefix {
	return throttle.NetworkOf(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}))
}

func home() netip.Prefix { return throttle.NetworkOf(netip.MustParseAddr("2001:db8::1")) }

type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

// begin begins a try that must be allowed.
func (s *stage) begin(t fatal, from netip.Prefix, user string) *throttle.Attempt {
	t.Helper()
	a, err := s.Begin(context.Background(), from, user)
	if err != nil {
		t.Fatalf("Begin(%s, %s): %v", from, user, err)
	}
	return a
}

// refused tells why a try is refused, or nil; one that is not is cancelled.
func (s *stage) refused(t fatal, from netip.Prefix, user string) *throttle.LimitError {
	t.Helper()
	a, err := s.Begin(context.Background(), from, user)
	if err == nil {
		err = a.Cancel(context.Background())
	}
	var limit *throttle.LimitError
	if err != nil && !errors.As(err, &limit) {
		t.Fatalf("Begin(%s, %s): %v", from, user, err)
	}
	if limit != nil && limit.RetryAfter <= 0 {
		t.Fatalf("%v with RetryAfter %v", limit, limit.RetryAfter)
	}
	return limit
}

func (s *stage) succeed(t fatal, a *throttle.Attempt) {
	t.Helper()
	if err := a.Succeed(context.Background()); err != nil {
		t.Fatalf("Succeed: %v", err)
	}
}

func TestTheSixthTryWaits(t *testing.T) {
	s := newStage()
	for range 5 {
		s.begin(t, home(), owner)
	}
	limit := s.refused(t, home(), owner)
	if limit == nil || limit.RetryAfter != time.Second || limit.Locked {
		t.Fatalf("the sixth try at once: %+v, want a second's wait", limit)
	}
	s.pass(time.Second)
	s.begin(t, home(), owner)
	if limit := s.refused(t, home(), owner); limit == nil || limit.RetryAfter != 2*time.Second {
		t.Fatalf("after the sixth: %+v, want two seconds", limit)
	}
	s.pass(time.Hour)
	for range 5 {
		s.begin(t, home(), owner)
	}
}

func TestOfManyAtOnceOnlyFiveAreJudged(t *testing.T) {
	for name, from := range map[string]func(i int) (netip.Prefix, string){
		"one user from many networks": func(i int) (netip.Prefix, string) { return network(i), owner },
		"many names from one network": func(int) (netip.Prefix, string) { return network(0), "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage()
			judged := make(chan struct{}, 500)
			var all sync.WaitGroup
			for i := range 500 {
				all.Go(func() {
					n, user := from(i)
					if _, err := s.Begin(t.Context(), n, user); err == nil {
						judged <- struct{}{}
					}
				})
			}
			all.Wait()
			if len(judged) != 5 {
				t.Errorf("%d of 500 were judged, want 5", len(judged))
			}
		})
	}
}

func TestStrangersNeverDelayTheOwnerAtHome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStage()
		s.succeed(t, s.begin(t, home(), owner))
		for range rapid.IntRange(1, 300).Draw(t, "tries") {
			from := network(rapid.IntRange(0, 40).Draw(t, "network"))
			a, err := s.Begin(context.Background(), from, rapid.SampledFrom([]string{owner, "", "another"}).Draw(t, "user"))
			if err == nil && rapid.IntRange(0, 3).Draw(t, "identified") == 0 {
				_ = a.Identify(context.Background(), owner)
			}
			s.pass(time.Duration(rapid.IntRange(0, 20*60).Draw(t, "seconds")) * time.Second)
			if limit := s.refused(t, home(), owner); limit != nil {
				t.Fatalf("the owner at home: %v", limit)
			}
		}
		s.succeed(t, s.begin(t, home(), owner))
	})
}

func TestAHundredFailuresInARowLock(t *testing.T) {
	s := newStage()
	s.succeed(t, s.begin(t, home(), owner))
	judged := 0
	for i := range 1000 {
		if _, err := s.Begin(t.Context(), network(i), owner); err == nil {
			judged++
		}
		s.pass(20 * time.Minute)
	}
	if judged != 100 {
		t.Errorf("%d failures were judged, want 100", judged)
	}
	s.pass(365 * 24 * time.Hour)
	if limit := s.refused(t, network(0), owner); limit == nil || !limit.Locked || limit.RetryAfter != 15*time.Minute {
		t.Errorf("a year later: %+v, want a lock", limit)
	}
	if limit := s.refused(t, network(0), "another"); limit != nil {
		t.Errorf("another user: %v", limit)
	}
}

func TestSuccessForgetsTheUsersFailuresButNotTheNetworks(t *testing.T) {
	s := newStage()
	for range 3 {
		s.begin(t, network(1), owner)
	}
	s.succeed(t, s.begin(t, network(2), owner))
	for range 4 {
		s.begin(t, network(3), owner) // four more are free for the user again
	}
	for range 2 {
		s.begin(t, network(1), "another")
	}
	s.succeed(t, s.begin(t, network(4), "another"))
	if limit := s.refused(t, network(1), "another"); limit == nil {
		t.Error("five failures from one network are forgotten")
	}
}

func TestAnAttackersOwnAccountRefillsNothing(t *testing.T) {
	s := newStage()
	guesses := 0
	for range 100 {
		if _, err := s.Begin(t.Context(), network(1), owner); err == nil {
			guesses++
		}
		if a, err := s.Begin(t.Context(), network(1), "attacker"); err == nil {
			s.succeed(t, a)
		}
	}
	if guesses != 5 {
		t.Errorf("%d guesses at once between own sign-ins, want 5", guesses)
	}
}

func TestSucceedAndCancelRestore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStage()
		failures := rapid.IntRange(0, 4).Draw(t, "failures")
		for range failures {
			s.begin(t, network(1), owner)
		}
		for range rapid.IntRange(1, 20).Draw(t, "tries") {
			// What is in flight counts, so no more than five at a time.
			var open []*throttle.Attempt
			for range 5 - failures {
				open = append(open, s.begin(t, network(1), owner))
			}
			for _, a := range open {
				if err := a.Cancel(context.Background()); err != nil {
					t.Fatalf("Cancel: %v", err)
				}
			}
		}
		s.succeed(t, s.begin(t, network(1), owner))
		for range 5 - failures { // the network's own failures stay
			s.begin(t, network(1), owner)
		}
		if s.refused(t, network(1), owner) == nil {
			t.Fatalf("%d failures from one network are not refused", 5)
		}
	})
}

func TestSuccessMakesANetworkKnownForNinetyDays(t *testing.T) {
	s := newStage()
	s.succeed(t, s.begin(t, home(), owner))
	lockOthers := func() {
		for range 2000 {
			_, _ = s.Begin(t.Context(), network(7), owner)
			s.pass(16 * time.Minute)
		}
	}
	lockOthers() // takes 22 days
	if limit := s.refused(t, home(), owner); limit != nil {
		t.Fatalf("at home: %v", limit)
	}
	if limit := s.refused(t, network(8), owner); limit == nil || !limit.Locked {
		t.Fatalf("elsewhere: %+v, want a lock", limit)
	}
	s.pass(throttle.KnownFor)
	if limit := s.refused(t, home(), owner); limit == nil || !limit.Locked {
		t.Fatalf("at home, 90 days after the last sign-in: %+v, want the lock of all others", limit)
	}
}

func TestIdentifyChargesTheUserAsWell(t *testing.T) {
	s := newStage()
	for i := range 5 {
		a := s.begin(t, network(i), "")
		for range 2 { // twice is once
			if err := a.Identify(t.Context(), owner); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := s.begin(t, network(9), "")
	var limit *throttle.LimitError
	if err := a.Identify(t.Context(), owner); !errors.As(err, &limit) {
		t.Errorf("the sixth: %v, want a LimitError", err)
	}
	if err := a.Cancel(t.Context()); err != nil {
		t.Errorf("Cancel after a refusal: %v", err)
	}
	other := s.begin(t, network(10), "another")
	if err := other.Identify(t.Context(), owner); err == nil {
		t.Error("a try of one user was charged to another")
	}
	if err := s.begin(t, network(11), "").Identify(t.Context(), ""); err != nil {
		t.Errorf("Identify as nobody: %v", err)
	}
}

func TestANameIsCountedLikeAUser(t *testing.T) {
	s := newStage()
	begin := func(i int, name string) (*throttle.Attempt, error) {
		return s.BeginName(t.Context(), network(i), name)
	}
	for i := range 5 {
		if _, err := begin(i, []string{"Zoë", "ZOË"}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	var limit *throttle.LimitError
	if _, err := begin(9, "zoë"); !errors.As(err, &limit) {
		t.Errorf("the sixth: %v, want a LimitError", err)
	}
	a, err := begin(9, "somebody else")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Identify(t.Context(), owner); err != nil {
		t.Fatalf("Identify: %v", err)
	}
	if err := a.Identify(t.Context(), "another"); err == nil {
		t.Error("a try of one user was charged to another")
	}
	s.succeed(t, a)
	if limit := s.refused(t, network(9), owner); limit != nil {
		t.Errorf("after a success: %v", limit)
	}
}

func TestTroubleLetsNobodyThrough(t *testing.T) {
	away := errors.New("away")
	l := &throttle.Limiter{Store: broken{away}}
	if a, err := l.Begin(t.Context(), home(), owner); a != nil || !errors.Is(err, away) {
		t.Errorf("Begin = %v, %v", a, err)
	}
	l = &throttle.Limiter{Store: &throttle.Memory{}}
	if a, err := l.Begin(t.Context(), netip.Prefix{}, owner); a != nil || err == nil {
		t.Errorf("Begin without a network = %v, %v", a, err)
	}
}

// broken is a store that is away.
type broken struct{ err error }

func (b broken) Charge(context.Context, throttle.Charge, throttle.Rules) (throttle.Verdict, error) {
	return throttle.Verdict{}, b.err
}

func (b broken) Identify(context.Context, throttle.Charge, throttle.Rules) (throttle.Verdict, error) {
	return throttle.Verdict{}, b.err
}
func (b broken) Refund(context.Context, throttle.Charge) error { return b.err }
func (b broken) Settle(context.Context, throttle.Charge, time.Time, throttle.Rules) error {
	return b.err
}
