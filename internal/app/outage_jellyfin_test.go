package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// chrome is an ordinary browser that opens a page.
var chrome = []string{
	"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	"Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document",
}

// asker asks the program on behalf of one visitor.
type asker struct {
	base   string
	client *http.Client
	token  string
}

func newAsker(s *stage.Stage, token string) asker {
	base, client := visitor(s)
	one := *client
	one.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return asker{base, &one, token}
}

// get makes a GET request with the token, if there is one, and more headers.
func (a asker) get(ctx context.Context, t *testing.T, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		t.Error(err)
		return &http.Response{Header: http.Header{}}, ""
	}
	if a.token != "" {
		req.Header.Set("Authorization", `MediaBrowser Token="`+a.token+`"`)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := a.client.Do(req)
	if err != nil {
		t.Errorf("GET %s: %v", path, err)
		return &http.Response{Header: http.Header{}}, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("GET %s: %v", path, err)
	}
	return resp, string(body)
}

// status is get for tests that wait for an answer to change.
func (a asker) status(t *testing.T, path string) int {
	t.Helper()
	resp, _ := a.get(t.Context(), t, path)
	return resp.StatusCode
}

// reopen lets server listen again where it, or another, listened before.
func reopen(t *testing.T, server *jellyfintest.Server, address string) {
	t.Helper()
	var listener net.Listener
	eventually(t, "the port to be free", func() (ok bool) {
		var err error
		listener, err = net.Listen("tcp", address)
		return err == nil
	})
	server.Listen(listener)
	t.Cleanup(server.Close)
}

// held is an answer that takes its time.
type held struct {
	path string
	done chan int
}

// hold asks for path and does not wait.
func (a asker) hold(ctx context.Context, t *testing.T, path string) held {
	t.Helper()
	h := held{path, make(chan int, 1)}
	go func() {
		resp, _ := a.get(ctx, t, path)
		h.done <- resp.StatusCode
	}()
	return h
}

// TestARestartOfJellyfinSignsNobodyOut takes Jellyfin away and brings it back
// through both phases of its start. The questions with which apps find out
// whether their token lives are held all the while; everything else is told to
// come back.
func TestARestartOfJellyfinSignsNobodyOut(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, _ := w.play(t, stage.Options{Logger: discard()})
			user := s.Jellyfin.AddUser("alice", "wonderland")
			app := newAsker(s, s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value)
			stranger := newAsker(s, "")
			if status := app.status(t, "/Users/Me"); status != http.StatusOK {
				t.Fatalf("before all: %d", status)
			}
			address := strings.TrimPrefix(s.Jellyfin.URL, "http://")
			s.Jellyfin.Close()
			var waiting []held
			for _, path := range []string{"/System/Info", "/system/info", "/Users/Me", "/emby/Users/Me"} {
				waiting = append(waiting, app.hold(t.Context(), t, path))
			}
			eventually(t, "502", func() bool { return app.status(t, "/UserViews") == http.StatusBadGateway })
			checkOut(t, "away", http.StatusBadGateway, app, stranger)

			s.Jellyfin.SetStarting(jellyfintest.Migrating)
			reopen(t, s.Jellyfin, address)
			eventually(t, "503", func() bool { return app.status(t, "/UserViews") == http.StatusServiceUnavailable })
			checkOut(t, "migrating", http.StatusServiceUnavailable, app, stranger)
			s.Jellyfin.SetStarting(jellyfintest.Loading)
			checkOut(t, "loading", http.StatusServiceUnavailable, app, stranger)
			for _, h := range waiting {
				select {
				case status := <-h.done:
					t.Errorf("GET %s was not held but answered %d", h.path, status)
				default:
				}
			}
			s.Jellyfin.SetStarting(jellyfintest.Started)
			for _, h := range waiting {
				if status := <-h.done; status != http.StatusOK {
					t.Errorf("GET %s: %d after the restart, want 200", h.path, status)
				}
			}
			if status := app.status(t, "/UserViews"); status != http.StatusOK {
				t.Errorf("after all: %d", status)
			}
		})
	}
}

// checkOut looks at what is answered while Jellyfin serves nobody.
func checkOut(t *testing.T, phase string, status int, app, stranger asker) {
	t.Helper()
	for _, path := range []string{"/UserViews", "/System/Info/Public", "/Videos/" + jellyfintest.MovieID + "/stream?static=true", "/web/main.jellyfin.bundle.js", "/Users/" + jellyfintest.MovieID} {
		resp, body := app.get(t.Context(), t, path)
		checkComeBack(t, phase+": GET "+path, status, resp, body)
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: GET %s: a program got %s", phase, path, resp.Header.Get("Content-Type"))
		}
	}
	// Without a token nothing is held.
	for _, path := range []string{"/System/Info", "/Users/Me"} {
		resp, body := stranger.get(t.Context(), t, path)
		checkComeBack(t, phase+": a stranger's GET "+path, status, resp, body)
	}
	resp, body := stranger.get(t.Context(), t, "/web/", chrome...)
	checkComeBack(t, phase+": GET /web/", status, resp, body)
	if !strings.Contains(body, "<html") {
		t.Errorf("%s: a person got %.100q, want a page", phase, body)
	}
	if resp, _ := stranger.get(t.Context(), t, "/sso/2fa", chrome...); resp.StatusCode != http.StatusOK {
		t.Errorf("%s: our own page: %d", phase, resp.StatusCode)
	}
	origin, _ := stranger.get(t.Context(), t, "/System/Info/Public", "Origin", "https://vue.example")
	if origin.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%s: a page of another origin cannot read that it shall come back", phase)
	}
}

