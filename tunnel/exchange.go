package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
)

var (
	errAborted         = errors.New("tunnel: the handler aborted the response")
	errHandlerReturned = errors.New("tunnel: write after the handler has returned")
	errVisitorGone     = errors.New("tunnel: the visitor has gone")
)

// exchange is one request and its response. Its response is decided exactly
// once: by headers that are final, or by a failure before that.
type exchange struct {
	visitor context.Context // ends when the visitor goes away
	req     *http.Request   // what the handler sees
	writer  *responseWriter
	body    *handoff
	cancel  context.CancelFunc // ends req's context
	release func()             // the exchange no longer holds up a stop

	once     sync.Once
	decided  chan struct{}
	response *http.Response // after decided
	failure  error          // after decided

	mu   sync.Mutex
	conn net.Conn // our end of a hijacked connection
	gone bool
}

// respond decides on a response.
func (x *exchange) respond(status int, h http.Header, length int64, body io.ReadCloser) {
	x.once.Do(func() {
		x.response = &http.Response{
			Status:        strconv.Itoa(status) + " " + http.StatusText(status),
			StatusCode:    status,
			Proto:         "HTTP/1.1",
			ProtoMajor:    1,
			ProtoMinor:    1,
			Header:        h,
			ContentLength: length,
			Body:          body,
			Trailer:       http.Header{},
			Request:       x.req,
		}
		close(x.decided)
	})
}

// fail decides that there is no response.
func (x *exchange) fail(err error) {
	x.once.Do(func() {
		x.failure = err
		close(x.decided)
	})
}

// abort ends the exchange after the handler panicked: a response that has
// begun is cut, one that has not becomes a 502.
func (x *exchange) abort() {
	x.fail(errAborted)
	x.body.finish(errAborted)
	x.body.forsake()
	x.closeConn()
	x.writer.abort()
}

// abandon ends the exchange after the visitor left.
func (x *exchange) abandon() {
	x.cancel()
	x.body.leave()
	x.closeConn()
}

// keepConn notes our end of a hijacked connection, to be closed if the visitor
// leaves.
func (x *exchange) keepConn(conn net.Conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.conn = conn
	if x.gone {
		conn.Close()
	}
}

func (x *exchange) closeConn() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gone = true
	if x.conn != nil {
		x.conn.Close()
	}
}

// logPanic logs a handler's panic with the ray that visitors are shown, and
// nothing else of the request.
func logPanic(logger *slog.Logger, req *http.Request, p any) {
	logger.ErrorContext(req.Context(), "handler panicked",
		"panic", p, "ray", req.Header.Get("Cf-Ray"), "stack", string(debug.Stack()))
}

// fixedBody is a short body that is known when the headers are decided. Its
// err, if any, follows the bytes: the body was meant to be longer.
type fixedBody struct {
	bytes.Reader
	err error
}

func newFixedBody(p []byte, err error) *fixedBody {
	b := &fixedBody{err: err}
	b.Reset(bytes.Clone(p))
	return b
}

func (b *fixedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF && b.err != nil {
		err = b.err
	}
	return n, err
}

func (b *fixedBody) WriteTo(w io.Writer) (int64, error) {
	n, err := b.Reader.WriteTo(w)
	if err == nil {
		err = b.err
	}
	return n, err
}

func (b *fixedBody) Close() error { return nil }
