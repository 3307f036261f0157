package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

// restartLaws hold for servers that keep something; the others have none to keep.
func restartLaws() []law {
	laws := []law{
		{"NothingAnsweredIsLost", func(t *testing.T, b Backend) {
			s := b.Open(t)
			old := enrol(t, s, alice, "Alice")
			wantErr(t, "PutName", s.PutName(t.Context(), "Alice", alice), nil)
			wantErr(t, "Spend", s.Spend(t.Context(), alice, 10, mustClaim(t, s, alice, 10)), nil)
			wantErr(t, "PutPending", s.PutPending(t.Context(), pending(bob, "Bob", "p"), time.Minute), nil)
			wantErr(t, "PutSession", s.PutSession(t.Context(), aSession("one", "t"), time.Hour), nil)
			wantErr(t, "PutSession", s.PutSession(t.Context(), aSession("two", "t"), time.Hour), nil)
			wantErr(t, "EndSession", s.EndSession(t.Context(), "two"), nil)
			rules := throttle.Standard()
			for i := range rules.Free {
				mustCharge(t, s, charge(alice, network(i), 0), rules)
			}
			mustClaim(t, s, alice, 11)
			wantErr(t, "PutIssued", s.PutIssued(t.Context(), aToken("given", alice)), nil)
			wantErr(t, "EndIssued", s.EndIssued(t.Context(), "ended", created().Add(time.Hour)), nil)
			wantErr(t, "PutAppPassword", s.PutAppPassword(t.Context(), anAppPassword("p", alice), "right", 20), nil)

			b.Restart(t)

			for _, s := range []Store{b.Open(t), s} { // a new connection and the old one
				e, err := s.Enrolment(t.Context(), alice)
				if err != nil || !e.Secret.Equal(old.Secret) {
					t.Errorf("Enrolment: %v", err)
				}
				if id, err := s.UserID(t.Context(), "ALICE"); err != nil || id != alice {
					t.Errorf("UserID = %q, %v", id, err)
				}
				_, err = s.Claim(t.Context(), alice, 10, time.Minute)
				wantErr(t, "Claim of a spent step", err, totp.ErrSpent)
				_, err = s.Claim(t.Context(), alice, 11, time.Minute)
				wantErr(t, "Claim of a claimed step", err, totp.ErrSpent)
				_, err = s.Pending(t.Context(), bob)
				wantErr(t, "Pending", err, nil)
				_, err = s.Session(t.Context(), "one")
				wantErr(t, "Session", err, nil)
				_, err = s.Session(t.Context(), "two")
				wantErr(t, "Session that was ended", err, session.ErrNone)
				wantTokens(t, s, alice, "given")
				wantEnded(t, s, created(), "ended")
				_, err = s.FindAppPassword(t.Context(), "right")
				wantErr(t, "FindAppPassword", err, nil)
				if v := ask(t, s, charge(alice, network(9), 0), rules); v.Wait == 0 {
					t.Error("the failures are forgotten")
				}
			}
		}},
		{"OneOfAThousandSpendsWithARestartBetween", func(t *testing.T, b Backend) {
			stores := []Store{b.Open(t), b.Open(t)}
			spend := func(ctx context.Context, i int) error {
				claim, err := stores[i%2].Claim(ctx, alice, 10, time.Minute)
				if err != nil {
					return err
				}
				return stores[i%2].Spend(ctx, alice, 10, claim)
			}
			first := race(t, 500, spend, totp.ErrSpent)
			b.Restart(t)
			second := race(t, 500, spend, totp.ErrSpent)
			if first != 1 || second != 0 {
				t.Errorf("%d and %d spent one step, want 1 and 0", first, second)
			}
		}},
		{"KilledInTheMiddleKeepsWhatWasAnswered", func(t *testing.T, b Backend) {
			s := b.Open(t)
			highest := make(chan totp.Step)
			go func() {
				defer close(highest)
				for step := totp.Step(1); ; step++ {
					claim, err := s.Claim(t.Context(), alice, step, time.Minute)
					if err == nil {
						err = s.Spend(t.Context(), alice, step, claim)
					}
					if err != nil {
						highest <- step - 1
						return
					}
					if step == 200 {
						highest <- step
					}
				}
			}()
			<-highest // enough to be in the middle of it
			b.Restart(t)
			answered, ok := <-highest
			if !ok || answered < 200 {
				t.Fatalf("the writer ended at step %d", answered)
			}
			_, err := b.Open(t).Claim(t.Context(), alice, answered, time.Minute)
			wantErr(t, "Claim of the last answered step", err, totp.ErrSpent)
		}},
	}
	for i, l := range laws {
		laws[i].holds = func(t *testing.T, b Backend) {
			if b.Restart != nil {
				l.holds(t, b)
			}
		}
	}
	return laws
}
