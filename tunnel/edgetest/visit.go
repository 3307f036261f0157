package edgetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Visitor is who makes a request, as the edge sees it.
type Visitor struct {
	// Addr is the visitor's address; the zero address means [DefaultVisitor].
	Addr netip.Addr
	// Country is the visitor's country; "" means "XX", not known.
	Country string
	// EditHeader, if set, changes the headers just before they are sent to the
	// connector, to see what it makes of an edge that misbehaves.
	EditHeader func(http.Header)
}

// call is a visitor's request on its way to the connector.
type call struct {
	method, target, host string
	header               http.Header
	body                 io.ReadCloser // nil: none; closed by whoever sends it
	length               int64         // of body; -1: not known
	websocket            bool
}

// answer is the connector's response.
type answer struct {
	status        int
	header        http.Header
	body          io.ReadCloser
	upgraded      io.ReadWriteCloser // with status 101
	trailer       func() http.Header // after body
	fromConnector bool               // the connector's own failure
}

// statusNoConnector is Cloudflare's status for a tunnel without a connector.
const statusNoConnector = 530

// Transport is a visitor: a request that is made with it goes through the
// tunnel. The request target is sent as URL.RequestURI spells it, or, to send
// one that a URL cannot spell, as URL.Opaque says if that begins with a slash.
// A tunnel without a connector answers 530, a connector that fails 502, as
// Cloudflare does.
func (e *Edge) Transport() http.RoundTripper { return e.TransportFor(e.opts.Visitor) }

// TransportFor is Transport for a visitor of choice.
func (e *Edge) TransportFor(v Visitor) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		return e.roundTrip(v, req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func (e *Edge) roundTrip(v Visitor, req *http.Request) (*http.Response, error) {
	target := req.URL.Opaque
	if !strings.HasPrefix(target, "/") {
		target = req.URL.RequestURI()
	}
	c := &call{method: req.Method, target: target, host: req.Host, header: req.Header.Clone()}
	if c.method == "" {
		c.method = http.MethodGet
	}
	if c.host == "" {
		c.host = req.URL.Host
	}
	if c.header == nil {
		c.header = http.Header{}
	}
	if req.Body != nil && req.Body != http.NoBody {
		c.body, c.length = req.Body, req.ContentLength
		if c.length == 0 {
			c.length = -1
		}
	}
	a, err := e.visit(req.Context(), v, req.URL.Scheme, c)
	if err != nil {
		return nil, err
	}
	return response(req, a), nil
}

func response(req *http.Request, a *answer) *http.Response {
	resp := &http.Response{
		Status:        strconv.Itoa(a.status) + " " + http.StatusText(a.status),
		StatusCode:    a.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{},
		Body:          a.body,
		ContentLength: -1,
		Request:       req,
	}
	for name, values := range a.header {
		name = http.CanonicalHeaderKey(name)
		resp.Header[name] = append(resp.Header[name], values...)
	}
	if n, err := strconv.ParseInt(resp.Header.Get("Content-Length"), 10, 64); err == nil {
		resp.ContentLength = n
	}
	if a.upgraded != nil {
		resp.Body = a.upgraded
	}
	return resp
}

// visit sends a visitor's request through one of the connections.
func (e *Edge) visit(ctx context.Context, v Visitor, scheme string, c *call) (*answer, error) {
	prepare(v, scheme, c)
	l, err := e.pick()
	if errors.Is(err, errNoConnection) {
		if c.body != nil {
			c.body.Close()
		}
		return failure(statusNoConnector, "error code: 1033"), nil
	}
	scoped, release := l.scope(ctx)
	idle := l.begin()
	end := func() {
		release()
		idle()
	}
	a, err := l.call(scoped, c)
	if err != nil {
		end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return failure(http.StatusBadGateway, "error code: 502"), nil
	}
	if a.fromConnector {
		a.body.Close()
		end()
		return failure(a.status, "error code: 502"), nil
	}
	if a.upgraded != nil {
		idle() // a connector that stops does not wait for these
		a.upgraded = &countedConn{ReadWriteCloser: a.upgraded, end: release}
		return a, nil
	}
	a.body = &countedBody{ReadCloser: a.body, end: end}
	return a, nil
}

// countedConn tells when an upgraded connection is closed.
type countedConn struct {
	io.ReadWriteCloser
	end func()
}

func (c *countedConn) Close() error {
	err := c.ReadWriteCloser.Close()
	c.end()
	return err
}

// countedBody tells when a body is at its end or not wanted any more.
type countedBody struct {
	io.ReadCloser
	end func()
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *countedBody) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}

// failure is a response of the edge's own.
func failure(status int, text string) *answer {
	return &answer{
		status:  status,
		header:  http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Length": {strconv.Itoa(len(text))}},
		body:    io.NopCloser(strings.NewReader(text)),
		trailer: func() http.Header { return nil },
	}
}

// prepare turns the visitor's headers into those that the connector sees.
func prepare(v Visitor, scheme string, c *call) {
	h := c.header
	c.websocket = httpguts.HeaderValuesContainsToken(h["Connection"], "Upgrade") &&
		strings.EqualFold(h.Get("Upgrade"), "websocket")
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{
		"Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Expect", "Host", "Content-Length",
	} {
		h.Del(name)
	}
	for name := range h {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "cf-cloudflared-") || strings.HasPrefix(lower, "cf-int-") || strings.HasPrefix(lower, "cf-proxy-") {
			delete(h, name)
		}
	}
	if c.body != nil && c.length >= 0 {
		h.Set("Content-Length", strconv.FormatInt(c.length, 10))
	}
	addEdgeHeaders(v, scheme, h)
	if v.EditHeader != nil {
		v.EditHeader(h)
	}
}

func addEdgeHeaders(v Visitor, scheme string, h http.Header) {
	addr := v.Addr
	if !addr.IsValid() {
		addr = DefaultVisitor
	}
	country := v.Country
	if country == "" {
		country = "XX"
	}
	if scheme != "http" {
		scheme = "https"
	}
	ray := make([]byte, 8)
	rand.Read(ray)
	h.Set("Cf-Connecting-Ip", addr.String())
	h.Set("X-Forwarded-For", strings.Join(append(h["X-Forwarded-For"], addr.String()), ", "))
	h.Set("X-Forwarded-Proto", scheme)
	h.Set("Cf-Visitor", `{"scheme":"`+scheme+`"}`)
	h.Set("Cf-Ray", hex.EncodeToString(ray)+"-LAB")
	h.Set("Cf-Ipcountry", country)
	h.Set("Cdn-Loop", strings.Join(append(h["Cdn-Loop"], "cloudflare; loops=1"), ", "))
}
