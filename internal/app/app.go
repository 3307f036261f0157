// Package app puts the program together: it opens the store, builds the gateway
// and everything behind it, publishes it through the tunnel and the local
// listener, and takes all of that down again in reverse. Tests and the lab run
// the whole program through it.
package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/gateway"
	"github.com/jellyward/jellyward/internal/grant"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/ops"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/portal"
	"github.com/jellyward/jellyward/internal/proxy"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/ui"
)

// signInTimeout bounds one question to Jellyfin during a sign-in. It is much
// longer than a visitor is kept waiting, because a token that comes late must
// still be logged out by someone who listens.
const signInTimeout = 2 * time.Minute

// ErrToken means that the tunnel's token is not one.
var ErrToken = errors.New("tunnel.token is not a tunnel token")

// App is the whole program, ready to serve. Make one with [New], then call
// [App.Serve] once.
type App struct {
	logger   *slog.Logger
	store    *store.Store
	sessions *session.Manager
	grants   *grant.Book
	signin   *signin.Service
	apps     apps
	watcher  *jellyfin.Watcher
	trust    *trust
	proxy    *proxy.Proxy
	gateway  *gateway.Gateway
	metrics  *ops.Metrics

	tunnel       *tunnel.Tunnel // nil without a token
	listener     net.Listener   // nil without an address
	opsListener  net.Listener   // nil without an address
	shutdownTime time.Duration
}

// Run is [New] and [App.Serve] in one.
func Run(ctx context.Context, cfg config.Config, logger *slog.Logger) error {
	a, err := New(ctx, cfg, logger)
	if err != nil {
		return err
	}
	return a.Serve(ctx)
}

