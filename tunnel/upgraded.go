package tunnel

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// lastWrite is how long a write to a visitor who has gone may take to fail.
const lastWrite = 100 * time.Millisecond

// upgraded is our end of a connection that has switched protocols; cloudflared
// copies both ways between it and the visitor.
//
// cloudflared lets go of the visitor's stream as soon as one direction is done,
// while the other may be writing to it; over HTTP/2, that write can then end up in
// another request's response. So Close, which cloudflared calls before it lets go,
// returns only once the other direction has come back for more, and gets no more.
type upgraded struct {
	visitor context.Context
	r       io.Reader
	conn    net.Conn

	mu     sync.Mutex
	closed bool
	out    chan struct{} // open while bytes that were read are being written
}

func newUpgraded(visitor context.Context, r io.Reader, conn net.Conn) *upgraded {
	out := make(chan struct{})
	close(out)
	return &upgraded{visitor: visitor, r: r, conn: conn, out: out}
}

// Read gives bytes of the handler's; it is called again when they have been
// written to the visitor, unless that failed.
func (u *upgraded) Read(p []byte) (int, error) {
	if !u.comeBack() {
		return 0, io.EOF
	}
	n, err := u.r.Read(p)
	if n == 0 {
		return 0, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return 0, io.EOF
	}
	u.out = make(chan struct{})
	return n, nil
}

// comeBack notes that nothing is being written, and reports whether more may be.
func (u *upgraded) comeBack() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	select {
	case <-u.out:
	default:
		close(u.out)
	}
	return !u.closed
}

// Write takes bytes of the visitor's.
func (u *upgraded) Write(p []byte) (int, error) { return u.conn.Write(p) }

// Close closes the handler's connection, and waits for a write to the visitor that
// is under way.
func (u *upgraded) Close() error {
	u.mu.Lock()
	u.closed = true
	out := u.out
	u.mu.Unlock()
	err := u.conn.Close()
	select {
	case <-out:
		return err
	case <-u.visitor.Done():
	}
	timer := time.NewTimer(lastWrite) // a write that failed does not come back
	defer timer.Stop()
	select {
	case <-out:
	case <-timer.C:
	}
	return err
}
