package ops_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/ops"
)

// get asks the handler and returns status and body.
func get(h http.Handler, path string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func says(word string, err error) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return word, err }
}

func TestHealthzAsksNothing(t *testing.T) {
	h := ops.Handler(ops.Options{Checks: []ops.Check{{Name: "redis", Probe: func(context.Context) (string, error) {
		t.Error("a check was asked")
		return "", nil
	}}}})
	if status, body := get(h, "/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz = %d %q", status, body)
	}
}

func TestOnlyThreePathsAndNoPosts(t *testing.T) {
	h := ops.Handler(ops.Options{})
	for _, path := range []string{"/", "/debug/pprof/", "/healthz/x", "/metrics/"} {
		if status, _ := get(h, path); status != http.StatusNotFound {
			t.Errorf("%s = %d, want 404", path, status)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/readyz", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /readyz = %d, want 405", w.Code)
	}
}

func TestReadyzSaysWhatFailsAndNotWhy(t *testing.T) {
	cause := errors.New("dial tcp 10.1.2.3:6379: connection refused")
	for _, tt := range []struct {
		name   string
		checks []ops.Check
		status int
		body   string
	}{
		{"nothing to check", nil, 200, `{
  "ready": true,
  "checks": []
}
`},
		{"all well", []ops.Check{{"redis", says("", nil)}, {"tunnel", says("4 of 4 connections", nil)}}, 200, `{
  "ready": true,
  "checks": [
    {
      "name": "redis",
      "ok": true,
      "word": "ok"
    },
    {
      "name": "tunnel",
      "ok": true,
      "word": "4 of 4 connections"
    }
  ]
}
`},
		{"one fails", []ops.Check{{"redis", says("", cause)}, {"jellyfin", says("starting", cause)}, {"tunnel", says("", nil)}}, 503, `{
  "ready": false,
  "checks": [
    {
      "name": "redis",
      "ok": false,
      "word": "fails"
    },
    {
      "name": "jellyfin",
      "ok": false,
      "word": "starting"
    },
    {
      "name": "tunnel",
      "ok": true,
      "word": "ok"
    }
  ]
}
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := get(ops.Handler(ops.Options{Checks: tt.checks}), "/readyz")
			if status != tt.status {
				t.Errorf("status = %d, want %d", status, tt.status)
			}
			if diff := cmp.Diff(tt.body, body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReportIsCachedForASecond(t *testing.T) {
	var asked atomic.Int32
	clock := time.Unix(1_800_000_000, 0)
	h := ops.Handler(ops.Options{
		Now: func() time.Time { return clock },
		Checks: []ops.Check{{"redis", func(context.Context) (string, error) {
			asked.Add(1)
			return "", nil
		}}},
	})
	for _, tt := range []struct {
		later time.Duration
		want  int32
	}{{0, 1}, {0, 1}, {999 * time.Millisecond, 1}, {time.Millisecond, 2}, {time.Hour, 3}} {
		clock = clock.Add(tt.later)
		get(h, "/readyz")
		if got := asked.Load(); got != tt.want {
			t.Errorf("asked %d times, want %d", got, tt.want)
		}
	}
}

func TestManyAskersShareOneReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		release := make(chan struct{})
		h := ops.Handler(ops.Options{Checks: []ops.Check{{"redis", func(context.Context) (string, error) {
			asked.Add(1)
			<-release
			return "", nil
		}}}})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if status, _ := get(h, "/readyz"); status != http.StatusOK {
					t.Errorf("status = %d, want 200", status)
				}
			})
		}
		time.Sleep(100 * time.Millisecond) // virtual: everybody waits now
		close(release)
		all.Wait()
		if got := asked.Load(); got != 1 {
			t.Errorf("asked %d times, want once", got)
		}
	})
}

func TestHangingCheckIsBoundedAndNotPiledUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		release := make(chan struct{})
		h := ops.Handler(ops.Options{Checks: []ops.Check{
			{"redis", func(context.Context) (string, error) { // deaf to its context
				running.Add(1)
				<-release
				return "", nil
			}},
			{"jellyfin", says("10.11.2", nil)},
		}})
		for range 5 {
			begun := time.Now()
			status, body := get(h, "/readyz")
			if status != http.StatusServiceUnavailable || !strings.Contains(body, `"no answer"`) || !strings.Contains(body, `"10.11.2"`) {
				t.Errorf("/readyz = %d %s", status, body)
			}
			if took := time.Since(begun); took > ops.DefaultTimeout {
				t.Errorf("the report took %s", took)
			}
			time.Sleep(2 * time.Second) // virtual: past the cached report
		}
		if got := running.Load(); got != 1 {
			t.Errorf("%d probes were started, want 1", got)
		}
		close(release)
		synctest.Wait()
		if status, _ := get(h, "/readyz"); status != http.StatusOK {
			t.Errorf("after recovery: %d", status)
		}
	})
}

func TestAskerWhoHangsUpSpoilsNoReport(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := ops.Handler(ops.Options{Checks: []ops.Check{{"redis", func(probe context.Context) (string, error) {
		cancel()
		return "", probe.Err()
	}}}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil).WithContext(ctx))
	if status, _ := get(h, "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz = %d, want 200", status)
	}
}

func TestReadinessChangesAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	clock := time.Unix(1_800_000_000, 0)
	var fails error
	h := ops.Handler(ops.Options{
		Now: func() time.Time { return clock },
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})),
		Checks: []ops.Check{{"redis", func(context.Context) (string, error) { return "", fails }}},
	})
	for _, err := range []error{nil, errors.New("gone"), errors.New("gone"), nil, nil} {
		fails = err
		get(h, "/readyz")
		clock = clock.Add(time.Minute)
	}
	want := `level=WARN msg="check fails" check=redis word=fails error=gone
level=INFO msg="check passes again" check=redis word=ok
`
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
