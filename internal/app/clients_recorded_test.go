package app_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// perTunnel runs a test on each generation of Jellyfin over each protocol of
// the tunnel. Jellyfin is in its version's mode: legacy authorisation is on in
// 10.11 and off in 12.
func perTunnel(t *testing.T, test func(*testing.T, jellyfintest.Release, *stage.Stage)) {
	t.Helper()
	for _, release := range []jellyfintest.Release{jellyfintest.V10_11, jellyfintest.V12} {
		for _, w := range ways {
			if w.protocol == "" {
				continue
			}
			t.Run(release.String()+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				s, _ := w.play(t, stage.Options{Jellyfin: []jellyfintest.Option{jellyfintest.Version(release)}})
				test(t, release, s)
			})
		}
	}
}

// otherwiseSet runs a test on each generation of Jellyfin where its admin has set
// legacy authorisation to the other of its two states, and told nobody: off in
// 10.11, over HTTP/2, and on in 12, over QUIC.
func otherwiseSet(t *testing.T, test func(*testing.T, jellyfintest.Release, *stage.Stage)) {
	t.Helper()
	for release, protocol := range generations {
		on := release == jellyfintest.V12
		t.Run(release.String()+" with legacy authorisation "+map[bool]string{false: "off", true: "on"}[on]+"/"+protocol, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage.Options{
				Protocol: protocol,
				Jellyfin: []jellyfintest.Option{jellyfintest.Version(release), jellyfintest.LegacyAuthorization(on)},
			})
			test(t, release, s)
		})
	}
}

// TestRecordedClientsGoOn replays what real clients asked real servers, in
// order and to the end. Each gets the status that the real server gave, but for
// the listed differences. Where the client signed in with its password, the code
// is typed behind it; in jellyfin-web, which is a browser's, its user signs in at
// /sso/2fa instead, on the same device.
func TestRecordedClientsGoOn(t *testing.T) {
	var met seen
	replay := func(t *testing.T, release jellyfintest.Release, s *stage.Stage) {
		transcripts := jellyfintest.Transcripts(release)
		if len(transcripts) != 3 {
			t.Fatalf("%d transcripts, want 3", len(transcripts))
		}
		for i, transcript := range transcripts {
			t.Run(transcript.Client, func(t *testing.T) {
				user := s.Jellyfin.AddUser("user of "+transcript.Client, "wonderland")
				addr := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
				r := &replayed{
					site: newSite(s.Jellyfin, user, through(s.Edge, addr)), release: release, met: &met, transcript: transcript,
				}
				r.person = visiting(t, user.Name, r.site.transport)
				r.play(t)
			})
		}
	}
	t.Run("replay", func(t *testing.T) {
		perTunnel(t, replay)
		otherwiseSet(t, replay)
	})
	for _, name := range []string{"password sign-in in a browser", "document without our cookie", "document that the browser has already", "login page's texts in a browser"} {
		if !met.names[name] {
			t.Errorf("no recorded request met the difference %q", name)
		}
	}
}

// replayed is a transcript that is being replayed.
type replayed struct {
	site       *site
	person     *person
	transcript jellyfintest.Transcript
	release    jellyfintest.Release
	met        *seen
	// signedIn tells that the session of the browser's cookie lives.
	signedIn bool
}

func (r *replayed) play(t *testing.T) {
	t.Helper()
	document := r.etag(t)
	for i, recorded := range r.transcript.Requests {
		a := asked{
			client: r.transcript.Client, method: recorded.Method, target: recorded.Target, headers: recorded.Headers,
			body: recorded.Body, socket: recorded.Upgrade,
			signedIn: r.signedIn,
		}
		for j, h := range a.headers {
			if http.CanonicalHeaderKey(h[0]) == "If-None-Match" {
				a.headers[j][1] = document
			}
		}
		if isSignIn(a) && !isOwnWebClient(a) {
			r.site.newcomer(t, true)
			a.body = strings.NewReplacer("alice", "{{user.name}}", "wonderland", "{{password}}").Replace(a.body)
		}
		got := r.site.ask(t, a)
		want := reply{status: recorded.Status, header: http.Header{}}
		if recorded.Type != "" {
			want.header.Set("Content-Type", recorded.Type)
		}
		if !r.met.differs(t, r.release, a, got, want) {
			r.compare(t, i, a, got, want)
		}
		if typesPassword(a) {
			got = r.site.signsInWithAnAppPassword(t, a, got)
		}
		r.learn(t, i, a, got)
	}
	t.Logf("%d requests", len(r.transcript.Requests))
}

