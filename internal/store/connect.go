package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// memoryURL asks for a Redis inside this process.
const memoryURL = "memory:"

// URLError says what is wrong with a Redis URL. It does not quote the URL, which
// may hold a password.
type URLError struct {
	// Problem is what is wrong.
	Problem string
	// Hint is a way out, one sentence for the admin.
	Hint string
}

// Error gives problem and hint on one line.
func (e *URLError) Error() string { return fmt.Sprintf("redis url %s (%s)", e.Problem, e.Hint) }

// CheckURL tells whether [Open] would understand a URL, without connecting. The
// error is a [*URLError].
func CheckURL(text string) error {
	if text == "" || text == memoryURL {
		return nil
	}
	_, err := parseURL(text)
	return err
}

// connect returns the client's options for o, and how to stop what was started.
func connect(ctx context.Context, o Options) (*redis.Options, func() error, error) {
	switch o.URL {
	case "":
		p, err := startPrivate(ctx, o.DataDir, o.Logger)
		if err != nil {
			return nil, nil, fmt.Errorf("start private redis: %w", err)
		}
		return unixOptions(p.socket), p.stop, nil
	case memoryURL:
		o.Logger.WarnContext(ctx, "redis is in memory: everything is forgotten when the program ends")
		server := miniredis.NewMiniRedis()
		server.ClockTTL(true)
		stop := func() error { server.Close(); return nil }
		return memoryOptions(server), stop, nil
	}
	options, err := parseURL(o.URL)
	if err != nil {
		return nil, nil, err
	}
	if options.TLSConfig != nil {
		options.TLSConfig.RootCAs = o.RootCAs
	}
	return options, nil, nil
}

func unixOptions(socket string) *redis.Options {
	options := &redis.Options{Network: "unix", Addr: socket}
	harden(options)
	return options
}

// memoryOptions connects to a server in this process through pipes: no port is
// opened.
func memoryOptions(server *miniredis.Miniredis) *redis.Options {
	options := &redis.Options{
		Addr:   "memory",
		Dialer: func(context.Context, string, string) (net.Conn, error) { return server.Dial() },
	}
	harden(options)
	options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = memoryTimeout, memoryTimeout, memoryTimeout
	return options
}

// harden sets what is the same for every connection: answer or fail within a few
// seconds, one more try, and none of the optional talk at the start of a
// connection that older servers and Valkey do not know.
func harden(o *redis.Options) {
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.ContextTimeoutEnabled = true
	o.DialTimeout = dialTimeout
	o.DialerRetries = 1
	o.ReadTimeout = answerTimeout
	o.WriteTimeout = answerTimeout
	o.MaxRetries = 1
	o.MinRetryBackoff = 10 * time.Millisecond
	o.MaxRetryBackoff = 100 * time.Millisecond
	o.PoolSize = poolSize
	o.PoolTimeout = operationTimeout
	o.PipelinePoolSize = -1
}

func parseURL(text string) (*redis.Options, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, &URLError{"cannot be parsed", "write it like redis://user:password@host:6379/0, with special characters of the password as %XX"}
	}
	if hint := wrongScheme(u); hint != "" {
		return nil, &URLError{fmt.Sprintf("has the scheme %q", u.Scheme), hint}
	}
	if u.Scheme == "unix" && u.Host != "" {
		return nil, &URLError{"has a host, but unix:// names a file", "write three slashes: unix:///run/redis/redis.sock"}
	}
	if u.Scheme != "unix" && u.Hostname() == "" {
		return nil, &URLError{"has no host", "write it like redis://user:password@host:6379/0"}
	}
	options, err := redis.ParseURL(text)
	if err != nil {
		return nil, &URLError{"is not understood: " + plainCause(err), "write it like redis://user:password@host:6379/0 or unix:///run/redis/redis.sock"}
	}
	if options.TLSConfig != nil {
		options.TLSConfig.MinVersion = tls.VersionTLS12
	}
	if options.Network == "unix" && len(options.Addr) > maxSocketPath {
		return nil, &URLError{fmt.Sprintf("names a socket of %d bytes, %d are possible", len(options.Addr), maxSocketPath), "move the socket or link to it"}
	}
	harden(options)
	return options, nil
}

// wrongScheme returns a hint if u's scheme is none that we can use.
func wrongScheme(u *url.URL) string {
	switch strings.ToLower(u.Scheme) {
	case "redis", "rediss", "unix":
		return ""
	case "http", "https":
		return "redis does not speak HTTP: use redis://, or rediss:// with TLS"
	case "valkey", "valkeys", "tcp", "tls":
		return "use redis://, or rediss:// with TLS; Valkey understands them too"
	case "redis+sentinel", "redis-sentinel", "redis+cluster", "redis-cluster", "redis+socket":
		return "sentinel and cluster are not supported: name one server with redis://, or a socket with unix://"
	case "memory":
		return `for a Redis in memory write just "memory:"`
	case "":
		return "begin it with redis://, rediss:// or unix://"
	}
	return "use redis://, rediss://, unix:// or memory:; leave it empty for a private redis-server"
}

// plainCause is go-redis' complaint without its name, and without the URL.
func plainCause(err error) string {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return "it cannot be parsed"
	}
	return strings.TrimPrefix(err.Error(), "redis: ")
}
