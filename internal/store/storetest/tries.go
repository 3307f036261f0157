package storetest

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/throttle"
	"pgregory.net/rapid"
)

// start is when the tests' clocks begin.
func start() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func network(n int) netip.Prefix {
	return throttle.NetworkOf(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}))
}

// charge is a try at a second of the test.
func charge(userID string, from netip.Prefix, second int) throttle.Charge {
	at := start().Add(time.Duration(second) * time.Second)
	return throttle.Charge{ID: fmt.Sprintf("%s/%s/%d", userID, from, second), Network: from, UserID: userID, At: at}
}

func ask(t testing.TB, s throttle.Store, c throttle.Charge, rules throttle.Rules) throttle.Verdict {
	t.Helper()
	v, err := s.Charge(t.Context(), c, rules)
	if err != nil {
		t.Fatalf("Charge: %v", err)
	}
	return v
}

// mustCharge charges c and returns it with its scope.
func mustCharge(t testing.TB, s throttle.Store, c throttle.Charge, rules throttle.Rules) throttle.Charge {
	t.Helper()
	v := ask(t, s, c, rules)
	if v.Locked || v.Wait > 0 {
		t.Fatalf("Charge(%s) = %+v, want it charged", c.ID, v)
	}
	c.Scope = v.Scope
	return c
}

func tryLaws() []law {
	return []law{
		{"BehavesAsTheRulesSay", behavesAsTheRulesSay},
		{"ANetworkIsKnownNoMoreWhenItsTimeIsOver", aNetworkIsKnownNoMore},
		{"OfManyAtOnceOnlyTheFreeOnesAreJudged", func(t *testing.T, b Backend) {
			stores := []Store{b.Open(t), b.Open(t)}
			rules := throttle.Standard()
			fifty := func(c func(i int) throttle.Charge) int {
				return race(t, 50, func(ctx context.Context, i int) error {
					v, err := stores[i%2].Charge(ctx, c(i), rules)
					if err == nil && (v.Wait > 0 || v.Locked) {
						return errRefused
					}
					return err
				}, errRefused)
			}
			at := func(c throttle.Charge, i int) throttle.Charge {
				c.ID = fmt.Sprint(i)
				return c
			}
			if n := fifty(func(i int) throttle.Charge { return at(charge(alice, network(i), 0), i) }); n != rules.Free {
				t.Errorf("of 50 at once for one user from 50 networks %d were judged, want %d", n, rules.Free)
			}
			if n := fifty(func(i int) throttle.Charge { return at(charge(fmt.Sprint("user", i), network(99), 0), i) }); n != rules.Free {
				t.Errorf("of 50 at once for 50 users from one network %d were judged, want %d", n, rules.Free)
			}
		}},
		{"ChargedAgainIsChargedOnce", func(t *testing.T, b Backend) {
			s, rules := b.Open(t), throttle.Standard()
			c := charge(alice, network(1), 0)
			for range 20 {
				mustCharge(t, s, c, rules)
			}
			for range 20 {
				if v, err := s.Identify(t.Context(), c, rules); err != nil || v.Scope != throttle.Others {
					t.Fatalf("Identify = %+v, %v", v, err)
				}
			}
			mustCharge(t, s, charge(alice, network(1), 1), rules)
		}},
		{"KnownNetworksAreBounded", func(t *testing.T, b Backend) {
			s, rules := b.Open(t), throttle.Standard()
			settle := func(n int) {
				c := charge(alice, network(n), n)
				c.Scope = throttle.Others
				wantErr(t, "Settle", s.Settle(t.Context(), c, c.At, rules), nil)
			}
			for n := range 100 {
				settle(n)
			}
			if c := mustCharge(t, s, charge(alice, network(99), 200), rules); c.Scope != throttle.Home {
				t.Error("the newest network is not known")
			}
			if c := mustCharge(t, s, charge(alice, network(0), 200), rules); c.Scope != throttle.Others {
				t.Error("the oldest of a hundred networks is still known")
			}
		}},
	}
}

