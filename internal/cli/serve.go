package cli

import (
	"context"
	"io"
	"log/slog"

	"github.com/jellyward/jellyward/internal/app"
	"github.com/jellyward/jellyward/internal/config"
)

type serveCommand struct{}

// Run serves until ctx ends.
func (serveCommand) Run(ctx context.Context, p Process, args *arguments) error {
	cfg, err := args.load(p)
	if err != nil {
		return err
	}
	return app.Run(ctx, cfg, newLogger(p.Stderr, cfg.Log, p.Terminal))
}

// newLogger makes the logger that the settings ask for.
func newLogger(w io.Writer, c config.Log, terminal bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "text" || (c.Format == "auto" && terminal) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
