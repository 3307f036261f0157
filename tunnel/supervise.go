package tunnel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/cloudflare/cloudflared/client"
	"github.com/cloudflare/cloudflared/connection"
	"github.com/cloudflare/cloudflared/edgediscovery"
	"github.com/cloudflare/cloudflared/edgediscovery/allregions"
	"github.com/cloudflare/cloudflared/features"
	cfdquic "github.com/cloudflare/cloudflared/quic"
	"github.com/cloudflare/cloudflared/signal"
	"github.com/cloudflare/cloudflared/supervisor"
	"github.com/cloudflare/cloudflared/tlsconfig"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go/logging"
	"github.com/rs/zerolog"
)

const (
	// cloudflaredVersion is what the edge is told; it is the version in go.mod.
	cloudflaredVersion = "2026.3.0"
	// retries bounds how far the pauses between attempts grow (2^5 s).
	retries = 5
	// edgeRetries is after how many failures to reach the edge over QUIC, each
	// of which takes 5 s, Auto turns to HTTP/2. cloudflared's own 8 leaves a
	// network without UDP offline for minutes.
	edgeRetries = 1
	rpcTimeout  = 5 * time.Second
	// QUIC flow control windows in bytes, as cloudflared's command line has them.
	connectionWindow = 30 << 20
	streamWindow     = 6 << 20
)

// registererMu serialises those who swap prometheus.DefaultRegisterer.
var registererMu sync.Mutex

// supervise runs cloudflared's supervisor until it gives up or ctx ends; values
// from stop make it unregister.
func (t *Tunnel) supervise(ctx context.Context, stop <-chan struct{}) error {
	cfg, err := t.supervisorConfig()
	if err != nil {
		return err
	}
	orchestrator, err := t.orchestrate(ctx, cfg)
	if err != nil {
		return err
	}
	s, err := newSupervisor(func() (*supervisor.Supervisor, error) {
		return supervisor.NewSupervisor(cfg, orchestrator, make(chan supervisor.ReconnectSignal), stop)
	})
	if err != nil {
		return fmt.Errorf("find cloudflare's edge: %w", err)
	}
	return s.Run(ctx, signal.New(make(chan struct{})))
}

// newSupervisor calls make with a registerer of its own in the place of the
// default one, where a second supervisor's metrics would clash with the first's.
// What cloudflared registers at its first QUIC connection is registered before,
// as that would read the variable while another tunnel writes it.
func newSupervisor(make func() (*supervisor.Supervisor, error)) (*supervisor.Supervisor, error) {
	registererMu.Lock()
	defer registererMu.Unlock()
	quiet := zerolog.Nop()
	cfdquic.NewClientTracer(&quiet, 0)(context.Background(), logging.PerspectiveClient, logging.ConnectionID{})

	old := prometheus.DefaultRegisterer
	defer func() { prometheus.DefaultRegisterer = old }()
	prometheus.DefaultRegisterer = prometheus.NewRegistry()
	return make()
}

func (t *Tunnel) supervisorConfig() (*supervisor.TunnelConfig, error) {
	selector, err := t.protocolSelector()
	if err != nil {
		return nil, err
	}
	tlsConfigs, err := edgeTLS(t.cfg.RootCAs)
	if err != nil {
		return nil, err
	}
	clientConfig, err := t.clientConfig()
	if err != nil {
		return nil, err
	}
	return &supervisor.TunnelConfig{
		ClientConfig:                        clientConfig,
		GracePeriod:                         max(t.cfg.GracePeriod, rpcTimeout), // also limits the call that unregisters
		CloseConnOnce:                       &sync.Once{},
		EdgeAddrs:                           spread(t.cfg.EdgeAddrs, t.cfg.Connections),
		Region:                              t.cfg.Region,
		EdgeIPVersion:                       allregions.Auto,
		HAConnections:                       t.cfg.Connections,
		Log:                                 t.log,
		LogTransport:                        t.log,
		Observer:                            t.observer,
		ReportedVersion:                     cloudflaredVersion,
		Retries:                             retries,
		MaxEdgeAddrRetries:                  edgeRetries,
		NamedTunnel:                         &connection.TunnelProperties{Credentials: t.credentials()},
		ProtocolSelector:                    selector,
		EdgeTLSConfigs:                      tlsConfigs,
		OriginDNSService:                    refusingDNS(t.log),
		OriginDialerService:                 refusingDialer(t.log),
		RPCTimeout:                          rpcTimeout,
		QUICConnectionLevelFlowControlLimit: connectionWindow,
		QUICStreamLevelFlowControlLimit:     streamWindow,
	}, nil
}

