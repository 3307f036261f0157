package tunnel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// Hijack hands the connection to the handler, which then speaks HTTP/1.1 on it
// itself: it writes a response, usually a 101, and whatever bytes follow. It may
// be called before anything is written, or after WriteHeader(101).
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.hijacked:
		return nil, nil, http.ErrHijacked
	case w.returned:
		return nil, nil, errHandlerReturned
	case w.committed, w.wroteHeader && w.status != http.StatusSwitchingProtocols:
		return nil, nil, errors.New("tunnel: hijack after the response has begun")
	}
	w.hijacked = true
	w.recycle()
	theirs, ours := net.Pipe()
	w.x.keepConn(ours)
	w.x.release() // as with http.Server, a stop does not wait for it
	if w.wroteHeader {
		w.committed = true
		w.x.respond(w.status, w.finalHeader(nil), -1, newUpgraded(w.x.visitor, ours, ours))
	} else {
		go w.x.readResponse(ours)
	}
	conn := &hijackedConn{Conn: theirs, remote: w.x.req.RemoteAddr}
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), nil
}

// readResponse decides on the response that the handler writes by hand.
func (x *exchange) readResponse(conn net.Conn) {
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, x.req)
	for err == nil && resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
		resp, err = http.ReadResponse(r, x.req)
	}
	if err != nil {
		conn.Close()
		x.fail(fmt.Errorf("tunnel: read the response of a hijacked connection: %w", err))
		return
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		x.respond(resp.StatusCode, resp.Header, -1, newUpgraded(x.visitor, r, conn))
		return
	}
	x.respond(resp.StatusCode, resp.Header, resp.ContentLength, &handmade{ReadCloser: resp.Body, conn: conn})
}

// handmade is the body of an ordinary response on a hijacked connection.
type handmade struct {
	io.ReadCloser
	conn net.Conn
}

func (b *handmade) Close() error {
	err := b.ReadCloser.Close()
	b.conn.Close()
	return err
}

// hijackedConn is the handler's end of a hijacked connection.
type hijackedConn struct {
	net.Conn
	remote string
}

// LocalAddr is the tunnel.
func (c *hijackedConn) LocalAddr() net.Addr { return localAddr{} }

// RemoteAddr is the visitor's address, as in http.Request.
func (c *hijackedConn) RemoteAddr() net.Addr {
	addr, err := netip.ParseAddrPort(c.remote)
	if err != nil {
		return localAddr{}
	}
	return net.TCPAddrFromAddrPort(addr)
}
