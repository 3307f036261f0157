package tunnel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

var upgrades = []contract{
	{"WebSocket through a reverse proxy", "echo: hello, echo: again; normal closure", func(t *testing.T, s *site) string {
		upstream := httptest.NewServer(http.HandlerFunc(echoSocket))
		t.Cleanup(upstream.Close)
		return s.talk(t, proxyTo(t, upstream.URL))
	}},
	{"WebSocket in the handler", "echo: hello, echo: again; normal closure", func(t *testing.T, s *site) string {
		return s.talk(t, echoSocket)
	}},
	{"a big WebSocket message", "1048576", func(t *testing.T, s *site) string {
		c := s.socket(t, s.serve(echoSocket))
		defer c.CloseNow()
		c.SetReadLimit(4 << 20)
		if err := c.Write(t.Context(), websocket.MessageBinary, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		_, p, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(len(p) - len("echo: "))
	}},
	{"the handler hears of a WebSocket's end", "ended", func(t *testing.T, s *site) string {
		ended := make(chan string, 1)
		c := s.socket(t, s.serve(func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.CloseNow()
			if _, _, err := c.Read(context.Background()); err != nil {
				ended <- "ended"
			}
		}))
		c.CloseNow()
		return waitFor(t, ended, "the handler to hear of it")
	}},
	{"a refused upgrade is an ordinary answer", `403 ` + text + ` 3 "no\n"`, func(t *testing.T, s *site) string {
		key := s.serve(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
		_, resp, err := websocket.Dial(t.Context(), s.url, &websocket.DialOptions{
			HTTPClient: s.client, HTTPHeader: http.Header{caseHeader: {key}},
		})
		if err == nil {
			return "connected"
		}
		return read(resp)
	}},
	{"a hijacked connection may answer by hand", `202 text/x-hand 4 "hand"`, func(t *testing.T, s *site) string {
		return read(s.get(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
				t.Errorf("write after hijack: %v", err)
			}
			io.WriteString(rw, "HTTP/1.1 202 Accepted\r\nContent-Type: text/x-hand\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhand")
			rw.Flush()
		}))
	}},
}

// proxyTo passes everything on to upstream.
func proxyTo(t *testing.T, upstream string) http.HandlerFunc {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	return proxy.ServeHTTP
}

// echoSocket sends every message back.
func echoSocket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(4 << 20)
	for {
		kind, p, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, append([]byte("echo: "), p...)); err != nil {
			return
		}
	}
}

func (s *site) socket(t *testing.T, key string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), s.url, &websocket.DialOptions{
		HTTPClient: s.client, HTTPHeader: http.Header{caseHeader: {key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// talk says two things to a WebSocket at h and closes it.
func (s *site) talk(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	c := s.socket(t, s.serve(h))
	defer c.CloseNow()
	var heard []string
	for _, say := range []string{"hello", "again"} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(say)); err != nil {
			t.Fatal(err)
		}
		_, p, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		heard = append(heard, string(p))
	}
	end := "normal closure"
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		end = err.Error()
	}
	return strings.Join(heard, ", ") + "; " + end
}
