package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/store"
)

// dialTimeout is how long to wait for a Redis that does not answer the call.
const dialTimeout = 5 * time.Second

// withStore runs do with the store that the settings name. When a program runs
// with a private Redis, the store shares it.
func withStore(ctx context.Context, p Process, args *arguments, do func(*store.Store) error) error {
	cfg, err := args.loadFor(p, "redis.url", "data_dir", "key_file")
	if err != nil {
		return err
	}
	s, err := openStore(ctx, p, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	return do(s)
}

// openStore opens the store as the program would, but makes nothing that the
// program has not made: no key, no data.
func openStore(ctx context.Context, p Process, cfg config.Config) (*store.Store, error) {
	if cfg.Redis.URL == "memory:" {
		return nil, hinted{errors.New("redis.url is memory:, which only the running program can see"), "name a Redis server, or leave redis.url empty for a private one"}
	}
	if _, err := os.Stat(cfg.KeyFile); errors.Is(err, fs.ErrNotExist) {
		return nil, hinted{
			fmt.Errorf("key_file %s does not exist, so nothing has been stored yet", cfg.KeyFile),
			"start jellyward first, or name the settings that it runs with (--config, JELLYWARD_DATA_DIR, JELLYWARD_KEY_FILE)",
		}
	}
	if err := checkPrivate(p, cfg); err != nil {
		return nil, err
	}
	box, err := seal.LoadKey(cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	if cfg.Redis.URL != "" {
		// The store would wait for a server to appear, as a program should that
		// starts beside it. Somebody at a terminal wants to know at once.
		if _, err := dialRedis(ctx, string(cfg.Redis.URL)); err != nil {
			return nil, err
		}
	}
	return store.Open(ctx, store.Options{URL: string(cfg.Redis.URL), Box: box, DataDir: cfg.DataDir})
}

// dialRedis connects to the server that a URL names, says nothing, and returns
// its address. The error wraps [store.ErrUnavailable].
func dialRedis(ctx context.Context, text string) (address string, err error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", errors.New("redis.url is not a URL")
	}
	network, address := "tcp", u.Host
	switch {
	case u.Scheme == "unix":
		network, address = "unix", u.Path
	case u.Port() == "":
		address = net.JoinHostPort(u.Hostname(), "6379")
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return "", fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return address, conn.Close()
}

// checkPrivate keeps root from starting a private Redis on the data of another
// user, who could not read afterwards what root has written. Sharing one that
// runs is fine.
func checkPrivate(p Process, cfg config.Config) error {
	if cfg.Redis.URL != "" || p.UID != 0 {
		return nil
	}
	dir := filepath.Join(cfg.DataDir, "redis")
	owner, ok := ownerOf(dir)
	if !ok || owner == 0 {
		return nil
	}
	conn, err := net.Dial("unix", filepath.Join(dir, "redis.sock"))
	if err != nil {
		return hinted{
			fmt.Errorf("%s belongs to another user (uid %d) and jellyward does not run", dir, owner),
			"start jellyward, or run this command as that user",
		}
	}
	return conn.Close()
}
