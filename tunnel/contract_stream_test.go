package tunnel_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var streams = []contract{
	{"events arrive one by one", "data: 0|data: 1|data: 2|", func(t *testing.T, s *site) string {
		next := make(chan struct{})
		resp := s.get(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n", i)
				w.(http.Flusher).Flush()
				<-next // until the visitor has it
			}
		})
		var seen strings.Builder
		lines := bufio.NewReader(resp.Body)
		for range 3 {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			seen.WriteString(strings.TrimSpace(line) + "|")
			next <- struct{}{}
		}
		return seen.String()
	}},
	{"a flush sends what has a length too", "half", func(t *testing.T, s *site) string {
		seen := make(chan struct{})
		resp := s.get(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "8")
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-seen
			io.WriteString(w, "full")
		})
		half := make([]byte, 4)
		_, err := io.ReadFull(resp.Body, half)
		close(seen)
		if err != nil {
			t.Error(err)
		}
		return string(half)
	}},
	{"a flush sends headers alone", "204", func(t *testing.T, s *site) string {
		seen := make(chan struct{})
		resp := s.get(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			w.(http.Flusher).Flush()
			<-seen
		})
		close(seen)
		return fmt.Sprint(resp.StatusCode)
	}},
	{"the handler hears of a visitor who goes", "context canceled, write fails", func(t *testing.T, s *site) string {
		heard := make(chan string, 1)
		key := s.serve(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					break
				}
			}
			heard <- r.Context().Err().Error() + ", write fails"
		})
		ctx, leave := context.WithCancel(t.Context())
		req := s.request(t, key, "GET", "/", nil).WithContext(ctx)
		resp := s.do(t, req)
		if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		leave()
		return waitFor(t, heard, "the handler to hear of it")
	}},
	{"the handler hears of a visitor who goes before the answer", "context canceled", func(t *testing.T, s *site) string {
		heard, arrived := make(chan string, 1), make(chan struct{})
		key := s.serve(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
			heard <- r.Context().Err().Error()
		})
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			<-arrived
			leave()
		}()
		if _, err := s.client.Do(s.request(t, key, "GET", "/", nil).WithContext(ctx)); err == nil {
			t.Error("got an answer")
		}
		return waitFor(t, heard, "the handler to hear of it")
	}},
	{"the handler hears of a visitor who stops sending", "an error", func(t *testing.T, s *site) string {
		heard, begun := make(chan string, 1), make(chan struct{})
		key := s.serve(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadFull(r.Body, make([]byte, 4))
			close(begun)
			_, err := io.Copy(io.Discard, r.Body)
			if err != nil {
				heard <- "an error"
				return
			}
			heard <- "a complete body"
		})
		conn := s.dial(t)
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%s: %s\r\nContent-Length: 100\r\n\r\nsome", caseHeader, key)
		waitFor(t, begun, s.name+": the handler to begin")
		conn.Close()
		return waitFor(t, heard, s.name+": the handler to hear of it")
	}},
	{"the context ends with the handler", "context canceled", func(t *testing.T, s *site) string {
		ctx := make(chan context.Context, 1)
		s.get(t, func(_ http.ResponseWriter, r *http.Request) { ctx <- r.Context() })
		c := <-ctx
		waitFor(t, c.Done(), "the context to end")
		return c.Err().Error()
	}},
}

// breaks is a contract about a response that breaks off after its first bytes
// have arrived.
func breaks(name string, begin func(http.ResponseWriter), end func()) contract {
	return contract{name, "200 cut", func(t *testing.T, s *site) string {
		arrived := make(chan struct{})
		resp := s.get(t, func(w http.ResponseWriter, _ *http.Request) {
			begin(w)
			w.(http.Flusher).Flush()
			<-arrived
			end()
		})
		_, err := io.ReadFull(resp.Body, make([]byte, 4))
		close(arrived)
		if err != nil {
			t.Errorf("%s: first bytes: %v", s.name, err)
		}
		if body, err := io.ReadAll(resp.Body); err == nil {
			return fmt.Sprintf("complete: %d more bytes", len(body))
		}
		return fmt.Sprintf("%d cut", resp.StatusCode)
	}}
}

// incomplete is what became of a response that broke off at once: it may have
// been cut, or an edge may say 502 instead; it must not look complete.
func incomplete(resp *http.Response) string {
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode == http.StatusBadGateway {
		return "incomplete"
	}
	return fmt.Sprintf("complete: %d %q", resp.StatusCode, body)
}

func abort() { panic(http.ErrAbortHandler) }

var failures = []contract{
	breaks("an abort midway is a cut", func(w http.ResponseWriter) { io.WriteString(w, "some") }, abort),
	breaks("an abort after much is a cut", func(w http.ResponseWriter) { w.Write(make([]byte, 64<<10)) }, abort),
	breaks("an abort midway through a declared length is a cut", func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "10000")
		w.Write(make([]byte, 5000))
	}, abort),
	breaks("a panic midway is a cut", func(w http.ResponseWriter) { w.Write(make([]byte, 10000)) }, func() { panic("midway") }),
	breaks("less than was declared is a cut", func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "short")
	}, func() {}),
	{"less than was declared is never complete", "incomplete", func(t *testing.T, s *site) string {
		return incomplete(s.get(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "short")
		}))
	}},
	{"an abort at once is never complete", "incomplete", func(t *testing.T, s *site) string {
		return incomplete(s.get(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Write(make([]byte, 5000))
			panic(http.ErrAbortHandler)
		}))
	}},
	{"an upstream's cut is a cut", "200 cut", func(t *testing.T, s *site) string {
		arrived := make(chan struct{})
		upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Write(make([]byte, 10000))
			w.(http.Flusher).Flush()
			<-arrived
			panic(http.ErrAbortHandler)
		}))
		t.Cleanup(upstream.Close)
		resp := s.get(t, proxyTo(t, upstream.URL))
		_, err := io.ReadFull(resp.Body, make([]byte, 4))
		close(arrived)
		if err != nil {
			t.Error(err)
		}
		if _, err := io.ReadAll(resp.Body); err == nil {
			return "complete"
		}
		return fmt.Sprintf("%d cut", resp.StatusCode)
	}},
	{"a panic is logged, and no answer of the handler's", "none; logged; alive", func(t *testing.T, s *site) string {
		boom := "boom for " + t.Name()
		key := s.serve(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "not to be seen")
			panic(boom)
		})
		got := "none"
		resp, err := s.client.Do(s.request(t, key, "GET", "/", nil))
		if err == nil {
			// net/http's server hangs up; an edge says what it makes of that.
			if body := content(t, resp); resp.StatusCode != http.StatusBadGateway || strings.Contains(body, "seen") {
				got = fmt.Sprint(resp.StatusCode, body)
			}
			resp.Body.Close()
		}
		if strings.Contains(s.log.String(), boom) {
			got += "; logged"
		}
		if content(t, s.get(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hi") })) == "hi" {
			got += "; alive"
		}
		return got
	}},
	{"an invalid status is a panic", "none", func(t *testing.T, s *site) string {
		key := s.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(7) })
		resp, err := s.client.Do(s.request(t, key, "GET", "/", nil))
		if err != nil {
			return "none"
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusBadGateway {
			return "none"
		}
		return resp.Status
	}},
}
