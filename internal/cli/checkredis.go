package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// forgetHint is why the store's warnings matter; each says itself what to set.
const forgetHint = "change it in Redis's own settings, so that no code can be used twice and nobody has to enrol again"

// redis checks that Redis can be used, and, once there is a key, that its
// records were sealed with that.
func (c *checker) redis(ctx context.Context) {
	text := string(c.config.Redis.URL)
	switch {
	case concerns(c.invalid, "redis.url"):
		return
	case text == "memory:":
		c.warn("redis", "in memory: second factors and sessions are forgotten at each stop", "use it for trials only")
	case text == "" && !c.privateExists():
		c.privateProgram()
	case !c.keyed:
		c.dial(ctx, text)
	default:
		c.store(ctx)
	}
}

// privateExists tells whether the program has run with a private Redis here.
func (c *checker) privateExists() bool {
	info, err := os.Stat(filepath.Join(c.config.DataDir, "redis"))
	return err == nil && info.IsDir() && c.keyed
}

// privateProgram checks that there is a program to start.
func (c *checker) privateProgram() {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			c.ok("redis", "a private one is started with "+path)
			return
		}
	}
	c.fail("redis", "neither redis-server nor valkey-server is installed", "install one (apt install redis-server), or set redis.url to a server that runs")
}

// dial only connects: without a key there is nothing to compare, and making one
// is for the program.
func (c *checker) dial(ctx context.Context, text string) {
	address, err := dialRedis(ctx, text)
	if err != nil {
		c.failed("redis", err, "")
		return
	}
	c.ok("redis", fmt.Sprintf("something listens on %s; more can be told once there is a key", address))
}

// store opens the store as the program does, which compares the keys.
func (c *checker) store(ctx context.Context) {
	s, err := openStore(ctx, c.process, c.config)
	if err != nil {
		c.failed("redis", err, "see that Redis runs, and that redis.url names it")
		return
	}
	defer func() { _ = s.Close() }()
	version, err := s.Version(ctx)
	if err != nil {
		c.failed("redis", err, "see that Redis runs, and that redis.url names it")
		return
	}
	which := "redis.url"
	if c.config.Redis.URL == "" {
		which = "the private one"
	}
	c.ok("redis", fmt.Sprintf("%s is version %s, and its records are sealed with this key", which, version))
	for _, text := range s.Warnings(ctx) {
		c.warn("redis", text, forgetHint)
	}
}
