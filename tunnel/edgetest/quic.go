package edgetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudflare/cloudflared/connection"
	"github.com/cloudflare/cloudflared/tunnelrpc/pogs"
	rpcquic "github.com/cloudflare/cloudflared/tunnelrpc/quic"
	"github.com/google/uuid"
	"github.com/quic-go/quic-go"

	"github.com/jellyward/jellyward/tunnel"
)

// quicCarrier is a QUIC connection; the edge opens a stream for each request.
type quicCarrier struct {
	conn     quic.Connection
	pathOnly bool
}

func (e *Edge) startQUIC() error {
	config, err := e.ca.serverConfig("quic.cftunnel.com")
	if err != nil {
		return err
	}
	config.NextProtos = []string{"argotunnel"}
	e.quic, err = quic.Listen(e.udp, config, &quic.Config{
		EnableDatagrams:            true,
		KeepAlivePeriod:            time.Second,
		MaxIncomingStreams:         1 << 16,
		MaxStreamReceiveWindow:     6 << 20,
		MaxConnectionReceiveWindow: 30 << 20,
	})
	if err != nil {
		return fmt.Errorf("listen for QUIC: %w", err)
	}
	e.tasks.Go(e.acceptQUIC)
	return nil
}

func (e *Edge) acceptQUIC() {
	for {
		conn, err := e.quic.Accept(e.ctx)
		if err != nil {
			return
		}
		e.tasks.Go(func() { e.serveQUIC(conn) })
	}
}

// serveQUIC serves one connection for as long as its control stream lasts, which
// is the first that the connector opens.
func (e *Edge) serveQUIC(conn quic.Connection) {
	l := e.newLink(&quicCarrier{conn: conn, pathOnly: e.opts.PathOnly}, tunnel.QUIC)
	defer context.AfterFunc(conn.Context(), l.drop)()
	control, err := conn.AcceptStream(l.ctx)
	if err != nil {
		l.drop()
		return
	}
	l.serve(control)
}

func (c *quicCarrier) close() { _ = c.conn.CloseWithError(0, "") }

func (c *quicCarrier) call(ctx context.Context, v *call) (*answer, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	kind, dest := pogs.ConnectionTypeHTTP, "https://"+v.host+v.target
	if v.websocket {
		kind = pogs.ConnectionTypeWebsocket
	}
	if c.pathOnly {
		dest = v.target
	}
	client := rpcquic.RequestClientStream{ReadWriteCloser: s}
	if err := client.WriteConnectRequestData(dest, kind, quicMetadata(v)...); err != nil {
		s.Close()
		return nil, fmt.Errorf("send request: %w", err)
	}
	if !v.websocket {
		go s.sendBody(v.body)
	}
	resp, err := client.ReadConnectResponseData()
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("read response: %w", err)
	}
	return quicAnswer(v, resp, s)
}

// quicMetadata is the request's head.
func quicMetadata(v *call) []pogs.Metadata {
	meta := []pogs.Metadata{
		{Key: connection.HTTPMethodKey, Val: v.method},
		{Key: connection.HTTPHostKey, Val: v.host},
	}
	for name, values := range v.header {
		for _, value := range values {
			meta = append(meta, pogs.Metadata{Key: connection.HTTPHeaderKey + ":" + name, Val: value})
		}
	}
	if v.body != nil && v.length < 0 {
		meta = append(meta, pogs.Metadata{Key: connection.HTTPHeaderKey + ":Transfer-Encoding", Val: "chunked"})
	}
	return meta
}

