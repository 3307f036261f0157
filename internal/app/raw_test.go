package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
)

// raw is a request as it goes over the wire.
type raw struct{ method, target, action, path string }

// rowHeader tells at Jellyfin which row a request came from.
const rowHeader = "X-Test-Row"

// sendRaw sends all rows to the server at base over plain sockets, byte for
// byte, each with a token that lives, and returns the status of each.
func sendRaw(t *testing.T, base, token string, rows []raw) []int {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	const lanes = 8
	statuses := make([]int, len(rows))
	var wait sync.WaitGroup
	for lane := range lanes {
		wait.Go(func() {
			c := &wire{address: u.Host}
			defer c.close()
			for i := lane; i < len(rows); i += lanes {
				var err error
				if statuses[i], err = c.send(rows[i], i, token); err != nil {
					t.Errorf("%s %s: %v", rows[i].method, rows[i].target, err)
				}
			}
		})
	}
	wait.Wait()
	return statuses
}

// wire is a connection that is made again when the server closes it.
type wire struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

func (c *wire) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *wire) send(r raw, row int, token string) (int, error) {
	for try := 0; ; try++ {
		status, err := c.once(r, row, token)
		if err == nil || try == 2 {
			return status, err
		}
		c.close() // an idle connection may have been closed meanwhile
	}
}

func (c *wire) once(r raw, row int, token string) (int, error) {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			return 0, err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	if _, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: jellyfin.example.org\r\n%s: %d\r\nAuthorization: MediaBrowser Token=\"%s\"\r\nContent-Length: 0\r\n\r\n",
		r.method, r.target, rowHeader, row, token); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(c.reader, &http.Request{Method: strings.ToUpper(r.method)})
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.Close || err != nil {
		c.close()
	}
	return resp.StatusCode, err
}

// protected are the actions that no one may reach from outside.
func protected(action string) bool {
	switch action {
	case "UserController.AuthenticateUserByName", "UserController.AuthenticateUser",
		"UserController.ForgotPassword", "UserController.ForgotPasswordPin", "SystemController.RestartApplication":
		return true
	}
	return strings.HasPrefix(action, "StartupController.")
}

// noAction stands in a row for a target that runs nothing: "405" or "-".
const noAction = "none"

// pathOf is the path that routing on 12 sees for a target, well enough to tell
// whether it has a legacy prefix.
func pathOf(target string) string {
	u, err := url.Parse("http://host" + target)
	if err != nil {
		return target
	}
	return u.JoinPath().Path
}

func runs(got, want string) bool {
	return got == want || want == noAction && (got == "405" || got == "-")
}

// prefixed tells whether routing on 12, which knows no such prefix, saw one.
func prefixed(path string) bool {
	path = strings.ToLower(path)
	return strings.HasPrefix(path, "/emby") || strings.HasPrefix(path, "/mediabrowser")
}

func recordedRows(release jellyfintest.Release) []raw {
	var rows []raw
	for _, r := range jellyfintest.RecordedPaths(release) {
		rows = append(rows, raw{r.Method, r.Target, r.Action, r.Path})
	}
	for _, r := range jellyfintest.BypassTable() {
		action := r.Actions[release]
		if action == "" {
			action = noAction
		}
		rows = append(rows, raw{r.Method, r.Target, action, pathOf(r.Target)})
	}
	return rows
}

// TestNoSpellingReachesAProtectedAction sends every target that was recorded
// from real servers, and the table of known respellings, over every way in. A
// request that is forwarded must run what the real server ran for the spelling.
// The one liberty is that on Jellyfin 12 a legacy prefix is taken off.
func TestNoSpellingReachesAProtectedAction(t *testing.T) {
	for _, release := range []jellyfintest.Release{jellyfintest.V10_11, jellyfintest.V12} {
		rows := recordedRows(release)
		for _, w := range ways {
			t.Run(release.String()+"/"+w.name, func(t *testing.T) {
				s, base := w.play(t, stage.Options{
					Jellyfin: []jellyfintest.Option{jellyfintest.Version(release)},
					Logger:   discard(),
				})
				// Some of the targets log a user's token out; a key lives on.
				key := s.Jellyfin.AddAPIKey("raw")
				s.Jellyfin.Record()
				statuses := sendRaw(t, base, key, rows)
				judgeRaw(t, release, rows, statuses, s.Jellyfin.Requests())
			})
		}
	}
}

func judgeRaw(t *testing.T, release jellyfintest.Release, rows []raw, statuses []int, reached []jellyfintest.Request) {
	t.Helper()
	var forwarded, refused int
	for _, request := range reached {
		if protected(request.Action) {
			t.Errorf("%s %s reached %s", request.Method, request.Target, request.Action)
		}
		text := request.Header.Get(rowHeader)
		if text == "" {
			continue // the program's own questions
		}
		row, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		forwarded++
		want := rows[row]
		liberty := release == jellyfintest.V12 && prefixed(want.path)
		if !runs(request.Action, want.action) && !liberty {
			t.Errorf("%s %s ran %s, and %s when it was recorded", want.method, want.target, request.Action, want.action)
		}
	}
	for _, status := range statuses {
		if slices.Contains([]int{400, 401, 403, 405}, status) {
			refused++
		}
	}
	t.Logf("%d targets: %d forwarded, %d answered 400 to 405", len(rows), forwarded, refused)
	if forwarded == 0 || refused == 0 {
		t.Error("the test tests nothing")
	}
}