// etag is what the document is marked with at Jellyfin, so that a browser that
// has it would be told so.
func (r *replayed) etag(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(r.site.jellyfin.URL + "/web/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.Header.Get("ETag")
}

func (r *replayed) compare(t *testing.T, i int, a asked, got, want reply) {
	t.Helper()
	if got.status != want.status {
		t.Errorf("%d: %s: %d, the real server said %d: %.200q", i, a, got.status, want.status, got.body)
		return
	}
	if want.media() != "" && got.media() != want.media() && !strings.HasPrefix(want.media(), "image/") { // the fake has one picture for all
		t.Errorf("%d: %s: %s, the real server said %s", i, a, got.media(), want.media())
	}
	if got.status == http.StatusSwitchingProtocols && got.frame != "ForceKeepAlive" {
		t.Errorf("%d: %s: the first message is %q", i, a, got.frame)
	}
}

// learn takes from an answer what later requests refer to.
func (r *replayed) learn(t *testing.T, i int, a asked, got reply) {
	t.Helper()
	switch {
	case isSignIn(a) && isOwnWebClient(a):
		r.signIn(t, a)
	case isSignIn(a) && got.status == http.StatusOK:
		r.site.learn(t, a, got)
	case a.path() == "/sessions/logout" && got.status == http.StatusNoContent:
		r.signedIn = false // the browser still sends the cookie
	case a.path() == "/quickconnect/initiate":
		for mark, key := range map[string]string{"secret=": "Secret", "code=": "Code"} {
			value, _ := got.field(t, key).(string)
			r.site.names[r.next(i, mark)] = value
		}
	}
}

// next is what follows mark in the first target after i that has it.
func (r *replayed) next(i int, mark string) string {
	for _, later := range r.transcript.Requests[i:] {
		if _, after, found := strings.Cut(later.Target, mark); found {
			return after
		}
	}
	return mark
}

// signIn signs the person in with a second factor on the device that the client
// wanted to use, as the sign-in page does.
func (r *replayed) signIn(t *testing.T, a asked) {
	t.Helper()
	_, after, _ := strings.Cut(r.site.fill(a.header("Authorization")), `DeviceId="`)
	r.person.device, _, _ = strings.Cut(after, `"`)
	token := ""
	if r.person.secret.IsZero() {
		token = r.person.enrol(t).AuthenticatedUser.AccessToken
	} else {
		status, answer, _ := r.person.signIn(t)
		if status != http.StatusOK {
			t.Fatalf("sign in: %d %+v", status, answer)
		}
		token = answer.AuthenticatedUser.AccessToken
	}
	r.site.rename(token)
	if r.transcript.Client == "jellyfin-web" {
		r.signedIn, r.site.cookie = true, cookies(t, r.person)
	}
}

// cookies are what a person's browser sends.
func cookies(t *testing.T, p *person) string {
	t.Helper()
	u, err := url.Parse(p.base)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, cookie := range p.http.Jar.Cookies(u) {
		pairs = append(pairs, cookie.String())
	}
	return strings.Join(pairs, "; ")
}

// visiting is somebody with a browser who comes by transport.
func visiting(t *testing.T, name string, transport http.RoundTripper) *person {
	t.Helper()
	browser := browserClient(t)
	browser.Transport = transport
	return &person{
		name: name, password: "wonderland", base: "https://" + publicHost, http: browser, device: "device-0",
	}
}
