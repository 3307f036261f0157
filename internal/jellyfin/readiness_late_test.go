package jellyfin

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Whoever found nothing that is new enough, and comes to ask only when the answer
// to another's question is in, does not ask again.
func TestALateCallerFindsTheReadiness(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, `{"ProductName":"Jellyfin Server","Id":"1","StartupWizardCompleted":true}`)
	}))
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	w := NewWatcher(New(base, nil, 0), func() time.Time { return begun }, nil)
	for _, ask := range []func() Readiness{
		func() Readiness { return w.Readiness(t.Context()) },
		func() Readiness { return w.known(t.Context()) },
	} {
		if state := ask(); state != Ready || asked.Load() != 1 {
			t.Errorf("readiness is %s after %d questions, want one", state, asked.Load())
		}
	}
	if state := w.Check(t.Context()); state != Ready || asked.Load() != 2 {
		t.Errorf("readiness is %s after %d questions, want another one", state, asked.Load())
	}
}

// Of two questions at the start the later one may be answered first; that the server
// is away is in the log all the same, once.
func TestTheFirstAnswerIsNewsWhicheverItIs(t *testing.T) {
	var log strings.Builder
	w := NewWatcher(nil, nil, slog.New(slog.NewTextHandler(&log, nil)))
	for _, question := range []uint64{2, 1, 3} {
		if w.keep(question, 0, Away, PublicInfo{}) {
			w.report(t.Context(), Away, nil)
		}
	}
	if got := strings.Count(log.String(), "jellyfin is away"); got != 1 {
		t.Errorf("said %d times:\n%s", got, log.String())
	}
}
