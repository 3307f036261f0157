package tunnel_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/tunnel"
)

// contract is a law of net/http's server that holds behind a tunnel too. see
// returns what a visitor, and perhaps the handler, saw at a site.
type contract struct {
	name string
	want string
	see  func(t *testing.T, s *site) string
}

// TestContract holds every site to the same answers.
func TestContract(t *testing.T) {
	sites := startSites(t)
	all := [][]contract{responses, requests, streams, failures, upgrades, targets}
	for _, group := range all {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				for _, s := range sites {
					if diff := cmp.Diff(c.want, c.see(t, s)); diff != "" {
						t.Errorf("%s (-want +got):\n%s", s.name, diff)
					}
				}
			})
		}
	}
}

// read sums up a response: status, type, length (-1: not said), body, and
// whether that broke off.
func read(resp *http.Response) string {
	body, err := io.ReadAll(resp.Body)
	end := ""
	if err != nil {
		end = " cut"
	}
	return fmt.Sprintf("%d %s %d %q%s", resp.StatusCode, resp.Header.Get("Content-Type"), resp.ContentLength, body, end)
}

// answers is a contract about what a handler's response looks like to a GET.
func answers(name, want string, h http.HandlerFunc) contract {
	return contract{name, want, func(t *testing.T, s *site) string { return read(s.get(t, h)) }}
}

// answersTo is answers with another method.
func answersTo(method, name, want string, h http.HandlerFunc) contract {
	return contract{name, want, func(t *testing.T, s *site) string {
		return read(s.do(t, s.request(t, s.serve(h), method, "/", nil)))
	}}
}

// shows is answers for one header instead.
func shows(header, name, want string, h http.HandlerFunc) contract {
	return contract{name, want, func(t *testing.T, s *site) string {
		return fmt.Sprintf("%q", s.get(t, h).Header.Values(header))
	}}
}

const text = "text/plain; charset=utf-8"

