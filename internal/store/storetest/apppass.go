package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/secret"
)

func anAppPassword(id, userID string) apppass.AppPassword {
	return apppass.AppPassword{ID: id, UserID: userID, UserName: "Alice", Name: "TV \"Ünal\"", Created: created()}
}

func aUse(token, device string) apppass.Use {
	return apppass.Use{TokenID: token, Client: "Findroid", DeviceName: "Phone", DeviceID: device, Network: "203.0.113.1/32", At: created()}
}

func appPasswordLaws() []law {
	return []law{
		{"FoundByThePasswordAlone", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			p := anAppPassword("p", alice)
			wantErr(t, "PutAppPassword", s.PutAppPassword(t.Context(), p, "right", 20), nil)
			got, err := other.FindAppPassword(t.Context(), "right")
			if diff := cmp.Diff(p, got); err != nil || diff != "" {
				t.Errorf("FindAppPassword: %v, %s", err, diff)
			}
			for _, wrong := range []secret.Text{"", "Right", "right ", "p"} {
				_, err = other.FindAppPassword(t.Context(), wrong)
				wantErr(t, "FindAppPassword of another", err, apppass.ErrUnknown)
			}
			all, err := other.AppPasswords(t.Context(), alice)
			if diff := cmp.Diff([]apppass.AppPassword{p}, all); err != nil || diff != "" {
				t.Errorf("AppPasswords: %v, %s", err, diff)
			}
			if all, err := other.AppPasswords(t.Context(), bob); err != nil || len(all) != 0 {
				t.Errorf("AppPasswords of another user = %v, %v", all, err)
			}
		}},
		{"NoMoreThanTheLimit", func(t *testing.T, b Backend) {
			stores := []Store{b.Open(t), b.Open(t)}
			put := func(ctx context.Context, i int) error {
				id := fmt.Sprint("p", i)
				return stores[i%2].PutAppPassword(ctx, anAppPassword(id, alice), secret.Text("secret "+id), 3)
			}
			if won := race(t, 40, put, apppass.ErrTooMany); won != 3 {
				t.Errorf("%d of 40 were kept, want 3", won)
			}
			all, err := stores[0].AppPasswords(t.Context(), alice)
			if err != nil || len(all) != 3 {
				t.Fatalf("AppPasswords = %v, %v", all, err)
			}
			wantErr(t, "another user's", stores[0].PutAppPassword(t.Context(), anAppPassword("b", bob), "x", 3), nil)
			wantErr(t, "DropAppPassword", stores[0].DropAppPassword(t.Context(), alice, all[0].ID), nil)
			wantErr(t, "PutAppPassword after that", put(t.Context(), 99), nil)
		}},
		{"OfManyUsesEachFollowsAnother", func(t *testing.T, b Backend) {
			stores := []Store{b.Open(t), b.Open(t)}
			wantErr(t, "PutAppPassword", stores[0].PutAppPassword(t.Context(), anAppPassword("p", alice), "right", 20), nil)
			const uses = 12
			before := make([]string, uses)
			race(t, uses, func(ctx context.Context, i int) error {
				use, err := stores[i%2].UseAppPassword(ctx, alice, "p", aUse(fmt.Sprint(i), fmt.Sprint("device", i)), false)
				before[i] = use.TokenID
				return err
			})
			followed := map[string]bool{}
			for _, token := range before {
				if followed[token] {
					t.Errorf("two uses follow %q", token)
				}
				followed[token] = true
			}
			p, err := stores[0].FindAppPassword(t.Context(), "right")
			if err != nil || len(p.Uses) != 2 || followed[p.Uses[0].TokenID] || !followed[p.Uses[1].TokenID] {
				t.Errorf("uses = %+v, %v", p.Uses, err)
			}
		}},
		{"UsesAreKept", func(t *testing.T, b Backend) {
			s := b.Open(t)
			wantErr(t, "PutAppPassword", s.PutAppPassword(t.Context(), anAppPassword("p", alice), "right", 20), nil)
			first, second, third := aUse("1", "one"), aUse("2", "two"), aUse("3", "three")
			for i, use := range []apppass.Use{first, second, third, third} { // a use noted twice is one
				if before, err := s.UseAppPassword(t.Context(), alice, "p", use, false); err != nil || i == 0 && before.TokenID != "" {
					t.Fatalf("UseAppPassword = %+v, %v", before, err)
				}
			}
			p, err := s.FindAppPassword(t.Context(), "right")
			want := anAppPassword("p", alice)
			want.FirstDevice, want.Uses = "one", []apppass.Use{third, second}
			if diff := cmp.Diff(want, p); err != nil || diff != "" {
				t.Errorf("FindAppPassword: %v, %s", err, diff)
			}
		}},
		{"OfManyFirstUsesOneBinds", func(t *testing.T, b Backend) {
			stores := []Store{b.Open(t), b.Open(t)}
			wantErr(t, "PutAppPassword", stores[0].PutAppPassword(t.Context(), anAppPassword("p", alice), "right", 20), nil)
			won := race(t, 12, func(ctx context.Context, i int) error {
				_, err := stores[i%2].UseAppPassword(ctx, alice, "p", aUse(fmt.Sprint(i), fmt.Sprint("device", i)), true)
				return err
			}, apppass.ErrElsewhere)
			if won != 1 {
				t.Errorf("%d devices used it, want 1", won)
			}
			p, err := stores[0].FindAppPassword(t.Context(), "right")
			if err != nil || len(p.Uses) != 1 || p.Uses[0].DeviceID != p.FirstDevice {
				t.Fatalf("app password = %+v, %v", p, err)
			}
			_, err = stores[1].UseAppPassword(t.Context(), alice, "p", aUse("again", p.FirstDevice), true)
			wantErr(t, "UseAppPassword on the first device", err, nil)
		}},
		{"RevokedIsGone", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			for id, password := range map[string]secret.Text{"p": "right", "q": "left"} {
				wantErr(t, "PutAppPassword", s.PutAppPassword(t.Context(), anAppPassword(id, alice), password, 20), nil)
			}
			wantErr(t, "DropAppPassword as another user", s.DropAppPassword(t.Context(), bob, "p"), nil)
			_, err := s.FindAppPassword(t.Context(), "right")
			wantErr(t, "FindAppPassword after that", err, nil)
			for range 2 {
				wantErr(t, "DropAppPassword", s.DropAppPassword(t.Context(), alice, "p"), nil)
			}
			_, err = other.FindAppPassword(t.Context(), "right")
			wantErr(t, "FindAppPassword", err, apppass.ErrUnknown)
			_, err = other.UseAppPassword(t.Context(), alice, "p", aUse("1", "one"), false)
			wantErr(t, "UseAppPassword", err, apppass.ErrUnknown)
			_, err = other.FindAppPassword(t.Context(), "left")
			wantErr(t, "FindAppPassword of the other", err, nil)
			if all, err := other.AppPasswords(t.Context(), alice); err != nil || len(all) != 1 {
				t.Errorf("AppPasswords = %v, %v", all, err)
			}
		}},
	}
}

