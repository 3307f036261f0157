package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// meddler stands at Jellyfin's address and may answer in its place.
type meddler struct {
	mu       sync.Mutex
	answer   http.HandlerFunc // nil for Jellyfin's own
	jellyfin http.Handler     // nil until there is one
	url      *url.URL
}

// startMeddler returns a meddler that listens, and passes everything on until
// it is told otherwise.
func startMeddler(t *testing.T) *meddler {
	t.Helper()
	m := &meddler{}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	var err error
	if m.url, err = url.Parse(server.URL); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *meddler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	answer, jellyfin := m.answer, m.jellyfin
	m.mu.Unlock()
	switch {
	case answer != nil:
		answer(w, r)
	case jellyfin != nil:
		jellyfin.ServeHTTP(w, r)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// before sets the Jellyfin that m stands before.
func (m *meddler) before(jellyfin http.Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jellyfin = jellyfin
}

// say sets what is answered from now on.
func (m *meddler) say(answer http.HandlerFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = answer
}

// at answers one path with answer, and everything else as Jellyfin does.
func (m *meddler) at(path string, answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.URL.Path, path) {
			answer(w, r)
			return
		}
		m.mu.Lock()
		jellyfin := m.jellyfin
		m.mu.Unlock()
		jellyfin.ServeHTTP(w, r)
	}
}

func text(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// nonsense is what no Jellyfin says, in every answer.
var nonsense = map[string]http.HandlerFunc{
	"another web server":    text(200, "text/html", "<html><title>It works!</title></html>"),
	"a list":                text(200, jsonKind, "[1,2,3]"),
	"null":                  text(200, jsonKind, "null"),
	"half an object":        text(200, jsonKind, `{"ProductName":"Jellyfin Server","Id":`),
	"another product":       text(200, jsonKind, `{"ProductName":"Emby Server","Id":"1","StartupWizardCompleted":true}`),
	"no word of the wizard": text(200, jsonKind, `{"ProductName":"Jellyfin Server","Id":"1"}`),
	"a failure":             text(500, "text/plain", "System.NullReferenceException at Jellyfin.Server internal/secret"),
	"a redirect": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.example/", http.StatusFound)
	},
	"not HTTP": func(w http.ResponseWriter, _ *http.Request) {
		onWire(w, func(out *bufio.ReadWriter) { _, _ = out.WriteString("SSH-2.0-OpenSSH_9.2\r\n") })
	},
	"nothing": func(w http.ResponseWriter, _ *http.Request) { onWire(w, func(*bufio.ReadWriter) {}) },
	"headers without end": func(w http.ResponseWriter, _ *http.Request) {
		onWire(w, func(out *bufio.ReadWriter) {
			_, _ = out.WriteString("HTTP/1.1 200 OK\r\n")
			for range 20_000 {
				_, _ = out.WriteString("X-Padding: " + strings.Repeat("a", 100) + "\r\n")
			}
		})
	},
}

// onWire lets write say anything and closes the connection.
func onWire(w http.ResponseWriter, write func(*bufio.ReadWriter)) {
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // of HTTP/1.1 it is always possible
	}
	defer conn.Close()
	write(out)
	_ = out.Flush()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// TestNonsenseIsNotPassedOn puts something else at Jellyfin's address. Visitors
// are told that Jellyfin is away, nobody signs in, and our own pages stay.
func TestNonsenseIsNotPassedOn(t *testing.T) {
	t.Parallel()
	m := startMeddler(t)
	s := play(t, stage.Options{NoTunnel: true, Logger: discard(), Change: func(c *config.Config) { c.Jellyfin.URL = m.url }})
	m.before(s.Jellyfin)
	user := s.Jellyfin.AddUser("alice", "wonderland")
	app, stranger := newAsker(s, s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value), newAsker(s, "")
	alice := &person{name: "alice", password: "wonderland", base: s.Local, http: http.DefaultClient, device: "home"}
	for what, answer := range nonsense {
		m.say(answer)
		restart(t.Context(), t, s) // so that what was known of the server is forgotten
		app.base, stranger.base, alice.base = s.Local, s.Local, s.Local
		for _, path := range []string{"/UserViews", "/System/Info/Public", "/Branding/Configuration"} {
			resp, body := app.get(t.Context(), t, path)
			checkComeBack(t, what+": GET "+path, http.StatusBadGateway, resp, body)
		}
		resp, body := stranger.get(t.Context(), t, "/web/", chrome...)
		checkComeBack(t, what+": GET /web/", http.StatusBadGateway, resp, body)
		if resp, _ := stranger.get(t.Context(), t, "/sso/2fa", chrome...); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: our own page: %d", what, resp.StatusCode)
		}
		for _, endpoint := range []string{"enroll", "authenticate"} {
			if status, a, _ := alice.post(t, endpoint, alice.fields()); status != http.StatusServiceUnavailable {
				t.Errorf("%s: %s: %d %+v, want 503", what, endpoint, status, a)
			}
		}
	}
	m.say(nil)
	eventually(t, "Jellyfin", func() bool { return app.status(t, "/UserViews") == http.StatusOK })
	alice.enrol(t)
}