var responses = []contract{
	answers("nothing written", `200  0 ""`, func(http.ResponseWriter, *http.Request) {}),
	answers("implicit 200", `200 `+text+` 5 "hello"`, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "hello")
	}),
	answers("explicit status", `418 `+text+` 6 "teapot"`, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(418)
		io.WriteString(w, "teapot")
	}),
	answers("status only", `201  0 ""`, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }),
	answers("uncommon status", `599  0 ""`, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(599) }),
	answers("first WriteHeader counts", `202  0 ""`, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(202)
		w.WriteHeader(500)
	}),
	answers("204 has no body", `204  0 ""`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		w.WriteHeader(204)
		if _, err := io.WriteString(w, "abc"); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	}),
	answers("304 has no body and no type", `304  0 ""`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Etag", `"1"`)
		w.WriteHeader(304)
	}),
	shows("Etag", "304 keeps its tag", `["\"1\""]`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", `"1"`)
		w.WriteHeader(304)
	}),
	answersTo("HEAD", "HEAD keeps the declared length", `200  12345 ""`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "12345")
	}),
	answersTo("HEAD", "HEAD learns length and type from a short body", `200 `+text+` 5 ""`, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "hello")
	}),
	answersTo("HEAD", "HEAD without a body says no length", `200  -1 ""`, func(http.ResponseWriter, *http.Request) {}),
	answersTo("HEAD", "HEAD can be flushed", `200 text/html -1 ""`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.(http.Flusher).Flush()
		io.WriteString(w, "hello")
	}),
	answers("103 then 200", `200 `+text+` 2 "ok"`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "ok")
	}),
	shows("Set-Cookie", "several cookies in order", `["a=1; Path=/" "b=2" "c=3"]`, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Path: "/"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		w.Header().Add("Set-Cookie", "c=3")
	}),
	shows("X-Late", "headers after WriteHeader are too late", `[]`, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		w.Header().Set("X-Late", "1")
	}),
	shows("X-Late", "headers after Write are too late", `["early"]`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Late", "early")
		io.WriteString(w, "x")
		w.Header().Set("X-Late", "late")
	}),
	shows("X-Broken", "line breaks in values are tamed", `["a b c"]`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Broken", "a\rb\nc")
	}),
	shows("Date", "Date can be set", `["yesterday"]`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", "yesterday")
	}),
	shows("X-Bytes", "values need not be ASCII", `["\xe9t\xe9 été"]`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Bytes", "\xe9t\xe9 été")
	}),
	answers("types are sniffed", `200 text/html; charset=utf-8 12 "<html></html"`, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "<ht")
		io.WriteString(w, "ml></html")
	}),
	answers("a type of its own stays", `200 application/json 2 "{}"`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	}),
	answers("no type can be had", `200  2 "{}"`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "{}")
	}),
	answers("encoded bodies are not sniffed", `200  6 "<html>"`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "br")
		io.WriteString(w, "<html>")
	}),
	answers("nonsense for a length is ignored", `200 `+text+` -1 "ok"`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "-5")
		io.WriteString(w, "ok")
	}),
	answers("2048 bytes are counted", fmt.Sprintf("200 %s 2048 %q", text, strings.Repeat("x", 2048)), func(w http.ResponseWriter, _ *http.Request) {
		for range 8 {
			io.WriteString(w, strings.Repeat("x", 256))
		}
	}),
	answers("2049 bytes are streamed", fmt.Sprintf("200 %s -1 %q", text, strings.Repeat("x", 2049)), func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 2049))
	}),
	answers("a declared length is kept", fmt.Sprintf("200 %s 5000 %q", text, strings.Repeat("x", 5000)), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000")
		for range 5 {
			io.WriteString(w, strings.Repeat("x", 1000))
		}
	}),
	answers("more than was declared is refused", `200 `+text+` 3 "abc"`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		io.WriteString(w, "abc")
		if _, err := io.WriteString(w, "def"); !errors.Is(err, http.ErrContentLength) {
			panic(err)
		}
	}),
	answers("a flushed response has no length", `200 `+text+` -1 "ab"`, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		io.WriteString(w, "b")
	}),
	{"ranges", `206 bytes 2-4/10 "234"; 416 bytes */10`, func(t *testing.T, s *site) string {
		key := s.serve(func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "film.mkv", time.Unix(1, 0), strings.NewReader("0123456789"))
		})
		ask := func(r string) *http.Response {
			req := s.request(t, key, "GET", "/", nil)
			req.Header.Set("Range", r)
			return s.do(t, req)
		}
		part, far := ask("bytes=2-4"), ask("bytes=20-")
		body, _ := io.ReadAll(part.Body)
		return fmt.Sprintf("%d %s %q; %d %s", part.StatusCode, part.Header.Get("Content-Range"), body,
			far.StatusCode, far.Header.Get("Content-Range"))
	}},
	{"conditional requests", `304  0 ""`, func(t *testing.T, s *site) string {
		req := s.request(t, s.serve(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Etag", `"v1"`)
			http.ServeContent(w, r, "a.txt", time.Time{}, strings.NewReader("a"))
		}), "GET", "/", nil)
		req.Header.Set("If-None-Match", `"v1"`)
		return read(s.do(t, req))
	}},
	{"a write after the handler returned is an error", "an error", func(t *testing.T, s *site) string {
		if !s.tunnelled() {
			return "an error" // net/http's server leaves this undefined
		}
		escaped := make(chan http.ResponseWriter, 1)
		s.get(t, func(w http.ResponseWriter, _ *http.Request) { escaped <- w })
		w := <-escaped
		returned := make(chan struct{})
		key := s.serve(func(http.ResponseWriter, *http.Request) { close(returned) })
		s.do(t, s.request(t, key, "GET", "/", nil))
		<-returned
		if _, err := io.WriteString(w, "late"); err == nil {
			return "no error"
		}
		w.WriteHeader(500)
		w.(http.Flusher).Flush()
		return "an error"
	}},
}

