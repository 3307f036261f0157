package tunnel_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// caseHeader tells a site which of its handlers a request is for, so that the
// target can be anything.
const caseHeader = "X-Case"

// site is one place where handlers are served to visitors.
type site struct {
	name   string
	url    string // of visitors' side
	client *http.Client
	log    *logs

	handlers sync.Map // case → http.Handler
	cases    atomic.Int64
}

func (s *site) tunnelled() bool { return s.name != "httptest" }

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, ok := s.handlers.Load(r.Header.Get(caseHeader))
	if !ok {
		http.Error(w, "no such case", http.StatusTeapot)
		return
	}
	h.(http.Handler).ServeHTTP(w, r)
}

// serve makes h reachable under the returned key.
func (s *site) serve(h http.HandlerFunc) string {
	key := fmt.Sprint(s.cases.Add(1))
	s.handlers.Store(key, h)
	return key
}

// request makes a request for the handler under key.
func (s *site) request(t *testing.T, key, method, target string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+target, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(caseHeader, key)
	return req
}

// get is the response to a GET of a handler.
func (s *site) get(t *testing.T, h http.HandlerFunc) *http.Response {
	t.Helper()
	return s.do(t, s.request(t, s.serve(h), "GET", "/", nil))
}

func (s *site) do(t *testing.T, req *http.Request) *http.Response {
	t.Helper()
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// raw sends text over a socket of its own, after a case header was put in, and
// returns all that comes back.
func (s *site) raw(t *testing.T, key, text string) string {
	t.Helper()
	conn := s.dial(t)
	line, rest, _ := strings.Cut(text, "\r\n")
	if _, err := fmt.Fprintf(conn, "%s\r\n%s: %s\r\n%s", line, caseHeader, key, rest); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func (s *site) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// startSites serves at net/http's own server and through tunnels over both
// protocols.
func startSites(t *testing.T) []*site {
	t.Helper()
	plain := newSite("httptest")
	server := httptest.NewUnstartedServer(plain)
	server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(plain.log, nil), slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	plain.url = server.URL
	return []*site{plain, startTunnelSite(t, tunnel.HTTP2, edgetest.Options{}), startTunnelSite(t, tunnel.QUIC, edgetest.Options{})}
}

func startTunnelSite(t *testing.T, p tunnel.Protocol, opts edgetest.Options) *site {
	t.Helper()
	s := newSite(p.String())
	edge := edgetest.Start(t, opts)
	cfg := edge.Config()
	cfg.Protocol = p
	cfg.GracePeriod = patience
	cfg.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	startTunnel(t, cfg, s)
	s.url = edge.URL()
	return s
}

// startTunnel serves until the test ends, and returns when visitors get through.
func startTunnel(t *testing.T, cfg tunnel.Config, h http.Handler) *tunnel.Tunnel {
	t.Helper()
	tun, err := tunnel.New(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tun.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil after a stop", err)
		}
	})
	waitFor(t, tun.Ready(), "the tunnel to be ready")
	return tun
}

func newSite(name string) *site {
	return &site{
		name: name,
		log:  &logs{},
		client: &http.Client{
			Transport:     &http.Transport{TLSClientConfig: &tls.Config{}, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

func waitFor[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
		panic("unreachable")
	}
}

// logs collects what is logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
