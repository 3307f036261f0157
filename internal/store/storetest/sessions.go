package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
)

func aSession(id, token string) session.Record {
	return session.Record{
		Session: session.Session{
			ID: id, UserID: alice, UserName: "Alice \"A\" Ünal\x00", Admin: true, Token: secret.Text(token),
			DeviceID: "device", DeviceName: "Firefox", ServerID: "server", Network: "203.0.113.1/32",
			Created: created(), Expires: created().Add(time.Hour),
		},
		TokenHash: "hash-of-" + token,
	}
}

func sessionLaws() []law {
	return []law{
		{"KeptAndFoundByEveryReplica", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			r := aSession("one", "t")
			wantErr(t, "PutSession", s.PutSession(t.Context(), r, time.Hour), nil)
			got, err := other.Session(t.Context(), "one")
			if diff := cmp.Diff(r.Session, got); err != nil || diff != "" || string(got.Token) != "t" {
				t.Errorf("Session: %v, %s", err, diff)
			}
			_, err = s.Session(t.Context(), "two")
			wantErr(t, "Session that never was", err, session.ErrNone)
		}},
		{"EndedIsGone", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			wantErr(t, "PutSession", s.PutSession(t.Context(), aSession("one", "t"), time.Hour), nil)
			wantErr(t, "EndSession", s.EndSession(t.Context(), "one"), nil)
			wantErr(t, "EndSession again", s.EndSession(t.Context(), "one"), nil)
			_, err := other.Session(t.Context(), "one")
			wantErr(t, "Session", err, session.ErrNone)
		}},
		{"ATokenEndsAllItsSessions", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			for _, id := range []string{"one", "two", "three"} {
				wantErr(t, "PutSession", s.PutSession(t.Context(), aSession(id, "t"), time.Hour), nil)
			}
			wantErr(t, "PutSession", s.PutSession(t.Context(), aSession("other", "u"), time.Hour), nil)
			wantErr(t, "EndSession", s.EndSession(t.Context(), "two"), nil)
			wantErr(t, "EndSessionsOfToken", other.EndSessionsOfToken(t.Context(), "hash-of-t"), nil)
			wantErr(t, "EndSessionsOfToken again", other.EndSessionsOfToken(t.Context(), "hash-of-t"), nil)
			for _, id := range []string{"one", "two", "three"} {
				_, err := s.Session(t.Context(), id)
				wantErr(t, "Session "+id, err, session.ErrNone)
			}
			_, err := s.Session(t.Context(), "other")
			wantErr(t, "Session of another token", err, nil)
		}},
		{"WatchersHearOfEveryEnd", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			ctx, cancel := context.WithCancel(t.Context())
			events := make(chan session.Event)
			watched := make(chan error, 1)
			go func() {
				watched <- other.WatchSessions(ctx, func(e session.Event) {
					select {
					case events <- e:
					case <-ctx.Done():
					}
				})
			}()
			next := func(kind session.EventKind) session.Event {
				for {
					e := hear(t, events, watched)
					if e.Kind == kind {
						return e
					}
					if e.Kind != session.Alive {
						t.Fatalf("event %+v, want kind %d", e, kind)
					}
				}
			}
			if e := next(session.Watching); e.Ago < 0 || e.Ago > 10*time.Second {
				t.Errorf("Watching says it was true %v ago", e.Ago)
			}
			for _, id := range []string{"one", "two", "three"} {
				wantErr(t, "PutSession", s.PutSession(t.Context(), aSession(id, "t"), time.Hour), nil)
			}
			wantErr(t, "EndSession", s.EndSession(t.Context(), "one"), nil)
			if e := next(session.Ended); e.ID != "one" {
				t.Errorf("ended %q, want one", e.ID)
			}
			wantErr(t, "EndSessionsOfToken", s.EndSessionsOfToken(t.Context(), "hash-of-t"), nil)
			got := map[string]bool{next(session.Ended).ID: true, next(session.Ended).ID: true}
			if diff := cmp.Diff(map[string]bool{"two": true, "three": true}, got); diff != "" {
				t.Errorf("ended: %s", diff)
			}
			if e := next(session.Alive); e.Ago < 0 || e.Ago > 10*time.Second {
				t.Errorf("Alive says it was true %v ago", e.Ago)
			}
			cancel()
			if err := <-watched; !errors.Is(err, context.Canceled) {
				t.Errorf("WatchSessions returned %v, want context.Canceled", err)
			}
		}},
	}
}

// hear waits for what a watch tells, which must not end before.
func hear[E any](t testing.TB, events <-chan E, watched <-chan error) E {
	t.Helper()
	select {
	case e := <-events:
		return e
	case err := <-watched:
		t.Fatalf("the watch has ended: %v", err)
	}
	panic("unreachable")
}
