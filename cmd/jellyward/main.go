// Command jellyward publishes a Jellyfin server through Cloudflare and asks
// everybody who signs in for a second factor.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/jellyward/jellyward/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once, as if nobody caught it.
	context.AfterFunc(ctx, stop)
	return cli.Run(ctx, cli.Process{
		Args:     os.Args[1:],
		Environ:  os.Environ(),
		Stdin:    os.Stdin,
		Stdout:   os.Stdout,
		Stderr:   os.Stderr,
		Terminal: term.IsTerminal(int(os.Stderr.Fd())),
		UID:      os.Geteuid(),
	})
}
