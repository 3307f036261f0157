package storetest

import (
	"context"
	"errors"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/secret"
)

func aToken(token secret.Text, userID string) issued.Record {
	return issued.Record{
		Token: issued.Token{
			ID: token.Hash(), UserID: userID, UserName: "Alice \"A\" Ünal\x00", Kind: issued.Code, Client: "Findroid",
			DeviceName: "Phone", DeviceID: "device of " + token.Hash(), Network: "203.0.113.1/32", LastNetwork: "203.0.113.1/32",
			AppPassword: "p", Created: created(), Seen: created(),
		},
		Secret: token,
	}
}

// utc makes times that were read comparable with those that were written.
func utc(t issued.Token) issued.Token {
	t.Created, t.Seen = t.Created.UTC(), t.Seen.UTC()
	return t
}

func issuedLaws() []law {
	return []law{
		{"KeptAndFoundByEveryReplica", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			r := aToken("t", alice)
			wantErr(t, "PutIssued", s.PutIssued(t.Context(), r), nil)
			got, err := other.Issued(t.Context(), r.ID)
			if diff := cmp.Diff(r.Token, utc(got.Token)); err != nil || diff != "" || got.Secret != "t" {
				t.Errorf("Issued: %v, %s", err, diff)
			}
			_, err = s.Issued(t.Context(), secret.Text("u").Hash())
			wantErr(t, "Issued of a token that never was", err, issued.ErrUnknown)
			if err := s.PutIssued(t.Context(), issued.Record{Token: issued.Token{ID: "x", UserID: alice}, Secret: "y"}); err == nil {
				t.Error("a token was kept under another's hash")
			}
		}},
		{"ListedForItsUserAlone", func(t *testing.T, b Backend) {
			s := b.Open(t)
			for _, token := range []secret.Text{"one", "two"} {
				wantErr(t, "PutIssued", s.PutIssued(t.Context(), aToken(token, alice)), nil)
			}
			wantErr(t, "PutIssued", s.PutIssued(t.Context(), aToken("three", bob)), nil)
			wantTokens(t, s, alice, "one", "two")
			wantTokens(t, s, bob, "three")
			wantTokens(t, s, "nobody")
		}},
		{"RecordedAgainOnlyItsUseChanges", func(t *testing.T, b Backend) {
			s := b.Open(t)
			r := aToken("t", alice)
			wantErr(t, "PutIssued", s.PutIssued(t.Context(), r), nil)
			again := r
			again.Kind, again.Created = issued.QuickConnect, created().Add(time.Hour)
			again.Seen, again.LastNetwork = created().Add(time.Hour), "198.51.100.1/32"
			wantErr(t, "PutIssued again", s.PutIssued(t.Context(), again), nil)
			want := r.Token
			want.Seen, want.LastNetwork = again.Seen, again.LastNetwork
			got, err := s.Issued(t.Context(), r.ID)
			if diff := cmp.Diff(want, utc(got.Token)); err != nil || diff != "" {
				t.Errorf("Issued: %v, %s", err, diff)
			}
		}},
		{"UsesMoveOnlyForward", func(t *testing.T, b Backend) {
			s := b.Open(t)
			r := aToken("t", alice)
			wantErr(t, "PutIssued", s.PutIssued(t.Context(), r), nil)
			later, unknown := created().Add(time.Hour), secret.Text("u").Hash()
			uses := []issued.Use{
				{ID: r.ID, Network: "192.0.2.1/32", At: later},
				{ID: r.ID, Network: "192.0.2.2/32", At: later.Add(-time.Minute)},
				{ID: unknown, Network: "192.0.2.3/32", At: later},
			}
			wantErr(t, "TouchIssued", s.TouchIssued(t.Context(), uses), nil)
			wantErr(t, "TouchIssued with nothing", s.TouchIssued(t.Context(), nil), nil)
			got, err := s.Issued(t.Context(), r.ID)
			if err != nil || !got.Seen.Equal(later) || got.LastNetwork != "192.0.2.1/32" {
				t.Errorf("last used at %v from %s, %v", got.Seen, got.LastNetwork, err)
			}
			_, err = s.Issued(t.Context(), unknown)
			wantErr(t, "Issued of a token that was only used", err, issued.ErrUnknown)
		}},
		{"OldOnesAreFoundButNoBrowsers", func(t *testing.T, b Backend) {
			s := b.Open(t)
			browser, app, late := aToken("browser", alice), aToken("app", alice), aToken("late", alice)
			browser.Kind, late.Created = issued.Browser, created().Add(time.Hour)
			for _, r := range []issued.Record{browser, app, late} {
				wantErr(t, "PutIssued", s.PutIssued(t.Context(), r), nil)
			}
			ids, err := s.IssuedBefore(t.Context(), created().Add(time.Minute))
			if diff := cmp.Diff([]string{app.ID}, ids); err != nil || diff != "" {
				t.Errorf("IssuedBefore: %v, %s", err, diff)
			}
			ids, err = s.IssuedBefore(t.Context(), created())
			if err != nil || len(ids) != 0 {
				t.Errorf("IssuedBefore its own time = %v, %v", ids, err)
			}
			wantErr(t, "ForgetIssued", s.ForgetIssued(t.Context(), app.ID), nil)
			if ids, err := s.IssuedBefore(t.Context(), created().Add(24*time.Hour)); err != nil || !slices.Equal(ids, []string{late.ID}) {
				t.Errorf("IssuedBefore = %v, %v", ids, err)
			}
		}},
		{"ForgottenIsGoneAndMayComeBack", func(t *testing.T, b Backend) {
			s := b.Open(t)
			r := aToken("t", alice)
			wantErr(t, "PutIssued", s.PutIssued(t.Context(), r), nil)
			for range 2 {
				wantErr(t, "ForgetIssued", s.ForgetIssued(t.Context(), r.ID), nil)
			}
			_, err := s.Issued(t.Context(), r.ID)
			wantErr(t, "Issued", err, issued.ErrUnknown)
			wantTokens(t, s, alice)
			wantErr(t, "PutIssued", s.PutIssued(t.Context(), r), nil)
		}},
		{"EndedStaysEndedUntilItsTimeAndTheLogout", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			r := aToken("t", alice)
			wantErr(t, "PutIssued", s.PutIssued(t.Context(), r), nil)
			until := created().Add(time.Hour)
			for range 2 {
				wantErr(t, "EndIssued", s.EndIssued(t.Context(), "t", until), nil)
			}
			wantErr(t, "EndIssued of a token that is not recorded", s.EndIssued(t.Context(), "u", until), nil)
			_, err := other.Issued(t.Context(), r.ID)
			wantErr(t, "Issued", err, issued.ErrEnded)
			wantErr(t, "PutIssued of a token that was ended", other.PutIssued(t.Context(), r), issued.ErrEnded)
			wantTokens(t, other, alice)
			wantEnded(t, other, until.Add(time.Hour), "t", "u") // they are still to be logged out
			leaving, err := other.Leaving(t.Context(), 10)
			if err != nil || len(leaving) != 2 {
				t.Errorf("Leaving = %d, %v", len(leaving), err)
			}
			one, err := other.Leaving(t.Context(), 1)
			if err != nil || len(one) != 1 {
				t.Errorf("Leaving at most one = %d, %v", len(one), err)
			}
			for range 2 {
				wantErr(t, "Left", other.Left(t.Context(), r.ID), nil)
			}
			leaving, err = s.Leaving(t.Context(), 10)
			if err != nil || len(leaving) != 1 || leaving[0] != "u" {
				t.Errorf("Leaving = %d, %v, want the other", len(leaving), err)
			}
			wantEnded(t, s, until.Add(-time.Second), "t", "u")
			wantEnded(t, s, until.Add(time.Second), "u")
			_, err = s.Issued(t.Context(), r.ID)
			wantErr(t, "Issued of what was let go", err, issued.ErrUnknown)
		}},
		{"WatchersHearOfEveryChange", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			ctx, cancel := context.WithCancel(t.Context())
			events, watched := make(chan issued.Event), make(chan error, 1)
			go func() {
				watched <- other.WatchIssued(ctx, func(e issued.Event) {
					select {
					case events <- e:
					case <-ctx.Done():
					}
				})
			}()
			next := func(kind issued.EventKind, id string) {
				t.Helper()
				for {
					e := hear(t, events, watched)
					if e.Kind == kind && e.ID == id {
						return
					}
					if e.Kind != issued.Alive {
						t.Fatalf("event %+v, want kind %d of %q", e, kind, id)
					}
				}
			}
			next(issued.Watching, "")
			r := aToken("t", alice)
			wantErr(t, "PutIssued", s.PutIssued(t.Context(), r), nil)
			next(issued.Changed, r.ID)
			wantErr(t, "ForgetIssued", s.ForgetIssued(t.Context(), r.ID), nil)
			next(issued.Changed, r.ID)
			wantErr(t, "EndIssued", s.EndIssued(t.Context(), "t", created()), nil)
			next(issued.Ended, r.ID)
			next(issued.Alive, "")
			cancel()
			if err := <-watched; !errors.Is(err, context.Canceled) {
				t.Errorf("WatchIssued returned %v, want context.Canceled", err)
			}
		}},
	}
}

func wantTokens(t testing.TB, s Store, userID string, tokens ...secret.Text) {
	t.Helper()
	all, err := s.IssuedTo(t.Context(), userID)
	var got []string
	for _, token := range all {
		got = append(got, token.ID)
	}
	wantHashes(t, "IssuedTo", got, err, tokens)
}

func wantEnded(t testing.TB, s Store, now time.Time, tokens ...secret.Text) {
	t.Helper()
	got, err := s.EndedIssued(t.Context(), now)
	wantHashes(t, "EndedIssued", got, err, tokens)
}

func wantHashes(t testing.TB, what string, got []string, err error, tokens []secret.Text) {
	t.Helper()
	want := make([]string, 0, len(tokens))
	for _, token := range tokens {
		want = append(want, token.Hash())
	}
	sort.Strings(want)
	sort.Strings(got)
	if err != nil || !slices.Equal(want, got) {
		t.Errorf("%s = %v, %v, want %v", what, got, err, want)
	}
}
