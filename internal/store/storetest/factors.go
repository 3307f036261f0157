package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

const (
	alice = "0123456789abcdef0123456789abcdef"
	bob   = "fedcba9876543210fedcba9876543210"
)

// created has no more precision than a store keeps.
func created() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func pending(userID, name, id string) totp.Pending {
	return totp.Pending{ID: id, UserID: userID, Name: name, Secret: totp.NewSecret(), Created: created()}
}

// enrol gives a user a second factor, whose first code was that of step 1.
func enrol(t testing.TB, s Store, userID, name string) totp.Enrolment {
	t.Helper()
	p := pending(userID, name, "enrol-"+userID)
	if err := s.PutPending(t.Context(), p, time.Minute); err != nil {
		t.Fatalf("PutPending: %v", err)
	}
	if err := s.Activate(t.Context(), userID, p.ID, 1); err != nil {
		t.Fatalf("Activate: %v", err)
	}
	return totp.Enrolment{ID: p.ID, UserID: userID, Name: name, Secret: p.Secret, Created: p.Created}
}

// wantErr fails unless err is target (nil: none).
func wantErr(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) || (target == nil) != (err == nil) {
		t.Errorf("%s: error %v, want %v", what, err, target)
	}
}

func factorLaws() []law {
	return []law{
		{"NobodyIsEnrolledAtFirst", func(t *testing.T, b Backend) {
			s := b.Open(t)
			_, err := s.Enrolment(t.Context(), alice)
			wantErr(t, "Enrolment", err, totp.ErrNotEnrolled)
			_, err = s.Pending(t.Context(), alice)
			wantErr(t, "Pending", err, totp.ErrNoPending)
			wantErr(t, "Activate", s.Activate(t.Context(), alice, "x", 1), totp.ErrNoPending)
			all, err := s.Enrolments(t.Context())
			if err != nil || len(all) != 0 {
				t.Errorf("Enrolments = %v, %v, want none", all, err)
			}
		}},
		{"EnrolAndConfirm", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			p := pending(alice, "Alice", "first")
			wantErr(t, "PutPending", s.PutPending(t.Context(), p, time.Minute), nil)
			got, err := other.Pending(t.Context(), alice)
			if diff := cmp.Diff(p, got); err != nil || diff != "" {
				t.Errorf("Pending: %v, %s", err, diff)
			}
			_, err = s.Enrolment(t.Context(), alice)
			wantErr(t, "Enrolment before confirming", err, totp.ErrNotEnrolled)
			wantErr(t, "Activate another", s.Activate(t.Context(), alice, "second", 7), totp.ErrNoPending)
			wantErr(t, "Activate", s.Activate(t.Context(), alice, "first", 7), nil)
			wantErr(t, "Activate again", s.Activate(t.Context(), alice, "first", 8), totp.ErrNoPending)
			want := totp.Enrolment{ID: "first", UserID: alice, Name: "Alice", Secret: p.Secret, Created: p.Created}
			e, err := other.Enrolment(t.Context(), alice)
			if diff := cmp.Diff(want, e); err != nil || diff != "" {
				t.Errorf("Enrolment: %v, %s", err, diff)
			}
			_, err = s.Claim(t.Context(), alice, 7, time.Minute)
			wantErr(t, "Claim of the step that confirmed", err, totp.ErrSpent)
		}},
		{"TheOldSecretHoldsUntilTheNewIsConfirmed", func(t *testing.T, b Backend) {
			s := b.Open(t)
			old := enrol(t, s, alice, "Alice")
			p := pending(alice, "Alice", "new")
			p.Replaces = old.ID
			wantErr(t, "PutPending", s.PutPending(t.Context(), p, time.Minute), nil)
			wantErr(t, "Activate with a spent step", s.Activate(t.Context(), alice, "new", 1), totp.ErrSpent)
			if e, err := s.Enrolment(t.Context(), alice); err != nil || !e.Secret.Equal(old.Secret) {
				t.Errorf("the secret changed before it was confirmed (%v)", err)
			}
			wantErr(t, "Activate", s.Activate(t.Context(), alice, "new", 2), nil)
			if e, err := s.Enrolment(t.Context(), alice); err != nil || !e.Secret.Equal(p.Secret) {
				t.Errorf("the secret did not change when it was confirmed (%v)", err)
			}
		}},
		{"APendingThatMissedAnEnrolmentIsWorthNothing", func(t *testing.T, b Backend) {
			// Whoever knows the password alone may ask for a secret while there is
			// no second factor, and have it kept when there is one already.
			s := b.Open(t)
			held := enrol(t, s, alice, "Alice")
			late := pending(alice, "Alice", "late")
			wantErr(t, "PutPending", s.PutPending(t.Context(), late, time.Minute), nil)
			wantErr(t, "Activate over a factor that was not shown", s.Activate(t.Context(), alice, "late", 9), totp.ErrNoPending)
			late.Replaces = "an older one"
			wantErr(t, "PutPending", s.PutPending(t.Context(), late, time.Minute), nil)
			wantErr(t, "Activate over another factor", s.Activate(t.Context(), alice, "late", 9), totp.ErrNoPending)
			if e, err := s.Enrolment(t.Context(), alice); err != nil || !e.Secret.Equal(held.Secret) {
				t.Errorf("the second factor was replaced (%v)", err)
			}
		}},
		{"ANewerPendingReplacesTheOlder", func(t *testing.T, b Backend) {
			s := b.Open(t)
			first, second := pending(alice, "Alice", "1"), pending(alice, "Alice", "2")
			wantErr(t, "PutPending", s.PutPending(t.Context(), first, time.Minute), nil)
			wantErr(t, "PutPending", s.PutPending(t.Context(), second, time.Minute), nil)
			wantErr(t, "Activate the older", s.Activate(t.Context(), alice, "1", 5), totp.ErrNoPending)
			wantErr(t, "Activate the newer", s.Activate(t.Context(), alice, "2", 5), nil)
			if e, err := s.Enrolment(t.Context(), alice); err != nil || !e.Secret.Equal(second.Secret) {
				t.Errorf("another secret than the confirmed one holds (%v)", err)
			}
		}},
		{"OneOfManyActivatesSucceeds", func(t *testing.T, b Backend) {
			stores := []Store{b.Open(t), b.Open(t)}
			wantErr(t, "PutPending", stores[0].PutPending(t.Context(), pending(alice, "Alice", "p"), time.Minute), nil)
			won := race(t, 200, func(ctx context.Context, i int) error {
				return stores[i%2].Activate(ctx, alice, "p", totp.Step(10+i%3))
			}, totp.ErrNoPending, totp.ErrSpent)
			if won != 1 {
				t.Errorf("%d of 200 Activates succeeded, want 1", won)
			}
		}},
		{"ListedByName", func(t *testing.T, b Backend) {
			s := b.Open(t)
			enrol(t, s, bob, "bob")
			enrol(t, s, alice, "Zoë")
			enrol(t, s, "user-3", "Anna \"quoted\"\n")
			wantErr(t, "PutName", s.PutName(t.Context(), "Alice", alice), nil)
			all, err := s.Enrolments(t.Context())
			var names []string
			for _, e := range all {
				names = append(names, e.Name)
			}
			if diff := cmp.Diff([]string{"Alice", "Anna \"quoted\"\n", "bob"}, names); err != nil || diff != "" {
				t.Errorf("Enrolments: %v, %s", err, diff)
			}
		}},
		{"ResetRemovesAllButTheSpentStep", func(t *testing.T, b Backend) {
			s := b.Open(t)
			enrol(t, s, alice, "Alice")
			enrol(t, s, bob, "Bob")
			wantErr(t, "PutPending", s.PutPending(t.Context(), pending(alice, "Alice", "p"), time.Minute), nil)
			wantErr(t, "Reset", s.Reset(t.Context(), alice), nil)
			wantErr(t, "Reset again", s.Reset(t.Context(), alice), nil)
			_, err := s.Enrolment(t.Context(), alice)
			wantErr(t, "Enrolment", err, totp.ErrNotEnrolled)
			wantErr(t, "Activate what was pending", s.Activate(t.Context(), alice, "p", 9), totp.ErrNoPending)
			_, err = s.Claim(t.Context(), alice, 1, time.Minute)
			wantErr(t, "Claim of a spent step", err, totp.ErrSpent)
			all, err := s.Enrolments(t.Context())
			if err != nil || len(all) != 1 || all[0].UserID != bob {
				t.Errorf("Enrolments = %v, %v, want Bob's alone", all, err)
			}
		}},
		{"ResetUnlocks", func(t *testing.T, b Backend) {
			s := b.Open(t)
			rules := throttle.Standard()
			rules.Lock = 1
			home := charge(alice, network(1), 0)
			home.Scope = throttle.Others
			wantErr(t, "Settle", s.Settle(t.Context(), home, home.At, rules), nil)
			for _, n := range []int{1, 2} {
				mustCharge(t, s, charge(alice, network(n), 1), rules)
				if v := ask(t, s, charge(alice, network(n), 2), rules); !v.Locked {
					t.Errorf("network %d: %+v, want a lock", n, v)
				}
			}
			wantErr(t, "Reset", s.Reset(t.Context(), alice), nil)
			for _, n := range []int{1, 2} {
				if v := ask(t, s, charge(alice, network(n), 3), rules); v.Locked || v.Wait > 0 {
					t.Errorf("network %d after Reset: %+v", n, v)
				}
			}
		}},
		{"OneUserInEverySpellingOfTheID", func(t *testing.T, b Backend) {
			s := b.Open(t)
			enrol(t, s, alice, "Alice")
			dashed := strings.ToUpper("01234567-89ab-cdef-0123-456789abcdef")
			e, err := s.Enrolment(t.Context(), dashed)
			if err != nil || e.UserID != alice {
				t.Errorf("Enrolment(%s) = %v, %v", dashed, e.UserID, err)
			}
			_, err = s.Claim(t.Context(), dashed, 1, time.Minute)
			wantErr(t, "Claim of a spent step by another spelling", err, totp.ErrSpent)
			for _, id := range []string{"", "a:b", "a b", "a\x00", "\xff", strings.Repeat("x", 200)} {
				if err := s.Reset(t.Context(), id); err == nil {
					t.Errorf("Reset(%q) was accepted", id)
				}
			}
		}},
	}
}

// race runs n calls at once and counts those that succeed. All others must fail
// with one of expected.
func race(t testing.TB, n int, call func(ctx context.Context, i int) error, expected ...error) int {
	t.Helper()
	var won atomic.Int64
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			err := call(t.Context(), i)
			if err == nil {
				won.Add(1)
				return
			}
			for _, e := range expected {
				if errors.Is(err, e) {
					return
				}
			}
			t.Errorf("call %d: unexpected error %v", i, err)
		})
	}
	start.Done()
	done.Wait()
	return int(won.Load())
}
