package jellyfintest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

var handshake = [][2]string{
	{"Connection", "Upgrade"},
	{"Upgrade", "websocket"},
	{"Sec-WebSocket-Version", "13"},
	{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
}

func TestHandshakesAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		c := newCast(t, r)
		var rows []struct {
			Name, Method, Target string
			Headers              [][2]string
			Status               int
		}
		mustDecode(r.folder()+"websocket.json", &rows)
		for _, row := range rows {
			headers := slices.Concat(visitor, handshake)
			for _, h := range row.Headers {
				headers = append(headers, [2]string{h[0], c.fill(h[1])})
			}
			if got := send(t, c.s, row.Method, c.fill(row.Target), headers, ""); got.status != row.Status {
				t.Errorf("%s: %d, recorded %d", row.Name, got.status, row.Status)
			}
		}
	})
}

// dial opens a WebSocket with a token.
func dial(t *testing.T, s *Server, target string) *websocket.Conn {
	t.Helper()
	conn, resp, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http")+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("handshake: %d", resp.StatusCode)
	}
	return conn
}

func read(t *testing.T, conn *websocket.Conn) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	kind, b, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil || kind != websocket.MessageText {
		t.Fatalf("frame %v %s: %v", kind, b, err)
	}
	return m
}

// What the two servers say on a socket, from socket-and-quickconnect.json: first
// ForceKeepAlive with 60, KeepAlive for KeepAlive, and 1001 when the token logs
// out.
func TestSocketSpeaksAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		c := newCast(t, r)
		var recorded struct {
			Websocket []map[string]json.RawMessage
		}
		mustDecode(r.folder()+"socket-and-quickconnect.json", &recorded)
		frame := func(step string) (kind int, text string) {
			t.Helper()
			for _, s := range recorded.Websocket {
				var frames [][2]any
				if raw, ok := s[step]; ok && json.Unmarshal(raw, &frames) == nil && len(frames) == 1 {
					return int(frames[0][0].(float64)), frames[0][1].(string)
				}
			}
			t.Fatalf("no recorded step %q", step)
			return 0, ""
		}
		conn := dial(t, c.s, "/socket?ApiKey="+c.names["{{alice.token}}"])
		defer func() { _ = conn.CloseNow() }()
		compare := func(step string) {
			t.Helper()
			kind, text := frame(step)
			if kind != int(websocket.MessageText) {
				t.Errorf("%s: recorded frame of kind %d", step, kind)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(text), &want); err != nil {
				t.Fatal(err)
			}
			got := read(t, conn)
			if id, _ := got["MessageId"].(string); !isGUID(id) {
				t.Errorf("%s: message id %q", step, id)
			}
			delete(want, "MessageId")
			delete(got, "MessageId")
			if len(got) != len(want) || got["MessageType"] != want["MessageType"] || got["Data"] != want["Data"] {
				t.Errorf("%s: %v, recorded %v", step, got, want)
			}
		}
		compare("sent by the server within 3 s")
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"MessageType":"KeepAlive"}`)); err != nil {
			t.Fatal(err)
		}
		compare("answer to KeepAlive")
		c.s.Push("LibraryChanged", `{}`)
		if got := read(t, conn); got["MessageType"] != "LibraryChanged" {
			t.Errorf("pushed LibraryChanged, got %v", got)
		}

		got := send(t, c.s, "POST", "/Sessions/Logout?ApiKey="+c.names["{{alice.token}}"], nil, "")
		if got.status != http.StatusNoContent {
			t.Fatalf("log-out: %d", got.status)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, _, err := conn.Read(ctx)
		_, reason := frame("after the token was logged out")
		if websocket.CloseStatus(err) != websocket.StatusGoingAway || !strings.HasSuffix(reason, "System Shutdown") || !strings.Contains(err.Error(), "System Shutdown") {
			t.Errorf("after the log-out: %v, recorded 1001 %q", err, reason)
		}
		if err := c.s.AwaitSockets(ctx, 0); err != nil {
			t.Errorf("socket still counted: %v", err)
		}
	})
}

// A socket belongs to its device's session: whoever ends that, ends the socket.
func TestASecondSignInOnTheDeviceClosesTheSocket(t *testing.T) {
	c := newCast(t, V10_11)
	conn := dial(t, c.s, "/socket?ApiKey="+c.names["{{alice.token}}"])
	defer func() { _ = conn.CloseNow() }()
	read(t, conn)
	c.s.Issue(c.alice.ID, Device{ID: "rec1", Name: "n", Client: "c", Version: "1"})
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("socket ended with %v, want 1001", err)
	}
}

func TestQuickConnectOffAndExpiredAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		var recorded map[string]json.RawMessage
		mustDecode(r.folder()+"socket-and-quickconnect.json", &recorded)
		for _, part := range []string{"quick connect switched off", "quick connect after 10 minutes"} {
			var rows []struct {
				Method, Target string
				Status         int
				Body           string
			}
			if err := json.Unmarshal(recorded[part], &rows); err != nil || len(rows) == 0 {
				t.Fatalf("%s: %d rows, %v", part, len(rows), err)
			}
			now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
			c := newCast(t, r, Clock(func() time.Time { return now }))
			var q quickDTO
			got := send(t, c.s, "POST", "/QuickConnect/Initiate", [][2]string{{"Authorization", `MediaBrowser Client="c", Device="d", DeviceId="i", Version="1"`}}, "")
			if err := json.Unmarshal([]byte(got.body), &q); err != nil {
				t.Fatal(err)
			}
			c.names["{{secret}}"], c.names["{{code}}"] = q.Secret, q.Code
			if part == "quick connect switched off" {
				c.s.SetQuickConnect(false)
			} else {
				now = now.Add(quickTTL)
			}
			for _, row := range rows {
				headers, body := [][2]string{{"Authorization", `MediaBrowser Token="` + c.names["{{alice.token}}"] + `"`}}, ""
				if strings.HasSuffix(row.Target, "WithQuickConnect") {
					headers, body = [][2]string{{"Content-Type", "application/json"}}, `{"Secret":"`+q.Secret+`"}`
				}
				got := send(t, c.s, row.Method, c.fill(row.Target), headers, body)
				if got.status != row.Status || got.body != row.Body {
					t.Errorf("%s: %s %s: %d %s, recorded %d %s", part, row.Method, row.Target, got.status, got.body, row.Status, row.Body)
				}
			}
		}
	})
}
