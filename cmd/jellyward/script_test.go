package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/totp"
)

// patience is how long a script waits for something to happen.
const patience = 30 * time.Second

// fails CODE COMMAND...: the command ends with the exit code.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) {
		ts.Fatalf("the command ended with %v, want exit status %d", err, want)
	}
	if exit.ExitCode() != want {
		ts.Fatalf("exit status %d, want %d", exit.ExitCode(), want)
	}
}

// answers COMMAND...: the command succeeds and says nothing on standard error.
func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: answers COMMAND...")
	}
	ts.Check(ts.Exec(args[0], args[1:]...))
	if said := ts.ReadFile("stderr"); said != "" {
		ts.Fatalf("standard error is not empty")
	}
}

// jellyfin NAME [KIND]...: NAME becomes the URL of a fake Jellyfin of these
// kinds, and NAME_KEY an API key of it.
func startJellyfin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: jellyfin NAME [KIND]...")
	}
	options := []jellyfintest.Option{jellyfintest.ServerName("home")}
	for _, kind := range args[1:] {
		option, known := jellyfinKinds()[kind]
		if !known {
			ts.Fatalf("no such kind of Jellyfin: %s", kind)
		}
		options = append(options, option)
	}
	server := jellyfintest.New(options...)
	server.SetQuickConnect(!slices.Contains(args, "noquick"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	server.Listen(listener)
	ts.Defer(server.Close)
	ts.Setenv(args[0], "http://"+listener.Addr().String())
	ts.Setenv(args[0]+"_KEY", server.AddAPIKey("check"))
}

func jellyfinKinds() map[string]jellyfintest.Option {
	return map[string]jellyfintest.Option{
		"starting":  jellyfintest.Starting(jellyfintest.Migrating),
		"wizard":    jellyfintest.WizardOpen(),
		"10.10":     jellyfintest.Version(jellyfintest.V10_10),
		"12":        jellyfintest.Version(jellyfintest.V12),
		"base":      jellyfintest.BaseURL("/jellyfin"),
		"untrusted": jellyfintest.KnownProxies(),
		"legacy":    jellyfintest.LegacyAuthorization(true),
		"nolegacy":  jellyfintest.LegacyAuthorization(false),
		"noquick":   jellyfintest.ServerName("home"), // switched when it is made
	}
}

// website NAME [BODY]: NAME becomes the URL of a server that is no Jellyfin and
// answers everything with BODY.
func startWebsite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: website NAME [BODY]")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Join(args[1:], " ")))
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
	ts.Setenv(args[0]+"_ADDRESS", strings.TrimPrefix(server.URL, "http://"))
}

// redis NAME [OPTION...]: NAME becomes the URL of a real redis-server, which
// gets the options.
func startRedis(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: redis NAME [OPTION...]")
	}
	dir := ts.MkAbs("redis-" + args[0])
	ts.Check(os.Mkdir(dir, 0o700))
	socket := filepath.Join(dir, "s")
	server := exec.Command("redis-server", append([]string{
		"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "",
	}, args[1:]...)...)
	ts.Check(server.Start())
	ts.Defer(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	until(ts, "redis-server", func(ctx context.Context) error {
		version, err := redisVersion(ctx, socket)
		ts.Setenv(args[0]+"_VERSION", version)
		return err
	})
	ts.Setenv(args[0], "unix://"+socket)
}

// redisVersion asks the server on the socket what it is, in its own words. One
// that wants a password first is up as well, and has no version.
func redisVersion(ctx context.Context, socket string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "INFO server\r\nQUIT\r\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(answer)) {
		if version, ok := strings.CutPrefix(line, "redis_version:"); ok {
			return strings.TrimSpace(version), nil
		}
	}
	if strings.HasPrefix(string(answer), "-NOAUTH") {
		return "", nil
	}
	return "", fmt.Errorf("redis-server says %.60q", answer)
}

// port NAME: NAME becomes a port of 127.0.0.1 that nobody listens on. It is below
// those that systems give to whoever asks for any, so that nobody is given it later.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: port NAME")
	}
	for range 100 {
		port := strconv.Itoa(20_000 + rand.IntN(12_000))
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			ts.Check(listener.Close())
			ts.Setenv(args[0], port)
			return
		}
	}
	ts.Fatalf("no port is free")
}

// key FILE NAME: FILE becomes a key file, and NAME the key's name.
func makeKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: key FILE NAME")
	}
	box, err := seal.LoadKey(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Setenv(args[1], box.KeyID())
}

// enrol NAME ID: the user has a second factor since the second of January.
func enrol(ts *testscript.TestScript, neg bool, args []string) {
	put(ts, args, func(ctx context.Context, s *store.Store, id string, p totp.Pending) {
		ts.Check(s.PutPending(ctx, p, time.Hour))
		ts.Check(s.Activate(ctx, id, p.ID, 1))
	})
}

// begin NAME ID: the user has a second factor that is not confirmed yet.
func beginEnrolment(ts *testscript.TestScript, neg bool, args []string) {
	put(ts, args, func(ctx context.Context, s *store.Store, _ string, p totp.Pending) {
		ts.Check(s.PutPending(ctx, p, time.Hour))
	})
}

func put(ts *testscript.TestScript, args []string, do func(context.Context, *store.Store, string, totp.Pending)) {
	if len(args) != 2 {
		ts.Fatalf("want NAME ID")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	box, err := seal.LoadKey(filepath.Join(ts.Getenv("JELLYWARD_DATA_DIR"), "key"))
	ts.Check(err)
	s, err := store.Open(ctx, store.Options{URL: ts.Getenv("JELLYWARD_REDIS_URL"), Box: box, DataDir: ts.Getenv("JELLYWARD_DATA_DIR")})
	ts.Check(err)
	defer s.Close()
	name, id := args[0], args[1]
	ts.Check(s.PutName(ctx, name, id))
	do(ctx, s, id, totp.Pending{
		ID: "pending", UserID: id, Name: name, Secret: totp.NewSecret(),
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
}

// terminate: the program in the background is asked to end, as service managers
// do it.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: terminate")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
}

// reachable ADDRESS: somebody listens there, now or after a while.
func reachable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: reachable ADDRESS")
	}
	until(ts, args[0], func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", args[0])
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// await COMMAND...: the command succeeds, now or after a while.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: await COMMAND...")
	}
	until(ts, strings.Join(args, " "), func(context.Context) error { return ts.Exec(args[0], args[1:]...) })
}

// until asks again and again, until there is no error.
func until(ts *testscript.TestScript, what string, ask func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("%s: still %v", what, err)
		case <-again.C:
		}
	}
}
