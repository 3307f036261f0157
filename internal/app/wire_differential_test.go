package app_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/policy/policytest"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// How many requests TestDifferentialOverTheWire makes up, and of which seed.
var (
	wireCases = flag.Int("cases", 3_000, "how many requests TestDifferentialOverTheWire makes up")
	wireSeed  = flag.Uint64("seed", 20_260_822, "what TestDifferentialOverTheWire makes its requests of")
)

// scene is one way in to one set-up of the whole program.
type scene struct {
	way     way
	release jellyfintest.Release
	base    string
	lists   bool
}

// sender is one kind of visitor, with the address it comes from: its last number.
type sender struct {
	name string
	from byte
	policytest.Sender
	// headers are on all its requests; {{client}} is what the app calls itself.
	headers string
	// shown are the headers of a request that was made before from there, if any.
	shown string
}

// senders are the kinds of visitors. That of the network shows nothing, and comes
// from where an app has shown a token: another than that which asks for everything,
// its own end too.
func senders(s scene, key, other, cookie string) []sender {
	all := []sender{
		{name: "stranger", from: 1, headers: clientHeader("")},
		{name: "dead token", from: 2, headers: clientHeader("dead"), Sender: policytest.Sender{AnyToken: true}},
		{name: "browser", from: 3, headers: clientHeader("") + "Cookie: " + cookie + "\r\n", Sender: policytest.Sender{Asker: policy.Asker{Cookie: true}}},
		{name: "app", from: 4, headers: clientHeader(key), Sender: policytest.Sender{Asker: policy.Asker{Token: true}, AnyToken: true}},
		{name: "network", from: 5, headers: clientHeader(""), Sender: policytest.Sender{Asker: policy.Asker{Granted: true}}, shown: clientHeader(other)},
	}
	if s.way.protocol == "" {
		all = append(all, sender{name: "home", from: 6, headers: clientHeader(""), Sender: policytest.Sender{Asker: policy.Asker{Home: true}}})
	}
	return all
}

func clientHeader(token string) string {
	header := `Authorization: MediaBrowser Client="{{client}}", Device="wire", DeviceId="wire", Version="1"`
	if token != "" {
		header += `, Token="` + token + `"`
	}
	return header + "\r\n"
}

// TestDifferentialOverTheWire makes up requests as policy's TestDifferential does,
// and sends them byte for byte through the whole program, over every way in and by
// every kind of visitor. What the fake Jellyfin gets is held against models of
// Jellyfin's servers: nothing runs that is closed to that visitor, what is
// forwarded is what was decided on, and no client's ordinary request is kept away
// that is open.
func TestDifferentialOverTheWire(t *testing.T) {
	t.Parallel()
	scenes := []scene{
		{ways[0], jellyfintest.V10_11, "", false},
		{ways[0], jellyfintest.V12, "/jellyfin", true},
		{ways[1], jellyfintest.V12, "", true},
		{ways[1], jellyfintest.V10_11, "/jellyfin", false},
		{ways[2], jellyfintest.V12, "", false},
		{ways[2], jellyfintest.V10_11, "/jellyfin", true},
	}
	oracle := policytest.NewOracle(t)
	lists := policytest.MakeLists(t, *wireSeed, 30)
	for i, s := range scenes {
		t.Run(fmt.Sprintf("%s/%s%s/lists=%t", s.way.name, s.release, s.base, s.lists), func(t *testing.T) {
			listed := lists[0] // no lists
			if s.lists {
				listed = longest(lists)
			}
			g := policytest.NewGenerator(t, *wireSeed, uint64(i+1), []policytest.Listed{listed})
			s.play(t, oracle, g, (*wireCases+len(scenes)-1)/len(scenes))
		})
	}
}

// longest is the policy with the most lines.
func longest(lists []policytest.Listed) policytest.Listed {
	best := lists[0]
	for _, l := range lists {
		if len(l.Lines) > len(best.Lines) {
			best = l
		}
	}
	return best
}

