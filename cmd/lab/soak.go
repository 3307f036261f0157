package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// flatWithin is by how much the program's memory may grow while it plays, after
// the first quarter gigabyte has filled its buffers.
const flatWithin = 48 << 20

// warm is how much must have been played before memory is compared.
const warm = 256 << 20

// soak plays a long film through the tunnel to one who asks for it range by
// range, holds a WebSocket beside it, and watches the memory of the program,
// which runs as a process of its own.
type soak struct {
	program  string
	protocol string
	size     int64
	duration time.Duration
	out      io.Writer

	jellyfin *jellyfintest.Server
	edge     *edgetest.Edge
	child    *exec.Cmd
	token    string
	played   atomic.Int64
	beats    atomic.Int64
}

func runSoak(ctx context.Context, args []string, out, errOut io.Writer) error {
	s := &soak{out: out}
	var gigabytes float64
	flags := flag.NewFlagSet("lab soak", flag.ContinueOnError)
	flags.StringVar(&s.program, "program", "", "the jellyward binary to watch")
	flags.StringVar(&s.protocol, "protocol", "quic", "the tunnel's protocol: quic or http2")
	flags.Float64Var(&gigabytes, "gigabytes", 8, "how much to play")
	flags.DurationVar(&s.duration, "for", 5*time.Minute, "how long to hold the WebSocket at least")
	if err := parseFlags(flags, args, errOut); err != nil {
		return err
	}
	if s.program == "" {
		return errors.New("-program names no binary; scripts/soak builds one")
	}
	s.size = int64(gigabytes * (1 << 30))
	dir, err := os.MkdirTemp("", "jellyward-soak-")
	if err != nil {
		return fmt.Errorf("make a directory for the soak: %w", err)
	}
	defer os.RemoveAll(dir)
	defer s.close()
	if err := s.start(ctx, dir, errOut); err != nil {
		return err
	}
	return s.watch(ctx)
}

func (s *soak) start(ctx context.Context, dir string, errOut io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for fake jellyfin: %w", err)
	}
	s.jellyfin = jellyfintest.New(jellyfintest.VideoSize(s.size), jellyfintest.KnownProxies(netip.MustParsePrefix("127.0.0.1/32")))
	s.jellyfin.Listen(listener)
	user := s.jellyfin.AddUser("alice", "wonderland")
	s.token = s.jellyfin.Issue(user.ID, jellyfintest.Device{ID: "soak", Client: "Soak"}).Value
	if s.edge, err = edgetest.New(edgetest.Options{}); err != nil {
		return err
	}
	authority := filepath.Join(dir, "edge.pem")
	if err := os.WriteFile(authority, s.edge.CACert(), 0o600); err != nil {
		return fmt.Errorf("write the edge's authority: %w", err)
	}
	s.child = exec.Command(s.program, "serve")
	s.child.Env = append(os.Environ(),
		"JELLYWARD_JELLYFIN_URL="+s.jellyfin.URL, "JELLYWARD_DATA_DIR="+dir, "JELLYWARD_REDIS_URL=memory:",
		"JELLYWARD_TUNNEL_TOKEN="+s.edge.Token(), "JELLYWARD_TUNNEL_EDGE="+s.edge.Addr(), "JELLYWARD_TUNNEL_CA_FILE="+authority,
		"JELLYWARD_TUNNEL_PROTOCOL="+s.protocol, "JELLYWARD_TUNNEL_CONNECTIONS=1",
		"JELLYWARD_LISTEN=", "JELLYWARD_OPS_LISTEN=", "JELLYWARD_LOG_LEVEL=error")
	s.child.Stderr = errOut
	if err := s.child.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.program, err)
	}
	up, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return s.edge.WaitConnections(up, 1)
}

func (s *soak) close() {
	if s.child != nil && s.child.Process != nil {
		_ = s.child.Process.Signal(os.Interrupt)
		_ = s.child.Wait() // it was told to end
	}
	if s.edge != nil {
		s.edge.Close()
	}
	if s.jellyfin != nil {
		s.jellyfin.Close()
	}
}

