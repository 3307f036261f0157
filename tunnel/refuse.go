package tunnel

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"syscall"

	"github.com/cloudflare/cloudflared/config"
	"github.com/cloudflare/cloudflared/ingress"
	"github.com/cloudflare/cloudflared/ingress/origins"
	"github.com/cloudflare/cloudflared/orchestration"
	"github.com/cloudflare/cloudflared/supervisor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// errPrivateNetwork is the answer to raw TCP and UDP.
var errPrivateNetwork = errors.New("this connector serves one HTTP handler and no private network")

// orchestrate makes the orchestrator that routes every request to the handler,
// whatever is pushed from Cloudflare's side later.
//
// An internal rule without host and path matches first. But a pushed
// configuration does more than route: cloudflared starts the services that it
// names (one of them listens on the loopback), and gives the dialer for private
// networks a working one in exchange for ours. So the highest version that there
// is goes in first, by our own hand: every pushed one is older, and is answered
// as cloudflared answers those, with the version that it has. Only then comes
// the dialer that refuses.
func (t *Tunnel) orchestrate(ctx context.Context, cfg *supervisor.TunnelConfig) (*orchestration.Orchestrator, error) {
	quiet := zerolog.Nop()
	warp := ingress.NewWarpRoutingConfig(&config.WarpRoutingConfig{})
	dialer := refusingDialer(&quiet)
	o, err := orchestration.NewOrchestrator(ctx, &orchestration.Config{
		Ingress:             &ingress.Ingress{},
		WarpRouting:         warp,
		OriginDialerService: dialer,
		ConfigurationFlags:  map[string]string{},
	}, nil, []ingress.Rule{{Service: t.runner}}, t.log)
	if err != nil {
		return nil, fmt.Errorf("set up the route to the handler: %w", err)
	}
	last := o.UpdateConfig(math.MaxInt32, []byte(`{}`))
	if last.Err != nil || last.LastAppliedVersion != math.MaxInt32 {
		return nil, fmt.Errorf("pin the configuration: version %d, %w", last.LastAppliedVersion, last.Err)
	}
	dialer.UpdateDefaultDialer(refuseAll())
	return o, nil
}

// refusingDialer is the way to private networks, closed.
func refusingDialer(log *zerolog.Logger) *ingress.OriginDialerService {
	return ingress.NewOriginDialer(ingress.OriginConfig{DefaultDialer: refuseAll()}, log)
}

// refuseAll dials nothing: no socket gets as far as connecting.
func refuseAll() *ingress.Dialer {
	return &ingress.Dialer{Dialer: net.Dialer{
		ControlContext: func(context.Context, string, string, syscall.RawConn) error {
			return errPrivateNetwork
		},
	}}
}

// refusingDNS is the resolver for private networks, which cannot be left out; it
// resolves nothing, and being static it never asks anyone either.
func refusingDNS(log *zerolog.Logger) *origins.DNSResolverService {
	return origins.NewStaticDNSResolverService([]netip.AddrPort{}, refuseAll(), log,
		origins.NewMetrics(prometheus.NewRegistry()))
}
