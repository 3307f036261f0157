package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
)

// jellyfinTimeout is how long a check waits for Jellyfin.
const jellyfinTimeout = 10 * time.Second

// besideTimeout is how long it waits for Jellyfin on other addresses of this
// machine, where there is an answer at once or none.
const besideTimeout = 2 * time.Second

// jellyfin asks Jellyfin what it is and, once it serves, how it is set up.
func (c *checker) jellyfin(ctx context.Context) {
	if c.config.Jellyfin.URL == nil || concerns(c.invalid, "jellyfin.url") || concerns(c.invalid, "base_path") {
		return
	}
	base := c.config.Jellyfin.URL.JoinPath(c.config.BasePath)
	client := jellyfin.New(base, &http.Transport{DisableKeepAlives: true}, jellyfinTimeout)
	info, err := client.PublicInfo(ctx)
	switch {
	case err != nil:
		c.jellyfinAway(ctx, client, base, err)
		return
	case info.Starting:
		c.warn("jellyfin", fmt.Sprintf("%s is starting", base), "check again when it has started; until then visitors are told to wait")
		return
	case info.WizardOpen:
		c.fail("jellyfin", fmt.Sprintf("%s has its start-up wizard open, so that whoever reaches it could become its administrator; it is not published", base),
			"finish the wizard at home, at "+base.String())
		return
	case !knownVersion(info.Version):
		c.warn("jellyfin", fmt.Sprintf("%s is %q, version %s, which this jellyward does not know", base, info.ServerName, info.Version),
			"known are 10.10, 10.11 and 12; what other versions have beyond those is refused from outside")
	default:
		c.ok("jellyfin", fmt.Sprintf("%s is %q, version %s", base, info.ServerName, info.Version))
	}
	setup := setup{checker: c, client: client, info: info}
	setup.readSettings(ctx)
	setup.trust(ctx)
	setup.quickConnect(ctx)
	setup.legacy(ctx)
	setup.lockout()
	setup.reach(ctx)
}

// jellyfinAway says why there is no usable answer: perhaps it was asked for below
// the wrong base path.
func (c *checker) jellyfinAway(ctx context.Context, client *jellyfin.Client, base *url.URL, err error) {
	found, lost := client.BasePath(ctx)
	switch ours := strings.TrimSuffix(c.config.BasePath, "/"); {
	case lost != nil || strings.EqualFold(found, ours):
		c.fail("jellyfin", fmt.Sprintf("%s: %s", base, err), "see that Jellyfin runs, and that jellyfin.url and base_path name it")
	case found == "":
		c.fail("jellyfin", fmt.Sprintf("%s: Jellyfin's base URL there is empty, and base_path is %s", base, ours),
			"leave base_path empty, or give Jellyfin this base URL (Dashboard, Networking)")
	default:
		path := (&url.URL{Path: found}).EscapedPath()
		c.fail("jellyfin", fmt.Sprintf("%s: Jellyfin's base URL there is %s, and base_path is %q", base, path, ours),
			"set base_path to "+path+", as Jellyfin has it (Dashboard, Networking)")
	}
}

// knownVersion tells whether the policy's routes were listed from this version.
func knownVersion(version string) bool {
	major, minor, ok := jellyfin.ParseVersion(version)
	return ok && (major == 12 || major == 10 && (minor == 10 || minor == 11))
}

// setup checks how a Jellyfin that serves is set up.
type setup struct {
	*checker
	client *jellyfin.Client
	info   jellyfin.PublicInfo
	// settings are known if there is an API key.
	settings *jellyfin.Settings
}

// readSettings uses the API key, if there is one.
func (s *setup) readSettings(ctx context.Context) {
	key := s.config.Jellyfin.APIKey
	if key == "" {
		return
	}
	settings, err := s.client.Settings(ctx, key)
	switch {
	case err == nil:
		s.settings = &settings
	case errors.Is(err, jellyfin.ErrKeyRefused):
		s.warn("jellyfin", "does not accept jellyfin.api_key", "make a key in Jellyfin (Dashboard, API Keys), or leave the setting empty; everything is now asked without it")
	default:
		s.warn("jellyfin", fmt.Sprintf("does not show its settings: %s", err), "check again later")
	}
}

// trust checks that Jellyfin believes what we say of a visitor's address.
func (s *setup) trust(ctx context.Context) {
	trusts, err := s.client.TrustsProxy(ctx)
	ours, _, lost := s.client.Ends(ctx)
	from := "the address that we come from"
	if lost == nil {
		from = ours.String()
	}
	home := err == nil && !trusts
	if s.settings != nil {
		// What it takes a visitor for is what counts.
		if told, lost := s.client.CountsAsHome(ctx, s.config.Jellyfin.APIKey); lost == nil {
			home, err = told, nil
		}
	}
	switch {
	case err != nil:
		s.warn("jellyfin", "does not show whether it trusts us as its proxy", "let jellyfin.api_key hold an API key, so that it can be asked")
	case !home:
		s.ok("jellyfin", "trusts us as its proxy: it sees us come from "+from)
	case trusts:
		s.fail("jellyfin", "takes visitors from the internet for visitors at home, although it trusts us as its proxy",
			"let its LAN networks (Dashboard, Networking) name the networks at home only")
	default:
		s.fail("jellyfin", "does not trust us as its proxy, so that everybody on the internet counts as at home there: "+
			"strangers may restart it and have password reset files written, and no limit for visitors from outside holds",
			fmt.Sprintf("add %s to its known proxies (Dashboard, Networking) and restart it; behind a container's network it may see another address, which its log names", from))
	}
}

