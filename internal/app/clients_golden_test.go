package app_test

import (
	"flag"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/stage"
)

var update = flag.Bool("update", false, "rewrite the tables of clients in testdata and README.md")

const (
	readme        = "../../README.md"
	clientsGolden = "testdata/clients.md"
	grantGolden   = "testdata/needs_network_grant.golden"
)

// TestWhoNeedsTheNetworkGrant plays every client that was read, with
// policy.media: token. Those of their requests are listed that are refused then,
// and answered without the switch, since the network has shown a token.
func TestWhoNeedsTheNetworkGrant(t *testing.T) {
	s := play(t, stage.Options{Change: func(c *config.Config) { c.Policy.Media = "token" }})
	w := newWorld(t, jellyfintest.V10_11, s, new(seen))
	var refused []string
	for i, a := range mediaRequests(t) {
		p := w.pair(t, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}))
		p.proveNetwork(t, a.client)
		got, want := p.here.ask(t, a), p.bare.ask(t, a)
		if want.status >= 400 {
			t.Errorf("%s: %d from a bare Jellyfin", a, want.status)
		}
		switch got.status {
		case want.status:
		case 401:
			path, _, _ := strings.Cut(a.target, "?")
			refused = append(refused, a.client+": "+a.step+": "+a.method+" "+path+"\n")
		default:
			t.Errorf("%s: %d, want 401 or as Jellyfin", a, got.status)
		}
	}
	holdToGolden(t, grantGolden, strings.Join(refused, ""))
}

// mediaRequests are the requests of all clients for what Jellyfin streams to
// anybody.
func mediaRequests(t *testing.T) []asked {
	t.Helper()
	var all []asked
	for _, script := range nativeScripts() {
		all = append(all, script.rows...)
	}
	for _, r := range jellyfintest.AppRequests() {
		all = append(all, asked{client: r.App, step: r.Step, method: r.Method, target: r.Target, headers: r.Headers})
	}
	for _, r := range jellyfintest.Web10_10Requests() {
		all = append(all, asked{client: r.Client, step: r.Step, method: r.Method, target: r.Target, headers: r.Headers})
	}
	return slices.DeleteFunc(all, func(a asked) bool {
		return strings.HasPrefix(a.target, "//") || actionOf(t, a) != policy.Media
	})
}

// holdToGolden compares a text with a file, or writes it there.
func holdToGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is old; run the test with -update (-golden +now):\n%s", file, diff)
	}
}