// play sends cases of g's, in equal parts by each kind of visitor.
func (s scene) play(t *testing.T, oracle *policytest.Oracle, g *policytest.Generator, cases int) {
	first := s.next(g)
	lists := first.Listed.Options()
	st, base := s.way.play(t, stage.Options{
		Jellyfin: []jellyfintest.Option{jellyfintest.Version(s.release)}, BasePath: s.base, Logger: discard(),
		Change: func(c *config.Config) {
			c.Policy.Allow, c.Policy.Deny = lists.Allow, lists.Deny
			if lists.DenyUnknown {
				c.Policy.Unknown = "deny"
			}
			c.Policy.Home = []string{"127.0.0.6/32"}
		},
	})
	alice := &person{name: "alice", password: "wonderland", base: base + s.base, device: "browser", http: &http.Client{}}
	st.Jellyfin.AddUser(alice.name, alice.password)
	all := senders(s, st.Jellyfin.AddAPIKey("wire"), st.Jellyfin.AddAPIKey("other"), alice.cookie(t))
	started, sent, reached := time.Now(), 0, 0
	for _, who := range all {
		p := &pipeline{t: t, base: base}
		if s.way.protocol == "" {
			p.from = fmt.Sprintf("127.0.0.%d", who.from)
		} else {
			st.Edge.SetVisitor(edgetest.Visitor{Addr: netip.AddrFrom4([4]byte{198, 51, 100, who.from})})
		}
		if who.shown != "" {
			if status := p.all([]string{s.text("GET", s.base+"/System/Info", "Wire", "before", who.shown)})[0]; status != http.StatusOK {
				t.Fatalf("the app that makes the network known: %d", status)
			}
		}
		st.Jellyfin.Record()
		var sample []policytest.Wire
		var texts []string
		for len(sample) < (cases+len(all)-1)/len(all) {
			w := s.next(g)
			texts = append(texts, s.text(w.Method, w.Target, w.Client, strconv.Itoa(len(sample)), who.headers))
			sample = append(sample, s.carried(w))
		}
		statuses := p.all(texts)
		n := judgeWire(t, oracle, who, sample, statuses, st.Jellyfin.Requests())
		if n == 0 || n > len(sample)*9/10 {
			t.Errorf("%d requests of %d by a %s reached Jellyfin: the test tests little", n, len(sample), who.name)
		}
		sent, reached = sent+len(sample), reached+n
	}
	t.Logf("%d requests of the seed %d in %v: %d reached Jellyfin", sent, *wireSeed, time.Since(started).Round(time.Millisecond), reached)
}

// next is the next request that is meant for this scene's base path.
func (s scene) next(g *policytest.Generator) policytest.Wire {
	for {
		if w := g.Next(); w.Base.String() == s.base {
			return w
		}
	}
}

// carried is a request as it comes out of the tunnel: over QUIC, cloudflared reads
// the target as a URL, in which an empty fragment leaves no trace.
func (s scene) carried(w policytest.Wire) policytest.Wire {
	if s.way.protocol == "quic" {
		w.Target = strings.TrimSuffix(w.Target, "#")
	}
	return w
}

// text is a request as it goes over the wire.
func (scene) text(method, target, client, row, headers string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: jellyfin.example.org\r\n" + rowHeader + ": " + row + "\r\n" +
		strings.ReplaceAll(headers, "{{client}}", client) + "\r\n"
}

// cookie signs p in and returns the cookie of its session as a header's value.
func (p *person) cookie(t *testing.T) string {
	t.Helper()
	p.enrol(t)
	_, _, resp := p.signIn(t)
	for _, c := range resp.Cookies() {
		if strings.HasSuffix(c.Name, "jellyward") {
			return c.Name + "=" + c.Value
		}
	}
	t.Fatalf("no session began: %v", resp.Header)
	return ""
}

// judgeWire holds what Jellyfin got against what was sent, and returns how many
// requests it got.
func judgeWire(t *testing.T, o *policytest.Oracle, who sender, sample []policytest.Wire, statuses []int, got []jellyfintest.Request) int {
	t.Helper()
	reached := make([]bool, len(sample))
	n := 0
	for _, r := range got {
		text := r.Header.Get(rowHeader)
		if text == "" {
			continue // the program's own question
		}
		row, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if reached[row] {
			t.Errorf("%s, by a %s: came twice", sample[row], who.name)
		}
		reached[row] = true
		n++
		if err := judgeReached(o, who, sample[row], r); err != nil {
			t.Errorf("%s, by a %s, came as %s %s: %v", sample[row], who.name, r.Method, r.Target, err)
		}
	}
	for row, w := range sample {
		if reached[row] || answeredHere(w, statuses[row]) {
			continue
		}
		if err := o.Missed(w, who.Sender); err != nil {
			t.Errorf("%s, by a %s: answered %d: %v", w, who.name, statuses[row], err)
		}
	}
	return n
}

// judgeReached asks the models, and whether it is what the policy decided on.
func judgeReached(o *policytest.Oracle, who sender, w policytest.Wire, r jellyfintest.Request) error {
	if err := o.Reached(w, who.Sender, r.Method, r.Target); err != nil {
		return err
	}
	ruling := policytest.Rule(w)
	if path, _, _ := strings.Cut(r.Target, "?"); !ruling.Forwarded() || path != ruling.Forward || r.Method != ruling.Decision.Method {
		return fmt.Errorf("what was decided on is %s %s", ruling.Decision.Method, ruling.Forward)
	}
	return nil
}

// answeredHere tells of open requests that are answered in Jellyfin's place: who
// has an account, and when too many devices ask for a code.
func answeredHere(w policytest.Wire, status int) bool {
	path, err := policy.ParsePath(w.Target, w.Base)
	if err != nil {
		return false
	}
	return status == http.StatusOK && path.Lower() == "/users/public" ||
		status == http.StatusTooManyRequests && strings.HasPrefix(path.Lower(), "/quickconnect/")
}
