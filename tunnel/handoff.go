package tunnel

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// handoff is a response's body between the handler, which writes, and
// cloudflared, which reads. It copies nothing: WriteTo lends cloudflared's
// writer to the handler's goroutine and waits until the handler is done or the
// visitor gone. A slow visitor so slows the handler down, and nothing is
// buffered in between.
type handoff struct {
	visitor context.Context
	cancel  context.CancelFunc

	lent     chan struct{} // closed when to is set
	to       io.Writer
	done     chan struct{} // closed when the handler is done
	err      error         // after done: nil for a complete body
	doneOnce sync.Once
	gone     chan struct{} // closed when the reader has left
	goneOnce sync.Once

	using sync.Mutex // held while the handler uses to
	left  bool       // guarded by using: to is no longer ours
	n     int64      // guarded by using: bytes written

	pipeOnce sync.Once
	pipe     *io.PipeReader
}

func newHandoff(visitor context.Context, cancel context.CancelFunc) *handoff {
	return &handoff{
		visitor: visitor,
		cancel:  cancel,
		lent:    make(chan struct{}),
		done:    make(chan struct{}),
		gone:    make(chan struct{}),
	}
}

// Write is the handler's: it writes to whatever WriteTo lends, and waits for
// that if need be.
func (b *handoff) Write(p []byte) (int, error) {
	if err := b.borrow(); err != nil {
		return 0, err
	}
	defer b.using.Unlock()
	n, err := b.to.Write(p)
	b.n += int64(n)
	if err != nil {
		b.cancel()
	}
	return n, err
}

// flush is the handler's: what was written is to reach the visitor now.
func (b *handoff) flush() error {
	if err := b.borrow(); err != nil {
		return err
	}
	defer b.using.Unlock()
	if f, ok := b.to.(http.Flusher); ok {
		f.Flush()
	}
	return nil
}

// borrow waits until there is a writer and locks it.
func (b *handoff) borrow() error {
	select {
	case <-b.lent:
	case <-b.gone:
		return errVisitorGone
	}
	b.using.Lock()
	if b.left {
		b.using.Unlock()
		return errVisitorGone
	}
	return nil
}

// finish is the handler's last word: nil if the body is complete.
func (b *handoff) finish(err error) {
	b.doneOnce.Do(func() {
		b.err = err
		close(b.done)
	})
}

// forsake tells whoever writes that nobody reads any more.
func (b *handoff) forsake() { b.goneOnce.Do(func() { close(b.gone) }) }

// leave is forsake, and returns when a write that is under way has ended, so
// that the writer may be let go.
func (b *handoff) leave() {
	b.forsake()
	b.using.Lock()
	defer b.using.Unlock()
	b.left = true
}

// WriteTo lends w to the handler until the body is complete (nil), aborted, or
// unwanted.
func (b *handoff) WriteTo(w io.Writer) (int64, error) {
	b.to = w
	close(b.lent)
	var err error
	select {
	case <-b.done:
		err = b.err
	case <-b.visitor.Done():
		err = b.visitor.Err()
	case <-b.gone:
		err = errVisitorGone
	}
	b.leave()
	return b.n, err
}

// Read is for readers that do not know WriteTo.
func (b *handoff) Read(p []byte) (int, error) {
	b.pipeOnce.Do(func() {
		r, w := io.Pipe()
		b.pipe = r
		go func() {
			_, err := b.WriteTo(w)
			w.CloseWithError(err)
		}()
	})
	return b.pipe.Read(p)
}

// Close ends the request's context: the visitor has all, or has gone.
func (b *handoff) Close() error {
	b.cancel()
	b.forsake()
	if b.pipe != nil {
		b.pipe.Close()
	}
	b.leave()
	return nil
}