// clientConfig is what the edge is told of this connector.
func (t *Tunnel) clientConfig() (*client.Config, error) {
	c, err := client.NewConfig(cloudflaredVersion, runtime.GOOS+"_"+runtime.GOARCH, announced{})
	if err != nil {
		return nil, fmt.Errorf("identify the connector: %w", err)
	}
	c.ConnectorID = t.connector
	return c, nil
}

func (t *Tunnel) credentials() connection.Credentials {
	return connection.Credentials{
		AccountTag:   t.cfg.Token.account,
		TunnelSecret: t.cfg.Token.secret,
		TunnelID:     t.cfg.Token.id,
		Endpoint:     t.cfg.Token.endpoint,
	}
}

func (t *Tunnel) protocolSelector() (connection.ProtocolSelector, error) {
	// With a token, cloudflared's auto is QUIC first; the percentages that
	// Cloudflare publishes in DNS decide nothing then and are not asked for.
	percentages := func() (edgediscovery.ProtocolPercents, error) { return nil, nil }
	s, err := connection.NewProtocolSelector(t.cfg.Protocol.String(), t.cfg.Token.account,
		true, false, percentages, connection.ResolveTTL, t.log)
	if err != nil {
		return nil, fmt.Errorf("select protocol: %w", err)
	}
	return s, nil
}

// edgeTLS is how to verify the edge, by protocol.
func edgeTLS(roots *x509.CertPool) (map[connection.Protocol]*tls.Config, error) {
	if roots == nil {
		var err error
		if roots, err = cloudflareRoots(); err != nil {
			return nil, err
		}
	}
	configs := map[connection.Protocol]*tls.Config{}
	for _, p := range connection.ProtocolList {
		settings := p.TLSSettings()
		configs[p] = &tls.Config{
			RootCAs:    roots,
			ServerName: settings.ServerName,
			NextProtos: settings.NextProtos,
			MinVersion: tls.VersionTLS12,
		}
	}
	return configs, nil
}

func cloudflareRoots() (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // Cloudflare's own will do
	}
	certs, err := tlsconfig.GetCloudflareRootCA()
	if err != nil {
		return nil, fmt.Errorf("load cloudflare's root certificates: %w", err)
	}
	for _, c := range certs {
		roots.AddCert(c)
	}
	return roots, nil
}

// spread repeats addresses so that every connection has one and another to turn
// to: cloudflared gives each address to one connection only, and does not pause
// between attempts when there is no other.
func spread(addrs []string, connections int) []string {
	if len(addrs) == 0 {
		return nil
	}
	all := make([]string, 0, connections+len(addrs))
	for len(all) <= connections {
		all = append(all, addrs...)
	}
	return all
}

// announced is the set of features that the connector says it has: cloudflared's
// own without those that this program has no use for (its log for the dashboard).
// They are constant, where cloudflared looks up more in DNS.
type announced struct{}

func (announced) Snapshot() features.FeatureSnapshot {
	return features.FeatureSnapshot{
		PostQuantum:     features.PostQuantumPrefer,
		DatagramVersion: features.DatagramV2,
		FeaturesList: []string{
			features.FeatureAllowRemoteConfig,
			features.FeatureSerializedHeaders,
			features.FeatureDatagramV2,
			features.FeatureQUICSupportEOF,
		},
	}
}
