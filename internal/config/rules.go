package config

import "github.com/jellyward/jellyward/internal/policy"

// Options are the settings by which the policy is compiled.
func (p Policy) Options() policy.Options {
	return policy.Options{DenyUnknown: p.Unknown == "deny", Allow: p.Allow, Deny: p.Deny}
}

// Switches are the settings by which the policy's decisions are carried out.
func (p Policy) Switches() (policy.Switches, error) {
	return policy.ParseSwitches(p.Media, p.Images, p.Admin)
}