// aNetworkIsKnownNoMore has somebody sign in from elsewhere long after, and then
// finds out who it was that tried at the beginning, from the network known then.
func aNetworkIsKnownNoMore(t *testing.T, b Backend) {
	rules := throttle.Standard()
	for _, s := range []throttle.Store{b.Open(t), &throttle.Memory{}} {
		home, away := charge(alice, network(1), 0), charge(alice, network(2), 0)
		home.Scope, away.Scope = throttle.Others, throttle.Others
		wantErr(t, "Settle at home", s.Settle(t.Context(), home, home.At, rules), nil)
		late := charge(alice, network(1), 1)
		if v, err := s.Identify(t.Context(), late, rules); err != nil || v.Scope != throttle.Home {
			t.Errorf("%T: Identify at once = %+v, %v", s, v, err)
		}
		wantErr(t, "Settle elsewhere", s.Settle(t.Context(), away, home.At.Add(rules.Known), rules), nil)
		late.ID = "late"
		if v, err := s.Identify(t.Context(), late, rules); err != nil || v.Scope != throttle.Others {
			t.Errorf("%T: Identify when the network was forgotten = %+v, %v", s, v, err)
		}
	}
}

type refusal struct{}

func (refusal) Error() string { return "refused" }

var errRefused = refusal{}

// behavesAsTheRulesSay does the same to the store and to the rules in plain Go,
// and compares every answer.
func behavesAsTheRulesSay(t *testing.T, b Backend) {
	s := b.Open(t)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		var (
			model = &throttle.Memory{}
			rules = throttle.Standard()
			now   = start()
			open  []throttle.Charge
		)
		rules.Lock = rapid.IntRange(6, 12).Draw(t, "lock")
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for i := range steps {
			now = now.Add(drawPause(t))
			kind := rapid.SampledFrom([]string{"begin", "begin", "begin", "cancel", "succeed", "identify"}).Draw(t, "kind")
			if kind == "begin" || len(open) == 0 {
				// Every run has networks and users of its own in the one database.
				from := byte(rapid.IntRange(0, 2).Draw(t, "network"))
				c := throttle.Charge{
					ID:      fmt.Sprint(run, "/", i),
					Network: throttle.NetworkOf(netip.AddrFrom4([4]byte{10, byte(run >> 8), byte(run), from})),
					At:      now,
				}
				if user := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "user"); user != "" {
					c.UserID = fmt.Sprint(user, "-", run)
				}
				open = both(t, c, open, rules, s.Charge, model.Charge)
				continue
			}
			at := rapid.IntRange(0, len(open)-1).Draw(t, "which")
			c := open[at]
			switch kind {
			case "cancel":
				if err, want := s.Refund(context.Background(), c), model.Refund(context.Background(), c); err != nil || want != nil {
					t.Fatalf("Refund: %v, %v", err, want)
				}
				open = append(open[:at], open[at+1:]...)
			case "succeed":
				if err, want := s.Settle(context.Background(), c, now, rules), model.Settle(context.Background(), c, now, rules); err != nil || want != nil {
					t.Fatalf("Settle: %v, %v", err, want)
				}
				open = append(open[:at], open[at+1:]...)
			case "identify":
				if c.UserID == "" {
					c.UserID = fmt.Sprint("c-", run)
					open = append(open[:at], open[at+1:]...)
					open = both(t, c, open, rules, s.Identify, model.Identify)
				}
			}
		}
	})
}

// charger is [throttle.Store.Charge] or [throttle.Store.Identify].
type charger func(context.Context, throttle.Charge, throttle.Rules) (throttle.Verdict, error)

// both charges c to the store and to the model, which must agree, and adds it to
// the open ones if they charged it.
func both(t *rapid.T, c throttle.Charge, open []throttle.Charge, rules throttle.Rules, store, model charger) []throttle.Charge {
	got, err := store(context.Background(), c, rules)
	if err != nil {
		t.Fatalf("charge: %v", err)
	}
	want, _ := model(context.Background(), c, rules)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("charge %+v: the store differs from the rules (-want +got)\n%s", c, diff)
	}
	if want.Wait > 0 || want.Locked {
		return open
	}
	c.Scope = want.Scope
	return append(open, c)
}

// drawPause is a pause between two tries: often none, sometimes long.
func drawPause(t *rapid.T) time.Duration {
	scale := rapid.SampledFrom([]int{0, 0, 1_000, 10_000, 60_000, 1_000_000, 5_000_000, 100 * 86_400_000}).Draw(t, "scale")
	return time.Duration(rapid.IntRange(0, scale).Draw(t, "pause")) * time.Millisecond
}
