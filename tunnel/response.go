package tunnel

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// bufferSize is how much of a body is held back, as in net/http: a response
// that is complete by then gets a Content-Length.
const bufferSize = 2048

var bufferPool = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, bufferSize) }}

// responseWriter is the http.ResponseWriter that handlers get. It follows
// net/http's server in what is sent when, so that a handler behaves alike
// behind both.
type responseWriter struct {
	x *exchange

	mu          sync.Mutex
	header      http.Header // the handler's
	sent        http.Header // header as it was at WriteHeader
	wroteHeader bool
	status      int
	length      int64 // declared Content-Length, or -1
	written     int64 // what the handler wrote of the body
	buf         *bufio.Writer
	committed   bool // the headers are on their way
	returned    bool // the handler has returned
	hijacked    bool
	trailers    []string // names of declared trailers
}

func newResponseWriter(x *exchange) *responseWriter {
	w := &responseWriter{x: x, header: make(http.Header), length: -1}
	w.buf = bufferPool.Get().(*bufio.Writer)
	w.buf.Reset((*bodyWriter)(w))
	return w
}

// Header is the map that WriteHeader will send.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader decides on status and headers. Informational ones (1xx) are
// dropped: the connector's protocol has no place for them.
func (w *responseWriter) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	w.writeHeader(status)
}

func (w *responseWriter) writeHeader(status int) {
	if w.wroteHeader || w.hijacked || w.returned {
		return
	}
	w.wroteHeader = true
	w.status = status
	w.sent = w.header.Clone()
	cl := w.sent.Get("Content-Length")
	if n, err := strconv.ParseInt(cl, 10, 64); err == nil && n >= 0 {
		w.length = n
	}
}

// Write sends p as part of the body, after a header of 200 if there was none.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.beforeWrite(len(p)); err != nil || len(p) == 0 {
		return 0, err
	}
	return w.buf.Write(p)
}

// WriteString is Write without a copy.
func (w *responseWriter) WriteString(s string) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.beforeWrite(len(s)); err != nil || len(s) == 0 {
		return 0, err
	}
	return w.buf.WriteString(s)
}

func (w *responseWriter) beforeWrite(n int) error {
	switch {
	case w.hijacked:
		return http.ErrHijacked
	case w.returned:
		return errHandlerReturned
	}
	w.writeHeader(http.StatusOK)
	if n == 0 {
		return nil
	}
	if !bodyAllowed(w.status) {
		return http.ErrBodyNotAllowed
	}
	w.written += int64(n)
	if w.length != -1 && w.written > w.length {
		return http.ErrContentLength
	}
	return nil
}

// Flush sends what was written so far to the visitor.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError is Flush with its error, for [http.ResponseController].
func (w *responseWriter) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.hijacked:
		return http.ErrHijacked
	case w.returned:
		return errHandlerReturned
	}
	w.writeHeader(http.StatusOK)
	if err := w.buf.Flush(); err != nil {
		return err
	}
	if !w.committed {
		w.commit(nil)
	}
	return w.x.body.flush()
}

// EnableFullDuplex is always on: reading the request never ends with the first
// write.
func (w *responseWriter) EnableFullDuplex() error { return nil }

// finish sends what is left, once the handler has returned.
func (w *responseWriter) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hijacked {
		return
	}
	w.writeHeader(http.StatusOK)
	w.returned = true
	err := w.buf.Flush()
	if !w.committed {
		w.commit(nil)
	}
	w.recycle()
	if err == nil {
		err = w.shortfall()
	}
	if err == nil {
		w.sendTrailers()
	}
	w.x.body.finish(err)
}

// abort stops writing after a panic.
func (w *responseWriter) abort() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.returned = true
	w.recycle()
}

func (w *responseWriter) recycle() {
	if w.buf == nil {
		return
	}
	w.buf.Reset(nil)
	bufferPool.Put(w.buf)
	w.buf = nil
}

// shortfall is an error if the handler promised a longer body than it wrote.
func (w *responseWriter) shortfall() error {
	if w.length > w.written && w.hasBody() {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// hasBody tells whether this response has a body on the wire.
func (w *responseWriter) hasBody() bool {
	return bodyAllowed(w.status) && w.x.req.Method != http.MethodHead
}

// bodyWriter takes what the buffer lets go: the first bytes decide on the
// headers.
type bodyWriter responseWriter

func (b *bodyWriter) Write(p []byte) (int, error) {
	w := (*responseWriter)(b)
	if !w.committed && w.commit(p) {
		return len(p), nil
	}
	if !w.hasBody() {
		return len(p), nil
	}
	return w.x.body.Write(p)
}

// commit decides on the response; p is the body's beginning, as far as it is
// known. It reports whether p is on its way as all of the body.
func (w *responseWriter) commit(p []byte) (whole bool) {
	w.committed = true
	h := w.finalHeader(p)
	length := w.length
	if !w.returned || w.hasTrailers() {
		w.x.respond(w.status, h, length, w.x.body)
		return false
	}
	if !w.hasBody() {
		p = nil
	}
	w.x.respond(w.status, h, length, newFixedBody(p, w.shortfall()))
	return true
}

func (w *responseWriter) sendTrailers() {
	if !w.hasTrailers() || w.x.response == nil {
		return
	}
	for name, values := range w.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			w.x.response.Trailer[name] = values
		}
	}
	for _, name := range w.trailers {
		if values := w.header.Values(name); len(values) > 0 {
			w.x.response.Trailer[name] = values
		}
	}
}
