package app

import (
	"fmt"
	"net/netip"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/gateway"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/policy"
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
	r.policy, err = policy.Compile(cfg.Policy.Options())
	if err != nil {
		return rules{}, err
	}
	if r.switches, err = cfg.Policy.Switches(); err != nil {
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
