// Package proxy is the pipe to Jellyfin. It streams in both directions, tells
// Jellyfin the truth about who is asking, and hides neither a cut nor an error.
// Whether a request may pass was decided before it comes here.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/visitor"
)

// Treatment says how one request and its answer are handled on the way.
type Treatment struct {
	// Hold keeps the request while Jellyfin is away or starting, and asks
	// again, for at most [Options.HoldFor]. Only for requests that may be
	// repeated.
	Hold bool
	// Branding rewrites the answer so that jellyfin-web's own login page
	// leads to ours.
	Branding bool
	// Hint, if not empty, is a line of plain text that is put before the
	// admin's login disclaimer in an answer of /Branding/Configuration. Native
	// apps show the disclaimer as it is, without reading it as HTML.
	Hint string
	// HideAddress takes Jellyfin's address at home out of an answer of
	// /System/Info/Public. An answer in which it cannot be looked for does not
	// pass: the visitor gets 502.
	HideAddress bool
	// Read, if not nil, gets the body of an answer of 200, which is at most 1 MB
	// of JSON, before it goes on. If it returns an error the answer does not go
	// on, and the visitor gets 503.
	Read func(body []byte) error
	// Document marks the answer so that no cache stores it, takes away what a
	// later conditional request could refer to, and tells the browser to be
	// careful with it.
	Document bool
	// CSP is the content security policy of a document. Answers in JSON never
	// get one.
	CSP CSP
	// Private keeps the answer out of shared caches. Cloudflare stores MP4,
	// MKV and JPG files by default.
	Private bool
	// Answered, if not nil, is told Jellyfin's status before the visitor is.
	Answered func(status int)
}

// Readiness tells whether the server may be published; [jellyfin.Watcher] is
// one.
type Readiness interface {
	Readiness(context.Context) jellyfin.Readiness
	Fresh(context.Context) jellyfin.Readiness
	Suspect()
}

// Options configure a [Proxy].
type Options struct {
	// Upstream is Jellyfin's scheme and host.
	Upstream *url.URL
	// SignIn is the path of our sign-in page, base path included.
	SignIn string
	// Readiness is asked before a new connection is used.
	Readiness Readiness
	// Failed answers a visitor whose request got no answer from Jellyfin.
	// The status is 502, 503 or 504.
	Failed func(w http.ResponseWriter, r *http.Request, status int)
	// Cookies are the names of our own cookies, which Jellyfin never sees.
	Cookies []string
	// HoldFor bounds how long a request is held; zero means 20 seconds.
	HoldFor time.Duration
	// AnswerWithin bounds the wait for the first byte of an answer; zero
	// means 100 seconds, after which Cloudflare gives up as well.
	AnswerWithin time.Duration
	// Logger may be nil.
	Logger *slog.Logger
}

// Proxy forwards requests to one Jellyfin server.
type Proxy struct {
	options Options
	reverse *httputil.ReverseProxy
	trans   *http.Transport
}

// New returns a proxy. It makes no connection yet.
func New(o Options) *Proxy {
	if o.HoldFor == 0 {
		o.HoldFor = 20 * time.Second
	}
	if o.AnswerWithin == 0 {
		o.AnswerWithin = 100 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{options: o, trans: newTransport(o)}
	p.reverse = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      &holder{next: p.trans, readiness: o.Readiness, holdFor: o.HoldFor},
		ModifyResponse: p.modify,
		ErrorHandler:   p.failed,
		BufferPool:     &buffers{},
		ErrorLog:       slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return p
}

// Forward sends r to Jellyfin and the answer to w. The request's URL must hold
// the canonical path in RawPath, and its context the visitor. A cut on
// Jellyfin's side panics with [http.ErrAbortHandler], as in net/http. A target
// or headers that Jellyfin would not read are answered with 414 or 431 and go no
// further.
func (p *Proxy) Forward(w http.ResponseWriter, r *http.Request, t Treatment) {
	switch {
	case !lineFits(r):
		keepNowhere(w.Header())
		w.WriteHeader(http.StatusRequestURITooLong)
		return
	case !fits(r.Header):
		keepNowhere(w.Header())
		w.WriteHeader(http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), treatmentKey{}, t)))
}

// Close lets go of idle connections.
func (p *Proxy) Close() { p.trans.CloseIdleConnections() }

type treatmentKey struct{}

func treatment(ctx context.Context) Treatment {
	t, _ := ctx.Value(treatmentKey{}).(Treatment)
	return t
}

func (p *Proxy) rewrite(pr *httputil.ProxyRequest) {
	out := pr.Out
	out.URL.Scheme = p.options.Upstream.Scheme
	out.URL.Host = p.options.Upstream.Host
	// The query goes on as it was sent: Jellyfin's reading of it counts, and
	// ReverseProxy would drop what it cannot parse.
	out.URL.RawQuery = pr.In.URL.RawQuery
	out.Host = pr.In.Host
	for _, name := range handled {
		out.Header.Del(name)
	}
	out.Trailer = nil
	dropForeign(out.Header)
	dropCookies(out.Header, p.options.Cookies)
	if v, ok := visitor.From(pr.In.Context()); ok {
		out.Host = v.Host
		out.Header.Set("X-Forwarded-For", v.Addr.String())
		out.Header.Set("X-Forwarded-Proto", v.Scheme)
		out.Header.Set("X-Forwarded-Host", v.Host)
	}
	switch t := treatment(pr.In.Context()); {
	case t.rewritten():
		askPlainly(out.Header)
	case t.Document:
		dropConditions(out.Header)
	}
}

func (p *Proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadGateway
	switch {
	case errors.Is(err, context.Canceled):
		// The visitor hung up. Nobody reads an answer, but one that looks
		// complete must not be left behind either.
		panic(http.ErrAbortHandler)
	case errors.Is(err, errWithheld):
		// Jellyfin is well; what had to be done first was not.
		p.options.Logger.ErrorContext(r.Context(), "answer withheld", "error", err)
		p.options.Failed(w, r, http.StatusServiceUnavailable)
		return
	case errors.Is(err, errNotReady):
		status = http.StatusServiceUnavailable
	case os.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
	}
	p.options.Readiness.Suspect()
	p.options.Logger.WarnContext(r.Context(), "jellyfin did not answer", "status", status, "error", causeOf(err))
	p.options.Failed(w, r, status)
}

// causeOf takes the URL, which may hold a token, off a transport error.
func causeOf(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// buffers lends copies their memory; without it every request allocates 32 KB.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[32 << 10]byte); ok {
		return buf[:]
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buf []byte) {
	if len(buf) == 32<<10 {
		b.pool.Put((*[32 << 10]byte)(buf))
	}
}