// watch runs the player and the socket, and samples memory until both are done.
func (s *soak) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	go func() { failed <- s.play(ctx) }()
	go func() { failed <- s.hold(ctx) }()

	fmt.Fprintf(s.out, "%8s  %10s  %10s  %6s\n", "time", "played", "memory", "beats")
	begun := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var base, most int64
	for running, lines := 2, 0; running > 0; {
		select {
		case err := <-failed:
			if err != nil {
				return err
			}
			running--
		case <-tick.C:
			memory, err := residentBytes(s.child.Process.Pid)
			if err != nil {
				return err
			}
			if base == 0 && s.played.Load() > warm {
				base = memory
			}
			if base > 0 {
				most = max(most, memory)
			}
			if lines++; lines%15 == 1 {
				s.report(time.Since(begun), memory)
			}
		}
	}
	s.report(time.Since(begun), most)
	if base == 0 {
		return fmt.Errorf("nothing was measured: that takes more than %d MiB", warm>>20)
	}
	if grown := most - base; grown > flatWithin {
		return fmt.Errorf("memory grew by %d MiB, from %d to %d MiB", grown>>20, base>>20, most>>20)
	}
	fmt.Fprintf(s.out, "memory stayed flat: %d MiB after the first 256 MiB, %d MiB at most\n", base>>20, most>>20)
	return nil
}

func (s *soak) report(since time.Duration, memory int64) {
	fmt.Fprintf(s.out, "%8s  %6d MiB  %6d MiB  %6d\n", since.Round(time.Second), s.played.Load()>>20, memory>>20, s.beats.Load())
}

// play asks for the film in ranges of 32 MiB, as a player does, and looks at
// the first byte of each.
func (s *soak) play(ctx context.Context) error {
	const step = 32 << 20
	client := &http.Client{}
	target := s.edge.URL() + "/Videos/" + jellyfintest.MovieID + "/stream.mp4?static=true&ApiKey=" + s.token
	for from := int64(0); from < s.size; from += step {
		to := min(from+step, s.size)
		if err := s.fetch(ctx, client, target, from, to); err != nil {
			return fmt.Errorf("play bytes %d to %d: %w", from, to-1, err)
		}
	}
	return nil
}

func (s *soak) fetch(ctx context.Context, client *http.Client, target string, from, to int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	var first [1]byte
	if _, err := io.ReadFull(resp.Body, first[:]); err != nil {
		return err
	}
	if first[0] != jellyfintest.FilmByte(from) {
		return errors.New("the first byte is another one")
	}
	s.played.Add(1)
	n, err := io.Copy(meter{&s.played}, resp.Body)
	if err == nil && n+1 != to-from {
		return fmt.Errorf("%d bytes came", n+1)
	}
	return err
}

// meter counts what is written to it.
type meter struct{ n *atomic.Int64 }

func (m meter) Write(p []byte) (int, error) {
	m.n.Add(int64(len(p)))
	return len(p), nil
}

// hold keeps a WebSocket open and alive, as jellyfin-web does.
func (s *soak) hold(ctx context.Context) error {
	conn, _, err := websocket.Dial(ctx, s.edge.URL()+"/socket?ApiKey="+s.token, nil)
	if err != nil {
		return fmt.Errorf("open the WebSocket: %w", err)
	}
	defer conn.CloseNow()
	if _, _, err := conn.Read(ctx); err != nil {
		return fmt.Errorf("read the WebSocket's greeting: %w", err)
	}
	end := time.NewTimer(s.duration)
	defer end.Stop()
	beat := time.NewTicker(5 * time.Second)
	defer beat.Stop()
	for {
		select {
		case <-end.C:
			return conn.Close(websocket.StatusNormalClosure, "")
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
			if err := conn.Write(ctx, websocket.MessageText, []byte(`{"MessageType":"KeepAlive"}`)); err != nil {
				return fmt.Errorf("keep the WebSocket alive: %w", err)
			}
			if _, _, err := conn.Read(ctx); err != nil {
				return fmt.Errorf("hear from the WebSocket: %w", err)
			}
			s.beats.Add(1)
		}
	}
}

// residentBytes is the memory that a process has in RAM, by Linux's account.
func residentBytes(pid int) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("the program has ended: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the program has ended")
}
