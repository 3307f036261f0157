package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/totp"
)

func stepLaws() []law {
	return []law{
		{"AStepIsSpentOnce", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			claim := mustClaim(t, s, alice, 10)
			wantErr(t, "Spend", s.Spend(t.Context(), alice, 10, claim), nil)
			for _, step := range []totp.Step{-1, 0, 9, 10} {
				_, err := other.Claim(t.Context(), alice, step, time.Minute)
				wantErr(t, "Claim at or below the highest", err, totp.ErrSpent)
			}
			mustClaim(t, other, alice, 11)
			mustClaim(t, other, bob, 10)
		}},
		{"AClaimKeepsOthersOut", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			claim := mustClaim(t, s, alice, 10)
			_, err := other.Claim(t.Context(), alice, 10, time.Minute)
			wantErr(t, "Claim of a claimed step", err, totp.ErrSpent)
			wantErr(t, "Spend of others' claim", other.Spend(t.Context(), alice, 10, "not this"), totp.ErrSpent)
			wantErr(t, "Spend without a claim", other.Spend(t.Context(), alice, 10, ""), totp.ErrSpent)
			wantErr(t, "Release of others' claim", other.Release(t.Context(), alice, 10, "not this"), nil)
			_, err = other.Claim(t.Context(), alice, 10, time.Minute)
			wantErr(t, "Claim after a foreign Release", err, totp.ErrSpent)
			wantErr(t, "Spend", s.Spend(t.Context(), alice, 10, claim), nil)
		}},
		{"AReleasedClaimCanBeClaimedAgain", func(t *testing.T, b Backend) {
			s := b.Open(t)
			first := mustClaim(t, s, alice, 10)
			wantErr(t, "Release", s.Release(t.Context(), alice, 10, first), nil)
			wantErr(t, "Release again", s.Release(t.Context(), alice, 10, first), nil)
			second := mustClaim(t, s, alice, 10)
			if first == second {
				t.Error("two claims have one name")
			}
			wantErr(t, "Spend by the released claim", s.Spend(t.Context(), alice, 10, first), totp.ErrSpent)
			wantErr(t, "Spend", s.Spend(t.Context(), alice, 10, second), nil)
		}},
		{"AnEarlierStepIsSpentByALaterOne", func(t *testing.T, b Backend) {
			s := b.Open(t)
			early, late := mustClaim(t, s, alice, 10), mustClaim(t, s, alice, 11)
			wantErr(t, "Spend the later", s.Spend(t.Context(), alice, 11, late), nil)
			wantErr(t, "Spend the earlier", s.Spend(t.Context(), alice, 10, early), totp.ErrSpent)
		}},
		{"OneOfAThousandSpends", func(t *testing.T, b Backend) {
			stores := []Store{b.Open(t), b.Open(t)}
			won := race(t, 1000, func(ctx context.Context, i int) error {
				claim, err := stores[i%2].Claim(ctx, alice, 10, time.Minute)
				if err != nil {
					return err
				}
				return stores[i%2].Spend(ctx, alice, 10, claim)
			}, totp.ErrSpent)
			if won != 1 {
				t.Errorf("%d of 1000 spent one step, want 1", won)
			}
		}},
		{"OneOfAThousandSpendsAlsoWithReleases", func(t *testing.T, b Backend) {
			stores := []Store{b.Open(t), b.Open(t)}
			won := race(t, 1000, func(ctx context.Context, i int) error {
				claim, err := stores[i%2].Claim(ctx, alice, 10, time.Minute)
				if err != nil {
					return err
				}
				if i%3 == 0 { // the password was wrong
					if err := stores[i%2].Release(ctx, alice, 10, claim); err != nil {
						return err
					}
					return totp.ErrSpent
				}
				return stores[(i+1)%2].Spend(ctx, alice, 10, claim)
			}, totp.ErrSpent)
			claim, err := stores[0].Claim(t.Context(), alice, 10, time.Minute)
			if err == nil { // all that came through had the wrong password
				err = stores[0].Spend(t.Context(), alice, 10, claim)
				won++
			}
			if won != 1 {
				t.Errorf("%d spent one step, want 1 (%v)", won, err)
			}
		}},
	}
}

func mustClaim(t testing.TB, s Store, userID string, step totp.Step) string {
	t.Helper()
	claim, err := s.Claim(t.Context(), userID, step, time.Minute)
	if err != nil || claim == "" {
		t.Fatalf("Claim(%s, %d) = %q, %v", userID, step, claim, err)
	}
	return claim
}

func nameLaws() []law {
	return []law{
		{"FoundInAnyLetterCase", func(t *testing.T, b Backend) {
			s := b.Open(t)
			wantErr(t, "PutName", s.PutName(t.Context(), "Jürgen Ωmega", alice), nil)
			for name, want := range map[string]error{
				"Jürgen Ωmega": nil, "jürgen ωmega": nil, "JÜRGEN ΩMEGA": nil,
				"Jurgen Ωmega": totp.ErrUnknownName, "Ju\u0308rgen Ωmega": totp.ErrUnknownName,
				" Jürgen Ωmega": totp.ErrUnknownName, "": totp.ErrUnknownName,
			} {
				id, err := s.UserID(t.Context(), name)
				wantErr(t, "UserID("+name+")", err, want)
				if want == nil && id != alice {
					t.Errorf("UserID(%q) = %q", name, id)
				}
			}
		}},
		{"DifferentNamesStayDifferent", func(t *testing.T, b Backend) {
			s := b.Open(t)
			names := []string{"strasse", "straße", "k", "\u212a", "i", "ı", "s", "ſ", "a\x00b", "ab", `a"b`}
			for _, name := range names {
				wantErr(t, "PutName", s.PutName(t.Context(), name, "id-of-"+hexOf(name)), nil)
			}
			for _, name := range names {
				if id, err := s.UserID(t.Context(), name); err != nil || id != "id-of-"+hexOf(name) {
					t.Errorf("UserID(%q) = %q, %v", name, id, err)
				}
			}
		}},
		{"ARenamedUserIsFoundByTheNewNameOnly", func(t *testing.T, b Backend) {
			s := b.Open(t)
			wantErr(t, "PutName", s.PutName(t.Context(), "alice", alice), nil)
			wantErr(t, "PutName", s.PutName(t.Context(), "alicia", alice), nil)
			_, err := s.UserID(t.Context(), "alice")
			wantErr(t, "UserID by the old name", err, totp.ErrUnknownName)
			id, err := s.UserID(t.Context(), "ALICIA")
			if err != nil || id != alice {
				t.Errorf("UserID by the new name = %q, %v", id, err)
			}
		}},
		{"ANameThatWasTakenOverStays", func(t *testing.T, b Backend) {
			s := b.Open(t)
			wantErr(t, "PutName", s.PutName(t.Context(), "alice", alice), nil)
			wantErr(t, "PutName", s.PutName(t.Context(), "alice", bob), nil)
			wantErr(t, "PutName", s.PutName(t.Context(), "alicia", alice), nil)
			if id, err := s.UserID(t.Context(), "alice"); err != nil || id != bob {
				t.Errorf("UserID = %q, %v, want the newer owner", id, err)
			}
		}},
	}
}

func hexOf(s string) string {
	const digits = "0123456789abcdef"
	var out []byte
	for i := range len(s) {
		out = append(out, digits[s[i]>>4], digits[s[i]&15])
	}
	return string(out)
}