func quicAnswer(v *call, resp *pogs.ConnectResponse, s *quicStream) (*answer, error) {
	a := &answer{header: http.Header{}, trailer: func() http.Header { return nil }}
	if resp.Error != "" {
		s.Close()
		a.status, a.fromConnector, a.body = http.StatusBadGateway, true, http.NoBody
		return a, nil
	}
	for _, m := range resp.Metadata {
		if m.Key == connection.HTTPStatus {
			status, err := strconv.Atoi(m.Val)
			if err != nil {
				s.Close()
				return nil, fmt.Errorf("status %q is no number", m.Val)
			}
			a.status = status
			continue
		}
		if name, ok := strings.CutPrefix(m.Key, connection.HTTPHeaderKey+":"); ok {
			a.header[name] = append(a.header[name], m.Val)
		}
	}
	switch {
	case a.status == http.StatusSwitchingProtocols:
		a.upgraded, a.body = s, s
	case v.method == http.MethodHead || a.status == http.StatusNoContent || a.status == http.StatusNotModified:
		a.body = s
	default:
		a.body = s
		if n, err := strconv.ParseInt(a.header.Get("Content-Length"), 10, 64); err == nil {
			a.body = &exactBody{ReadCloser: s, left: n}
		}
	}
	return a, nil
}

// quicStream is a stream that ends with a context.
type quicStream struct {
	quic.Stream
	stop func() bool
	once sync.Once
}

// open opens a stream that is reset when ctx ends.
func (c *quicCarrier) open(ctx context.Context) (*quicStream, error) {
	stream, err := c.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	s := &quicStream{Stream: stream}
	s.stop = context.AfterFunc(ctx, s.reset)
	return s, nil
}

func (s *quicStream) reset() {
	s.CancelRead(0)
	s.CancelWrite(0)
}

// sendBody sends a request's body, and resets the stream if that breaks off.
func (s *quicStream) sendBody(body io.ReadCloser) {
	if body != nil {
		defer body.Close()
		if _, err := io.Copy(onlyWriter{s.Stream}, body); err != nil {
			s.CancelWrite(0)
			return
		}
	}
	_ = s.Stream.Close() // only the side that writes
}

// onlyWriter hides all methods but Write.
type onlyWriter struct{ io.Writer }

// Close lets go of the stream in both directions.
func (s *quicStream) Close() error {
	s.once.Do(func() {
		s.stop()
		_ = s.Stream.Close()
		s.reset()
	})
	return nil
}

// exactBody is a body that must be as long as was promised.
type exactBody struct {
	io.ReadCloser
	left int64
}

func (b *exactBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if err == io.EOF && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *quicCarrier) push(ctx context.Context, version int32, config []byte) (int32, error) {
	s, err := c.open(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	client, err := rpcquic.NewCloudflaredClient(ctx, s, rpcTimeout)
	if err != nil {
		return 0, fmt.Errorf("push configuration: %w", err)
	}
	defer client.Close()
	resp, err := client.UpdateConfiguration(ctx, version, config)
	if err != nil {
		return 0, fmt.Errorf("push configuration: %w", err)
	}
	return resp.LastAppliedVersion, resp.Err
}

func (c *quicCarrier) rawTCP(ctx context.Context, addr string) (io.ReadWriteCloser, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	client := rpcquic.RequestClientStream{ReadWriteCloser: s}
	if err := client.WriteConnectRequestData(addr, pogs.ConnectionTypeTCP); err != nil {
		s.Close()
		return nil, fmt.Errorf("ask for a raw connection: %w", err)
	}
	resp, err := client.ReadConnectResponseData()
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("ask for a raw connection: %w", err)
	}
	if resp.Error != "" {
		s.Close()
		return nil, fmt.Errorf("raw connection to %s: %s", addr, resp.Error)
	}
	return s, nil
}

func (c *quicCarrier) rawUDP(ctx context.Context, ip net.IP, port uint16) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	client, err := rpcquic.NewSessionClient(ctx, s, rpcTimeout)
	if err != nil {
		return fmt.Errorf("ask for a UDP session: %w", err)
	}
	defer client.Close()
	resp, err := client.RegisterUdpSession(ctx, uuid.New(), ip, port, time.Minute, "")
	if err != nil {
		return fmt.Errorf("ask for a UDP session: %w", err)
	}
	if resp == nil {
		return errors.New("ask for a UDP session: no answer")
	}
	return resp.Err
}
