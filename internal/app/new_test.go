package app_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/app"
	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store"
)

// TestNewSaysWhatIsWrong takes every way out of New that is an error, none of
// which may leave anything open or panic.
func TestNewSaysWhatIsWrong(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	working := play(t, stage.Options{NoTunnel: true}).Config
	for _, tt := range []struct {
		name   string
		change func(*config.Config)
		want   string
		is     error
	}{
		{"key in a place that cannot be", func(c *config.Config) { c.KeyFile = "/dev/null/key" }, "key", nil},
		{"redis away", func(c *config.Config) { c.Redis.URL = "unix:///nowhere/redis.sock" }, "", store.ErrUnavailable},
		{"base path", func(c *config.Config) { c.BasePath = "/a b" }, "base_path", nil},
		{"address in use", func(c *config.Config) { c.Listen = busy.Addr().String() }, "open listen address", nil},
		{"ops address in use", func(c *config.Config) { c.Ops.Listen = busy.Addr().String() }, "open ops.listen address", nil},
		{"token", func(c *config.Config) { c.Tunnel.Token = "x" }, "", app.ErrToken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := working
			cfg.DataDir = t.TempDir()
			cfg.KeyFile = filepath.Join(cfg.DataDir, "key")
			tt.change(&cfg)
			a, err := app.New(t.Context(), cfg, discard())
			if err == nil || a != nil {
				t.Fatalf("New = %v, %v", a, err)
			}
			if !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error = %v, want %q, %v", err, tt.want, tt.is)
			}
		})
	}
}

// TestStoppingAtOnceIsNoError ends the program before anything
// came.
func TestStoppingAtOnceIsNoError(t *testing.T) {
	cfg := play(t, stage.Options{NoTunnel: true}).Config
	cfg.DataDir = t.TempDir()
	cfg.KeyFile = filepath.Join(cfg.DataDir, "key")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := app.Run(ctx, cfg, discard()); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
}
