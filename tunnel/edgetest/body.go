package edgetest

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// As net/http's server does, the front reads what is left of a request's body
// after the answer, so that the connection can be used again; but no more than
// this, and not for long.
const (
	maxLeftover    = 256 << 10
	leftoverWithin = 500 * time.Millisecond
)

var errAnswered = errors.New("the request was answered before its body was read")

// frontBody is a visitor's request body on its way into the tunnel, where it may
// still be read when the answer is complete. net/http forbids that.
type frontBody struct {
	body io.Reader

	mu   sync.Mutex // held while body is read
	over bool
}

// Read reads on for as long as the request is not answered.
func (b *frontBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errAnswered
	}
	return b.body.Read(p)
}

// Close leaves the body to net/http, which closes it itself.
func (b *frontBody) Close() error { return nil }

// end keeps the tunnel from reading any more, and reads what is left.
func (b *frontBody) end(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(leftoverWithin))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	_, _ = io.CopyN(io.Discard, b.body, maxLeftover)
}
