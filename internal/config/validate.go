package config

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxConnections = 8
	minMaxAge      = 5 * time.Minute
	// maxMaxAge is how long browsers keep a cookie at most (RFC 6265bis, 400
	// days).
	maxMaxAge = 400 * 24 * time.Hour
)

// basePath is "/jellyfin" or "/media/jellyfin": what needs no escaping.
var basePath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

// Validate reports everything that is wrong with c, as an error of type
// [Problems], or nil.
func (c Config) Validate() error {
	if problems := c.validate(); len(problems) > 0 {
		return problems
	}
	return nil
}

func (c *Config) validate() Problems {
	v := &validator{}
	v.jellyfin(c)
	v.basePath(c)
	v.publicURL(c)
	v.tunnel(c)
	v.listeners(c)
	v.redis(c)
	v.policy(c)
	v.native(c)
	v.rest(c)
	return v.problems
}

type validator struct{ problems Problems }

func (v *validator) add(setting, cause, hint string) {
	v.problems = append(v.problems, Problem{Setting: setting, Cause: cause, Hint: hint})
}

func (v *validator) jellyfin(c *Config) {
	if c.Jellyfin.URL == nil {
		v.add("jellyfin.url", "is not set",
			"set it or JELLYWARD_JELLYFIN_URL to where Jellyfin answers at home, for example http://192.168.1.5:8096")
	}
}

func (v *validator) basePath(c *Config) {
	if c.BasePath == "" {
		return
	}
	if !basePath.MatchString(c.BasePath) || strings.Contains(c.BasePath+"/", "/./") || strings.Contains(c.BasePath+"/", "/../") {
		v.add("base_path", fmt.Sprintf("is %s, which is no base path", quote(c.BasePath)),
			"write it as Jellyfin's networking page has it, with a slash in front and none behind: /jellyfin")
	}
}

func (v *validator) publicURL(c *Config) {
	if c.PublicURL == "" {
		return
	}
	u, cause, hint := parseOrigin(c.PublicURL)
	if cause != "" {
		v.add("public_url", cause, hint)
		return
	}
	c.PublicURL = u.String()
}

func (v *validator) tunnel(c *Config) {
	t := c.Tunnel
	if t.Connections < 1 || t.Connections > maxConnections {
		v.add("tunnel.connections", fmt.Sprintf("is %d", t.Connections), fmt.Sprintf("write a number from 1 to %d; 4 is usual", maxConnections))
	}
	for _, address := range t.Edge {
		if cause := addressCause(address); cause != "" {
			v.add("tunnel.edge", cause, `write host:port for each, for example "198.41.192.7:7844"`)
		}
	}
	if t.CAFile == "" {
		return
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		v.add("tunnel.ca_file", fmt.Sprintf("%s cannot be read: %s", t.CAFile, reason(err)), "name a PEM file that the user who runs jellyward may read")
		return
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		v.add("tunnel.ca_file", t.CAFile+" holds no certificate", `name a PEM file: its first line is "-----BEGIN CERTIFICATE-----"`)
	}
}

// TokenProblem is the problem that a tunnel token is none, for whoever parses
// tokens.
func TokenProblem() Problem {
	return Problem{
		Setting: "tunnel.token",
		Cause:   "is not a tunnel token",
		Hint:    `copy the long string after "--token" from the Cloudflare dashboard`,
	}
}

func (v *validator) listeners(c *Config) {
	if c.Tunnel.Token == "" && c.Listen == "" {
		v.add("listen", "is empty and tunnel.token is not set, so that nobody could reach Jellyfin",
			"set tunnel.token to publish through Cloudflare, or listen to an address, or both")
	}
	for _, l := range []struct{ setting, address, example string }{
		{"listen", c.Listen, "127.0.0.1:8097"},
		{"ops.listen", c.Ops.Listen, "127.0.0.1:9097"},
	} {
		if l.address == "" {
			continue
		}
		if cause := addressCause(l.address); cause != "" {
			v.add(l.setting, cause, fmt.Sprintf("write an address and a port, for example %s, or \"\" for none", l.example))
		}
	}
	if _, port, err := net.SplitHostPort(c.Listen); err == nil && c.Listen == c.Ops.Listen && port != "0" {
		v.add("ops.listen", "is the same address as listen", "give it a port of its own, for example 127.0.0.1:9097")
	}
}

// addressCause says what keeps address from being a host and port.
func addressCause(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Sprintf("is %s, which is not host:port", quote(address))
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Sprintf("is %s, whose port is no number from 0 to 65535", quote(address))
	}
	return ""
}

// redisForms says how redis.url may look.
const redisForms = "write redis://host:6379, rediss://host:6380 or unix:///run/redis.sock (user and password before an @), memory: for a trial, or nothing for a private redis-server"

func (v *validator) redis(c *Config) {
	text := string(c.Redis.URL)
	if text == "" || text == "memory:" {
		return
	}
	u, err := url.Parse(text)
	if err != nil {
		v.add("redis.url", "is not a URL", redisForms)
		return
	}
	switch {
	case u.Scheme == "" || !strings.Contains(text, "://"):
		v.add("redis.url", "has no scheme", redisForms)
	case u.Scheme == "unix" && u.Path == "":
		v.add("redis.url", "names no socket", redisForms)
	case u.Scheme == "unix":
	case u.Scheme != "redis" && u.Scheme != "rediss":
		v.add("redis.url", fmt.Sprintf("has the scheme %s, which is none of Redis's", quote(u.Scheme)), redisForms)
	case u.Hostname() == "":
		v.add("redis.url", "names no host", redisForms)
	}
}

func (v *validator) rest(c *Config) {
	if strings.ContainsAny(c.TOTP.Issuer, ":\r\n") || c.TOTP.Issuer == "" {
		v.add("totp.issuer", fmt.Sprintf("is %s, which authenticator apps cannot show", quote(c.TOTP.Issuer)), "write a name without a colon, for example Jellyfin")
	}
	if c.Session.MaxAge < minMaxAge || c.Session.MaxAge > maxMaxAge {
		v.add("session.max_age", fmt.Sprintf("is %s", c.Session.MaxAge), "write from 5m to 9600h (400 days, the most that browsers keep); 720h is 30 days")
	}
}

// parseOrigin reads an address that is a scheme and a host and nothing else. It
// never repeats what could be a password.
func parseOrigin(text string) (u *url.URL, cause, hint string) {
	const example = "write it like http://192.168.1.5:8096"
	if !strings.Contains(text, "://") {
		if strings.ContainsAny(text, "@?#/ ") {
			return nil, "has no scheme", example
		}
		return nil, "has no scheme", fmt.Sprintf("write http://%s or https://%s", text, text)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, "is not a URL", example
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Sprintf("has the scheme %s", quote(u.Scheme)), "use http:// or https://"
	case u.Hostname() == "":
		return nil, "names no host", example
	case u.User != nil:
		return nil, "contains a user name or password", "take everything up to the @ out: jellyward asks Jellyfin as the visitor, not as a user"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, "has a query or a fragment", "end it behind the host and port"
	case u.Path != "" && u.Path != "/":
		return nil, fmt.Sprintf("has the path %s", quote(u.Path)), "end it behind the host and port, and set base_path to the path"
	}
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return nil, "has a port that is no number from 0 to 65535", example
		}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, "", ""
}
