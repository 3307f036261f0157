package app_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/totp"
)

// browserClient keeps cookies and follows no redirects.
func browserClient(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// signedIn tells whether p's cookie opens jellyfin-web, or leads to the sign-in
// page.
func (p *person) signedIn(t testing.TB) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+"/web/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)")
	req.Header.Set("Accept", "text/html")
	resp, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return true
	case http.StatusFound:
		return false
	}
	t.Fatalf("/web/ answered %d", resp.StatusCode)
	return false
}

// TestARestartForgetsNothing stops and starts the program with its private
// Redis: who is enrolled, which codes are used up and who is signed in stay.
func TestARestartForgetsNothing(t *testing.T) {
	s := play(t, stage.Options{Redis: "private", NoTunnel: true})
	s.Jellyfin.AddUser("alice", "wonderland")
	alice := &person{name: "alice", password: "wonderland", base: s.Local, http: browserClient(t), device: "home"}
	alice.enrol(t)
	spent := alice.secret.At(timeOf(alice.spent)).Digits()
	if !alice.signedIn(t) {
		t.Fatal("not signed in after enrolling")
	}

	restart(t.Context(), t, s)
	// Cookies belong to a host, whatever its port.
	alice.base = s.Local
	if !alice.signedIn(t) {
		t.Error("the session is gone after a restart")
	}
	if status, _, _ := alice.post(t, "authenticate", alice.fields("Otp", spent)); status != http.StatusUnauthorized {
		t.Errorf("a spent code got %d after a restart", status)
	}
	if status, a, _ := alice.signIn(t); status != http.StatusOK {
		t.Errorf("the next code got %d %+v after a restart", status, a)
	}
}

// TestAKillLosesNothingThatWasAnswered kills the program, as a process of its
// own, and its Redis, without warning and right after an answer.
func TestAKillLosesNothingThatWasAnswered(t *testing.T) {
	s := play(t, stage.Options{NoTunnel: true}) // for its Jellyfin
	s.Jellyfin.AddUser("alice", "wonderland")
	binary := filepath.Join(t.TempDir(), "jellyward")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/jellyward").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	dir := t.TempDir()

	first := startProcess(t, binary, dir, s.Jellyfin.URL)
	alice := &person{name: "alice", password: "wonderland", base: first.url, http: browserClient(t), device: "home"}
	alice.enrol(t)
	spent := alice.secret.At(timeOf(alice.spent)).Digits()
	first.kill(t)

	second := startProcess(t, binary, dir, s.Jellyfin.URL)
	alice.base = second.url
	if !alice.signedIn(t) {
		t.Error("the session is gone after a kill")
	}
	if status, _, _ := alice.post(t, "authenticate", alice.fields("Otp", spent)); status != http.StatusUnauthorized {
		t.Errorf("a spent code got %d after a kill", status)
	}
	if status, a, _ := alice.signIn(t); status != http.StatusOK {
		t.Errorf("the next code got %d %+v after a kill", status, a)
	}
}

// process is the program as a process of its own.
type process struct {
	cmd *exec.Cmd
	url string
	dir string
}

// startProcess starts the program with a private Redis in dir, and waits until
// it listens.
func startProcess(t *testing.T, binary, dir, jellyfin string) *process {
	t.Helper()
	listen := freeAddress(t)
	cmd := exec.Command(binary, "serve")
	cmd.Env = append(os.Environ(),
		"JELLYWARD_JELLYFIN_URL="+jellyfin, "JELLYWARD_DATA_DIR="+dir, "JELLYWARD_LISTEN="+listen,
		"JELLYWARD_OPS_LISTEN=", "JELLYWARD_LOG_FORMAT=text")
	heard := make(chan struct{})
	cmd.Stderr = &waiting{t: t, text: "msg=listening", heard: heard}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, url: "http://" + listen, dir: dir}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // ended already in the usual case
		_ = cmd.Wait()
	})
	select {
	case <-heard:
	case <-t.Context().Done():
		t.Fatal("the program did not start")
	}
	return p
}

// kill ends the program and the redis-server below it as a power cut would.
func (p *process) kill(t *testing.T) {
	t.Helper()
	for _, pid := range append(children(t, p.cmd.Process.Pid), p.cmd.Process.Pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("kill %d: %v", pid, err)
		}
	}
	_ = p.cmd.Wait()
}

// children are the processes whose parent is pid.
func children(t *testing.T, pid int) []int {
	t.Helper()
	var found []int
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		// pid (name) state parent …; the name may hold anything but ends at the
		// last parenthesis.
		_, rest, _ := strings.Cut(string(raw[strings.LastIndexByte(string(raw), ')'):]), " ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, child)
		}
	}
	if len(found) == 0 {
		t.Fatal("the program has no redis-server below it")
	}
	return found
}

// freeAddress is an address on the loopback that nobody listened on just now. Its
// port is below those that systems give to whoever asks for any, so that nobody is
// given it before it is used.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// timeOf is when a step begins.
func timeOf(step totp.Step) time.Time { return time.Unix(int64(step)*30, 0) }

// waiting is a writer that tells when it has seen a text.
type waiting struct {
	t     *testing.T
	text  string
	heard chan struct{}
	seen  strings.Builder
}

func (w *waiting) Write(p []byte) (int, error) {
	if w.heard == nil {
		return len(p), nil
	}
	w.seen.Write(p)
	if strings.Contains(w.seen.String(), w.text) {
		close(w.heard)
		w.heard = nil
	}
	return len(p), nil
}