// New builds the program as cfg says: it opens the key, the store and the
// listeners, but serves nothing yet. On an error nothing stays open.
func New(ctx context.Context, cfg config.Config, logger *slog.Logger) (_ *App, err error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	a := &App{logger: logger, shutdownTime: tunnel.DefaultGracePeriod, metrics: ops.NewMetrics(labels())}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	box, err := seal.LoadKey(cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	a.store, err = store.Open(ctx, store.Options{URL: string(cfg.Redis.URL), Box: box, DataDir: cfg.DataDir, Logger: logger})
	if err != nil {
		return nil, err
	}
	if err := a.build(cfg); err != nil {
		return nil, err
	}
	if err := a.listen(cfg); err != nil {
		return nil, err
	}
	if err := a.connect(cfg); err != nil {
		return nil, err
	}
	return a, nil
}

// build makes everything between the front door and Jellyfin.
func (a *App) build(cfg config.Config) error {
	base, err := policy.ParseBase(cfg.BasePath)
	if err != nil {
		return fmt.Errorf("base_path: %w", err)
	}
	var public *url.URL
	if cfg.PublicURL != "" {
		if public, err = url.Parse(cfg.PublicURL); err != nil {
			return fmt.Errorf("public_url: %w", err)
		}
	}
	rules, err := readRules(cfg)
	if err != nil {
		return err
	}
	// A transport of its own: a proxy from the environment must not come
	// between us and Jellyfin.
	client := jellyfin.New(cfg.Jellyfin.URL.JoinPath(base.String()), &http.Transport{MaxIdleConnsPerHost: 16}, signInTimeout)
	// Each question over a connection of its own: an old one may lead to a
	// server that is on its way out while another has taken its place.
	watched := jellyfin.New(cfg.Jellyfin.URL.JoinPath(base.String()), &http.Transport{DisableKeepAlives: true}, signInTimeout)
	a.watcher = jellyfin.NewWatcher(watched, time.Now, a.logger)
	a.trust = newTrust(watched, a.logger)
	a.watcher.OnReady(a.trust.isReady)
	a.sessions = session.New(a.store, cfg.Session.MaxAge, time.Now)
	a.grants = grant.New(a.store, grant.Options{For: cfg.Policy.MediaFor, Logger: a.logger})
	liveness := jellyfin.NewLiveness(client, time.Now)
	a.grants.OnEnd(liveness.ForgetHash)
	limiter := &throttle.Limiter{Store: a.store, Now: time.Now}
	a.signin = signin.New(signin.Options{
		Jellyfin: client,
		Factors:  a.store,
		Limiter:  limiter,
		Issuer:   cfg.TOTP.Issuer,
		Observe:  a.metrics.SignIn,
		Logger:   a.logger,
	})
	a.gateway = &gateway.Gateway{
		Base:      base,
		Policy:    rules.policy,
		Switches:  rules.switches,
		Dialect:   a.dialect(cfg),
		Sessions:  a.sessions,
		Tokens:    liveness,
		Grants:    a.grants,
		Readiness: a.watcher,
		Pages:     ui.New(),
		PublicURL: public,
		Home:      rules.home,
		Branding:  cfg.SignIn.Branding,
		Hint:      cfg.Native.Hint,
		WebCSP:    rules.csp,
		Via:       tunnel.Via,
		Observer:  observer{a.metrics},
		Logger:    a.logger,
	}
	if err := a.buildApps(cfg, client, limiter); err != nil {
		return err
	}
	a.gateway.Issued, a.gateway.OnlyIssued, a.gateway.APIKeys = a.apps.issued, cfg.Policy.Tokens == "here", a.apps.keys
	a.gateway.QuickConnect, a.gateway.QuickConnectRates = a.apps.connect, a.apps.limits
	if cfg.Native.PasswordLogin == "code" {
		a.gateway.Native = a.apps.native
	}
	a.proxy = proxy.New(proxy.Options{
		Upstream:  cfg.Jellyfin.URL,
		SignIn:    base.String() + "/sso/2fa",
		Readiness: a.watcher,
		Failed:    a.gateway.Failed,
		Cookies:   []string{session.SecureCookieName, session.PlainCookieName},
		Logger:    a.logger,
	})
	a.gateway.Jellyfin = a.proxy
	a.gateway.Portal = portal.New(portal.Options{
		SignIn:        leaving{a.signin, ending{a.sessions, a.grants, a.logger}, a.apps.issued},
		Sessions:      a.sessions,
		Jellyfin:      client,
		Devices:       a.apps.issued,
		AppPasswords:  a.apps.passwords,
		Keeper:        a.apps.keeper,
		QuickConnect:  a.apps.connect,
		BasePath:      base.String(),
		PublicURL:     cfg.PublicURL,
		SessionMaxAge: cfg.Session.MaxAge,
		Logger:        a.logger,
	})
	return nil
}

// listen opens the local listeners.
func (a *App) listen(cfg config.Config) (err error) {
	if cfg.Listen != "" {
		if a.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
			return fmt.Errorf("open listen address %s: %w", cfg.Listen, err)
		}
	}
	if cfg.Ops.Listen != "" {
		if a.opsListener, err = net.Listen("tcp", cfg.Ops.Listen); err != nil {
			return fmt.Errorf("open ops.listen address %s: %w", cfg.Ops.Listen, err)
		}
	}
	return nil
}

// connect prepares the tunnel, if there is a token for one.
func (a *App) connect(cfg config.Config) error {
	if cfg.Tunnel.Token == "" {
		return nil
	}
	token, err := tunnel.ParseToken(string(cfg.Tunnel.Token))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrToken, err)
	}
	var protocol tunnel.Protocol
	if err := protocol.UnmarshalText([]byte(cfg.Tunnel.Protocol)); err != nil {
		return fmt.Errorf("tunnel.protocol: %w", err)
	}
	roots, err := readRoots(cfg.Tunnel.CAFile)
	if err != nil {
		return err
	}
	a.tunnel, err = tunnel.New(tunnel.Config{
		Token:       token,
		Protocol:    protocol,
		Connections: cfg.Tunnel.Connections,
		GracePeriod: a.shutdownTime,
		Logger:      a.logger,
		EdgeAddrs:   cfg.Tunnel.Edge,
		RootCAs:     roots,
	}, a.gateway)
	return err
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read tunnel.ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tunnel.ca_file %s holds no PEM certificate", file)
	}
	return pool, nil
}

// Addr is the address of the local listener, or "" if there is none.
func (a *App) Addr() string { return address(a.listener) }

// OpsAddr is the address of the ops listener, or "" if there is none.
func (a *App) OpsAddr() string { return address(a.opsListener) }

func address(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Published is closed once visitors can come through the tunnel; without a
// tunnel it is nil.
func (a *App) Published() <-chan struct{} {
	if a.tunnel == nil {
		return nil
	}
	return a.tunnel.Ready()
}
