package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/app"
	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/tunnel"
)

// run runs a command in this process, with an empty settings file.
func run(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jellyward.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	code = Run(t.Context(), Process{
		Args:    args,
		Environ: append([]string{"JELLYWARD_CONFIG=" + file, "JELLYWARD_DATA_DIR=" + t.TempDir()}, environ...),
		Stdout:  &out, Stderr: &complaints,
		UID: os.Geteuid(),
	})
	return code, out.String(), complaints.String()
}

func TestHelpDoesNotServe(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"serve", "--help"}, {"user", "--help"}} {
		code, stdout, stderr := run(t, []string{"JELLYWARD_JELLYFIN_URL=http://jellyfin"}, args...)
		if code != 0 || !strings.HasPrefix(stdout, "Usage: jellyward") || stderr != "" {
			t.Errorf("%q = %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

func TestHealthSaysWhatIsNotReady(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"ready":false,"checks":[{"name":"redis","ok":true,"word":"ok"},{"name":"jellyfin","ok":false,"word":"away"}]}`)
	}))
	defer server.Close()
	code, stdout, stderr := run(t, []string{"JELLYWARD_OPS_LISTEN=" + server.Listener.Addr().String()}, "health")
	const want = `jellyward: error: not ready: redis: ok, jellyfin: away
jellyward: hint: its log says why; jellyward check looks closer
`
	if diff := cmp.Diff(want, stderr); code != 1 || stdout != "" || diff != "" {
		t.Errorf("health = %d %q (-want +got):\n%s", code, stdout, diff)
	}
}

func TestWhoListensEverywhereIsAskedAtHome(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:9097":   "127.0.0.1:9097",
		":9097":            "127.0.0.1:9097",
		"0.0.0.0:9097":     "127.0.0.1:9097",
		"[::]:9097":        "[::1]:9097",
		"[fd00::1]:9097":   "[fd00::1]:9097",
		"ops.example:9097": "ops.example:9097",
	} {
		if got := askable(listen); got != want {
			t.Errorf("askable(%q) = %q, want %q", listen, got, want)
		}
	}
}

// Every error that starting the program is known to end with has a way out.
func TestErrorsComeWithAWayOut(t *testing.T) {
	_, inUse := net.Listen("tcp", "256.0.0.1:1")
	for _, tt := range []struct {
		err        error
		text, hint string
	}{
		{&seal.KeyError{Path: "/k", Problem: "has 3 bytes instead of 32", Hint: "put it back"}, "key_file /k has 3 bytes instead of 32", "put it back"},
		{fmt.Errorf("open: %w", &store.URLError{Problem: "has no host", Hint: "write one"}), "redis.url has no host", "write one"},
		{fmt.Errorf("%w: they need key a, the key file holds key b (put the right key file back)", store.ErrKey), "redis holds records that were sealed with another key: they need key a, the key file holds key b", "put the right key file back"},
		{fmt.Errorf("%w: refused", store.ErrUnavailable), "redis is not available: refused", "see that Redis runs"},
		{fmt.Errorf("%w: refused", jellyfin.ErrUnavailable), "jellyfin is not available: refused", "see that Jellyfin runs"},
		{fmt.Errorf("%w: %w", app.ErrToken, errors.New("not base64")), "tunnel.token is not a tunnel token", `copy the long string after "--token"`},
		{&tunnel.RefusedError{TunnelID: "1", Reason: "Unauthorized"}, "cloudflare refused", "copy the token again"},
		{fmt.Errorf("listen: %w", syscall.EADDRINUSE), "listen: address already in use", "another program listens there"},
		{fmt.Errorf("open: %w", os.ErrPermission), "open: permission denied", ""},
		{fmt.Errorf("open: %w", syscall.EACCES), "open: permission denied", "run jellyward as the user"},
		{errors.New("start private redis: neither is installed (install one)"), "start private redis: neither is installed", "install one"},
		{errors.New("odd (but) true"), "odd (but) true", ""},
		{inUse, "listen tcp", ""},
	} {
		text, hint := explain(tt.err)
		if !strings.HasPrefix(text, tt.text) || !strings.HasPrefix(hint, tt.hint) || (tt.hint == "") != (hint == "") {
			t.Errorf("explain(%q) = %q, %q; want %q, %q", tt.err, text, hint, tt.text, tt.hint)
		}
	}
}

func TestVersionLine(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	for _, tt := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{&debug.BuildInfo{}, "jellyward built from source (go"},
		{&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{revision, {Key: "vcs.modified", Value: "true"}}}, "jellyward built from source (0123456789ab, modified, go"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{revision, {Key: "vcs.modified", Value: "false"}}}, "jellyward v1.2.3 (0123456789ab, go"},
	} {
		if got := versionLine(tt.info); !strings.HasPrefix(got, tt.want) || !strings.HasSuffix(got, ")") {
			t.Errorf("versionLine = %q, want %q…", got, tt.want)
		}
	}
}

func TestLogFormatFollowsTheTerminal(t *testing.T) {
	for _, tt := range []struct {
		format   string
		terminal bool
		want     string
	}{
		{"auto", true, `level=WARN msg=hello`},
		{"auto", false, `"level":"WARN","msg":"hello"`},
		{"text", false, `level=WARN msg=hello`},
		{"json", true, `"level":"WARN","msg":"hello"`},
	} {
		var b bytes.Buffer
		logger := newLogger(&b, config.Log{Level: slog.LevelWarn, Format: tt.format}, tt.terminal)
		logger.Info("not this")
		logger.Warn("hello")
		if got := b.String(); !strings.Contains(got, tt.want) || strings.Contains(got, "not this") {
			t.Errorf("%s, terminal %t: %s", tt.format, tt.terminal, got)
		}
	}
}

func TestNamesCannotSteerTheTerminal(t *testing.T) {
	for name, want := range map[string]string{
		"Ann":          `Ann`,
		"Zoë Ω 名前":     `Zoë Ω 名前`,
		"a\x1b[2Jb":    `"a\x1b[2Jb"`,
		"a\nb":         `"a\nb"`,
		"a\u202eb":     `"a\u202eb"`,
		`say "hi" \o/`: `"say \"hi\" \\o/"`,
	} {
		if got := printable(name); got != want {
			t.Errorf("printable(%q) = %s, want %s", name, got, want)
		}
	}
}

func TestKnownVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"10.10.7": true, "10.11.11": true, "12.0": true, "12.0.0": true, "12.3.1": true,
		"10.9.11": false, "10.12.0": false, "11.0.0": false, "13.0": false, "": false, "banana": false, "10": false,
	} {
		if got := knownVersion(version); got != want {
			t.Errorf("knownVersion(%q) = %t, want %t", version, got, want)
		}
	}
}

// Root would leave files that the service's user cannot read.
func TestRootStartsNoRedisOnOthersData(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "redis")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(data, 12345, -1); err != nil {
			t.Fatal(err)
		}
	}
	root, owner := Process{UID: 0}, Process{UID: 12345}
	private, own := config.Config{DataDir: dir}, config.Config{DataDir: dir, Redis: config.Redis{URL: "redis://redis"}}
	if err := checkPrivate(root, private); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("root, nobody runs: %v", err)
	}
	for name, err := range map[string]error{
		"its owner":             checkPrivate(owner, private),
		"root, Redis elsewhere": checkPrivate(root, own),
		"root, no data yet":     checkPrivate(root, config.Config{DataDir: t.TempDir()}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	listener, err := net.Listen("unix", filepath.Join(data, "redis.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := checkPrivate(root, private); err != nil {
		t.Errorf("root, a program runs: %v", err)
	}
}
