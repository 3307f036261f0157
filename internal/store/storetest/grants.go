package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/grant"
	"github.com/jellyward/jellyward/internal/throttle"
)

const anItem = "0123456789abcdef0123456789abcdef"

func keep() grant.Keep {
	return grant.Keep{For: 12 * time.Hour, Max: 20, PerToken: 8, InFlight: 5 * time.Minute}
}

// aGrant is token's, for network n, some seconds after noon.
func aGrant(token string, n, seconds int) grant.Grant {
	return grant.Grant{TokenHash: token, Network: network(n), At: noon().Add(time.Duration(seconds) * time.Second)}
}

func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// wantGrants compares what is kept since a time, printed and in order.
func wantGrants(t testing.TB, s Store, since time.Time, want ...grant.Grant) {
	t.Helper()
	got, _, err := s.Grants(t.Context(), since)
	if err != nil {
		t.Errorf("Grants: %v", err)
	}
	print := func(grants []grant.Grant) (all []string) {
		for _, g := range grants {
			all = append(all, fmt.Sprintf("%s %s %s %d", g.TokenHash, g.Network, g.Item, g.At.UnixMilli()))
		}
		slices.Sort(all)
		return all
	}
	if diff := gocmp.Diff(print(want), print(got)); diff != "" {
		t.Errorf("Grants: %s", diff)
	}
}

func grantLaws() []law {
	return []law{
		{"KeptAndFoundByEveryReplica", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			a, v6 := aGrant("t", 1, 0), aGrant("u", 1, 60)
			v6.Network = throttle.NetworkOf(netip.MustParseAddr("2001:db8::1"))
			guest := aGrant("t", 2, 30)
			guest.Item = anItem
			wantErr(t, "PutGrants", s.PutGrants(t.Context(), []grant.Grant{a, v6, guest}, keep()), nil)
			wantErr(t, "PutGrants again", s.PutGrants(t.Context(), []grant.Grant{a, guest}, keep()), nil)
			wantErr(t, "PutGrants of none", s.PutGrants(t.Context(), nil, keep()), nil)
			wantGrants(t, other, noon(), a, v6, guest)
			wantGrants(t, other, noon().Add(45*time.Second), v6)
		}},
		{"ProlongedNeverShortened", func(t *testing.T, b Backend) {
			s := b.Open(t)
			early, late := aGrant("t", 1, 0), aGrant("t", 1, 60)
			for _, g := range []grant.Grant{early, late, early} {
				wantErr(t, "PutGrants", s.PutGrants(t.Context(), []grant.Grant{g}, keep()), nil)
			}
			wantGrants(t, s, noon(), late)
		}},
		{"TheOldestAreForgotten", func(t *testing.T, b Backend) {
			s := b.Open(t)
			k := keep()
			var all []grant.Grant
			for i := range 2 * k.Max {
				all = append(all, aGrant(fmt.Sprintf("t%d", i), i, i))
			}
			wantErr(t, "PutGrants", s.PutGrants(t.Context(), all, k), nil)
			wantGrants(t, s, noon(), all[k.Max:]...)
			later := aGrant("later", 1, int(k.For/time.Second)+len(all)-2)
			wantErr(t, "PutGrants", s.PutGrants(t.Context(), []grant.Grant{later}, k), nil)
			wantGrants(t, s, noon(), all[len(all)-1], later)
		}},
		{"OneTokenPushesOutItsOwnOnly", func(t *testing.T, b Backend) {
			s := b.Open(t)
			k := keep()
			mine := aGrant("mine", 0, 0)
			all := []grant.Grant{mine}
			for i := range 2 * k.Max {
				all = append(all, aGrant("greedy", i, i))
			}
			wantErr(t, "PutGrants", s.PutGrants(t.Context(), all, k), nil)
			wantGrants(t, s, noon(), append(all[len(all)-k.PerToken:], mine)...)
		}},
		{"ATokenEndsAllItsGrants", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			k := keep()
			guest := aGrant("t", 3, 0)
			guest.Item = anItem
			kept := aGrant("u", 1, 0)
			wantErr(t, "PutGrants", s.PutGrants(t.Context(), []grant.Grant{aGrant("t", 1, 0), aGrant("t", 2, 0), kept, guest}, k), nil)
			end := grant.Ending{TokenHash: "t", At: noon().Add(time.Minute)}
			wantErr(t, "EndGrants", other.EndGrants(t.Context(), end, k), nil)
			wantErr(t, "EndGrants again", s.EndGrants(t.Context(), end, k), nil)
			wantGrants(t, s, noon(), kept)
			late := aGrant("t", 1, 60+int(k.InFlight/time.Second)-1)
			wantErr(t, "PutGrants that come late", s.PutGrants(t.Context(), []grant.Grant{late}, k), nil)
			wantGrants(t, s, noon(), kept)
			again := aGrant("t", 1, 60+int(k.InFlight/time.Second))
			wantErr(t, "PutGrants of a token that lives", s.PutGrants(t.Context(), []grant.Grant{again}, k), nil)
			wantErr(t, "EndGrants that comes late", s.EndGrants(t.Context(), end, k), nil)
			wantGrants(t, s, noon(), kept, again)
		}},
		{"EndingsAreRemembered", func(t *testing.T, b Backend) {
			s := b.Open(t)
			k := keep()
			var want, got []string
			for i := range 2 * k.Max {
				e := grant.Ending{TokenHash: fmt.Sprintf("t%02d", i), At: noon().Add(time.Duration(i) * time.Second)}
				wantErr(t, "EndGrants", s.EndGrants(t.Context(), e, k), nil)
				if i >= k.Max {
					want = append(want, fmt.Sprint(e.TokenHash, e.At.UnixMilli()))
				}
			}
			_, endings, err := s.Grants(t.Context(), noon())
			wantErr(t, "Grants", err, nil)
			slices.SortFunc(endings, func(a, b grant.Ending) int { return cmp.Compare(a.TokenHash, b.TokenHash) })
			for _, e := range endings {
				got = append(got, fmt.Sprint(e.TokenHash, e.At.UnixMilli()))
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("endings: %s", diff)
			}
		}},
		{"WatchersHearOfEverything", grantWatchersHear},
	}
}