func keptLaws() []law {
	return []law{
		{"ReplacedOnlyByWhoKnowsIt", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			_, err := s.Kept(t.Context(), alice)
			wantErr(t, "Kept", err, apppass.ErrUnknown)
			first := apppass.Kept{UserID: alice, Token: "one", DeviceID: "d", Created: created()}
			second := apppass.Kept{UserID: alice, Token: "two", DeviceID: "e", Created: created()}
			for range 2 { // an answer may get lost
				wantErr(t, "PutKept", s.PutKept(t.Context(), first, ""), nil)
			}
			wantErr(t, "PutKept over it", other.PutKept(t.Context(), second, ""), apppass.ErrChanged)
			got, err := other.Kept(t.Context(), alice)
			if diff := cmp.Diff(first, got); err != nil || diff != "" || got.Token != "one" {
				t.Errorf("Kept: %v, %s", err, diff)
			}
			wantErr(t, "PutKept in its place", other.PutKept(t.Context(), second, first.Token.Hash()), nil)
			wantErr(t, "DropKept of the one before", s.DropKept(t.Context(), alice, first.Token.Hash()), nil)
			if got, err := s.Kept(t.Context(), alice); err != nil || got.Token != "two" {
				t.Errorf("Kept after that: %v", err)
			}
			for range 2 {
				wantErr(t, "DropKept", s.DropKept(t.Context(), alice, second.Token.Hash()), nil)
			}
			_, err = other.Kept(t.Context(), alice)
			wantErr(t, "Kept", err, apppass.ErrUnknown)
		}},
		{"OneOfManyIsKept", func(t *testing.T, b Backend) {
			stores := []Store{b.Open(t), b.Open(t)}
			won := race(t, 40, func(ctx context.Context, i int) error {
				k := apppass.Kept{UserID: alice, Token: secret.Text(fmt.Sprint(i)), DeviceID: "d", Created: created().Add(time.Duration(i))}
				return stores[i%2].PutKept(ctx, k, "")
			}, apppass.ErrChanged)
			if won != 1 {
				t.Errorf("%d of 40 were kept, want 1", won)
			}
		}},
	}
}
