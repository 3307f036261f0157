package jellyfin_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
)

const (
	finished   = `{"ProductName":"Jellyfin Server","Id":"1","StartupWizardCompleted":true}`
	unfinished = `{"ProductName":"Jellyfin Server","Id":"2","StartupWizardCompleted":false}`
)

// watched is a server whose answer changes, with a watcher on it. Each question
// is told to asked and answered when let is read from.
type watched struct {
	*jellyfin.Watcher
	asked chan struct{}
	let   chan string
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{asked: make(chan struct{}, 100), let: make(chan string, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked <- struct{}{}
		select {
		case answer := <-w.let:
			_, _ = io.WriteString(rw, answer)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.Watcher = jellyfin.NewWatcher(jellyfin.New(base, nil, time.Minute), nil, nil)
	return w
}

func TestFreshAsksAlthoughReadinessIsKnown(t *testing.T) {
	w := watch(t)
	w.let <- finished
	if state := w.Readiness(t.Context()); state != jellyfin.Ready {
		t.Fatalf("readiness is %s", state)
	}
	if state := w.Readiness(t.Context()); state != jellyfin.Ready || len(w.asked) != 1 {
		t.Errorf("readiness is %s after %d questions, want one", state, len(w.asked))
	}
	w.let <- unfinished
	if state := w.Fresh(t.Context()); state != jellyfin.Unfinished {
		t.Errorf("a fresh answer is %s, want unfinished", state)
	}
	if state := w.Readiness(t.Context()); state != jellyfin.Unfinished {
		t.Errorf("readiness is %s after the fresh answer", state)
	}
}

// A question that was on its way before may be answered by a server that is gone.
func TestFreshDoesNotTakeAnAnswerToAnEarlierQuestion(t *testing.T) {
	w := watch(t)
	early := make(chan jellyfin.Readiness)
	go func() { early <- w.Readiness(context.Background()) }()
	<-w.asked
	late := make(chan jellyfin.Readiness)
	const callers = 20
	var called sync.WaitGroup
	for range callers {
		called.Add(1)
		go func() {
			called.Done()
			late <- w.Fresh(context.Background())
		}()
	}
	called.Wait()
	w.let <- finished
	if state := <-early; state != jellyfin.Ready {
		t.Errorf("the early answer is %s", state)
	}
	for range callers {
		w.let <- unfinished
	}
	for range callers {
		if state := <-late; state != jellyfin.Unfinished {
			t.Errorf("a fresh answer is %s, want unfinished", state)
		}
	}
}

func TestAServerThatIsAwayFromTheStartIsInTheLog(t *testing.T) {
	var log bytes.Buffer
	base := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	w := jellyfin.NewWatcher(jellyfin.New(base, nil, 0), time.Now, slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 {
		if got := w.Check(t.Context()); got != jellyfin.Away {
			t.Fatalf("Check = %v", got)
		}
	}
	if got := strings.Count(log.String(), "jellyfin is away"); got != 1 {
		t.Errorf("said %d times:\n%s", got, log.String())
	}
}
