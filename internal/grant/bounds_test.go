package grant

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jellyward/jellyward/internal/secret"
)

func v4(n int) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(0xC0000000+n))))
}

func itemNumber(n int) string { return fmt.Sprintf("%032x", n) }

// consistent fails unless the ledger's parts agree and keep their bounds.
func (l *ledger) consistent(t rapid.TB) {
	t.Helper()
	if len(l.grants) > l.keep.Max || l.order.Len() != len(l.grants) {
		t.Fatalf("%d grants, %d in order, %d at most", len(l.grants), l.order.Len(), l.keep.Max)
	}
	byNetwork, byToken := 0, 0
	for network, n := range l.networks {
		byNetwork += len(n.grants)
		if full := n.full(); len(full) > maxTokens {
			t.Fatalf("%s has %d tokens", network, len(full))
		}
		var shown time.Time
		for _, h := range n.full() {
			if h.at.After(shown) {
				shown = h.at
			}
		}
		if !n.shown.Equal(shown) {
			t.Fatalf("%s: shown %v, want %v", network, n.shown, shown)
		}
	}
	for _, grants := range l.tokens {
		byToken += len(grants)
		if len(grants) == 0 || len(grants) > l.keep.PerToken {
			t.Fatalf("a token has %d grants", len(grants))
		}
	}
	if byNetwork != len(l.grants) || byToken != len(l.grants) {
		t.Fatalf("%d grants, %d by network, %d by token", len(l.grants), byNetwork, byToken)
	}
	var last time.Time
	for e := l.order.Front(); e != nil; e = e.Next() {
		if h := e.Value.(*held); h.at.Before(last) || l.grants[h.key] != h {
			t.Fatal("out of order")
		} else {
			last = h.at
		}
	}
	for key := range l.unwritten {
		if l.grants[key] == nil {
			t.Fatal("what is forgotten is to be written")
		}
	}
	if len(l.endings.all) > l.keep.Max || l.endings.order.Len() != len(l.endings.all) {
		t.Fatalf("%d endings", len(l.endings.all))
	}
	l.openings.consistent(t)
}

func (s *openings) consistent(t rapid.TB) {
	t.Helper()
	byItem, byToken := 0, 0
	for _, all := range s.items {
		byItem += len(all)
	}
	for _, all := range s.tokens {
		byToken += len(all)
	}
	if n := len(s.all); n > maxOpenings || byItem != n || byToken != n || s.order.Len() != n || len(s.unwritten) > n {
		t.Fatalf("%d openings, %d by item, %d by token, %d in order", n, byItem, byToken, s.order.Len())
	}
}

// TestTheLedgerIsAsASimpleOne plays against lists without bounds but the rules'.
func TestTheLedgerIsAsASimpleOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
		keep := Keep{For: time.Hour, Max: 1000, PerToken: maxNetworks, InFlight: time.Minute}
		l := newLedger(keep)
		shown := map[grantKey]time.Time{}
		ended := map[tokenHash]time.Time{}
		token := rapid.Map(rapid.IntRange(0, 5), func(n int) tokenHash { return hashOf(secret.Text(fmt.Sprint(n))) })
		network := rapid.Map(rapid.IntRange(0, 9), func(n int) netip.Prefix { return networkOf(v4(n)) })
		t.Repeat(map[string]func(*rapid.T){
			"prove": func(t *rapid.T) {
				key := grantKey{network.Draw(t, "network"), "", token.Draw(t, "token")}
				l.prove(key, "", now)
				if end, dead := ended[key.token]; !dead || !now.Before(end.Add(keep.InFlight)) {
					shown[key] = now
				}
			},
			"hear": func(t *rapid.T) {
				key := grantKey{network.Draw(t, "network"), "", token.Draw(t, "token")}
				at := now.Add(time.Duration(rapid.IntRange(-90, 5).Draw(t, "minutes")) * time.Minute)
				l.hear(Grant{TokenHash: key.token.String(), Network: key.network, At: at}, now)
				at = earlier(at, now)
				if end, dead := ended[key.token]; (!dead || !at.Before(end.Add(keep.InFlight))) && at.After(shown[key]) && l.fresh(at, now) {
					shown[key] = at
				}
			},
			"end": func(t *rapid.T) {
				hash := token.Draw(t, "token")
				l.end(hash, now)
				ended[hash] = now
				for key := range shown {
					if key.token == hash {
						delete(shown, key)
					}
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "minutes")) * time.Minute)
			},
			"prune": func(*rapid.T) { l.prune(now) },
			"": func(t *rapid.T) {
				l.consistent(t)
				for n := range 10 {
					want := false
					for key, at := range shown {
						want = want || key.network == networkOf(v4(n)) && now.Before(at.Add(keep.For))
					}
					if got, _ := l.holds(networkOf(v4(n)), "", now); got != want {
						t.Fatalf("network %d holds: %t, want %t", n, got, want)
					}
				}
			},
		})
	})
}

