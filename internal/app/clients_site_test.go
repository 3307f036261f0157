package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// publicHost is the name under which visitors know the server.
const publicHost = "jellyfin.example.org"

// asked is a request of some client, with names in double braces in it.
type asked struct {
	client, step   string
	method, target string
	headers        [][2]string
	body           string
	socket         bool
	// signedIn tells that our cookie is sent along and that its session lives.
	signedIn bool
}

func (a asked) path() string {
	path, _, _ := strings.Cut(a.target, "?")
	return strings.ToLower(path)
}

func (a asked) header(name string) string {
	for _, h := range a.headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

func (a asked) String() string {
	return a.client + ": " + a.step + ": " + a.method + " " + a.target
}

// reply is what a client got.
type reply struct {
	status int
	header http.Header
	body   []byte
	// frame is the type of the first message on a WebSocket.
	frame string
}

// site is where a client's requests go: the program, or a Jellyfin that nothing
// stands before.
type site struct {
	jellyfin  *jellyfintest.Server
	user      jellyfintest.User
	transport http.RoundTripper
	// names are what the names in double braces stand for here.
	names map[string]string
	// cookie is sent with every request, if it is not empty.
	cookie string
	// quickCode belongs to the secret of Quick Connect.
	quickCode string
	// signIns counts the sign-ins with a password.
	signIns int
	// browser is the last in which a user of the client's has signed in.
	browser *person
}

// newSite is a site for one client. Its user plays with a token that was not
// made through it.
func newSite(server *jellyfintest.Server, user jellyfintest.User, transport http.RoundTripper) *site {
	s := &site{jellyfin: server, user: user, transport: transport}
	s.rename(server.Issue(user.ID, jellyfintest.Device{ID: "device-0", Name: "A device", Client: "An app", Version: "1.0"}).Value)
	return s
}

// rename gives the names their meaning with token as the one that is used.
func (s *site) rename(token string) {
	before := s.names
	s.names = jellyfintest.Names(s.user, token)
	s.names["{{host}}"] = publicHost
	s.names["http://HOST"] = "https://" + publicHost
	s.names["ws://HOST"] = "wss://" + publicHost
	s.names["{{password}}"] = "wonderland"
	for name, value := range before {
		if _, known := s.names[name]; !known {
			s.names[name] = value
		}
	}
}

func (s *site) token() string { return s.names["{{token}}"] }

// fill replaces the names in text. Only names in braces are marked, so longer
// ones cannot be spoilt by shorter ones.
func (s *site) fill(text string) string {
	for name, value := range s.names {
		text = strings.ReplaceAll(text, name, value)
	}
	return text
}

// directTransport asks a Jellyfin as a proxy on its own machine would, for a
// visitor at addr.
type directTransport struct {
	http.RoundTripper
	server *jellyfintest.Server
	addr   netip.Addr
}

func direct(t *testing.T, server *jellyfintest.Server, addr netip.Addr) directTransport {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return directTransport{transport, server, addr}
}

func (d directTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	upstream, err := url.Parse(d.server.URL)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.URL.Scheme, r.URL.Host = upstream.Scheme, upstream.Host
	r.Header.Set("X-Forwarded-For", d.addr.String())
	r.Header.Set("X-Forwarded-Proto", "https")
	return d.RoundTripper.RoundTrip(r)
}

// through is the way of a visitor at addr through the tunnel.
func through(edge *edgetest.Edge, addr netip.Addr) http.RoundTripper {
	return edge.TransportFor(edgetest.Visitor{Addr: addr})
}

// ask sends a, and reads all of the answer.
func (s *site) ask(t *testing.T, a asked) reply {
	t.Helper()
	header := http.Header{"User-Agent": nil} // none unless the client sends one
	for _, h := range a.headers {
		switch http.CanonicalHeaderKey(h[0]) {
		case "Connection", "Upgrade", "Content-Length", "Host":
		default:
			header.Add(h[0], s.fill(h[1]))
		}
	}
	if s.cookie != "" {
		header.Add("Cookie", s.cookie)
	}
	target := "https://" + publicHost + s.fill(a.target)
	if a.socket {
		return s.askSocket(t, target, header)
	}
	var body io.Reader
	if a.body != "" {
		body = strings.NewReader(s.fill(a.body))
	}
	req, err := http.NewRequestWithContext(t.Context(), a.method, target, body)
	if err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	req.Header = header
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	return readReply(t, resp)
}

// askSocket opens a WebSocket, waits for its first message, and keeps it until
// the test ends.
func (s *site) askSocket(t *testing.T, target string, header http.Header) reply {
	t.Helper()
	socket, resp := dialSocket(t, s.transport, target, header)
	if socket == nil {
		return readReply(t, resp)
	}
	return reply{status: resp.StatusCode, header: resp.Header, frame: socket.message(t)}
}

func readReply(t *testing.T, resp *http.Response) reply {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read answer %d: %v", resp.StatusCode, err)
	}
	if resp.Header.Get("Content-Encoding") == "gzip" && len(body) > 0 {
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(unpacked); err != nil {
			t.Fatal(err)
		}
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: body}
}

// isJSON tells whether a reply says that it is JSON.
func (r reply) isJSON() bool {
	return strings.HasPrefix(r.header.Get("Content-Type"), "application/json")
}

// value reads the JSON in a reply.
func (r reply) value(t *testing.T) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Errorf("answer %d is not JSON: %.200q", r.status, r.body)
	}
	return v
}

// field is a value at the top of the JSON in a reply. Jellyfin spells its keys
// with a capital or without, as the client asks.
func (r reply) field(t *testing.T, name string) any {
	t.Helper()
	object, _ := r.value(t).(map[string]any)
	for key, value := range object {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

// media is the content type of a reply without its parameters.
func (r reply) media() string {
	media, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	return media
}

// telling are the headers that clients act on.
var telling = []string{
	"Content-Type", "Content-Range", "Accept-Ranges", "Content-Disposition", "Content-Encoding", "Location", "Allow",
	"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Content-Security-Policy",
}

// told are the telling headers of a reply.
func (r reply) told() map[string][]string {
	headers := map[string][]string{}
	for _, name := range telling {
		headers[name] = r.header.Values(name)
	}
	return headers
}

// like compares what a client got here with what it gets from a bare Jellyfin:
// status, telling headers, JSON by its keys and anything else by its bytes.
func (r reply) like(t *testing.T, s *site, want reply, bare *site) string {
	t.Helper()
	type essence struct {
		Status int
		Frame  string
		Header map[string][]string
		JSON   any
		Body   string
	}
	of := func(r reply, s *site) essence {
		e := essence{Status: r.status, Frame: r.frame, Header: r.told()}
		if r.isJSON() {
			e.JSON = shape(r.value(t))
			return e
		}
		e.Body = strings.ReplaceAll(string(r.body), s.token(), "{{token}}")
		return e
	}
	got, wanted := of(r, s), of(want, bare)
	if got.Body != wanted.Body { // perhaps a whole film
		got.Body = fmt.Sprintf("%d bytes, not as Jellyfin's: %.60q", len(got.Body), got.Body)
		wanted.Body = fmt.Sprintf("%d bytes: %.60q", len(wanted.Body), wanted.Body)
	}
	return cmp.Diff(wanted, got)
}

// shape is a JSON value with its texts, numbers and truth values taken out.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		shaped := map[string]any{}
		for key, value := range v {
			shaped[key] = shape(value)
		}
		return shaped
	case []any:
		if len(v) == 0 {
			return []any{}
		}
		return []any{shape(v[0])}
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "truth"
	}
	return nil
}
