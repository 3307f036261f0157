package tunnel

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/cloudflare/cloudflared/connection"
	"github.com/cloudflare/cloudflared/edgediscovery"
	"github.com/cloudflare/cloudflared/edgediscovery/allregions"
	"github.com/cloudflare/cloudflared/tunnelrpc"
	"github.com/quic-go/quic-go"
)

// unauthorized is how the edge's reasons begin when the token is to blame.
const unauthorized = "Unauthorized"

// askWhy finds out whether a registration that failed over QUIC was refused. Over
// HTTP/2 cloudflared reports the edge's reason; over QUIC it loses it and would
// try for ever. So the edge is asked once more, on a connection that is closed
// whatever it says.
func (t *Tunnel) askWhy(ctx context.Context) (reason string, refused bool) {
	ctx, cancel := context.WithTimeout(ctx, rpcTimeout)
	defer cancel()
	err := t.register(ctx)
	if err == nil || !strings.Contains(err.Error(), unauthorized) {
		return "", false
	}
	return err.Error(), true
}

// register makes a connection over QUIC and registers it.
func (t *Tunnel) register(ctx context.Context) error {
	addr, err := t.edgeAddr()
	if err != nil {
		return err
	}
	tlsConfigs, err := edgeTLS(t.cfg.RootCAs)
	if err != nil {
		return err
	}
	conn, err := quic.DialAddr(ctx, addr.String(), tlsConfigs[connection.QUIC], &quic.Config{
		EnableDatagrams:      true,
		HandshakeIdleTimeout: rpcTimeout,
		MaxIdleTimeout:       rpcTimeout,
	})
	if err != nil {
		return fmt.Errorf("connect to the edge: %w", err)
	}
	defer func() { _ = conn.CloseWithError(0, "") }()
	stream, err := conn.OpenStream()
	if err != nil {
		return fmt.Errorf("open the control stream: %w", err)
	}
	options, err := t.clientConfig()
	if err != nil {
		return err
	}
	client := tunnelrpc.NewRegistrationClient(ctx, stream, rpcTimeout)
	defer client.Close()
	properties := t.credentials()
	_, err = client.RegisterConnection(ctx, properties.Auth(), properties.TunnelID,
		options.ConnectionOptionsSnapshot(nil, 0).ConnectionOptions(), 0, addr.Addr().AsSlice())
	if err != nil {
		return err // the edge's words, as they are
	}
	return client.GracefulShutdown(ctx, time.Second)
}

// edgeAddr is any address of the edge.
func (t *Tunnel) edgeAddr() (netip.AddrPort, error) {
	var edge *edgediscovery.Edge
	var err error
	if len(t.cfg.EdgeAddrs) > 0 {
		edge, err = edgediscovery.StaticEdge(t.log, t.cfg.EdgeAddrs)
	} else {
		edge, err = edgediscovery.ResolveEdge(t.log, t.cfg.Region, allregions.Auto)
	}
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find cloudflare's edge: %w", err)
	}
	addr, err := edge.GetAddrForRPC()
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find cloudflare's edge: %w", err)
	}
	return addr.UDP.AddrPort(), nil
}