var requests = []contract{
	{"a small body", `POST 5 [] "hello"`, func(t *testing.T, s *site) string {
		return s.echo(t, "POST", strings.NewReader("hello"))
	}},
	{"an empty body", `POST 0 [] ""`, func(t *testing.T, s *site) string {
		return s.echo(t, "POST", nil)
	}},
	{"a body of unknown length", `PUT -1 "some more"`, func(t *testing.T, s *site) string {
		key := s.serve(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %d %q", r.Method, r.ContentLength, body)
			if err != nil {
				fmt.Fprint(w, err)
			}
		})
		body := io.MultiReader(strings.NewReader("some "), strings.NewReader("more"))
		return content(t, s.do(t, s.request(t, key, "PUT", "/", body)))
	}},
	{"a GET with a body", `GET 2 [] "{}"`, func(t *testing.T, s *site) string {
		return s.echo(t, "GET", strings.NewReader("{}"))
	}},
	{"a body that nobody reads", `200 ` + text + ` 7 "ignored"`, func(t *testing.T, s *site) string {
		key := s.serve(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ignored") })
		return read(s.do(t, s.request(t, key, "POST", "/", bytes.NewReader(make([]byte, 100_000)))))
	}},
	{"a body read after the answer began", `"first second"`, func(t *testing.T, s *site) string {
		r, w := io.Pipe()
		key := s.serve(func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				t.Error(err)
			}
			io.WriteString(w, "first ")
			w.(http.Flusher).Flush()
			io.Copy(w, r.Body)
		})
		resp := s.do(t, s.request(t, key, "POST", "/", r))
		go func() {
			io.WriteString(w, "second")
			w.Close()
		}()
		return fmt.Sprintf("%q", content(t, resp))
	}},
	{"headers of a request", `User-Agent="" Accept=["a" "b"] Cookie="x=1; y=2" Connection="" Te=""`, func(t *testing.T, s *site) string {
		req := s.request(t, s.serve(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "User-Agent=%q Accept=%q Cookie=%q Connection=%q Te=%q", r.UserAgent(), r.Header["Accept"],
				r.Header.Get("Cookie"), r.Header.Get("Connection"), r.Header.Get("Te"))
		}), "GET", "/", nil)
		req.Header["User-Agent"] = []string{""}
		req.Header["Accept"] = []string{"a", "b"}
		req.Header.Set("Cookie", "x=1; y=2")
		return content(t, s.do(t, req))
	}},
	{"what else handlers look at", `HTTP/1.1 true true jellyfin.example.org true true`, func(t *testing.T, s *site) string {
		req := s.request(t, s.serve(func(w http.ResponseWriter, r *http.Request) {
			_, server := r.Context().Value(http.ServerContextKey).(*http.Server)
			fmt.Fprintf(w, "%s %v %v %s %v %v", r.Proto, server, r.Context().Value(http.LocalAddrContextKey) != nil,
				r.Host, tunnel.Via(r) == s.tunnelled(), r.URL.Host == "" && r.URL.Scheme == "")
		}), "GET", "/", nil)
		req.Host = "jellyfin.example.org"
		return content(t, s.do(t, req))
	}},
	{"100 MB up", digest(100 << 20), func(t *testing.T, s *site) string {
		key := s.serve(func(w http.ResponseWriter, r *http.Request) {
			h := sha256.New()
			n, err := io.Copy(h, r.Body)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "%d %x", n, h.Sum(nil))
		})
		return content(t, s.do(t, s.request(t, key, "POST", "/", noise(100<<20))))
	}},
	{"100 MB down", digest(100 << 20), func(t *testing.T, s *site) string {
		resp := s.get(t, func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, noise(100<<20)) })
		h := sha256.New()
		n, err := io.Copy(h, resp.Body)
		if err != nil {
			t.Error(err)
		}
		return fmt.Sprintf("%d %x", n, h.Sum(nil))
	}},
}

// echo is what a handler sees of a request with a body.
func (s *site) echo(t *testing.T, method string, body io.Reader) string {
	t.Helper()
	key := s.serve(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d %v %q", r.Method, r.ContentLength, r.TransferEncoding, body)
		if err != nil {
			fmt.Fprint(w, err)
		}
	})
	return content(t, s.do(t, s.request(t, key, method, "/", body)))
}

func content(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

// noise is n bytes that do not repeat soon; its parts have an odd length, so that
// no misplaced buffer goes unnoticed.
func noise(n int64) io.Reader {
	part := make([]byte, 1<<20+7)
	rand.NewChaCha8([32]byte{}).Read(part)
	return io.LimitReader(&repeat{part: part}, n)
}

type repeat struct {
	part []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.part[r.at:])
	r.at = (r.at + n) % len(r.part)
	return n, nil
}

func digest(n int64) string {
	h := sha256.New()
	io.Copy(h, noise(n))
	return fmt.Sprintf("%d %x", n, h.Sum(nil))
}
