// Package stage sets a whole scene on one machine: a fake Jellyfin, a fake
// Cloudflare edge, and between them the real program. The lab shows it to
// people, and end-to-end tests play on it.
package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jellyward/jellyward/internal/app"
	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// Options of a [Stage]. The zero value is a Jellyfin 10.11 at the root, a
// store in memory, and a tunnel over QUIC.
type Options struct {
	// Jellyfin makes the fake server what it is.
	Jellyfin []jellyfintest.Option
	// Server, if not nil, is used instead of a new one. It must listen.
	Server *jellyfintest.Server
	// BasePath is the base URL of Jellyfin and the base path of the program.
	BasePath string
	// Edge makes the fake edge what it is.
	Edge edgetest.Options
	// Protocol is the tunnel's: "quic", "http2" or "auto"; empty means quic.
	Protocol string
	// NoTunnel leaves the edge and the tunnel out.
	NoTunnel bool
	// Redis is the store's URL; empty means "memory:", "private" a private
	// redis-server.
	Redis string
	// Dir holds the key and the data. It must exist.
	Dir string
	// Change, if not nil, has the last word on the settings.
	Change func(*config.Config)
	// Logger hears the program; nil discards.
	Logger *slog.Logger
}

// Stage is a scene that is being played.
type Stage struct {
	// Jellyfin is the fake server.
	Jellyfin *jellyfintest.Server
	// Edge is the fake edge; nil with NoTunnel.
	Edge *edgetest.Edge
	// Local is the URL of the program's local listener.
	Local string
	// Ops is the URL of the program's ops listener.
	Ops string
	// Config is what the program runs with.
	Config config.Config

	ownServer bool
	program   *program
	logger    *slog.Logger
}

// Start sets the scene, and returns when visitors can come through the tunnel.
// On an error nothing stays open.
func Start(ctx context.Context, o Options) (s *Stage, err error) {
	s = &Stage{Jellyfin: o.Server, logger: o.Logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Jellyfin == nil {
		if err := s.startJellyfin(o); err != nil {
			return nil, err
		}
	}
	if !o.NoTunnel {
		if s.Edge, err = edgetest.New(o.Edge); err != nil {
			return nil, fmt.Errorf("start fake edge: %w", err)
		}
	}
	if s.Config, err = s.settings(o); err != nil {
		return nil, err
	}
	return s, s.startProgram(ctx)
}

func (s *Stage) startJellyfin(o Options) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for fake jellyfin: %w", err)
	}
	options := []jellyfintest.Option{
		jellyfintest.BaseURL(o.BasePath),
		jellyfintest.KnownProxies(netip.MustParsePrefix("127.0.0.1/32")),
	}
	s.Jellyfin = jellyfintest.New(append(options, o.Jellyfin...)...)
	s.Jellyfin.Listen(listener)
	s.ownServer = true
	return nil
}

func (s *Stage) settings(o Options) (config.Config, error) {
	cfg := config.Default()
	upstream, err := url.Parse(s.Jellyfin.URL)
	if err != nil {
		return cfg, fmt.Errorf("address of fake jellyfin: %w", err)
	}
	upstream.Path = ""
	cfg.Jellyfin.URL = upstream
	cfg.BasePath = o.BasePath
	cfg.DataDir = filepath.Join(o.Dir, "data")
	cfg.KeyFile = filepath.Join(cfg.DataDir, "key")
	cfg.Listen, cfg.Ops.Listen = "127.0.0.1:0", "127.0.0.1:0"
	// Whoever comes to the local listener plays somebody at home.
	cfg.Policy.Home = append(cfg.Policy.Home, "127.0.0.0/8")
	switch o.Redis {
	case "":
		cfg.Redis.URL = "memory:"
	case "private":
		cfg.Redis.URL = ""
	default:
		cfg.Redis.URL = secret.Text(o.Redis)
	}
	if s.Edge != nil {
		if err := s.tunnelSettings(&cfg, o); err != nil {
			return cfg, err
		}
	}
	if o.Change != nil {
		o.Change(&cfg)
	}
	return cfg, nil
}

func (s *Stage) tunnelSettings(cfg *config.Config, o Options) error {
	edge := s.Edge.Config()
	cfg.Tunnel.Token = secret.Text(edge.Token.Reveal())
	cfg.Tunnel.Edge = edge.EdgeAddrs
	cfg.Tunnel.Connections = edge.Connections
	cfg.Tunnel.Protocol = o.Protocol
	if o.Protocol == "" {
		cfg.Tunnel.Protocol = "quic"
	}
	cfg.Tunnel.CAFile = filepath.Join(o.Dir, "edge.pem")
	if err := os.WriteFile(cfg.Tunnel.CAFile, s.Edge.CACert(), 0o600); err != nil {
		return fmt.Errorf("write the edge's authority: %w", err)
	}
	return nil
}

// program is one run of the real program.
type program struct {
	stop context.CancelFunc
	done chan struct{}
	err  error
}

func (s *Stage) startProgram(ctx context.Context) error {
	a, err := app.New(ctx, s.Config, s.logger)
	if err != nil {
		return fmt.Errorf("make the program: %w", err)
	}
	s.Local, s.Ops = "http://"+a.Addr(), "http://"+a.OpsAddr()
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &program{stop: stop, done: make(chan struct{})}
	s.program = p
	go func() {
		defer close(p.done)
		p.err = a.Serve(run)
	}()
	if a.Published() == nil {
		return nil
	}
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	select {
	case <-a.Published():
		return nil
	case <-p.done:
		return fmt.Errorf("the program ended early: %w", p.err)
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return errors.New("the tunnel did not come up within a minute")
	}
}

// Restart stops the program and starts it again with the same settings. The
// addresses of its local listeners change.
func (s *Stage) Restart(ctx context.Context) error {
	if err := s.stopProgram(); err != nil {
		return fmt.Errorf("stop the program: %w", err)
	}
	return s.startProgram(ctx)
}

func (s *Stage) stopProgram() error {
	if s.program == nil {
		return nil
	}
	s.program.stop()
	<-s.program.done
	err := s.program.err
	s.program = nil
	return err
}

// Close ends the scene, front to back.
func (s *Stage) Close() error {
	err := s.stopProgram()
	if s.Edge != nil {
		s.Edge.Close()
	}
	if s.Jellyfin != nil && s.ownServer {
		s.Jellyfin.Close()
	}
	return err
}
