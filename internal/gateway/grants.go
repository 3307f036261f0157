package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/throttle"
)

// Android TV, external players and Chromecast fetch films without a token,
// from the network where the app has just shown one. For how long a network is
// remembered after the last proof, and how many are.
const (
	grantFor  = 12 * time.Hour
	maxGrants = 10_000
)

// grants remembers the networks from which Jellyfin has accepted a token.
type grants struct {
	mu    sync.Mutex
	until map[netip.Prefix]time.Time
}

// add grants addr's network, and forgets the oldest when there are too many.
func (g *grants) add(addr netip.Addr, now time.Time) {
	network := throttle.NetworkOf(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until == nil {
		g.until = make(map[netip.Prefix]time.Time)
	}
	if _, known := g.until[network]; !known && len(g.until) >= maxGrants {
		g.forgetOldest()
	}
	g.until[network] = now.Add(grantFor)
}

func (g *grants) forgetOldest() {
	var oldest netip.Prefix
	var end time.Time
	for network, until := range g.until {
		if end.IsZero() || until.Before(end) {
			oldest, end = network, until
		}
	}
	delete(g.until, oldest)
}

// holds tells whether addr's network has a grant. Using it does not prolong
// it, only another proof does; twelve hours outlast any film.
func (g *grants) holds(addr netip.Addr, now time.Time) bool {
	network := throttle.NetworkOf(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	until, known := g.until[network]
	if !known {
		return false
	}
	if now.After(until) {
		delete(g.until, network)
		return false
	}
	return true
}

// endSessions does not end with the request: who logs out often leaves at once.
func (g *Gateway) endSessions(req *request) {
	ctx := context.WithoutCancel(req.Context())
	for _, token := range req.presented.Tokens {
		g.Tokens.Forget(token)
		if err := g.Sessions.EndToken(ctx, token); err != nil {
			g.Logger.ErrorContext(ctx, "session was not ended after a log-out", "error", err, "request_id", req.visitor.RequestID)
		}
	}
}

// holdable tells whether req is one of the questions with which jellyfin-web
// and Kodi find out at their start whether their token still lives.
func holdable(req *request) bool {
	if req.decision.Action != policy.Token || req.decision.Method != http.MethodGet || req.socket || !req.presented.HasToken() {
		return false
	}
	switch req.path.Lower() {
	case "/system/info", "/users/me":
		return true
	}
	return false
}
