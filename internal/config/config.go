// Package config holds the program's settings: one struct whose field tags are
// its documentation, filled from defaults, a YAML file, the environment and a
// few flags, in that order, later ones winning.
//
// Nothing is half accepted: an unknown key or variable is a problem, and [Load]
// reports every problem it finds at once, each with a way out.
//
// A setting is a field with these tags:
//
//	yaml       its key in the file, below its section's
//	env        its environment variable; further names after commas
//	doc        what it is for, one sentence for the reference
//	default    its value when nobody sets it
//	otherwise  what the reference shows as default when that is not a plain value
//	one_of     the words it may be, separated by bars
//	empty      "none" when an explicit empty value is a value of its own
package config

import (
	"log/slog"
	"net/url"
	"time"

	"github.com/jellyward/jellyward/internal/secret"
)

// Config is every setting of the program. [Load] makes valid ones; [Default]
// one in which only what has no default is missing.
type Config struct {
	Jellyfin  Jellyfin `yaml:"jellyfin"`
	BasePath  string   `yaml:"base_path" env:"JELLYWARD_BASE_PATH" doc:"Jellyfin's base URL, if its networking page sets one: /jellyfin, for example." otherwise:"empty"`
	PublicURL string   `yaml:"public_url" env:"JELLYWARD_PUBLIC_URL" doc:"Where visitors reach Jellyfin, scheme and host, for links that must be absolute." otherwise:"empty: from the request"`
	Tunnel    Tunnel   `yaml:"tunnel"`
	// Listen is a host and port, or empty for no listener.
	Listen  string  `yaml:"listen" env:"JELLYWARD_LISTEN" doc:"Address for plain HTTP, for the LAN or a reverse proxy; empty for none." default:"127.0.0.1:8097" empty:"none"`
	Ops     Ops     `yaml:"ops"`
	Redis   Redis   `yaml:"redis"`
	DataDir string  `yaml:"data_dir" env:"JELLYWARD_DATA_DIR" doc:"Directory for the key and the private Redis." otherwise:"/var/lib/jellyward, or $XDG_STATE_HOME/jellyward"`
	KeyFile string  `yaml:"key_file" env:"JELLYWARD_KEY_FILE" doc:"File with the key that seals secrets in Redis; made on first start. Keep a copy." otherwise:"key in data_dir"`
	TOTP    TOTP    `yaml:"totp"`
	Session Session `yaml:"session"`
	SignIn  SignIn  `yaml:"signin"`
	Log     Log     `yaml:"log"`
}

// Jellyfin says where the guarded server is.
type Jellyfin struct {
	// URL has a scheme (http or https) and a host, and nothing else.
	URL *url.URL `yaml:"url" env:"JELLYWARD_JELLYFIN_URL" doc:"Where Jellyfin answers at home: http://192.168.1.5:8096, for example." otherwise:"required"`
}

// Tunnel says how to publish through Cloudflare. Without a token there is no
// tunnel.
type Tunnel struct {
	Token       secret.Text `yaml:"token" env:"JELLYWARD_TUNNEL_TOKEN,TUNNEL_TOKEN" doc:"The tunnel's token from the Cloudflare dashboard." otherwise:"empty: no tunnel"`
	Protocol    string      `yaml:"protocol" env:"JELLYWARD_TUNNEL_PROTOCOL" doc:"How to speak to Cloudflare: quic (UDP 7844), http2 (TCP 7844), or auto." default:"auto" one_of:"auto|quic|http2"`
	Connections int         `yaml:"connections" env:"JELLYWARD_TUNNEL_CONNECTIONS" doc:"Connections to Cloudflare, 1 to 8." default:"4"`
	Edge        []string    `yaml:"edge" env:"JELLYWARD_TUNNEL_EDGE" doc:"Edge addresses (host:port) to use instead of Cloudflare's; a list, or with commas." otherwise:"Cloudflare's"`
	CAFile      string      `yaml:"ca_file" env:"JELLYWARD_TUNNEL_CA_FILE" doc:"PEM file of the authorities that vouch for the edge." otherwise:"Cloudflare's"`
}

// Ops is the listener for those who run the program.
type Ops struct {
	// Listen is a host and port, or empty for no listener.
	Listen string `yaml:"listen" env:"JELLYWARD_OPS_LISTEN" doc:"Address for /healthz, /readyz and /metrics; keep it private; empty for none." default:"127.0.0.1:9097" empty:"none"`
}

// Redis says where secrets, counters and sessions are kept.
type Redis struct {
	// URL may hold a password, therefore it is a secret.
	URL secret.Text `yaml:"url" env:"JELLYWARD_REDIS_URL" doc:"redis://, rediss:// or unix:// with user and password; memory: for trials that forget everything." otherwise:"empty: a private redis-server in data_dir"`
}

// TOTP concerns the second factor.
type TOTP struct {
	Issuer string `yaml:"issuer" env:"JELLYWARD_TOTP_ISSUER" doc:"The name that authenticator apps show above the code." default:"Jellyfin"`
}

// Session concerns signed-in browsers.
type Session struct {
	MaxAge time.Duration `yaml:"max_age" env:"JELLYWARD_SESSION_MAX_AGE" doc:"How long a browser stays signed in, at most." default:"720h"`
}

// SignIn concerns what visitors see before they are signed in.
type SignIn struct {
	Branding bool `yaml:"branding" env:"JELLYWARD_SIGNIN_BRANDING" doc:"Put a button that leads to the sign-in page onto jellyfin-web's own login page." default:"on" one_of:"on|off"`
}

// Log says what is logged, and how, to standard error.
type Log struct {
	Level slog.Level `yaml:"level" env:"JELLYWARD_LOG_LEVEL" doc:"The least that is logged." default:"info" one_of:"debug|info|warn|error"`
	// Format is one of auto, text and json.
	Format string `yaml:"format" env:"JELLYWARD_LOG_FORMAT" doc:"text, json, or auto: text on a terminal and else json." default:"auto" one_of:"auto|text|json"`
}

// Default returns the settings that hold when nobody sets anything. They are
// not valid yet: Jellyfin's address has no default, and where data is kept is
// for [Load] to find out.
func Default() Config {
	var c Config
	for _, s := range settings() {
		if s.Default == "" {
			continue
		}
		if cause, _ := s.set(&c, s.Default); cause != "" {
			panic("config: default of " + s.Key + " " + cause)
		}
	}
	return c
}
