package edgetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/cloudflare/cloudflared/connection"
	"golang.org/x/net/http2"

	"github.com/jellyward/jellyward/tunnel"
)

// http2Carrier is a connection on which the edge is the HTTP/2 client.
type http2Carrier struct {
	conn net.Conn
	//lint:ignore SA1019 net/http has no client for a connection that was accepted
	client *http2.ClientConn
}

func (e *Edge) acceptHTTP2(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		e.tasks.Go(func() { e.serveHTTP2(conn) })
	}
}

// serveHTTP2 serves one connection for as long as its control stream lasts.
func (e *Edge) serveHTTP2(conn net.Conn) {
	//lint:ignore SA1019 as above
	client, err := (&http2.Transport{DisableCompression: true}).NewClientConn(conn)
	if err != nil {
		conn.Close()
		return
	}
	c := &http2Carrier{conn: conn, client: client}
	l := e.newLink(c, tunnel.HTTP2)
	control, err := c.upgrade(l.ctx, connection.ControlStreamUpgrade)
	if err != nil {
		l.drop()
		return
	}
	defer control.Close()
	l.serve(control)
}

func (c *http2Carrier) close() { c.conn.Close() }

// upgrade opens a stream of bytes of the given kind.
func (c *http2Carrier) upgrade(ctx context.Context, kind string) (io.ReadWriteCloser, error) {
	req := newHTTP2Request(ctx, http.MethodGet, "localhost", "/")
	req.Header.Set(connection.InternalUpgradeHeader, kind)
	resp, rw, err := c.duplex(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		rw.Close()
		return nil, fmt.Errorf("open %s: status %d", kind, resp.StatusCode)
	}
	return rw, nil
}

// duplex makes a request whose body and response are used at the same time.
func (c *http2Carrier) duplex(req *http.Request) (*http.Response, *duplex, error) {
	r, w := io.Pipe()
	req.Body, req.ContentLength = r, -1
	resp, err := c.client.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	return resp, &duplex{ReadCloser: resp.Body, w: w}, nil
}

// duplex is both directions of a stream.
type duplex struct {
	io.ReadCloser
	w *io.PipeWriter
}

func (d *duplex) Write(p []byte) (int, error) { return d.w.Write(p) }

func (d *duplex) Close() error {
	d.w.Close()
	return d.ReadCloser.Close()
}

func (c *http2Carrier) call(ctx context.Context, v *call) (*answer, error) {
	req := newHTTP2Request(ctx, v.method, v.host, v.target)
	req.Header = v.header
	if v.header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "") // or the transport makes one up
	}
	if v.websocket {
		req.Header.Set(connection.InternalUpgradeHeader, connection.WebsocketUpgrade)
		resp, rw, err := c.duplex(req)
		if err != nil {
			return nil, err
		}
		return http2Answer(resp, rw)
	}
	if v.body != nil {
		req.Body, req.ContentLength = v.body, v.length
	}
	resp, err := c.client.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	return http2Answer(resp, nil)
}

// http2Answer unpacks a response. Its own headers are the connector's; those of
// the origin are packed into one of them.
func http2Answer(resp *http.Response, upgraded *duplex) (*answer, error) {
	a := &answer{status: resp.StatusCode, header: http.Header{}, body: resp.Body}
	a.fromConnector = strings.Contains(resp.Header.Get(connection.ResponseMetaHeader), "cloudflared")
	packed, err := connection.DeserializeHeaders(resp.Header.Get(connection.ResponseUserHeaders))
	if err != nil {
		resp.Body.Close()
		return nil, fmt.Errorf("unpack response headers: %w", err)
	}
	for _, h := range packed {
		a.header[h.Name] = append(a.header[h.Name], h.Value)
	}
	a.trailer = func() http.Header { return resp.Trailer }
	if upgraded == nil {
		return a, nil
	}
	if a.status == http.StatusOK && a.header.Get("Upgrade") != "" {
		a.status, a.upgraded = http.StatusSwitchingProtocols, upgraded
		return a, nil
	}
	upgraded.w.Close()
	return a, nil
}

func (c *http2Carrier) push(ctx context.Context, version int32, config []byte) (int32, error) {
	body, err := json.Marshal(map[string]any{"version": version, "config": json.RawMessage(config)})
	if err != nil {
		return 0, fmt.Errorf("push configuration: %w", err)
	}
	req := newHTTP2Request(ctx, http.MethodPost, "localhost", "/")
	req.Header.Set(connection.InternalUpgradeHeader, connection.ConfigurationUpdate)
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := c.client.RoundTrip(req)
	if err != nil {
		return 0, fmt.Errorf("push configuration: %w", err)
	}
	defer resp.Body.Close()
	var result struct {
		LastAppliedVersion int32 `json:"lastAppliedVersion"`
		Err                any   `json:"err"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&result); err != nil {
		return 0, fmt.Errorf("push configuration: %w", err)
	}
	if result.Err != nil {
		return result.LastAppliedVersion, fmt.Errorf("push configuration: %v", result.Err)
	}
	return result.LastAppliedVersion, nil
}

func (c *http2Carrier) rawTCP(ctx context.Context, addr string) (io.ReadWriteCloser, error) {
	req := newHTTP2Request(ctx, http.MethodGet, addr, "/")
	req.Header.Set(connection.InternalTCPProxySrcHeader, "edgetest")
	resp, rw, err := c.duplex(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		rw.Close()
		return nil, fmt.Errorf("raw connection to %s: status %d", addr, resp.StatusCode)
	}
	return rw, nil
}

func (c *http2Carrier) rawUDP(context.Context, net.IP, uint16) error {
	return errors.New("no UDP over HTTP/2")
}

// newHTTP2Request makes a request whose :path is target, byte for byte: the
// transport cuts scheme and host off what Opaque says.
func newHTTP2Request(ctx context.Context, method, host, target string) *http.Request {
	return (&http.Request{
		Method: method,
		URL:    &url.URL{Scheme: "https", Host: host, Opaque: "//" + host + target},
		Host:   host,
		Header: http.Header{},
	}).WithContext(ctx)
}
