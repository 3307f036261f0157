package app_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// player fetches media without a token, from one address.
type player struct {
	stage *stage.Stage
	addr  string
}

// get asks for path, with a token if there is one, and returns the status.
func (p player) get(t *testing.T, path, token string) int {
	t.Helper()
	var headers []string
	if token != "" {
		headers = []string{"Authorization", `MediaBrowser Token="` + token + `"`}
	}
	resp, _ := visit(t, through(p.stage.Edge, netip.MustParseAddr(p.addr)), http.MethodGet, path, nil, headers...)
	return resp.StatusCode
}

func (p player) film(t *testing.T) int {
	t.Helper()
	return p.get(t, "/Videos/"+jellyfintest.MovieID+"/stream?static=true", "")
}

// within waits until is, and logs how long it took. A question that is asked more
// than a second after the call must be answered with yes; how long the answer is on
// its way hangs on what else the machine does.
func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	begun := time.Now()
	late := false
	eventually(t, what, func() bool {
		asked := time.Since(begun)
		yes := is()
		if !yes && asked > time.Second && !late {
			late = true
			t.Errorf("not within a second: %s", what)
		}
		return yes
	})
	t.Logf("%s after %v", what, time.Since(begun).Round(time.Millisecond))
}

// replicas are two programs that share a Redis and a Jellyfin with a short film.
func replicas(t *testing.T) (first, second *stage.Stage) {
	t.Helper()
	redis := storetest.StartRedis(t).URL
	first = play(t, stage.Options{Redis: redis, Protocol: "http2", Logger: discard()})
	second = play(t, stage.Options{
		Redis: redis, Protocol: "http2", Server: first.Jellyfin, Logger: discard(),
		Change: func(c *config.Config) { c.KeyFile = first.Config.KeyFile },
	})
	first.Jellyfin.SetVideoSize(1000)
	return first, second
}

// TestAGrantIsForOneNetworkAndEndsWithItsToken follows a grant on two replicas,
// and over a restart.
func TestAGrantIsForOneNetworkAndEndsWithItsToken(t *testing.T) {
	t.Parallel()
	first, second := replicas(t)
	const home, other = "203.0.113.50", "203.0.113.51"
	user := first.Jellyfin.AddUser("alice", "wonderland")
	token := func(device string) string {
		return first.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: device}).Value
	}
	here, there, stranger := player{first, home}, player{second, home}, player{second, other}
	none := func(when string) {
		t.Helper()
		for _, p := range []player{here, there, stranger, {first, other}} {
			if status := p.film(t); status != http.StatusUnauthorized {
				t.Errorf("%s: a player at %s got %d", when, p.addr, status)
			}
		}
	}
	none("before anything was shown")

	for _, end := range []struct {
		name string
		by   func(token string)
	}{
		{"log-out on the other replica, from another network", func(token string) {
			resp, _ := visit(t, through(second.Edge, netip.MustParseAddr(other)), http.MethodPost, "/Sessions/Logout", nil, "Authorization", `MediaBrowser Token="`+token+`"`)
			if resp.StatusCode != http.StatusNoContent {
				t.Errorf("log-out: %d", resp.StatusCode)
			}
		}},
		{"revocation at Jellyfin, and its 401", func(token string) {
			first.Jellyfin.Revoke(token)
			if status := there.get(t, "/Users/Me", token); status != http.StatusUnauthorized {
				t.Errorf("a revoked token: %d", status)
			}
		}},
	} {
		shown := token(end.name)
		if status := here.get(t, "/Users/Me", shown); status != http.StatusOK {
			t.Fatalf("token: %d", status)
		}
		if status := here.film(t); status != http.StatusOK {
			t.Errorf("where the token was shown: %d", status)
		}
		within(t, "the other replica lets in", func() bool { return there.film(t) == http.StatusOK })
		if status := stranger.film(t); status != http.StatusUnauthorized {
			t.Errorf("another network inherits the grant: %d", status)
		}
		restart(t.Context(), t, second)
		if status := there.film(t); status != http.StatusOK {
			t.Errorf("after a restart: %d", status)
		}
		end.by(shown)
		if status := there.film(t); status != http.StatusUnauthorized {
			t.Errorf("%s: the replica that heard it still lets in: %d", end.name, status)
		}
		within(t, "the other replica refuses", func() bool { return here.film(t) == http.StatusUnauthorized })
		none(end.name)
	}
}

// TestSigningOutEndsTheGrant shows the token of a browser's session, and signs
// that session out.
func TestSigningOutEndsTheGrant(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2", Logger: discard()})
	s.Jellyfin.SetVideoSize(1000)
	s.Jellyfin.AddUser("alice", "wonderland")
	const address = "203.0.113.60"
	alice := (&person{name: "alice", password: "wonderland"}).from(s, netip.MustParseAddr(address))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	alice.http.Jar = jar
	token := alice.enrol(t).AuthenticatedUser.AccessToken
	p := player{s, address}
	if status := p.get(t, "/Users/Me", token); status != http.StatusOK || p.film(t) != http.StatusOK {
		t.Fatalf("a signed-in browser: %d, film %d", status, p.film(t))
	}
	if status, _, _ := alice.post(t, "signout", nil); status != http.StatusOK {
		t.Fatalf("sign-out: %d", status)
	}
	if status := p.film(t); status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", status)
	}
}

// TestThePlayerOfADualStackHomeGetsWhatWasOpened shows a token over IPv6 and
// fetches over IPv4, in a home that has both.
func TestThePlayerOfADualStackHomeGetsWhatWasOpened(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{Protocol: "http2", Logger: discard()})
	s.Jellyfin.SetVideoSize(1000)
	user := s.Jellyfin.AddUser("alice", "wonderland")
	token := s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "app"}).Value
	app, tv := player{s, "2001:db8::1"}, player{s, "203.0.113.70"}
	if status := tv.film(t); status != http.StatusUnauthorized {
		t.Errorf("before anything was opened: %d", status)
	}
	if status := app.get(t, "/Users/"+user.ID+"/Items/"+jellyfintest.MovieID, token); status != http.StatusOK {
		t.Fatalf("the app: %d", status)
	}
	for range 3 {
		if status := tv.film(t); status != http.StatusOK {
			t.Errorf("what was opened, over the other family: %d", status)
		}
	}
	if status := tv.get(t, "/Audio/"+jellyfintest.SongID+"/stream", ""); status != http.StatusUnauthorized {
		t.Errorf("what was not opened, over the other family: %d", status)
	}
}
