package jellyfintest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// exchange is a recorded request with its answer.
type exchange struct {
	Name    string
	Request *struct {
		Method  string
		Target  string
		Headers [][2]string
		Remote  bool
		Body    string
	}
	Answer struct {
		Status  int
		Headers [][2]string
		Body    string
	}
	Matched string
}

func exchanges(t *testing.T, r Release, name string) []exchange {
	t.Helper()
	var list []exchange
	mustDecode(r.folder()+name+".json", &list)
	if len(list) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return list
}

// answer is what came back over a real connection.
type answer struct {
	status int
	header http.Header
	body   string
}

// visitor is where the recordings' visitor sits, behind a proxy on this machine.
var visitor = [][2]string{{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-Proto", "https"}}

// send writes a request byte for byte and reads the answer.
func send(t *testing.T, s *Server, method, target string, headers [][2]string, body string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimSuffix(s.URL, s.opts.baseURL), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return sendOn(t, conn, bufio.NewReader(conn), method, target, headers, body)
}

func sendOn(t *testing.T, conn net.Conn, in *bufio.Reader, method, target string, headers [][2]string, body string) answer {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, target)
	for _, h := range headers {
		if h != [2]string{"Content-Type", "none"} {
			fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
		}
	}
	if body != "" || strings.EqualFold(method, "POST") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, b.String()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return a
	}
	if resp.TransferEncoding != nil {
		a.header.Set("Transfer-Encoding", strings.Join(resp.TransferEncoding, ","))
	}
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", method, target, err)
	}
	a.body = string(read)
	return a
}

// replay holds what the names in a recording stand for on the fake.
type replay struct {
	s     *Server
	names map[string]string // "{{alice.id}}" and such, and codes as recorded
}

func (p *replay) fill(text string) string {
	for _, name := range slices.SortedFunc(maps.Keys(p.names), func(a, b string) int { return len(b) - len(a) }) {
		text = strings.ReplaceAll(text, name, p.names[name])
	}
	return text
}

// latin gives the bytes of a recorded body; they were kept as one rune each.
func latin(body string) string {
	b := make([]byte, 0, len(body))
	for _, r := range body {
		if r > 0xff {
			return body
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// try sends a recorded request and compares status, action, headers and the keys
// of the JSON in the answer. What the answer names is remembered.
func (p *replay) try(t *testing.T, e exchange) answer {
	t.Helper()
	headers := slices.Clone(e.Request.Headers)
	for i := range headers {
		headers[i][1] = p.fill(headers[i][1])
	}
	if e.Request.Remote {
		headers = append(headers, visitor...)
	}
	p.s.Reset()
	got := send(t, p.s, e.Request.Method, p.fill(e.Request.Target), headers, latin(p.fill(e.Request.Body)))
	if got.status != e.Answer.Status {
		t.Errorf("%s: status %d, recorded %d; body %.200s", e.Name, got.status, e.Answer.Status, got.body)
	}
	action := e.Matched
	if strings.HasPrefix(action, "405") {
		action = "405"
	}
	if p.s.Count(action) != 1 {
		t.Errorf("%s: reached %v, recorded %s", e.Name, p.s.Calls(), action)
	}
	for _, h := range e.Answer.Headers {
		p.compareHeader(t, e, got, h[0], h[1])
	}
	p.compareBody(t, e, got)
	return got
}

func (p *replay) compareHeader(t *testing.T, e exchange, got answer, name, want string) {
	t.Helper()
	value := strings.Join(got.header.Values(name), ", ")
	if strings.HasPrefix(e.Request.Target, "/api-docs/") && name != "Content-Type" {
		return
	}
	switch name {
	case "ETag", "Age", "Last-Modified", "Content-Length":
		changes := name != "Content-Length" || !strings.HasPrefix(e.Request.Target, "/Videos/")
		if changes && value != "" {
			return
		}
	}
	if value != want {
		t.Errorf("%s: header %s is %q, recorded %q", e.Name, name, value, want)
	}
}

func (p *replay) compareBody(t *testing.T, e exchange, got answer) {
	t.Helper()
	var want, have any
	if json.Unmarshal([]byte(e.Answer.Body), &want) != nil {
		if strings.HasPrefix(e.Answer.Body, "Error") && got.body != e.Answer.Body {
			t.Errorf("%s: body %q, recorded %q", e.Name, got.body, e.Answer.Body)
		}
		return // not JSON, or shortened in the recording
	}
	if err := json.Unmarshal([]byte(got.body), &have); err != nil {
		t.Errorf("%s: answer is no JSON: %.100s", e.Name, got.body)
		return
	}
	p.compareJSON(t, e.Name, "$", want, have)
}

// compareJSON compares keys and kinds, and learns names.
func (p *replay) compareJSON(t *testing.T, name, at string, want, have any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			t.Errorf("%s: %s is no object", name, at)
			return
		}
		wantKeys, haveKeys := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(have))
		if strings.HasSuffix(at, ".errors") {
			return // its keys are messages of the framework
		}
		if !slices.Equal(wantKeys, haveKeys) {
			t.Errorf("%s: %s has keys\n%v, recorded\n%v", name, at, haveKeys, wantKeys)
		}
		for key, value := range want {
			if other, ok := have[key]; ok {
				p.compareJSON(t, name, at+"."+key, value, other)
			}
		}
	case []any:
		have, ok := have.([]any)
		if !ok {
			t.Errorf("%s: %s is no list", name, at)
			return
		}
		if len(want) > 0 && len(have) > 0 {
			p.compareJSON(t, name, at+"[0]", want[0], have[0])
		}
	case string:
		have, ok := have.(string)
		if !ok {
			t.Errorf("%s: %s is no string", name, at)
			return
		}
		if strings.HasPrefix(want, "{{") || strings.HasSuffix(at, ".Code") {
			p.names[want] = have
		}
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", have) {
			t.Errorf("%s: %s is a %T, recorded a %T", name, at, have, want)
		}
	}
}

// cast is the people of the recordings, signed in.
type cast struct {
	replay
	alice, bob, root User
}

func newCast(t *testing.T, r Release, opts ...Option) *cast {
	t.Helper()
	s := Start(t, append([]Option{Version(r)}, opts...)...)
	c := &cast{replay: replay{s: s, names: map[string]string{"{{server.id}}": s.ServerID(), "{{movie.id}}": MovieID, "{{song.id}}": SongID}}}
	c.alice, c.bob, c.root = s.AddUser("alice", "wonderland"), s.AddUser("bob", "builder"), s.AddUser("root", "toor", Admin)
	for name, in := range map[string]struct {
		user   User
		device string
	}{"alice": {c.alice, "rec1"}, "bob": {c.bob, "recbob"}, "root": {c.root, "recadmin"}} {
		c.names["{{"+name+".id}}"] = in.user.ID
		c.names["{{"+name+".token}}"] = s.Issue(in.user.ID, Device{ID: in.device, Name: "Chrome", Client: "Jellyfin Web", Version: r.String()}).Value
	}
	c.names["{{api.key}}"] = s.AddAPIKey("recorder")
	return c
}
