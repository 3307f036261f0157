package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
)

// errNotReady means that what answers at Jellyfin's address must not be
// published: it is starting, or nobody has set it up.
var errNotReady = errors.New("jellyfin is not ready to be published")

// newTransport returns a transport whose every new connection is preceded by a
// look at the server behind it. A restarted Jellyfin has lost all its old
// connections, so none that lost its configuration is ever reached unseen.
func newTransport(o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if state := o.Readiness.Fresh(ctx); state != jellyfin.Ready {
				_ = conn.Close()
				return nil, fmt.Errorf("%w: it is %s", errNotReady, state)
			}
			return conn, nil
		},
		ResponseHeaderTimeout: o.AnswerWithin,
		TLSHandshakeTimeout:   10 * time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   256,
		// What the visitor accepts is what Jellyfin is asked for.
		DisableCompression: true,
		WriteBufferSize:    32 << 10,
		ReadBufferSize:     32 << 10,
	}
}

// holder repeats a held request until Jellyfin serves again. jellyfin-web and
// Kodi throw their token away when the first question of a start gets no
// proper answer, so a restart of Jellyfin would sign everybody out.
type holder struct {
	next      http.RoundTripper
	readiness Readiness
	holdFor   time.Duration
}

// pause is the time between two tries for a held request.
const pause = 500 * time.Millisecond

func (h *holder) RoundTrip(r *http.Request) (*http.Response, error) {
	if !treatment(r.Context()).Hold {
		return h.next.RoundTrip(r)
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.holdFor)
	defer cancel()
	for {
		resp, err := h.next.RoundTrip(r)
		if err == nil && !passing(resp.StatusCode) {
			return resp, nil
		}
		h.readiness.Suspect()
		if !h.wait(ctx) {
			return resp, err
		}
		if resp != nil {
			discard(resp.Body)
		}
	}
}

// passing tells whether a status is one that a starting or stopping server
// gives, or a proxy in front of one.
func passing(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusBadGateway || status == http.StatusGatewayTimeout
}

// wait returns true when the server is ready, and false when the time for
// holding is over or the visitor has gone.
func (h *holder) wait(ctx context.Context) bool {
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
		switch h.readiness.Readiness(ctx) {
		case jellyfin.Ready:
			return ctx.Err() == nil
		case jellyfin.Unfinished:
			return false
		}
	}
}
