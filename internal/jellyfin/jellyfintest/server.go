package jellyfintest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a fake Jellyfin. It is an [http.Handler] and safe for concurrent
// use; use [Start] to have it listen.
type Server struct {
	// URL is where a started server listens, base URL included and without a
	// slash at the end. It is empty for a server made by [New].
	URL string

	opts    options
	routes  *router
	actions map[string]func(*call)
	web     map[string]webAsset
	poster  []byte
	stop    func()

	mu    sync.Mutex
	state state
}

// New returns a server that does not listen.
func New(opts ...Option) *Server {
	o := defaults()
	for _, opt := range opts {
		opt(&o)
	}
	o.baseURL = strings.TrimRight(o.baseURL, "/")
	if o.baseURL != "" && !strings.HasPrefix(o.baseURL, "/") {
		o.baseURL = "/" + o.baseURL
	}
	if o.legacy == nil || o.release == V10_10 {
		legacy := o.release != V12
		o.legacy = &legacy
	}
	s := &Server{
		opts:    o,
		routes:  routerFor(o.release),
		actions: actionsOf(),
		web:     loadWeb(o.release),
		poster:  poster(),
		stop:    func() {},
	}
	s.state = newState(o)
	return s
}

// Start returns a server that listens on 127.0.0.1 until the test ends.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s := New(opts...)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("jellyfintest: %v", err)
	}
	s.Listen(ln)
	t.Cleanup(s.Close)
	return s
}

// Listen serves on ln until [Server.Close] and fills in s.URL.
func (s *Server) Listen(ln net.Listener) {
	srv := &http.Server{
		Handler:                      s,
		ErrorLog:                     log.New(io.Discard, "", 0),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            time.Minute,
	}
	s.URL = "http://" + ln.Addr().String() + s.opts.baseURL
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln) // ends with ErrServerClosed
	}()
	s.stop = func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = srv.Shutdown(ctx) // closes the listener and idle connections at once
		_ = srv.Close()
		<-done
	}
}

// Close stops listening and closes all connections and WebSockets.
func (s *Server) Close() {
	s.closeSockets()
	s.stop()
}

// Release returns the generation that the server was made as.
func (s *Server) Release() Release { return s.opts.release }

// newID returns 32 random hex digits, the form of Jellyfin's ids and tokens.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
