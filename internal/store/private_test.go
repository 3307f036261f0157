package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/totp"
)

const (
	alice = "0123456789abcdef0123456789abcdef"
	// dataDirVariable makes the test binary a program that is about to be killed.
	dataDirVariable = "JELLYWARD_STORE_TEST_DATA_DIR"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(dataDirVariable); dir != "" {
		spendUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

// spendUntilKilled opens a private Redis, prints its process id, and then spends
// one step after the other and prints each that was answered.
func spendUntilKilled(dir string) {
	b, err := testBox(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{DataDir: dir, Box: b})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.ProcessID(ctx, s))
	for step := totp.Step(1); ; step++ {
		claim, err := s.Claim(ctx, alice, step, time.Minute)
		if err == nil {
			err = s.Spend(ctx, alice, step, claim)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(step)
	}
}

// shortDir is a temporary directory whose path leaves room for a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func spend(t testing.TB, s *store.Store, step totp.Step) {
	t.Helper()
	claim, err := s.Claim(t.Context(), alice, step, time.Minute)
	if err == nil {
		err = s.Spend(t.Context(), alice, step, claim)
	}
	if err != nil {
		t.Fatalf("spend step %d: %v", step, err)
	}
}

func isSpent(t testing.TB, s *store.Store, step totp.Step) bool {
	t.Helper()
	claim, err := s.Claim(t.Context(), alice, step, time.Minute)
	if err == nil {
		err = s.Release(t.Context(), alice, step, claim)
		if err != nil {
			t.Fatal(err)
		}
		return false
	}
	if !errors.Is(err, totp.ErrSpent) {
		t.Fatalf("claim step %d: %v", step, err)
	}
	return true
}

// eventually asks again and again, what another process does cannot be waited
// for otherwise.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(20 * time.Second); !holds(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s still not: %s", what)
		}
	}
}

// recovered waits until the store answers again.
func recovered(t testing.TB, s *store.Store) {
	t.Helper()
	eventually(t, "the store answers", func() bool {
		err := s.Ping(t.Context())
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("Ping: %v", err)
		}
		return err == nil
	})
}

// gone waits until a process has ended.
func gone(t testing.TB, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("process %d has ended", pid), func() bool { return hasEnded(pid) })
}

// hasEnded tells whether a process has ended, waited for by its parent or not.
func hasEnded(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return syscall.Kill(pid, 0) != nil
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

func TestPrivateRedisKeepsEverythingAndEndsWithUs(t *testing.T) {
	dir := filepath.Join(shortDir(t), "new", "data")
	s := open(t, store.Options{DataDir: dir})
	spend(t, s, 10)
	pid := store.ProcessID(t.Context(), s)
	for name, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "always", "save": "", "port": "0", "maxmemory-policy": "noeviction",
	} {
		if got := s.Client().ConfigGet(t.Context(), name).Val()[name]; got != want {
			t.Errorf("redis runs with %s %q, want %q", name, got, want)
		}
	}
	if w := s.Warnings(t.Context()); len(w) != 0 {
		t.Errorf("it warns of itself: %q", w)
	}
	if info, err := os.Stat(filepath.Join(dir, "redis")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its directory: %v, %v", info.Mode(), err)
	}
	if group, err := syscall.Getpgid(pid); err != nil || group == syscall.Getpgrp() {
		t.Errorf("it is in our process group (%v): Ctrl-C would end it before us", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if !hasEnded(pid) {
		t.Error("it has not ended when Close returns")
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Ping after Close: %v", err)
	}
	again := open(t, store.Options{DataDir: dir})
	if !isSpent(t, again, 10) || isSpent(t, again, 11) {
		t.Error("the second run does not know what the first has spent")
	}
}

func TestPrivateRedisIsStartedAgain(t *testing.T) {
	s := open(t, store.Options{DataDir: shortDir(t)})
	for step := range totp.Step(3) {
		spend(t, s, 10+step)
		pid := store.ProcessID(t.Context(), s)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		gone(t, pid)
		recovered(t, s)
		if !isSpent(t, s, 10+step) {
			t.Error("a killed server has forgotten a step")
		}
	}
}

func TestAKilledProgramLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		redis bool // is killed, too
	}{{"alone", false}, {"with its redis", true}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := shortDir(t)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), dataDirVariable+"="+dir)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			number := func() (int, bool) {
				if !lines.Scan() {
					return 0, false
				}
				n, err := strconv.Atoi(lines.Text())
				if err != nil {
					t.Fatalf("the program says: %s", lines.Text())
				}
				return n, true
			}
			redis, _ := number()
			last := 0
			for range 100 {
				last, _ = number()
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if tt.redis {
				_ = syscall.Kill(redis, syscall.SIGKILL)
			}
			for n, ok := number(); ok; n, ok = number() {
				last = n
			}
			_ = cmd.Wait()
			if last < 100 {
				t.Fatalf("the program ended at step %d", last)
			}
			if runtime.GOOS == "linux" {
				gone(t, redis) // it ends with its program
			}
			s := open(t, store.Options{DataDir: dir})
			gone(t, redis)
			if !isSpent(t, s, totp.Step(last)) {
				t.Errorf("step %d was answered and is forgotten", last)
			}
			if isSpent(t, s, totp.Step(last+2)) {
				t.Errorf("step %d is spent, which nobody asked for", last+2)
			}
		})
	}
}