// TestTheNewestStay fills everything far beyond its bounds, in any order.
func TestTheNewestStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
		now := start.Add(time.Hour)
		l := newLedger(Keep{For: 12 * time.Hour, Max: 50, PerToken: 10, InFlight: time.Minute})
		order := rapid.Permutation(seconds(150)).Draw(t, "order")
		for _, n := range order {
			l.hear(Grant{
				TokenHash: hashOf(secret.Text(fmt.Sprint(n))).String(), Network: networkOf(v4(n)),
				At: start.Add(time.Duration(n) * time.Second),
			}, now)
		}
		l.consistent(t)
		for n := range 150 {
			if got, _ := l.holds(networkOf(v4(n)), "", now); got != (n >= 100) {
				t.Fatalf("network %d holds: %t", n, got)
			}
		}
	})
}

// seconds are the numbers from 0 to n-1.
func seconds(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// TestNobodyPushesOutTheOthers lets one token visit from everywhere, and one
// network show many tokens.
func TestNobodyPushesOutTheOthers(t *testing.T) {
	const most = 1000
	now := time.Now()
	b := New(nil, Options{Max: most, Now: func() time.Time { return now }})
	b.Prove(v4(1_000_000), "quiet", "")
	for n := range 3 * most {
		now = now.Add(time.Millisecond)
		b.Prove(v4(n), "greedy", itemNumber(n))
		b.Prove(v4(2_000_000), secret.Text(fmt.Sprintf("t%d", n)), itemNumber(n))
	}
	if !b.Holds(v4(1_000_000), "") {
		t.Error("the quiet one has lost its grant")
	}
	if got := len(b.ledger.networks); got != maxNetworks+2 {
		t.Errorf("%d networks hold grants, want %d", got, maxNetworks+2)
	}
	b.ledger.consistent(t)
}

func TestFloodsStayBounded(t *testing.T) {
	const most = 1000
	now := time.Now()
	b := New(away{}, Options{Max: most, Now: func() time.Time { return now }})
	for n := range 2*most + 7 {
		now = now.Add(time.Millisecond)
		token := secret.Text(fmt.Sprintf("t%d", n))
		b.Prove(v4(n), token, itemNumber(n))
		if err := b.End(t.Context(), token+"-invented"); err == nil {
			t.Fatal("End without a store")
		}
	}
	b.ledger.consistent(t)
	if n := len(b.ledger.endings.unwritten); n > most {
		t.Errorf("%d endings are to be written", n)
	}
	if b.Holds(v4(most), "") || !b.Holds(v4(most+7), "") {
		t.Error("others than the oldest were forgotten")
	}
}

// TestHoldsCostsNothing is what the hot path relies on.
func TestHoldsCostsNothing(t *testing.T) {
	b, home, other, guest := full()
	for name, ask := range map[string]func(){
		"a grant":    func() { b.Holds(home, guestItem) },
		"no grant":   func() { b.Holds(other, "") },
		"an item":    func() { b.Holds(guest, guestItem) },
		"not opened": func() { b.Holds(other, "ffffffffffffffffffffffffffffffff") },
	} {
		if n := testing.AllocsPerRun(100, ask); n > 0 {
			t.Errorf("asking for %s allocates %v times", name, n)
		}
	}
}

const guestItem = "abcdefabcdefabcdefabcdefabcdefab"

// full returns a Book at its limit, the addresses of one who holds a grant, of one
// who does not, and of a guest.
func full() (b *Book, home, other, guest netip.Addr) {
	b = New(away{}, Options{})
	for n := range DefaultMax - 2 {
		b.Prove(v4(n), secret.Text(fmt.Sprintf("t%d", n)), itemNumber(n))
	}
	guest = netip.MustParseAddr("2001:db8::1")
	b.Prove(v4(5), "t5", guestItem)
	b.Holds(guest, guestItem)
	return b, v4(7), v4(DefaultMax + 7), guest
}

func BenchmarkHolds(b *testing.B) {
	book, home, other, guest := full()
	for _, bb := range []struct {
		name, item string
		addr       netip.Addr
	}{
		{"grant", "", home}, {"none", "ffffffffffffffffffffffffffffffff", other}, {"guest", guestItem, guest},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				book.Holds(bb.addr, bb.item)
			}
		})
	}
}

func BenchmarkProve(b *testing.B) {
	book, home, _, _ := full()
	b.ReportAllocs()
	for b.Loop() {
		book.Prove(home, "t7", guestItem)
	}
}