// TestNonsenseForASignInIsNone answers sign-ins with what is no result.
func TestNonsenseForASignInIsNone(t *testing.T) {
	t.Parallel()
	m := startMeddler(t)
	var log ledger
	s := play(t, stage.Options{NoTunnel: true, Logger: log.logger(), Change: func(c *config.Config) { c.Jellyfin.URL = m.url }})
	m.before(s.Jellyfin)
	s.Jellyfin.AddUser("alice", "wonderland")
	alice := &person{name: "alice", password: "wonderland", base: s.Local, http: http.DefaultClient, device: "home"}
	alice.enrol(t)
	code := alice.code(t)
	for i, answer := range []http.HandlerFunc{
		text(200, "text/html", "<html>"), text(200, jsonKind, "{}"), text(200, jsonKind, `{"AccessToken":"stolen"}`),
		text(200, jsonKind, `{"AccessToken":"","User":{"Id":"1"}}`), text(200, jsonKind, `{"AccessToken":["x"],"User":{"Id":"1"}}`),
		text(204, jsonKind, ""), text(302, jsonKind, ""), text(500, "text/plain", "internal/secret"), text(503, "text/html", "starting"), text(429, "text/plain", ""),
		func(w http.ResponseWriter, _ *http.Request) {
			onWire(w, func(out *bufio.ReadWriter) {
				_, _ = out.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{\"AccessToken\":\"cut\"")
			})
		},
	} {
		m.say(m.at("/Users/AuthenticateByName", answer))
		status, a, resp := alice.post(t, "authenticate", alice.fields("Otp", code))
		if status != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || a.AuthenticatedUser.AccessToken != "" || leaks.MatchString(a.ErrorMessage) {
			t.Errorf("answer %d: %d %+v, want 503 with Retry-After", i, status, a)
		}
		if len(resp.Cookies()) > 0 {
			t.Errorf("answer %d: a cookie was set", i)
		}
	}
	m.say(nil)
	if status, a, _ := alice.post(t, "authenticate", alice.fields("Otp", code)); status != http.StatusOK {
		t.Errorf("the same code when Jellyfin answers again: %d %+v, want 200", status, a)
	}
	log.without(t, "wonderland", alice.secret.Base32(), "stolen")
}

// TestACutIsACut lets Jellyfin break off in the middle of a film. No visitor may
// take it for the end.
func TestACutIsACut(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			m := startMeddler(t)
			s, _ := w.play(t, stage.Options{Logger: discard(), Change: func(c *config.Config) { c.Jellyfin.URL = m.url }})
			m.before(s.Jellyfin)
			user := s.Jellyfin.AddUser("alice", "wonderland")
			app := newAsker(s, s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value)
			for what, head := range map[string]string{
				"of a known length": "Content-Length: 1000000\r\n\r\n",
				"in chunks":         "Transfer-Encoding: chunked\r\n\r\n2710\r\n",
				"in chunks, no end": "Transfer-Encoding: chunked\r\n\r\n2710\r\n" + strings.Repeat("a", 10_000) + "\r\n2710\r\n",
			} {
				m.say(m.at("/Videos/"+jellyfintest.MovieID+"/stream", func(w http.ResponseWriter, _ *http.Request) {
					onWire(w, func(out *bufio.ReadWriter) {
						_, _ = out.WriteString("HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n" + head + strings.Repeat("a", 5000))
					})
				}))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, app.base+"/Videos/"+jellyfintest.MovieID+"/stream", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", `MediaBrowser Token="`+app.token+`"`)
				resp, err := app.client.Do(req)
				if err != nil {
					continue // cut before it began, which is plain enough
				}
				n, err := io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if err == nil && resp.StatusCode == http.StatusOK {
					t.Errorf("a film %s that was cut looks complete after %s", what, fmt.Sprint(n))
				}
			}
		})
	}
}