func TestAServerOfAnEarlierRunIsEnded(t *testing.T) {
	dir := shortDir(t)
	first := open(t, store.Options{DataDir: dir})
	spend(t, first, 10)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	// A server that has survived its program: it holds the lock, and answers.
	home := filepath.Join(dir, "redis")
	lock, err := os.OpenFile(filepath.Join(home, "server.lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	leftover := exec.Command("redis-server", "--port", "0", "--unixsocket", filepath.Join(home, "redis.sock"),
		"--dir", home, "--appendonly", "yes", "--save", "")
	leftover.ExtraFiles = []*os.File{lock}
	if err := leftover.Start(); err != nil {
		t.Fatal(err)
	}
	lock.Close()
	ended := make(chan error, 1)
	go func() { ended <- leftover.Wait() }()
	t.Cleanup(func() { _ = leftover.Process.Kill() })

	s := open(t, store.Options{DataDir: dir})
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it was not ended in peace: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it still runs beside ours")
	}
	if !isSpent(t, s, 10) {
		t.Error("what was kept is gone")
	}
}

func TestProgramsWithOneDataDirectoryShareOneServer(t *testing.T) {
	dir := shortDir(t)
	serve := open(t, store.Options{DataDir: dir})
	spend(t, serve, 10)
	command := open(t, store.Options{DataDir: dir})
	if !isSpent(t, command, 10) {
		t.Error("the second does not see what the first has spent")
	}
	if a, b := store.ProcessID(t.Context(), serve), store.ProcessID(t.Context(), command); a != b {
		t.Errorf("two servers run: %d and %d", a, b)
	}
	if err := command.Close(); err != nil {
		t.Fatal(err)
	}
	if err := serve.Ping(t.Context()); err != nil {
		t.Fatalf("the second took the first's server with it: %v", err)
	}
	command = open(t, store.Options{DataDir: dir})
	if err := serve.Close(); err != nil {
		t.Fatal(err)
	}
	recovered(t, command) // it has taken over
	if !isSpent(t, command, 10) {
		t.Error("the server that took over knows nothing")
	}
}

func TestPrivateRedisSaysWhyItCannotStart(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T) (dir string)
		say     []string
	}{
		{"nothing installed", func(t *testing.T) string {
			t.Setenv("PATH", t.TempDir())
			return shortDir(t)
		}, []string{"redis-server", "valkey-server", "install", "redis.url"}},
		{"no directory", func(*testing.T) string { return "" }, []string{"data_dir"}},
		{"a path that is too long", func(t *testing.T) string {
			return filepath.Join(shortDir(t), strings.Repeat("x", 100))
		}, []string{"shorter data_dir", "103"}},
		{"a file in its place", func(t *testing.T) string {
			dir := shortDir(t)
			if err := os.WriteFile(filepath.Join(dir, "redis"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, []string{"not a directory"}},
		{"data that it cannot read", func(t *testing.T) string {
			dir := shortDir(t)
			files := filepath.Join(dir, "redis", "appendonlydir")
			if err := os.MkdirAll(files, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(files, "appendonly.aof.manifest"), []byte("garbage\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, []string{"redis-server ended", "it said"}},
		{"a program that is none", func(t *testing.T) string {
			bin := t.TempDir()
			script := "#!/bin/sh\necho no such option >&2\nexit 1\n"
			if err := os.WriteFile(filepath.Join(bin, "valkey-server"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin)
			return shortDir(t)
		}, []string{"valkey-server ended", "exit status 1", "no such option"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tt.prepare(t)
			s, err := store.Open(t.Context(), store.Options{DataDir: dir, Box: box(t, 1)})
			if err == nil {
				s.Close()
				t.Fatal("it started")
			}
			for _, part := range tt.say {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}
