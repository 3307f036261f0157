package jellyfintest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/coder/websocket"
)

// socket is an open WebSocket.
type socket struct {
	token    string
	deviceID string // of the session that it belongs to
	out      chan []byte
	quit     chan struct{} // closed when the server ends it, under Server.mu
	ended    bool
}

// keepAliveSeconds is how often a client shall send KeepAlive.
const keepAliveSeconds = 60

// isWebSocket reports whether the server's WebSocket handler takes a request.
// Only a GET can be upgraded.
func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet &&
		equalFold(r.Header.Get("Upgrade"), "websocket") &&
		strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade")
}

// openSocket answers an upgrade, which is taken on any path with a token that
// works and refused with 403 otherwise.
func (c *call) openSocket(cr credentials) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	who := c.st.identify(cr, c.s.opts.now())
	if who.stranger() {
		c.empty(http.StatusForbidden)
		return
	}
	if who.account != nil {
		c.st.touch(who.deviceOf(), who.account, c.remote.String(), c.s.opts.now())
	}
	sock := &socket{token: cr.token, deviceID: who.deviceOf().ID, out: make(chan []byte, 16), quit: make(chan struct{})}
	c.st.addSocket(sock)
	c.after = func() {
		defer c.s.dropSocket(sock)
		conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // any origin, as Jellyfin
		if err != nil {
			return
		}
		sock.talk(c.r.Context(), conn)
	}
}

// actionSocket is what an upgrade counts as, opened or refused.
const actionSocket = "WebSocket"

// talk holds the conversation until one side ends it.
func (k *socket) talk(ctx context.Context, conn *websocket.Conn) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a hijacked request's context may end early
	defer cancel()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		k.listen(ctx, conn)
	}()
	k.say(message{Type: "ForceKeepAlive", Data: json.RawMessage(strconv.Itoa(keepAliveSeconds))})
	for {
		select {
		case b := <-k.out:
			if conn.Write(ctx, websocket.MessageText, b) != nil {
				_ = conn.CloseNow()
			}
		case <-k.quit:
			_ = conn.Close(websocket.StatusGoingAway, "System Shutdown")
			<-gone
			return
		case <-gone:
			_ = conn.CloseNow()
			return
		}
	}
}

// listen answers KeepAlive; what else a client sends has no effect here.
func (k *socket) listen(ctx context.Context, conn *websocket.Conn) {
	for {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var in struct{ MessageType string }
		if json.Unmarshal(b, &in) == nil && in.MessageType == "KeepAlive" {
			k.say(message{Type: "KeepAlive"})
		}
	}
}

// message is how Jellyfin's WebSocket messages look.
type message struct {
	ID   string          `json:"MessageId"`
	Data json.RawMessage `json:",omitempty"`
	Type string          `json:"MessageType"`
}

// say queues a message; a client that reads nothing for long loses some.
func (k *socket) say(m message) {
	m.ID = newID()
	b, _ := json.Marshal(m) // cannot fail
	select {
	case k.out <- b:
	default:
	}
}

// Push sends a message to all WebSockets, for instance
// Push("LibraryChanged", `{}`). Data must be JSON; empty for none.
func (s *Server) Push(messageType, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.state.sockets {
		k.say(message{Type: messageType, Data: json.RawMessage(data)})
	}
}

// Sockets returns how many WebSockets are open.
func (s *Server) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.state.sockets)
}

// AwaitSockets waits until exactly n WebSockets are open.
func (s *Server) AwaitSockets(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		open, changed := len(s.state.sockets), s.state.changed
		s.mu.Unlock()
		if open == n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (st *state) addSocket(k *socket) {
	st.sockets[k] = struct{}{}
	st.socketsChanged()
}

func (s *Server) dropSocket(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.state.sockets, k)
	s.state.socketsChanged()
}

func (st *state) socketsChanged() {
	close(st.changed)
	st.changed = make(chan struct{})
}

// closeSockets ends all WebSockets, as a server that stops does.
func (s *Server) closeSockets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.state.sockets {
		k.end()
	}
}

// end tells the conversation to stop. Server.mu is held.
func (k *socket) end() {
	if !k.ended {
		k.ended = true
		close(k.quit)
	}
}
