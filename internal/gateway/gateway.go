// Package gateway is the front door: every request, from the tunnel or from
// the local listener, is read, decided on and sent to one of four places: our
// own pages, Jellyfin, jellyfin-web's documents, or a refusal.
//
// The decision is made on [policy.Path], the one form of a target that is also
// forwarded, and never on a header that says who somebody is.
package gateway

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/proxy"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/visitor"
	"github.com/jellyward/jellyward/ui"
)

// Sessions finds and ends the sessions that our sign-in page began.
type Sessions interface {
	Lookup(ctx context.Context, cookie string) (session.Session, error)
	EndToken(ctx context.Context, token secret.Text) error
}

// Tokens tells which Jellyfin tokens live, and learns of it from Jellyfin's
// answers; [jellyfin.Liveness] does.
type Tokens interface {
	Alive(ctx context.Context, token secret.Text, visitor netip.Addr) (bool, error)
	Confirm(token secret.Text)
	Forget(token secret.Text)
}

// Grants remembers from which networks Jellyfin has accepted a token;
// [grant.Book] does.
type Grants interface {
	Prove(addr netip.Addr, token secret.Text, item string)
	Holds(addr netip.Addr, item string) bool
	Knows(token secret.Text) bool
	End(ctx context.Context, token secret.Text) error
}

// Forwarder sends a request that may pass to Jellyfin.
type Forwarder interface {
	Forward(http.ResponseWriter, *http.Request, proxy.Treatment)
}

// Readiness tells whether Jellyfin may be published.
type Readiness interface {
	Readiness(context.Context) jellyfin.Readiness
}

// Pages writes the page of a refusal; [ui.UI] does.
type Pages interface {
	Notice(io.Writer, ui.Notice) error
}

// Observer is told of every request when it comes and when it was answered.
type Observer interface {
	Begin()
	End(Outcome)
}

// Outcome is what became of one request.
type Outcome struct {
	Action policy.Action
	// Status is what was answered, or 0 if the connection broke before that.
	Status int
	// Received and Sent are the bytes of the bodies.
	Received, Sent int64
	Took           time.Duration
}

// Gateway decides on requests. All fields but Issued, APIKeys, QuickConnect and
// its rates, PublicURL, Home, Native, Via, Observer, Now and Logger are required;
// the zero values of the switches are the strict ones.
type Gateway struct {
	Base   policy.Base
	Policy *policy.Policy
	// Switches say what the policy's actions need.
	Switches policy.Switches
	// Dialect is that of Jellyfin as it is now.
	Dialect   func() jellyfin.Dialect
	Sessions  Sessions
	Tokens    Tokens
	Grants    Grants
	Portal    http.Handler
	Jellyfin  Forwarder
	Readiness Readiness
	Pages     Pages
	// Native signs apps in on Jellyfin's own password endpoint. It gets what the
	// Portal gets. Without it nobody signs in there.
	Native http.Handler
	// Issued remembers the tokens that are given out; nil if nothing does.
	Issued Issued
	// OnlyIssued lets only such tokens, and APIKeys, in from outside.
	OnlyIssued bool
	APIKeys    APIKeys
	// QuickConnect and QuickConnectRates watch over devices that ask to be let
	// in; nil leaves that to Jellyfin alone.
	QuickConnect      QuickConnect
	QuickConnectRates QuickConnectRates
	// PublicURL is the origin that visitors use, or nil to take it from the
	// request.
	PublicURL *url.URL
	// Home are the networks from which a visitor of the local listener counts
	// as at home.
	Home []netip.Prefix
	// Branding makes jellyfin-web's own login page lead to ours.
	Branding bool
	// Hint is what apps show above their login form while there is a Native.
	Hint string
	// WebCSP is the content security policy of jellyfin-web.
	WebCSP WebCSP
	// Via tells whether a request came through our own tunnel.
	Via      func(*http.Request) bool
	Observer Observer
	// Now is the clock; nil means [time.Now].
	Now    func() time.Time
	Logger *slog.Logger
}

// request is one request while it is being decided on.
type request struct {
	*http.Request
	visitor  visitor.Visitor
	path     policy.Path
	decision policy.Decision
	// presented is what the request says of itself in Jellyfin's terms.
	presented jellyfin.Presented
	// socket tells that the request asks for a WebSocket.
	socket bool
	// remark tells the log why the request's token did not count.
	remark string
	// doubt is why nobody knows whether the request's token counts.
	doubt error
	// session is that of the request's cookie, if it was looked up and found.
	session session.Session
}

// ServeHTTP answers one request and writes a line about it to the log.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := newRecorder(w)
	entry := &entry{id: newRequestID(), started: time.Now()}
	rec.Header().Set("X-Request-Id", entry.id)
	if r.Body != nil && r.Body != http.NoBody {
		entry.body = &counted{ReadCloser: r.Body}
		r.Body = entry.body
	}
	if g.Observer != nil {
		g.Observer.Begin()
	}
	defer func() { g.log(r, rec, entry) }()
	g.answer(rec, r, entry)
	entry.whole = true
}

