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
//	separator  what stands between the items of a list on one line, "," if not said
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
	Policy  Policy  `yaml:"policy"`
	Native  Native  `yaml:"native"`
	Log     Log     `yaml:"log"`
}

// Jellyfin says where the guarded server is.
type Jellyfin struct {
	// URL has a scheme (http or https) and a host, and nothing else.
	URL *url.URL `yaml:"url" env:"JELLYWARD_JELLYFIN_URL" doc:"Where Jellyfin answers at home: http://192.168.1.5:8096, for example." otherwise:"required"`
	// APIKey may do anything at Jellyfin.
	APIKey secret.Text `yaml:"api_key" env:"JELLYWARD_JELLYFIN_API_KEY" doc:"An API key of Jellyfin's: check looks at its settings with it, and it signs apps in where no session of the user's can (not from Jellyfin 12.1 on)." otherwise:"empty"`
	// LegacyAuthorization is one of auto, on and off.
	LegacyAuthorization string `yaml:"legacy_authorization" env:"JELLYWARD_JELLYFIN_LEGACY_AUTHORIZATION" doc:"Whether Jellyfin itself understands X-Emby-Token, api_key and the like; auto: until version 12." default:"auto" one_of:"auto|on|off"`
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

// Policy says what passes to Jellyfin.
type Policy struct {
	// Unknown is one of token and deny.
	Unknown string `yaml:"unknown" env:"JELLYWARD_POLICY_UNKNOWN" doc:"What a path needs that Jellyfin itself does not have, a plugin's for example: token or deny." default:"token" one_of:"token|deny"`
	// Allow and Deny are lines in the language of the table of routes.
	Allow []string `yaml:"allow" env:"JELLYWARD_POLICY_ALLOW" separator:";" doc:"Further paths that may pass, each as methods, pattern and action; a list, or with semicolons." otherwise:"none"`
	Deny  []string `yaml:"deny" env:"JELLYWARD_POLICY_DENY" separator:";" doc:"Paths that never pass, each as methods and pattern; a list, or with semicolons." otherwise:"none"`
	// Media is one of token, network and open.
	Media string `yaml:"media" env:"JELLYWARD_POLICY_MEDIA" doc:"Who gets streams that Jellyfin gives to anybody: token, network (and networks that have shown a token lately) or open." default:"network" one_of:"token|network|open"`
	// MediaFor is how long a network counts after the last proof.
	MediaFor time.Duration `yaml:"media_for" env:"JELLYWARD_POLICY_MEDIA_FOR" doc:"How long a network gets streams without a token after it has last shown one." default:"12h"`
	// Images is one of token, network and open.
	Images string `yaml:"images" env:"JELLYWARD_POLICY_IMAGES" doc:"Who gets artwork and pictures of users: token, network or open, as for streams." default:"open" one_of:"token|network|open"`
	// Admin is one of token, recent and lan.
	Admin string `yaml:"admin" env:"JELLYWARD_POLICY_ADMIN" doc:"What administration needs: token, recent (a browser session younger than an hour) or lan (home only)." default:"token" one_of:"token|recent|lan"`
	// Home are networks in CIDR notation.
	Home []string `yaml:"home" env:"JELLYWARD_POLICY_HOME" doc:"Networks that count as home on the local listener; a list, or with commas. Not the machine itself: a proxy there may carry anybody." default:"10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fc00::/7,fe80::/10"`
	// PublicUsers is one of hide and show.
	PublicUsers string `yaml:"public_users" env:"JELLYWARD_POLICY_PUBLIC_USERS" doc:"Whether visitors from outside see the users' names before they sign in." default:"hide" one_of:"hide|show"`
	// LocalAddress is one of hide and show.
	LocalAddress string `yaml:"local_address" env:"JELLYWARD_POLICY_LOCAL_ADDRESS" doc:"Whether visitors from outside are told Jellyfin's address at home." default:"hide" one_of:"hide|show"`
	// WebCSP is one of auto, strict, plugins and off.
	WebCSP string `yaml:"web_csp" env:"JELLYWARD_POLICY_WEB_CSP" doc:"Content security policy of jellyfin-web: strict, plugins (inline scripts too), off, or auto: plugins for administrators and else strict." default:"auto" one_of:"auto|strict|plugins|off"`
	// Legacy makes old apps work with a Jellyfin that does not know
	// their way to present a token any more.
	Legacy bool `yaml:"legacy" env:"JELLYWARD_POLICY_LEGACY" doc:"Translate old forms of tokens where Jellyfin does not understand them." default:"on" one_of:"on|off"`
	// Tokens is one of any and here.
	Tokens string `yaml:"tokens" env:"JELLYWARD_POLICY_TOKENS" doc:"Which of Jellyfin's tokens pass from outside: any, or only those that were given out here." default:"any" one_of:"any|here"`
	// APIKeys are lines as jellyward apikey add prints them.
	APIKeys []string `yaml:"api_keys" env:"JELLYWARD_POLICY_API_KEYS" separator:";" doc:"API keys that pass although they were not given out here, as jellyward apikey add prints them." otherwise:"none"`
}

// Native concerns apps: phones, televisions, players.
type Native struct {
	// PasswordLogin is one of code and off.
	PasswordLogin string `yaml:"password_login" env:"JELLYWARD_NATIVE_PASSWORD_LOGIN" doc:"How apps sign in on their own login screen: code (right behind the password) or off." default:"code" one_of:"code|off"`
	// MaxAge is zero for no limit.
	MaxAge time.Duration `yaml:"max_age" env:"JELLYWARD_NATIVE_MAX_AGE" doc:"How long an app stays signed in, at most; 0 for as long as Jellyfin says." default:"0s"`
	// BindAppPasswords makes an app password good for one device only.
	BindAppPasswords bool `yaml:"bind_app_passwords" env:"JELLYWARD_NATIVE_BIND_APP_PASSWORDS" doc:"Whether an app password works only on the device id that used it first. Some apps change theirs, and are refused then." default:"off" one_of:"on|off"`
	// Hint is empty for none.
	Hint string `yaml:"hint" env:"JELLYWARD_NATIVE_HINT" doc:"What apps show above their login form; empty for nothing." default:"Type your six-digit code right behind your password." empty:"none"`
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
