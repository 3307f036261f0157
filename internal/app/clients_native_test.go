package app_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/stage"
)

// script is what one native client asks, in order.
type script struct {
	client string
	rows   []asked
	// bare tells of a row that it carries no token.
	bare []bool
}

func nativeScripts() []script {
	var all []script
	for _, r := range jellyfintest.NativeRequests() {
		if len(all) == 0 || all[len(all)-1].client != r.Client {
			all = append(all, script{client: r.Client})
		}
		s := &all[len(all)-1]
		a := asked{client: r.Client, step: r.Step, method: r.Method, target: r.Target, headers: r.Headers, body: r.Body}
		a.socket = strings.EqualFold(a.header("Upgrade"), "websocket")
		s.rows, s.bare = append(s.rows, a), append(s.bare, r.Token == "none")
	}
	return all
}

// pair is one client at two places: behind the program, and at a bare Jellyfin
// of the same version. Whatever happens at one happens at the other.
type pair struct {
	here, bare *site
	release    jellyfintest.Release
	met        *seen
	// addr is the client's, and phone the way of its user's phone, which is in
	// another network.
	addr  netip.Addr
	phone http.RoundTripper
	// waits is the request for the code that the client shows.
	waits *asked
}

// world makes pairs on one stage.
type world struct {
	stage   *stage.Stage
	twin    *jellyfintest.Server
	release jellyfintest.Release
	met     *seen
}

// newWorld has a twin that reads old forms of tokens in any version: behind the
// program they work whether Jellyfin reads them or not.
func newWorld(t *testing.T, release jellyfintest.Release, s *stage.Stage, met *seen) *world {
	t.Helper()
	twin := jellyfintest.Start(t, jellyfintest.Version(release), jellyfintest.LegacyAuthorization(true))
	return &world{stage: s, release: release, met: met, twin: twin}
}

// pair is a client at addr with a user and a token of its own. Some clients are
// for administrators only, so that is what all users are.
func (w *world) pair(t *testing.T, addr netip.Addr) *pair {
	t.Helper()
	at := func(server *jellyfintest.Server, transport http.RoundTripper) *site {
		return newSite(server, server.AddUser("user at "+addr.String(), "wonderland", jellyfintest.Admin), transport)
	}
	return &pair{
		here:    at(w.stage.Jellyfin, through(w.stage.Edge, addr)),
		bare:    at(w.twin, direct(t, w.twin, addr)),
		release: w.release,
		met:     w.met,
		addr:    addr,
		phone:   through(w.stage.Edge, phoneAddr),
	}
}

// TestNativeClientsGoOn replays what seventeen native clients ask between their
// start and playing something, read from their sources. Each gets what a bare
// Jellyfin answers to the same question, but for the listed differences.
func TestNativeClientsGoOn(t *testing.T) {
	scripts := nativeScripts()
	if len(scripts) != 17 {
		t.Fatalf("%d clients, want 17", len(scripts))
	}
	var met seen
	replay := func(t *testing.T, release jellyfintest.Release, s *stage.Stage) {
		w := newWorld(t, release, s, &met)
		for i, script := range scripts {
			t.Run(script.client, func(t *testing.T) {
				p := w.pair(t, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}))
				p.initiate(t)
				p.showToken(t, script)
				for _, row := range script.rows {
					p.step(t, row)
				}
				p.finish(t)
			})
		}
		w.connectsWithOddNames(t, netip.MustParseAddr("198.51.100.99"))
	}
	t.Run("replay", func(t *testing.T) {
		perTunnel(t, replay)
		otherwiseSet(t, replay)
	})
	for _, name := range []string{"sign-in with an empty password", "hint above the login form", "two slashes in a row", "old prefix on Jellyfin 12"} {
		if !met.names[name] {
			t.Errorf("no native client met the difference %q", name)
		}
	}
}

// showToken asks something with a token where the script has nothing of the
// kind before its tokenless media, because that part of the client is a web
// view.
func (p *pair) showToken(t *testing.T, s script) {
	t.Helper()
	if !strings.Contains(s.client, "web UI otherwise") {
		return
	}
	p.proveNetwork(t, s.client)
}

