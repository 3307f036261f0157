package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/proxy"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/throttle"
)

// QuickConnect keeps the book of devices that wait to be allowed;
// [quickconnect.Book] does.
type QuickConnect interface {
	Observe(ctx context.Context, body []byte, visitor netip.Addr) error
	Guess(ctx context.Context, token secret.Text, rawQuery string, visitor netip.Addr) (answered func(status int), err error)
}

// QuickConnectRates tell how long a visitor must wait before it may ask for a
// code, and ask whether one was allowed; [quickconnect.Limits] do. A visitor is
// known where a live token was shown lately.
type QuickConnectRates interface {
	Initiate(visitor netip.Addr, known bool) time.Duration
	Connect(visitor netip.Addr) time.Duration
}

// quickConnect passes Quick Connect's operations on, and tells whether req is
// one of them. They cost a stranger nothing, so they are slowed down; who asks is
// written down, for the page on which the user allows it.
func (g *Gateway) quickConnect(w http.ResponseWriter, req *request, t proxy.Treatment) bool {
	if g.QuickConnect == nil {
		return false
	}
	addr := req.visitor.Addr
	switch path := req.path.Lower(); {
	case path == "/quickconnect/initiate":
		if wait := g.QuickConnectRates.Initiate(addr, g.Grants.Holds(addr, "")); wait > 0 {
			g.tooMany(w, req, wait)
			return true
		}
		t = proxy.Treatment{Private: true, Read: func(body []byte) error {
			return g.QuickConnect.Observe(req.Context(), body, addr)
		}}
	case path == "/quickconnect/connect":
		if wait := g.QuickConnectRates.Connect(addr); wait > 0 {
			g.tooMany(w, req, wait)
			return true
		}
		t.Private = true
	case path == "/users/authenticatewithquickconnect":
		t = g.recorded(req, issued.QuickConnect)
	case path == "/quickconnect/authorize" && req.decision.Action == policy.Token:
		return g.allowDevice(w, req, t)
	default:
		return false
	}
	g.forward(w, req, t)
	return true
}

// allowDevice passes on what jellyfin-web's own page sends when somebody types
// the digits of a device there.
func (g *Gateway) allowDevice(w http.ResponseWriter, req *request, t proxy.Treatment) bool {
	answered, err := g.QuickConnect.Guess(req.Context(), req.presented.Token, req.path.RawQuery(), req.visitor.Addr)
	var limit *throttle.LimitError
	switch {
	case errors.As(err, &limit):
		g.tooMany(w, req, limit.RetryAfter)
		return true
	case err != nil:
		g.Logger.ErrorContext(req.Context(), "quick connect could not be counted", "error", err, "request_id", req.visitor.RequestID)
		g.refuse(w, req.Request, unavailable)
		return true
	}
	learn := t.Answered
	t.Answered = func(status int) {
		answered(status)
		if learn != nil {
			learn(status)
		}
	}
	g.forward(w, req, t)
	return true
}

// tooMany refuses for a while.
func (g *Gateway) tooMany(w http.ResponseWriter, req *request, wait time.Duration) {
	g.refuse(w, req.Request, refusal{
		status:     http.StatusTooManyRequests,
		message:    "There were too many requests like this. Please wait a moment.",
		retryAfter: max(wait.Round(time.Second), time.Second),
	})
}