// answer reads, decides on and answers r, and notes in entry what it found.
func (g *Gateway) answer(rec *recorder, r *http.Request, entry *entry) {
	v, err := g.identify(r, entry.id)
	if err != nil {
		entry.reason = err.Error()
		g.refuse(rec, r, refusal{status: http.StatusBadRequest, message: "This request does not say where it comes from."})
		return
	}
	entry.visitor = v
	r = r.WithContext(visitor.With(r.Context(), v))

	path, err := policy.ParsePath(r.RequestURI, g.Base)
	if err != nil {
		entry.reason = err.Error()
		if g.Policy.Decide(r.Method, path, "").Method == "" {
			g.methodUnknown(rec, r) // the target of a CONNECT is no path
			return
		}
		g.refuse(rec, r, refusal{status: http.StatusBadRequest, message: "This address can be read in more than one way."})
		return
	}
	cleanConnection(r)
	req := &request{Request: r, visitor: v, path: path, socket: wantsSocket(r)}
	req.presented = jellyfin.ReadPresented(r.Header, path.RawQuery(), g.Dialect())
	client := req.presented.Device.Client
	if req.socket {
		req.decision = g.Policy.Upgrade(path, client)
	} else {
		req.decision = g.Policy.Decide(r.Method, path, client)
	}
	entry.request = req
	g.countToken(req)
	g.route(rec, req)
}

// route sends req where its decision says.
func (g *Gateway) route(w *recorder, req *request) {
	if g.toHTTPS(w, req) {
		return
	}
	needs := req.decision.Needs(g.Switches)
	switch needs.Fixed {
	case policy.MethodUnknown:
		g.methodUnknown(w, req.Request)
		return
	case policy.OwnPages:
		g.inside(w, req, g.Portal)
		return
	case policy.NotBelowBase:
		g.outside(w, req)
		return
	}
	if !g.published(w, req) {
		return
	}
	if isPreflight(req) {
		g.forward(w, req, proxy.Treatment{})
		return
	}
	asker, err := g.asker(req, needs)
	outcome := needs.For(asker)
	// Apps get documents whether or not they carry a cookie.
	passes := outcome == policy.Passes || outcome == policy.Guided && !isPerson(req)
	if err != nil && !passes {
		g.Logger.ErrorContext(req.Context(), "visitor could not be checked", "error", err, "request_id", req.visitor.RequestID)
		g.refuse(w, req.Request, unavailable)
		return
	}
	g.carryOut(w, req, outcome)
}

func (g *Gateway) methodUnknown(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	g.refuse(w, r, refusal{status: http.StatusMethodNotAllowed, message: "This method is not used here."})
}

// carryOut does what the policy says of a request to Jellyfin.
func (g *Gateway) carryOut(w *recorder, req *request, outcome policy.Outcome) {
	switch outcome {
	case policy.Passes:
		g.pass(w, req)
	case policy.NoUsers:
		nobody(w, req)
	case policy.NoAddress:
		g.forward(w, req, proxy.Treatment{Private: true, HideAddress: true})
	case policy.Guided:
		if isPerson(req) {
			g.toSignIn(w, req)
			return
		}
		g.pass(w, req)
	case policy.SignInElsewhere:
		if g.Native != nil {
			g.inside(w, req, g.Native)
			return
		}
		g.refuse(w, req.Request, g.passwordAlone(req))
	case policy.Unauthorized:
		g.refuse(w, req.Request, g.unauthorized(req))
	case policy.NotRecent:
		g.refuse(w, req.Request, g.notRecent(req))
	case policy.NotHome:
		g.refuse(w, req.Request, notHome)
	default:
		g.refuse(w, req.Request, g.closed(req))
	}
}

// portalBodyWithin bounds the time in which the body of a request to our own
// pages must arrive.
const portalBodyWithin = 30 * time.Second

// inside hands a request to pages of our own, which see one spelling of each
// path and no base path.
func (g *Gateway) inside(w http.ResponseWriter, req *request, pages http.Handler) {
	// What people post there is short. Through the tunnel there is no deadline
	// to set, and the edge does not send a body byte by byte.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(portalBodyWithin))
	r := req.WithContext(req.Context())
	r.Method = req.decision.Method
	r.URL = &url.URL{Path: req.path.Lower(), RawQuery: req.path.RawQuery()}
	pages.ServeHTTP(w, r)
}

// outside answers what does not lie below the base path as Jellyfin does, with
// the way to its web client.
func (g *Gateway) outside(w http.ResponseWriter, req *request) {
	if m := req.decision.Method; m != http.MethodGet && m != http.MethodHead {
		g.refuse(w, req.Request, refusal{status: http.StatusNotFound, message: "There is nothing here."})
		return
	}
	ownHeaders(w.Header(), req.Request)
	w.Header().Set("Location", g.Base.String()+"/web/")
	w.WriteHeader(http.StatusFound)
}

// published tells whether Jellyfin may be shown at all, and answers if not.
// A server that is away or starting is left to the proxy where a request can
// be held.
func (g *Gateway) published(w http.ResponseWriter, req *request) bool {
	switch g.Readiness.Readiness(req.Context()) {
	case jellyfin.Ready:
		return true
	case jellyfin.Unfinished:
		g.refuse(w, req.Request, unfinished)
		return false
	case jellyfin.Starting:
		if holdable(req) {
			return true
		}
		g.Failed(w, req.Request, http.StatusServiceUnavailable)
		return false
	}
	if holdable(req) {
		return true
	}
	g.Failed(w, req.Request, http.StatusBadGateway)
	return false
}

// forward sends the canonical form of req to Jellyfin, with no token on it but
// the one that was judged.
func (g *Gateway) forward(w http.ResponseWriter, req *request, t proxy.Treatment) {
	r := req.WithContext(req.Context())
	r.Method = req.decision.Method
	escaped := req.path.String()
	decoded, err := url.PathUnescape(escaped)
	if err != nil {
		// A canonical path is always well escaped.
		g.refuse(w, req.Request, refusal{status: http.StatusBadRequest, message: "This address cannot be read."})
		return
	}
	r.URL = &url.URL{Path: decoded, RawPath: escaped, RawQuery: req.presented.Apply(r.Header)}
	g.Jellyfin.Forward(w, r, t)
}

func (g *Gateway) now() time.Time {
	if g.Now == nil {
		return time.Now()
	}
	return g.Now()
}
