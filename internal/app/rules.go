package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/gateway"
	"github.com/jellyward/jellyward/internal/grant"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/signin"
)

// rules are the settings of the policy, read.
type rules struct {
	policy   *policy.Policy
	switches policy.Switches
	home     []netip.Prefix
	csp      gateway.WebCSP
}

// readRules reads the settings below policy.
func readRules(cfg config.Config) (r rules, err error) {
	r.policy, err = policy.Compile(policy.Options{
		DenyUnknown: cfg.Policy.Unknown == "deny",
		Allow:       cfg.Policy.Allow,
		Deny:        cfg.Policy.Deny,
	})
	if err != nil {
		return rules{}, err
	}
	if r.switches, err = policy.ParseSwitches(cfg.Policy.Media, cfg.Policy.Images, cfg.Policy.Admin); err != nil {
		return rules{}, fmt.Errorf("policy.%w", err)
	}
	if r.csp, err = gateway.ParseWebCSP(cfg.Policy.WebCSP); err != nil {
		return rules{}, fmt.Errorf("policy.web_csp: %w", err)
	}
	for _, text := range cfg.Policy.Home {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return rules{}, fmt.Errorf("policy.home: %w", err)
		}
		r.home = append(r.home, network.Masked())
	}
	return r, nil
}

// dialect tells how Jellyfin reads tokens. Its version may change while we run.
func (a *App) dialect(cfg config.Config) func() jellyfin.Dialect {
	return func() jellyfin.Dialect {
		return jellyfin.DialectFor(a.watcher.Info().Version, cfg.Jellyfin.LegacyAuthorization, cfg.Policy.Legacy)
	}
}

// leaving is the sign-in that the portal knows. Whoever signs out there leaves
// nothing behind here.
type leaving struct {
	*signin.Service
	grants *grant.Book
	logger *slog.Logger
}

// Discard logs token out, at Jellyfin and here.
func (l leaving) Discard(ctx context.Context, token secret.Text) {
	if err := l.grants.End(ctx, token); err != nil {
		l.logger.ErrorContext(ctx, "grants were not ended on other replicas", "error", err)
	}
	l.Service.Discard(ctx, token)
}
