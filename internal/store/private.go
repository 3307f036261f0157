package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxSocketPath is what fits into a unix socket's address on every system:
	// 104 bytes on macOS and the BSDs, 108 on Linux, the closing zero included.
	maxSocketPath = 103
	// startTimeout is how long a private server may take to read its file.
	startTimeout = 60 * time.Second
	// stopTimeout is how long it may take to end before it is killed. Nothing
	// answered is lost then either.
	stopTimeout = 10 * time.Second
	// The wait before it is started again doubles from first to last.
	firstBackOff, lastBackOff = 100 * time.Millisecond, 5 * time.Second
	// poll is how often to look whether something has happened that nobody tells.
	poll = 20 * time.Millisecond
)

// private supervises a redis-server that belongs to this program: on a unix
// socket in a directory that only its user can enter, with every write synced to
// disk before it is answered.
//
// Two locks keep several programs with one data directory apart. "owner.lock" is
// held by the program that supervises; others use its server, and take over when
// it ends (the user commands beside a running "serve"). "server.lock" is handed
// down to the server itself, so that one which has survived a killed program
// is noticed, and never do two servers write one file.
type private struct {
	dir, socket, program string
	log                  *slog.Logger

	end    context.CancelFunc
	ended  chan struct{}
	failed chan error // why the first start failed
	// settled is closed when it is known whose server will answer: that of the
	// owner, or ours once it has been started. What answers before may be about to
	// be ended.
	settled chan struct{}
	settle  sync.Once
}

// startPrivate starts supervising and waits until a server answers.
func startPrivate(ctx context.Context, dataDir string, log *slog.Logger) (*private, error) {
	p := &private{log: log, ended: make(chan struct{}), failed: make(chan error, 1), settled: make(chan struct{})}
	if err := p.prepare(dataDir); err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	p.end = end
	go p.supervise(life)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *private) prepare(dataDir string) error {
	if dataDir == "" {
		return errors.New("no data directory (set data_dir, or redis.url)")
	}
	program, err := findServer()
	if err != nil {
		return err
	}
	p.program = program
	dir, err := filepath.Abs(filepath.Join(dataDir, "redis"))
	if err != nil {
		return fmt.Errorf("find data directory: %w", err)
	}
	p.dir, p.socket = dir, filepath.Join(dir, "redis.sock")
	if len(p.socket) > maxSocketPath {
		return fmt.Errorf("the socket %s would have a path of %d bytes, %d are possible (choose a shorter data_dir)",
			p.socket, len(p.socket), maxSocketPath)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory for redis: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close directory for redis to others: %w", err)
	}
	return nil
}

func findServer() (string, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("neither redis-server nor valkey-server is installed (install one, for example with: apt install redis-server; or set redis.url to a server that is running)")
}

// awaitReady waits for a server to answer on the socket, ours or the owner's.
func (p *private) awaitReady(ctx context.Context) error {
	select {
	case <-p.settled:
	case failure := <-p.failed:
		return failure
	case <-ctx.Done():
		return ctx.Err()
	}
	client := redis.NewClient(unixOptions(p.socket))
	defer client.Close()
	for {
		err := client.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		select {
		case failure := <-p.failed:
			return failure
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer on %s: %w", filepath.Base(p.program), p.socket, err)
		case <-time.After(poll):
		}
	}
}

// stop ends the server, if it is ours, and waits for it.
func (p *private) stop() error {
	p.end()
	<-p.ended
	return nil
}

// supervise keeps a server running while we are the owner. The goroutine stays on
// its thread, because Linux ends the server when the thread that started it ends.
func (p *private) supervise(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	owner, err := p.own(ctx)
	if err != nil {
		p.report(err)
		return
	}
	defer owner.Close()
	backOff := firstBackOff
	for ctx.Err() == nil {
		started := time.Now()
		err := p.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		p.report(err)
		if time.Since(started) > startTimeout {
			backOff = firstBackOff
		}
		p.log.WarnContext(ctx, "private redis has ended, starting it again", "error", err, "after", backOff)
		pause(ctx, backOff)
		backOff = min(2*backOff, lastBackOff)
	}
}

