package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// crowded is Quick Connect in a world that is full of strangers.
type crowded struct{}

func (crowded) Initiate(_ netip.Addr, known bool) time.Duration {
	if known {
		return 0
	}
	return time.Minute
}

func (crowded) Connect(netip.Addr) time.Duration { return 0 }

func (crowded) Observe(context.Context, []byte, netip.Addr) error { return nil }

func (crowded) Guess(context.Context, secret.Text, string, netip.Addr) (func(int), error) {
	return func(int) {}, nil
}

func TestANetworkWithAGrantMayAskForACodeInAnyCrowd(t *testing.T) {
	s := newScene(t, "")
	s.QuickConnect, s.QuickConnectRates = crowded{}, crowded{}
	for _, request := range []string{"POST /QuickConnect/Initiate", "GET /quickconnect/initiate/"} {
		s.granted = nil
		// What the visitor says of itself makes nobody known.
		for _, pairs := range [][]string{nil, {"X-Emby-Token", "invented"}, cookiePair, local} {
			if resp := s.ask(request, pairs...); resp.StatusCode != http.StatusTooManyRequests || s.reached() {
				t.Errorf("%s, %v: %d", request, pairs, resp.StatusCode)
			}
		}
		s.granted = []netip.Addr{netip.MustParseAddr(here)}
		if resp := s.ask(request); resp.StatusCode != http.StatusOK || !s.reached() {
			t.Errorf("%s from a network with a grant: %d", request, resp.StatusCode)
		}
	}
}
