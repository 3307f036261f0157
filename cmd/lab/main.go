// Lab is a whole stage on one machine, to try, to demonstrate and to measure: a
// fake Jellyfin, a fake Cloudflare edge, and the real program between them with
// a store in memory. It needs nothing installed, listens on the loopback only,
// and forgets everything when it ends.
//
// "lab soak" plays hours of film through it and watches the program's memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "lab: error:", err)
		os.Exit(1)
	}
}

// options are the lab's flags.
type options struct {
	protocol string
	jellyfin string
	base     string
	redis    string
	verbose  bool
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.StringVar(&o.protocol, "protocol", "quic", "the tunnel's protocol: quic or http2")
	flags.StringVar(&o.jellyfin, "jellyfin", "10.11", "the Jellyfin that is acted: 10.11 or 12")
	flags.StringVar(&o.base, "base", "", "a base path, for example /jellyfin")
	flags.StringVar(&o.redis, "redis", "memory:", "the store: memory:, a Redis URL, or private for a redis-server from PATH")
	flags.BoolVar(&o.verbose, "v", false, "show the program's log")
	if err := parseFlags(flags, args, out); err != nil {
		return o, err
	}
	if o.protocol != "quic" && o.protocol != "http2" {
		return o, fmt.Errorf("-protocol %q is neither quic nor http2", o.protocol)
	}
	if o.jellyfin != "10.11" && o.jellyfin != "12" {
		return o, fmt.Errorf("-jellyfin %q is neither 10.11 nor 12", o.jellyfin)
	}
	o.base = strings.TrimSuffix(o.base, "/")
	return o, nil
}

// parseFlags parses args, of which nothing may be left over. Help goes to out.
func parseFlags(flags *flag.FlagSet, args []string, out io.Writer) error {
	flags.SetOutput(io.Discard) // main prints the error
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(out)
		fmt.Fprintf(out, "Usage of %s:\n", flags.Name())
		flags.PrintDefaults()
		return err
	case err != nil:
		return fmt.Errorf("%w (-h lists the flags)", err)
	case flags.NArg() > 0:
		return fmt.Errorf("%q is one argument too many (-h lists the flags)", flags.Arg(0))
	}
	return nil
}

func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	if len(args) > 0 && args[0] == "soak" {
		return runSoak(ctx, args[1:], out, errOut)
	}
	o, err := parse(args, errOut)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "jellyward-lab-")
	if err != nil {
		return fmt.Errorf("make a directory for the lab: %w", err)
	}
	defer os.RemoveAll(dir)

	fmt.Fprintln(out, "Setting the stage …")
	s, err := stage.Start(ctx, stage.Options{
		Jellyfin: cast(o),
		BasePath: o.base,
		Protocol: o.protocol,
		Redis:    o.redis,
		Dir:      dir,
		Edge:     edgetest.Options{Connections: 2},
		Logger:   logger(o, errOut),
	})
	if err != nil {
		return err
	}
	alice := s.Jellyfin.AddUser("alice", "wonderland")
	s.Jellyfin.AddUser("bob", "builder")
	s.Jellyfin.AddUser("root", "toor", jellyfintest.Admin)
	app := s.Jellyfin.Issue(alice.ID, jellyfintest.Device{ID: "television", Name: "Television", Client: "An app"})
	tv, err := watchTelevision(ctx, s.Edge.URL()+o.base)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	announce(out, o, s, app.Value, tv)

	<-ctx.Done()
	fmt.Fprintln(out, "\nStriking the set …")
	return s.Close()
}

func cast(o options) []jellyfintest.Option {
	release := jellyfintest.V10_11
	if o.jellyfin == "12" {
		release = jellyfintest.V12
	}
	return []jellyfintest.Option{jellyfintest.Version(release), jellyfintest.ServerName("The lab")}
}

func logger(o options, w io.Writer) *slog.Logger {
	level := slog.LevelError
	if o.verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// announce says where everything is and what to try. The token is one that an
// app has from a sign-in at home.
func announce(out io.Writer, o options, s *stage.Stage, token, tv string) {
	visitors := s.Edge.URL() + o.base
	fmt.Fprintf(out, `
  browser ──► fake Cloudflare edge ──%[1]s──► jellyward ──► fake Jellyfin %[2]s

  Visitors come to   %[3]s/
  Users              alice / wonderland, bob / builder, root / toor (administrator)
  At home            %[4]s%[5]s/   (the local listener, no tunnel)
  Jellyfin itself    %[6]s/   (unguarded, as on its own network)
  A television       %[9]s   (pretends, and shows the digits of Quick Connect)
  For operators      %[7]s/readyz and /metrics

  Try this:
    1. Open %[3]s/ in a browser: you are led to the sign-in page. Sign in as
       alice without a code, scan the picture with an authenticator app, type its
       code, and land in the web client. (No such app? Take the secret below the
       picture to "oathtool --totp -b SECRET".)
    2. Sign out there: the login page that you see shows the way back.
    3. Sign in as an app does, on Jellyfin's own password endpoint, in any spelling.
       A password alone is refused; put your authenticator's next code right behind it:
         curl -i '%[3]s/emby/Users/%%2541uthenticateByName' \
           -H 'Authorization: MediaBrowser Client="An app", Device="Laptop", DeviceId="1", Version="1"' \
           -H 'Content-Type: application/json' -d '{"Username":"alice","Pw":"wonderland"}'
    4. Make an app password at %[3]s/sso/2fa/account and put it there
       instead: no code is needed. Revoke it, and the token that you got is dead.
    5. Open the television, and allow its digits at %[3]s/sso/2fa/connect
       in the browser. Your account page shows it then; sign it out there.
    6. Ask without a token, and with the one of an app that alice uses at home:
         curl -i '%[3]s/Users/Me'
         curl -i -H 'Authorization: MediaBrowser Token="%[8]s"' '%[3]s/Users/Me'

  Ctrl-C ends everything and leaves nothing behind.
`, o.protocol, o.jellyfin, visitors, s.Local, o.base, s.Jellyfin.URL, s.Ops, token, tv)
}