func checkComeBack(t *testing.T, what string, status int, resp *http.Response, body string) {
	t.Helper()
	if resp.StatusCode != status || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%s: %d with Retry-After %q, want %d", what, resp.StatusCode, resp.Header.Get("Retry-After"), status)
	}
	if strings.Contains(body, "[ERR]") || strings.Contains(body, "log") || leaks.MatchString(body) {
		t.Errorf("%s: tells of our inside: %.300q", what, body)
	}
}

// TestAnUnfinishedJellyfinIsNotPublished opens the wizard of a server that runs,
// and finishes it again.
func TestAnUnfinishedJellyfinIsNotPublished(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, _ := w.play(t, stage.Options{Jellyfin: []jellyfintest.Option{jellyfintest.WizardOpen()}, Logger: discard()})
			user := s.Jellyfin.AddUser("alice", "wonderland")
			app, stranger := newAsker(s, s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value), newAsker(s, "")
			s.Jellyfin.Record()
			for _, a := range []asker{app, stranger} {
				for _, path := range []string{
					"/", "/web/", "/web/index.html", "/System/Info/Public", "/System/Info", "/Users/Me", "/Branding/Configuration", "/Users/Public",
					"/Startup/User", "/Environment/DirectoryContents?path=/etc", "/Videos/" + jellyfintest.MovieID + "/stream", "/emby/Startup/User", "/socket",
				} {
					for _, headers := range [][]string{nil, chrome, {"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}} {
						resp, body := a.get(t.Context(), t, path, headers...)
						if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "wizard") {
							t.Errorf("GET %s: %d %.200q, want 503 and what to do", path, resp.StatusCode, body)
						}
					}
				}
			}
			if resp, _ := stranger.get(t.Context(), t, "/sso/2fa", chrome...); resp.StatusCode != http.StatusOK {
				t.Errorf("our own page: %d", resp.StatusCode)
			}
			alice := &person{name: "alice", password: "wonderland", base: app.base, http: app.client, device: "home"}
			if status, a, _ := alice.post(t, "enroll", alice.fields()); status != http.StatusServiceUnavailable {
				t.Errorf("enroll: %d %+v, want 503", status, a)
			}
			checkOnlyOurQuestions(t, s.Jellyfin)

			s.Jellyfin.SetWizardOpen(false)
			eventually(t, "the finished server", func() bool { return app.status(t, "/Users/Me") == http.StatusOK })
			alice.enrol(t)
		})
	}
}

// checkOnlyOurQuestions fails if a server was asked anything but what the
// program asks by itself.
func checkOnlyOurQuestions(t *testing.T, server *jellyfintest.Server) {
	t.Helper()
	for action, n := range server.Calls() {
		if action != "SystemController.GetPublicSystemInfo" {
			t.Errorf("an unfinished server was asked for %s %d times", action, n)
		}
	}
}

// TestAnUnfinishedJellyfinInTheOthersPlaceIsNeverSeen swaps the server for one
// that nobody has set up, on the same port and under load. Not one visitor
// reaches it.
func TestAnUnfinishedJellyfinInTheOthersPlaceIsNeverSeen(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			s, _ := w.play(t, stage.Options{Logger: discard()})
			user := s.Jellyfin.AddUser("alice", "wonderland")
			app := newAsker(s, s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value)
			ctx, stop := context.WithCancel(t.Context())
			var load sync.WaitGroup
			// All lanes have been answered once when the swap begins.
			var begun sync.WaitGroup
			for range 8 {
				begun.Add(1)
				load.Go(func() {
					first := sync.OnceFunc(begun.Done)
					for ctx.Err() == nil {
						for _, path := range []string{"/Branding/Configuration", "/Users/Public", "/web/config.json", "/UserViews"} {
							app.get(context.WithoutCancel(ctx), t, path)
						}
						first()
					}
				})
			}
			begun.Wait()
			address := strings.TrimPrefix(s.Jellyfin.URL, "http://")
			s.Jellyfin.Close()
			empty := jellyfintest.New(jellyfintest.WizardOpen())
			reopen(t, empty, address)
			eventually(t, "the unfinished server to be noticed", func() bool { return empty.Count("SystemController.GetPublicSystemInfo") > 0 })
			eventually(t, "503", func() bool { return app.status(t, "/UserViews") == http.StatusServiceUnavailable })
			for range 20 {
				if status := app.status(t, "/Branding/Configuration"); status != http.StatusServiceUnavailable {
					t.Errorf("an unfinished server is published: %d", status)
				}
			}
			stop()
			load.Wait()
			checkOnlyOurQuestions(t, empty)
		})
	}
}

// late is a duration after which nobody waits for Jellyfin any more.
const late = 11 * time.Second

// TestATokenThatComesTooLateIsLoggedOut signs in at a Jellyfin that takes longer
// than a visitor is kept waiting.
func TestATokenThatComesTooLateIsLoggedOut(t *testing.T) {
	t.Parallel()
	s := play(t, stage.Options{
		Jellyfin: []jellyfintest.Option{jellyfintest.PasswordDelays(0, late)}, NoTunnel: true, Logger: discard(),
	})
	s.Jellyfin.AddUser("alice", "wonderland")
	alice := &person{name: "alice", password: "wonderland", base: s.Local, http: http.DefaultClient, device: "home"}
	if status, a, resp := alice.post(t, "enroll", alice.fields()); status != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("enroll: %d %+v, want 503 with Retry-After", status, a)
	}
	if n := s.Jellyfin.Count(authenticateByName); n != 1 {
		t.Errorf("Jellyfin was asked for the password %d times, want once", n)
	}
	eventually(t, "the late token's log-out", func() bool {
		return s.Jellyfin.Count("SessionController.ReportSessionEnded") == 1 && len(s.Jellyfin.LiveTokens()) == 0
	})
}
