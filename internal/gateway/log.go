package gateway

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/visitor"
)

// entry gathers what the access log says of one request.
type entry struct {
	id      string
	started time.Time
	visitor visitor.Visitor
	// request is nil if the request could not be read.
	request *request
	// reason says why it could not; else it is the request's remark.
	reason string
	// body counts what is read of the request's body; nil if there is none.
	body *counted
	// whole tells that the answer was not cut.
	whole bool
}

// log writes one line about a request. It holds no query, since tokens and
// passwords travel there, and no path where the path itself is a secret.
func (g *Gateway) log(r *http.Request, rec *recorder, e *entry) {
	took := time.Since(e.started)
	action, path, method := policy.Deny, "", r.Method
	if len(method) > 16 {
		method = method[:16]
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.String("request_id", e.id))
	if e.visitor.Addr.IsValid() {
		attrs = append(attrs, slog.String("client", e.visitor.Addr.String()), slog.Bool("tunnel", e.visitor.Tunnelled))
	}
	if e.request != nil {
		action, path = e.request.decision.Action, loggedPath(e.request)
		attrs = append(attrs, slog.String("rule", e.request.decision.Rule.Pattern))
	}
	attrs = append(attrs,
		slog.String("method", method),
		slog.String("path", path),
		slog.String("decision", action.String()),
		slog.Int("status", rec.status),
		slog.Int64("bytes", rec.sent),
		slog.Duration("took", took))
	if !e.whole {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	if e.request != nil && e.reason == "" {
		e.reason = e.request.remark
	}
	if e.reason != "" {
		attrs = append(attrs, slog.String("reason", e.reason))
	}
	g.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
	if g.Observer != nil {
		g.Observer.End(Outcome{Action: action, Status: rec.status, Received: e.body.bytes(), Sent: rec.sent, Took: took})
	}
}

// loggedPath is the canonical path, or only the rule's pattern where the path
// holds an API key.
func loggedPath(req *request) string {
	if strings.HasPrefix(req.path.Lower(), "/auth/keys/") {
		return req.decision.Rule.Pattern
	}
	return req.path.Local()
}

// counted counts what is read of a request's body. It may be read until after
// the answer, by a transport that lags behind.
type counted struct {
	io.ReadCloser
	n atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func (c *counted) bytes() int64 {
	if c == nil {
		return 0
	}
	return c.n.Load()
}

// recorder remembers what was answered. [http.ResponseController] reaches the
// writer behind it.
type recorder struct {
	http.ResponseWriter
	status int
	sent   int64
}

func newRecorder(w http.ResponseWriter) *recorder { return &recorder{ResponseWriter: w} }

// Unwrap lets Flush and Hijack through.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// WriteHeader remembers the final status.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write counts what was sent.
func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.sent += int64(n)
	return n, err
}
