package tunnel

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/cloudflare/cloudflared/ingress"
)

// runner is the one origin service that cloudflared knows of. Where other
// services dial a server, its RoundTrip runs the handler in this process.
type runner struct {
	// OriginService gives runner the unexported method that the interface
	// has; everything else of it is shadowed or unused.
	ingress.OriginService

	handler http.Handler
	server  *http.Server // what handlers find under http.ServerContextKey
	logger  *slog.Logger
	metrics *metrics
	running atomic.Int64 // exchanges that a stop waits for
	idle    func()       // called when running falls to zero
}

func newRunner(h http.Handler, logger *slog.Logger, m *metrics, idle func()) *runner {
	return &runner{
		OriginService: &ingress.ManagementService{},
		handler:       h,
		server:        &http.Server{Handler: h},
		logger:        logger,
		metrics:       m,
		idle:          idle,
	}
}

// String names the service in cloudflared's configuration dumps.
func (r *runner) String() string { return "handler" }

// MarshalJSON is String as JSON.
func (r *runner) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

// RoundTrip runs the handler for a request of cloudflared's. It returns as soon
// as the response's headers are decided; the body then streams from the handler,
// which runs on. An error makes cloudflared answer 502.
func (r *runner) RoundTrip(out *http.Request) (*http.Response, error) {
	r.metrics.requests.Inc()
	ctx, cancel := context.WithCancel(r.requestContext(out.Context()))
	req, err := serverRequest(ctx, out)
	if err != nil {
		cancel()
		return badRequest(out), nil
	}
	x := &exchange{
		visitor: out.Context(),
		req:     req,
		cancel:  cancel,
		decided: make(chan struct{}),
		release: r.begin(),
		body:    newHandoff(out.Context(), cancel),
	}
	x.writer = newResponseWriter(x)
	go r.run(x)

	select {
	case <-x.decided:
		return x.response, x.failure
	case <-out.Context().Done():
		x.abandon()
		return nil, out.Context().Err()
	}
}

// run runs the handler and sees to its end, however it ends.
func (r *runner) run(x *exchange) {
	defer x.release()
	defer x.cancel()
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p != http.ErrAbortHandler {
			r.metrics.panics.Inc()
			logPanic(r.logger, x.req, p)
		}
		x.abort()
	}()
	r.handler.ServeHTTP(x.writer, x.req)
	x.writer.finish()
}

// begin counts an exchange as running until the returned function is called,
// which does no harm to call twice.
func (r *runner) begin() (release func()) {
	r.metrics.running.Inc()
	r.running.Add(1)
	var released atomic.Bool
	return func() {
		if released.Swap(true) {
			return
		}
		r.metrics.running.Dec()
		if r.running.Add(-1) == 0 {
			r.idle()
		}
	}
}

// requestContext adds what handlers look for behind an http.Server. Without
// http.ServerContextKey, httputil.ReverseProxy takes itself to be under test
// and reports an upstream's cut body as a complete one.
func (r *runner) requestContext(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, viaKey{}, true)
	ctx = context.WithValue(ctx, http.ServerContextKey, r.server)
	return context.WithValue(ctx, http.LocalAddrContextKey, localAddr{})
}

// localAddr is the handler's end of a tunnel.
type localAddr struct{}

func (localAddr) Network() string { return "cloudflare-tunnel" }
func (localAddr) String() string  { return "cloudflare-tunnel" }
