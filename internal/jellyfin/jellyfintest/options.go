package jellyfintest

import (
	"net/netip"
	"time"
)

// Release is a generation of Jellyfin that the fake can be.
type Release int

// The two generations that were recorded, and one that was only read. They differ
// in the legacy path prefixes, in legacy authorisation and in a few operations.
const (
	V10_11 Release = iota // 10.11.11
	V12                   // 12.0-rc5
	// V10_10 is 10.10.7 by its source: its operations, and how it reads tokens.
	// What it answers is otherwise 10.11's.
	V10_10
)

// String returns the version that such a server names in its answers.
func (r Release) String() string {
	switch r {
	case V12:
		return "12.0.0"
	case V10_10:
		return "10.10.7"
	}
	return "10.11.11"
}

// Option changes how a [Server] is set up.
type Option func(*options)

type options struct {
	release      Release
	baseURL      string
	serverName   string
	legacy       *bool
	unknownDelay time.Duration
	wrongDelay   time.Duration
	knownProxies []netip.Prefix
	now          func() time.Time
	starting     Phase
	wizardOpen   bool
	plugins      bool
	videoSize    int64
}

// Version chooses the generation; the default is [V10_11].
func Version(r Release) Option { return func(o *options) { o.release = r } }

// BaseURL sets Jellyfin's base URL, such as "/jellyfin"; the default is none.
func BaseURL(path string) Option { return func(o *options) { o.baseURL = path } }

// LegacyAuthorization switches Jellyfin's setting of that name. The default is
// the generation's own: on in 10.11, off in 12. 10.10 has no such setting and
// always reads the old forms.
func LegacyAuthorization(on bool) Option { return func(o *options) { o.legacy = &on } }

// PasswordDelays makes sign-ins take their time as Jellyfin's do: an unknown
// name was recorded to be refused in about 3 ms, a password, right or wrong, in
// about 130 ms (PBKDF2). The default is none.
func PasswordDelays(unknown, password time.Duration) Option {
	return func(o *options) { o.unknownDelay, o.wrongDelay = unknown, password }
}

// KnownProxies sets the addresses whose X-Forwarded headers are believed. The
// default is loopback, as in the recordings. With none, which is Jellyfin's own
// default, nothing is believed and a proxy's address is everybody's.
func KnownProxies(proxies ...netip.Prefix) Option {
	return func(o *options) { o.knownProxies = proxies }
}

// Clock sets where the time comes from; the default is [time.Now].
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// ServerName sets the name that the server gives itself.
func ServerName(name string) Option { return func(o *options) { o.serverName = name } }

// Starting begins with a server that is not up yet; see [Server.SetStarting].
func Starting(p Phase) Option { return func(o *options) { o.starting = p } }

// WizardOpen begins with a server whose start-up wizard was not completed.
func WizardOpen() Option { return func(o *options) { o.wizardOpen = true } }

// Plugins adds the anonymous routes that popular plugins bring; see
// [Server.SetPlugins].
func Plugins() Option { return func(o *options) { o.plugins = true } }

// VideoSize sets the length in bytes of the film that the server plays. It is
// made up as it is read and costs no memory. The default is 407270, the length
// of the film in the recordings.
func VideoSize(bytes int64) Option { return func(o *options) { o.videoSize = bytes } }

func defaults() options {
	return options{
		serverName:   "Fake Jellyfin",
		knownProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		now:          time.Now,
		videoSize:    defaultVideoSize,
	}
}