func grantWatchersHear(t *testing.T, b Backend) {
	s, other := b.Open(t), b.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	events := make(chan grant.Event)
	watched := make(chan error, 1)
	go func() {
		watched <- other.WatchGrants(ctx, func(e grant.Event) {
			select {
			case events <- e:
			case <-ctx.Done():
			}
		})
	}()
	next := func(what, want string) {
		t.Helper()
		if got := printEvent(hear(t, events, watched)); got != want {
			t.Errorf("%s: heard %q, want %q", what, got, want)
		}
	}
	next("the beginning", "")
	guest := aGrant("t", 2, 1)
	guest.Item = anItem
	wantErr(t, "PutGrants", s.PutGrants(t.Context(), []grant.Grant{aGrant("t", 1, 0), guest}, keep()), nil)
	next("a grant", "grant t 203.0.113.1/32  12:00:00")
	next("a grant for an item", "grant t 203.0.113.2/32 "+anItem+" 12:00:01")
	opening := grant.Opening{TokenHash: "t", Network: network(1), Item: anItem, At: noon()}
	wantErr(t, "PutOpenings", s.PutOpenings(t.Context(), []grant.Opening{opening, opening}), nil)
	for range 2 {
		next("an opening", "open t 203.0.113.1/32 "+anItem+" 12:00:00")
	}
	wantErr(t, "EndGrants", s.EndGrants(t.Context(), grant.Ending{TokenHash: "t", At: noon()}, keep()), nil)
	next("an end", "end t 12:00:00")
	wantErr(t, "PutGrants", s.PutGrants(t.Context(), []grant.Grant{aGrant("t", 1, 1), aGrant("u", 1, 1)}, keep()), nil)
	next("a grant of a living token", "grant u 203.0.113.1/32  12:00:01")
	cancel()
	if err := <-watched; !errors.Is(err, context.Canceled) {
		t.Errorf("WatchGrants returned %v, want context.Canceled", err)
	}
}

func printEvent(e grant.Event) string {
	clock := func(at time.Time) string { return at.UTC().Format(time.TimeOnly) }
	switch {
	case e.Grant != nil:
		return fmt.Sprintf("grant %s %s %s %s", e.Grant.TokenHash, e.Grant.Network, e.Grant.Item, clock(e.Grant.At))
	case e.Opening != nil:
		return fmt.Sprintf("open %s %s %s %s", e.Opening.TokenHash, e.Opening.Network, e.Opening.Item, clock(e.Opening.At))
	case e.Ending != nil:
		return fmt.Sprintf("end %s %s", e.Ending.TokenHash, clock(e.Ending.At))
	}
	return ""
}
