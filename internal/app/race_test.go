package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// TestACodeSignsInOnce tries one code a thousand times at once, on the page and
// behind the password in an app, each from a network of its own so that no
// throttle hides the race, on two programs that share one Redis. Exactly one may
// succeed, and only its token may be left.
func TestACodeSignsInOnce(t *testing.T) {
	const tries = 1000
	url := storetest.StartRedis(t).URL
	first := play(t, stage.Options{Redis: url, Logger: discard()})
	second := play(t, stage.Options{
		Redis: url, Server: first.Jellyfin, Logger: discard(),
		Change: func(c *config.Config) { c.KeyFile = first.Config.KeyFile },
	})
	first.Jellyfin.AddUser("alice", "wonderland")
	alice := &person{name: "alice", password: "wonderland", base: first.Edge.URL(), http: http.DefaultClient, device: "home"}
	alice.enrol(t)
	before := len(first.Jellyfin.LiveTokens())

	code := alice.code(t)
	outcomes := make([]int, tries)
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	for i := range tries {
		s := first
		if i%2 == 1 {
			s = second
		}
		visitor := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
		one := &person{
			name: "alice", password: "wonderland", base: "https://" + publicHost,
			http: &http.Client{Transport: s.Edge.TransportFor(edgetest.Visitor{Addr: visitor})}, device: fmt.Sprint("device", i),
		}
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			if i/2%2 == 1 {
				outcomes[i] = one.signInApp(t, code)
				return
			}
			outcomes[i], _, _ = one.post(t, "authenticate", one.fields("Otp", code))
		})
	}
	ready.Wait()
	close(start)
	done.Wait()

	count := map[int]int{}
	for i, status := range outcomes {
		count[status]++
		if status == http.StatusOK {
			t.Logf("try %d won (%s)", i, []string{"on the page", "in an app"}[i/2%2])
		}
	}
	t.Logf("%d tries with one code: %v", tries, count)
	if count[http.StatusOK] != 1 {
		t.Errorf("%d sign-ins succeeded with one code", count[http.StatusOK])
	}
	if count[http.StatusUnauthorized]+count[http.StatusTooManyRequests]+count[http.StatusOK] != tries {
		t.Errorf("something else than success or refusal was answered: %v", count)
	}
	if after := len(first.Jellyfin.LiveTokens()); after != before+1 {
		t.Errorf("%d tokens live at Jellyfin after the race, want %d", after, before+1)
	}
	for n := range 8 {
		raceOfTwo(t, n, [2]*stage.Stage{first, second})
	}
}

// raceOfTwo lets a browser at one replica and an app at the other race for one
// code, as a user may who types it twice. The one wins, and the other is refused.
func raceOfTwo(t *testing.T, n int, at [2]*stage.Stage) {
	t.Helper()
	name := fmt.Sprint("racer ", n)
	at[0].Jellyfin.AddUser(name, "wonderland")
	from := func(s *stage.Stage, last byte, device string) *person {
		addr := netip.AddrFrom4([4]byte{203, 0, 113, last})
		return &person{name: name, password: "wonderland", base: "https://" + publicHost, http: &http.Client{Transport: through(s.Edge, addr)}, device: name + device}
	}
	browser, app := from(at[n%2], byte(2*n), " browser"), from(at[1-n%2], byte(2*n+1), " app")
	browser.enrol(t)
	before := len(at[0].Jellyfin.LiveTokens())
	code := browser.code(t)
	var page, phone int
	var done sync.WaitGroup
	done.Go(func() { page, _, _ = browser.post(t, "authenticate", browser.fields("Otp", code)) })
	done.Go(func() { phone = app.signInApp(t, code) })
	done.Wait()
	if page+phone != http.StatusOK+http.StatusUnauthorized || page != http.StatusOK && phone != http.StatusOK {
		t.Errorf("%s: the browser got %d and the app %d, want one 200 and one 401", name, page, phone)
	}
	// Jellyfin ends what the browser's device had before.
	want := before
	if phone == http.StatusOK {
		want++
	}
	if after := len(at[0].Jellyfin.LiveTokens()); after != want {
		t.Errorf("%s: %d tokens live at Jellyfin, want %d", name, after, want)
	}
}

// signInApp types the password with a code behind it in an app.
func (p *person) signInApp(t *testing.T, code string) int {
	t.Helper()
	body := strings.NewReader(`{"Username":"` + p.name + `","Pw":"` + p.password + code + `"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+byNamePath, body)
	if err != nil {
		t.Error(err)
		return 0
	}
	req.Header.Set("Content-Type", jsonKind)
	req.Header.Set("Authorization", `MediaBrowser Client="Test app", Device="Phone", DeviceId="`+p.device+`", Version="1.0"`)
	resp, err := p.http.Do(req)
	if err != nil {
		t.Errorf("sign in with an app: %v", err)
		return 0
	}
	defer resp.Body.Close()
	// Who hangs up before the end of the answer is signed out.
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("sign in with an app: %v", err)
	}
	return resp.StatusCode
}
