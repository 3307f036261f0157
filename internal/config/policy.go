package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jellyward/jellyward/internal/policy"
)

// Bounds of settings, with the reasons that stand in their hints.
const (
	minMediaFor     = time.Minute
	maxMediaFor     = 30 * 24 * time.Hour
	minNativeMaxAge = time.Hour
	maxHint         = 200 // characters, so that a television shows it
)

// Options are the settings by which the policy is compiled.
func (p Policy) Options() policy.Options {
	return policy.Options{DenyUnknown: p.Unknown == "deny", Allow: p.Allow, Deny: p.Deny}
}

// Switches are the settings by which the policy's decisions are carried out.
func (p Policy) Switches() (policy.Switches, error) {
	s, err := policy.ParseSwitches(p.Media, p.Images, p.Admin)
	if err != nil {
		return policy.Switches{}, err
	}
	s.ShowUsers, s.ShowAddress = p.PublicUsers == "show", p.LocalAddress == "show"
	return s, nil
}

func (v *validator) policy(c *Config) {
	v.lists(c)
	if d := c.Policy.MediaFor; d < minMediaFor || d > maxMediaFor {
		v.add("policy.media_for", fmt.Sprintf("is %s", d), "write from 1m to 720h (30 days); 12h outlasts any film")
	}
	for _, text := range c.Policy.Home {
		if cause, hint := networkCause(text); cause != "" {
			v.add("policy.home", cause, hint)
		}
	}
}

// lists reports each wrong line of the lists by itself.
func (v *validator) lists(c *Config) {
	compiled, err := policy.Compile(c.Policy.Options())
	for _, e := range lineErrors(err) {
		v.add(e.List, "has the line "+quote(e.Line)+", which "+e.Cause, e.Hint)
	}
	if err != nil || c.BasePath == "" {
		return
	}
	base := strings.ToLower(c.BasePath) + "/"
	for _, line := range compiled.Lines() {
		if strings.HasPrefix(strings.ToLower(line.Pattern)+"/", base) {
			v.add(line.List, "has the pattern "+quote(line.Pattern)+", which begins with base_path",
				"write it without "+c.BasePath+": that is taken off a path before it is decided on")
		}
	}
}

func lineErrors(err error) policy.LineErrors {
	errs := policy.LineErrors(nil)
	errors.As(err, &errs)
	return errs
}

// networkCause tells what is wrong with a network in CIDR notation, and the way
// out.
func networkCause(text string) (cause, hint string) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		hint = `write an address and the length of its network, for example 192.168.0.0/16 or fd00::/8`
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
			hint = fmt.Sprintf("write %s/%d for this address alone", addr, addr.BitLen())
		}
		return fmt.Sprintf("has %s, which is no network", quote(text)), hint
	}
	switch {
	case network.Addr().Is4In6():
		return fmt.Sprintf("has %s, an IPv4 network in the clothes of IPv6", quote(text)), "write it as an IPv4 network, for example 192.168.0.0/16"
	case network.Bits() == 0:
		return fmt.Sprintf("has %s, which is the whole internet", quote(text)), "name the networks at home, for example 192.168.0.0/16"
	case network.Masked() != network:
		return fmt.Sprintf("has %s, of which the address is longer than the network", quote(text)), fmt.Sprintf("write %s, or a longer network", network.Masked())
	}
	return "", ""
}

func (v *validator) native(c *Config) {
	if d := c.Native.MaxAge; d != 0 && d < minNativeMaxAge {
		v.add("native.max_age", fmt.Sprintf("is %s", d), "write 1h or more, for example 2160h (90 days), or 0 for as long as Jellyfin says")
	}
	hint := c.Native.Hint
	switch {
	case strings.ContainsFunc(hint, unicode.IsControl) || !utf8.ValidString(hint):
		v.add("native.hint", "has a line break or a control character", "write one line of plain text")
	case strings.ContainsAny(hint, "<>"):
		v.add("native.hint", "has < or >, which some apps take for HTML", "write one line of plain text")
	case utf8.RuneCountInString(hint) > maxHint:
		v.add("native.hint", fmt.Sprintf("has %d characters", utf8.RuneCountInString(hint)), fmt.Sprintf("write at most %d, so that a television shows all of it", maxHint))
	}
}