// report tells startPrivate why there is no server, if it still waits.
func (p *private) report(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// own waits until we are the one program that supervises in this directory.
func (p *private) own(ctx context.Context) (*os.File, error) {
	path := filepath.Join(p.dir, "owner.lock")
	for told := false; ; told = true {
		f, err := lockFile(path)
		if err == nil || !errors.Is(err, errLocked) {
			return f, err
		}
		if !told {
			p.settle.Do(func() { close(p.settled) })
			p.log.InfoContext(ctx, "another process runs the private redis, using it too", "socket", p.socket)
		}
		if !pause(ctx, 10*poll) {
			return nil, ctx.Err()
		}
	}
}

// serve runs one server until it ends by itself or ctx does.
func (p *private) serve(ctx context.Context) error {
	lock, err := p.lockServer(ctx)
	if err != nil {
		return err
	}
	output := &output{log: p.log}
	cmd := p.command(output)
	cmd.ExtraFiles = []*os.File{lock}
	err = cmd.Start()
	lock.Close() // the server holds it now
	if err != nil {
		return fmt.Errorf("start %s: %w", p.program, err)
	}
	p.settle.Do(func() { close(p.settled) })
	p.log.InfoContext(ctx, "private redis started", "program", p.program, "pid", cmd.Process.Pid, "socket", p.socket)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return fmt.Errorf("%s ended: %w; it said: %s", filepath.Base(p.program), orExit(err), output.last())
	case <-ctx.Done():
		p.shutDown(cmd.Process, done)
		return nil
	}
}

func orExit(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// command is the server's command line. Nothing is read from a configuration
// file, and nothing of our environment, which may hold secrets, is handed down.
func (p *private) command(output *output) *exec.Cmd {
	cmd := exec.Command(p.program,
		"--port", "0",
		"--unixsocket", p.socket,
		"--unixsocketperm", "700",
		"--dir", p.dir,
		"--appendonly", "yes",
		"--appendfsync", "always",
		"--save", "",
		"--daemonize", "no",
		"--databases", "1",
		"--maxmemory-policy", "noeviction",
		"--loglevel", "notice",
		"--logfile", "",
	)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = ownProcess()
	return cmd
}

// shutDown ends the server: politely, then firmly, then for certain.
func (p *private) shutDown(process *os.Process, done <-chan error) {
	p.askToEnd(context.Background())
	for _, insist := range []func(){func() { terminate(process) }, func() { process.Kill() }} {
		select {
		case <-done:
			p.log.Info("private redis stopped")
			return
		case <-time.After(stopTimeout):
			insist()
		}
	}
	<-done
	p.log.Warn("private redis had to be killed")
}

// askToEnd sends SHUTDOWN to whoever answers on the socket.
func (p *private) askToEnd(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	client := redis.NewClient(unixOptions(p.socket))
	defer client.Close()
	_ = client.ShutdownNoSave(ctx).Err() // answers with the end of the connection, or not at all
}

// lockServer takes the lock that our server will hold. If a server from an
// earlier run holds it still, that one is asked to end first.
func (p *private) lockServer(ctx context.Context) (*os.File, error) {
	path := filepath.Join(p.dir, "server.lock")
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	for told := false; ; told = true {
		f, err := lockFile(path)
		if err == nil || !errors.Is(err, errLocked) {
			return f, err
		}
		if !told {
			p.log.WarnContext(ctx, "a redis-server of an earlier run is still there, ending it", "socket", p.socket)
		}
		p.askToEnd(ctx) // again and again: it may be starting up, too
		if !pause(ctx, poll) {
			return nil, fmt.Errorf("a redis-server of an earlier run still works in %s and does not end (find it with: fuser %s; and end it)", p.dir, path)
		}
	}
}