// quickConnect checks that devices can be let in by a code.
func (s *setup) quickConnect(ctx context.Context) {
	on, err := s.client.QuickConnectEnabled(ctx)
	switch {
	case err != nil:
		s.warn("jellyfin", fmt.Sprintf("does not tell whether its Quick Connect is on: %s", err), "check again later")
	case on:
		s.ok("jellyfin", "Quick Connect is on")
	default:
		s.warn("jellyfin", "Quick Connect is off, so that televisions and apps cannot be let in from a browser",
			"switch it on in Jellyfin (Dashboard, General)")
	}
}

// legacy compares whether Jellyfin reads old forms of tokens with what the
// settings say of it.
func (s *setup) legacy(ctx context.Context) {
	setting := s.config.Jellyfin.LegacyAuthorization
	if jellyfin.DialectFor(s.info.Version, "off", false).Legacy {
		s.ok("jellyfin", "legacy authorisation is always on in this version")
		return
	}
	on, err := s.readsLegacy(ctx)
	expected := jellyfin.DialectFor(s.info.Version, setting, false).Legacy
	switch {
	case errors.Is(err, jellyfin.ErrQuickConnectOff):
		s.note("jellyfin", "does not tell whether legacy authorisation is on while Quick Connect is off", "let jellyfin.api_key hold an API key, so that it can be asked")
	case err != nil:
		s.warn("jellyfin", fmt.Sprintf("does not tell whether legacy authorisation is on: %s", err), "check again later")
	case on && !expected:
		s.warn("jellyfin", fmt.Sprintf("legacy authorisation is on, and jellyward takes it for off (jellyfin.legacy_authorization is %s)", setting),
			"set jellyfin.legacy_authorization to on, or switch it off in Jellyfin (EnableLegacyAuthorization in system.xml)")
	case expected && !on:
		s.warn("jellyfin", fmt.Sprintf("legacy authorisation is off, and jellyward takes it for on (jellyfin.legacy_authorization is %s)", setting),
			"set jellyfin.legacy_authorization to off")
	case on:
		s.ok("jellyfin", "legacy authorisation is on: it reads old forms of tokens itself")
	case s.config.Policy.Legacy:
		s.ok("jellyfin", "legacy authorisation is off: old forms of tokens are translated for it")
	default:
		s.ok("jellyfin", "legacy authorisation is off, and policy.legacy too: old apps cannot use it")
	}
}

func (s *setup) readsLegacy(ctx context.Context) (bool, error) {
	if s.settings != nil {
		return s.settings.Legacy, nil
	}
	return s.client.ReadsLegacy(ctx)
}

// lockout says of a version that its limit of wrong passwords does nothing
// (recorded from 10.11.11, which never writes down that it locked somebody out).
func (s *setup) lockout() {
	if major, minor, _ := jellyfin.ParseVersion(s.info.Version); major == 10 && minor == 11 {
		s.note("jellyfin", "10.11 locks nobody out after wrong passwords, whatever limit its users have", "nothing needs to be done: from outside, jellyward's own limits protect them")
	}
}

// reach says who else can reach Jellyfin.
func (s *setup) reach(ctx context.Context) {
	_, server, err := s.client.Ends(ctx)
	switch {
	case err != nil:
	case !server.IsLoopback():
		s.reachable(server)
	default:
		s.beside(ctx, ownAddresses())
	}
}

func (s *setup) reachable(server netip.Addr) {
	s.note("jellyfin", fmt.Sprintf("answers at %s: whoever is in that network reaches it without a second factor", server),
		"if some there should not, let a firewall keep them out, or let Jellyfin listen where only jellyward reaches it")
}

// beside asks whether a Jellyfin on this machine listens on other addresses too.
func (s *setup) beside(ctx context.Context, addresses []netip.Addr) {
	ctx, cancel := context.WithTimeout(ctx, besideTimeout)
	defer cancel()
	for _, address := range addresses {
		base := s.config.Jellyfin.URL.JoinPath(s.config.BasePath)
		base.Host = address.String()
		if address.Is6() {
			base.Host = "[" + base.Host + "]"
		}
		if port := s.config.Jellyfin.URL.Port(); port != "" {
			base.Host += ":" + port
		}
		info, err := jellyfin.New(base, &http.Transport{DisableKeepAlives: true}, besideTimeout).PublicInfo(ctx)
		if err == nil && info.ServerID == s.info.ServerID {
			s.reachable(address)
			return
		}
	}
}

// ownAddresses are the addresses of this machine by which others reach it.
func ownAddresses() []netip.Addr {
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var addresses []netip.Addr
	for _, a := range own {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().IsGlobalUnicast() {
			addresses = append(addresses, prefix.Addr())
		}
	}
	return addresses
}
