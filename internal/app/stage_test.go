package app_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jellyward/jellyward/internal/stage"
)

// play sets a stage for one test and strikes it afterwards. The program's log
// is the test's.
func play(t *testing.T, o stage.Options) *stage.Stage {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	s, err := stage.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the stage: %v", err)
		}
	})
	return s
}

// way is one way to the program.
type way struct {
	name     string
	protocol string // empty for the local listener
}

var ways = []way{{"http2", "http2"}, {"quic", "quic"}, {"local", ""}}

// play sets a stage and returns it with the URL at which visitors arrive.
func (w way) play(t *testing.T, o stage.Options) (*stage.Stage, string) {
	t.Helper()
	o.Protocol, o.NoTunnel = w.protocol, w.protocol == ""
	s := play(t, o)
	if o.NoTunnel {
		return s, s.Local
	}
	return s, s.Edge.URL()
}

// discard is a logger for tests that make noise on purpose.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// restart stops the program of a stage and starts it again.
func restart(ctx context.Context, t *testing.T, s *stage.Stage) {
	t.Helper()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
}
