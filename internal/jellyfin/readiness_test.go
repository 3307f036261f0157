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

// watched is a server with a watcher on it whose time stands still. Each question is
// told to asked, and is answered with what is sent back.
type watched struct {
	*jellyfin.Watcher
	asked chan chan<- string
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{asked: make(chan chan<- string)}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer := make(chan string)
		select {
		case w.asked <- answer:
			_, _ = io.WriteString(rw, <-answer)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	w.Watcher = jellyfin.NewWatcher(jellyfin.New(base, nil, time.Minute), func() time.Time { return begun }, nil)
	return w
}

// answer answers questions until the test ends.
func (w *watched) answer(t *testing.T, with string) {
	go func() {
		for {
			select {
			case answer := <-w.asked:
				answer <- with
			case <-t.Context().Done():
				return
			}
		}
	}()
}

func TestFreshAsksAlthoughReadinessIsKnown(t *testing.T) {
	w := watch(t)
	want := func(what string, ask func(context.Context) jellyfin.Readiness, question string, want jellyfin.Readiness) {
		t.Helper()
		got := make(chan jellyfin.Readiness, 1)
		go func() { got <- ask(t.Context()) }()
		if question != "" {
			(<-w.asked) <- question
		}
		if state := <-got; state != want {
			t.Errorf("%s: readiness is %s, want %s", what, state, want)
		}
	}
	want("at first", w.Readiness, finished, jellyfin.Ready)
	want("known", w.Readiness, "", jellyfin.Ready)
	want("fresh", w.Fresh, unfinished, jellyfin.Unfinished)
	want("known after a fresh answer", w.Readiness, "", jellyfin.Unfinished)
}

// A question that was on its way before may be answered by a server that is gone.
func TestFreshDoesNotTakeAnAnswerToAnEarlierQuestion(t *testing.T) {
	w := watch(t)
	early := make(chan jellyfin.Readiness)
	go func() { early <- w.Readiness(context.Background()) }()
	first := <-w.asked
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
	first <- finished
	if state := <-early; state != jellyfin.Ready {
		t.Errorf("the early answer is %s", state)
	}
	w.answer(t, unfinished)
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