// proveNetwork shows the token, as anything that a client asks with it does.
func (p *pair) proveNetwork(t *testing.T, client string) {
	t.Helper()
	p.step(t, asked{client: client, step: "its user", method: http.MethodGet, target: "/Users/Me", headers: [][2]string{{"Authorization", `MediaBrowser Token="{{token}}"`}}})
}

// step asks both places, compares, and returns what the client got here.
func (p *pair) step(t *testing.T, a asked) reply {
	t.Helper()
	if a.path() == "/users/authenticatewithquickconnect" {
		p.authorize(t)
	}
	if typesPassword(a) {
		p.here.newcomer(t, true)
		p.bare.newcomer(t, false)
	}
	got, want := p.here.ask(t, a), p.bare.ask(t, a)
	if !p.met.differs(t, p.release, a, got, want) {
		if diff := got.like(t, p.here, want, p.bare); diff != "" {
			t.Errorf("%s: differs from a bare Jellyfin (-bare +here):\n%s", a, diff)
		}
	}
	if got.status == http.StatusSwitchingProtocols && got.frame != "ForceKeepAlive" {
		t.Errorf("%s: the first message is %q", a, got.frame)
	}
	if asksForCode(a) && got.status == http.StatusOK {
		p.waits = &a
	}
	last := got
	if typesPassword(a) {
		last = p.here.signsInWithAnAppPassword(t, a, got)
	}
	p.here.learn(t, a, last)
	p.bare.learn(t, a, want)
	return got
}

// learn takes the secret of Quick Connect and tokens from an answer.
func (s *site) learn(t *testing.T, a asked, r reply) {
	t.Helper()
	if r.status != http.StatusOK {
		return
	}
	switch a.path() {
	case "/quickconnect/initiate":
		s.names["{{quick.secret}}"] = fmt.Sprint(r.field(t, "Secret"))
		s.quickCode = fmt.Sprint(r.field(t, "Code"))
	case "/users/authenticatewithquickconnect", "/users/authenticatebyname":
		s.rename(fmt.Sprint(r.field(t, "AccessToken")))
	}
}

// TestMediaNeedsATokenFromTheNetwork asks for films and songs as players do
// that send no token. They play in a network from which a token was shown, and
// nowhere else.
func TestMediaNeedsATokenFromTheNetwork(t *testing.T) {
	decide := policy.New()
	perTunnel(t, func(t *testing.T, release jellyfintest.Release, s *stage.Stage) {
		w := newWorld(t, release, s, new(seen))
		home, elsewhere := w.pair(t, netip.MustParseAddr("2001:db8:1:2::10")), w.pair(t, netip.MustParseAddr("2001:db8:1:3::10"))
		player := w.pair(t, netip.MustParseAddr("2001:db8:1:2:abcd::1")) // the same /64
		var media []asked
		for _, script := range nativeScripts() {
			for i, row := range script.rows {
				path, err := policy.ParsePath(home.here.fill(row.target), policy.Base{})
				if err == nil && script.bare[i] && decide.Decide(row.method, path, "").Action == policy.Media {
					media = append(media, row)
				}
			}
		}
		if len(media) < 12 {
			t.Fatalf("only %d requests for media without a token", len(media))
		}
		refused := func(p *pair, headers ...[2]string) {
			for _, row := range media {
				row.headers = slices.Concat(row.headers, headers)
				if got := p.here.ask(t, row); got.status != http.StatusUnauthorized || got.field(t, "SignIn") == nil {
					t.Errorf("%s: %d %.100q from a network that has shown no token, want 401", row, got.status, got.body)
				}
			}
		}
		refused(player)
		home.proveNetwork(t, "the app")
		for _, row := range media {
			player.step(t, row)
		}
		refused(elsewhere)
		refused(elsewhere, [2]string{"Authorization", `MediaBrowser Token="0123456789abcdef0123456789abcdef"`})
		refused(elsewhere, [2]string{"X-Emby-Token", "invented"})
	})
}
