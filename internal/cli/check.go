package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/tunnel"
)

type checkCommand struct{}

// Run checks all that the program needs, prints every finding, and changes
// nothing: what the first start makes is not made here.
func (checkCommand) Run(ctx context.Context, p Process, args *arguments) error {
	c := checker{findings: findings{w: p.Stdout}, process: p}
	c.config, c.invalid = args.load(p)
	c.settings()
	c.dataDir()
	c.keyFile()
	c.redis(ctx)
	c.jellyfin(ctx)
	c.tunnel()
	return c.err()
}

// checker looks at one thing after the other. Settings that are invalid are
// reported first, and what hangs on them is then passed over.
type checker struct {
	findings
	process Process
	config  config.Config
	invalid error
	// keyed tells whether there is a key that can be used.
	keyed bool
}

func (c *checker) settings() {
	problems := config.Problems(nil)
	if !errors.As(c.invalid, &problems) {
		c.ok("settings", "understood")
		return
	}
	for _, p := range problems {
		text := p.Error()
		if p.Excerpt != "" {
			text += "\n" + p.Excerpt
		}
		c.fail("settings", text, p.Hint)
	}
}

// dataDir checks that files can be made where the key and a private Redis go.
func (c *checker) dataDir() {
	dir := c.config.DataDir
	if c.config.Redis.URL != "" && filepath.Dir(c.config.KeyFile) != dir {
		return // nothing is kept there
	}
	if owner, ok := ownerOf(dir); ok && c.process.UID == 0 && owner != 0 {
		c.ok("data_dir", fmt.Sprintf("%s belongs to uid %d; run the check as that user to see whether it may write there", dir, owner))
		return
	}
	existing := nearest(dir)
	if info, err := os.Stat(existing); err == nil && !info.IsDir() {
		c.fail("data_dir", existing+" is not a directory", "let data_dir name a directory; it is made if it does not exist")
		return
	}
	probe, err := os.CreateTemp(existing, ".jellyward-check-*")
	if err != nil {
		c.fail("data_dir", fmt.Sprintf("%s is not writable: %s", existing, cause(err)), "give it to the user that runs jellyward, or let data_dir name another")
		return
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		c.failed("data_dir", err, "see whether the disk is full or broken")
		return
	}
	if existing != dir {
		c.ok("data_dir", dir+" is made at the first start")
		return
	}
	c.ok("data_dir", dir+" is writable")
}

// nearest returns path, or the nearest directory above it that exists.
func nearest(path string) string {
	for filepath.Dir(path) != path {
		_, err := os.Stat(path)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return path
		}
		path = filepath.Dir(path)
	}
	return path
}

// keyFile reads the key, if there is one.
func (c *checker) keyFile() {
	path := c.config.KeyFile
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		c.ok("key_file", path+" is made at the first start")
		return
	}
	box, err := seal.LoadKey(path)
	if err != nil {
		c.failed("key_file", err, "let key_file name a file that the user who runs jellyward can read")
		return
	}
	c.keyed = true
	c.ok("key_file", fmt.Sprintf("%s holds key %s", path, box.KeyID()))
}

// tunnel tells which tunnel the token is of. Whether Cloudflare accepts it only
// a connection shows.
func (c *checker) tunnel() {
	text := string(c.config.Tunnel.Token)
	if concerns(c.invalid, "tunnel.token") {
		return
	}
	if text == "" {
		if c.config.Listen != "" {
			c.ok("tunnel", "none: visitors come to "+c.config.Listen+" only")
		}
		return
	}
	token, err := tunnel.ParseToken(text)
	if err != nil {
		return // settings has said so
	}
	c.ok("tunnel", "the token is of "+token.String())
}

// cause strips the operation and the path from a file error.
func cause(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}
