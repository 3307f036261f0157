package jellyfintest

import (
	"bufio"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serveOnce hands a request straight to the server, as a stranger from outside,
// and returns the status and the action that it reached.
func serveOnce(t *testing.T, s *Server, method, target string, header http.Header) (int, string) {
	t.Helper()
	s.Reset()
	h := http.Header{"X-Forwarded-For": {"203.0.113.9"}}
	maps.Copy(h, header)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, &http.Request{
		Method: method, RequestURI: target, URL: &url.URL{}, Header: h,
		Body: http.NoBody, Host: "jellyfin.example", RemoteAddr: "127.0.0.1:4711",
	})
	actions := slices.Collect(maps.Keys(s.Calls()))
	if len(actions) != 1 {
		t.Fatalf("%s %s reached %v, want one action", method, target, actions)
	}
	return w.Code, actions[0]
}

// The handler is called directly, so that no target is left out that Go's own
// server would refuse.
func TestEveryRecordedTargetRunsTheSameAction(t *testing.T) {
	total := 0
	for _, release := range []Release{V10_11, V12} {
		s := New(Version(release))
		for _, row := range RecordedPaths(release) {
			total++
			got := PathRow{Method: row.Method, Target: row.Target, Path: s.resolve(row.Method, row.Target).path}
			got.Status, got.Action = serveOnce(t, s, row.Method, row.Target, nil)
			if diff := cmp.Diff(row, got); diff != "" {
				t.Errorf("%v %s %s (-recorded +got):\n%s", release, row.Method, row.Target, diff)
			}
		}
	}
	if total != 9922 {
		t.Errorf("tried %d targets, want 9922", total)
	}
}

// Over a connection the same holds, but for targets that Go's server refuses:
// it answers 400 itself, and nothing is reached.
func TestRecordedTargetsOverAConnection(t *testing.T) {
	for _, release := range []Release{V10_11, V12} {
		s := Start(t, Version(release))
		var conn net.Conn
		var in *bufio.Reader
		refused := 0
		for _, row := range RecordedPaths(release) {
			if conn == nil {
				var err error
				if conn, err = net.Dial("tcp", strings.TrimPrefix(s.URL, "http://")); err != nil {
					t.Fatal(err)
				}
				in = bufio.NewReader(conn)
			}
			s.Reset()
			got := sendOn(t, conn, in, row.Method, row.Target, visitor, "")
			calls := s.Calls()
			_, err := url.ParseRequestURI(row.Target)
			switch {
			case err != nil || strings.Contains(row.Target, " "):
				refused++
				if got.status != http.StatusBadRequest || len(calls) != 0 {
					t.Errorf("%v %s %s: %d, reached %v, want a refusal by Go", release, row.Method, row.Target, got.status, calls)
				}
			case got.status != row.Status || calls[row.Action] != 1:
				t.Errorf("%v %s %s: %d, reached %v, recorded %d, %s", release, row.Method, row.Target, got.status, calls, row.Status, row.Action)
			}
			if got.header.Get("Connection") == "close" || got.status == http.StatusBadRequest {
				_ = conn.Close()
				conn = nil
			}
		}
		t.Logf("%v: Go's server refused %d targets", release, refused)
	}
}

func TestBypassTable(t *testing.T) {
	rows := BypassTable()
	if len(rows) != 75 {
		t.Errorf("%d rows, want 75", len(rows))
	}
	for _, release := range []Release{V10_11, V12} {
		s := New(Version(release))
		for _, row := range rows {
			_, action := serveOnce(t, s, row.Method, row.Target, nil)
			if action == "405" || action == none {
				action = ""
			}
			if want := row.Actions[release]; action != want {
				t.Errorf("%v %s %s reached %q, want %q", release, row.Method, row.Target, action, want)
			}
		}
	}
}
