package storetest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Redis is a real redis-server that writes every change to disk before it
// answers.
type Redis struct {
	// URL is what store.Options wants.
	URL string

	dir, socket string
	cmd         *exec.Cmd
	output      bytes.Buffer
}

// StartRedis starts redis-server (or valkey-server) from PATH on a unix socket in
// a temporary directory; it ends with the test. The test fails if none is
// installed.
func StartRedis(t testing.TB) *Redis {
	t.Helper()
	// t.TempDir is named after the test, which may be too long for a socket.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	r := &Redis{URL: "unix://" + socket, dir: dir, socket: socket}
	t.Cleanup(func() {
		r.Kill(t)
		os.RemoveAll(dir)
	})
	r.Start(t)
	return r
}

// Start starts the server again, with what it has kept, and waits until it
// answers.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		program, err = exec.LookPath("valkey-server")
	}
	if err != nil {
		t.Fatal("this test needs redis-server or valkey-server in PATH")
	}
	r.output.Reset()
	r.cmd = exec.Command(program,
		"--port", "0", "--unixsocket", r.socket, "--dir", r.dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "")
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(20 * time.Second); !r.answers(); <-again.C {
		if time.Now().After(deadline) {
			r.Kill(t)
			t.Fatalf("%s does not answer; it said:\n%s", program, r.output.String())
		}
	}
}

// Kill ends the server as a power cut would, with SIGKILL.
func (r *Redis) Kill(t testing.TB) {
	t.Helper()
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	r.cmd = nil
}

// answers tells whether the server answers a ping.
func (r *Redis) answers() bool {
	conn, err := net.DialTimeout("unix", r.socket, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	var answer [5]byte
	_, err = conn.Read(answer[:])
	return err == nil && string(answer[:]) == "+PONG"
}
