package tunnel

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func testRunner(h http.HandlerFunc) *runner {
	return newRunner(h, slog.New(slog.DiscardHandler), newMetrics(), func() {})
}

func outgoing(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", "https://jellyfin.example.org/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// The body can be read by those who do not know WriteTo.
func TestBodyReads(t *testing.T) {
	want := strings.Repeat("0123456789", 1000)
	r := testRunner(func(w http.ResponseWriter, _ *http.Request) {
		for part := want; part != ""; part = part[100:] {
			io.WriteString(w, part[:100])
		}
	})
	resp, err := r.RoundTrip(outgoing(t.Context(), t))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(struct{ io.Reader }{resp.Body})
	if err != nil || string(body) != want {
		t.Errorf("read %d bytes, %v", len(body), err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
}

// A body that is closed unread ends the handler's writes and context.
func TestBodyClosedEarly(t *testing.T) {
	ended := make(chan error, 1)
	r := testRunner(func(w http.ResponseWriter, req *http.Request) {
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 4096))
		}
		<-req.Context().Done()
		ended <- err
	})
	resp, err := r.RoundTrip(outgoing(t.Context(), t))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := <-ended; !errors.Is(err, errVisitorGone) {
		t.Errorf("the handler's write ends with %v", err)
	}
}

// A writer that fails ends the handler's writes with its error.
func TestBodyWriterFails(t *testing.T) {
	broken := errors.New("broken")
	ended := make(chan error, 1)
	r := testRunner(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 1<<20))
		ended <- err
	})
	resp, err := r.RoundTrip(outgoing(t.Context(), t))
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(failing{broken}, resp.Body)
	resp.Body.Close()
	if err := <-ended; !errors.Is(err, broken) {
		t.Errorf("the handler's write ends with %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// A visitor who leaves while the handler thinks is not waited for.
func TestVisitorLeavesFirst(t *testing.T) {
	arrived, let := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	r := testRunner(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-let
		_, err := w.Write(make([]byte, 1<<20))
		ended <- err
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-arrived
		leave()
	}()
	if _, err := r.RoundTrip(outgoing(ctx, t)); !errors.Is(err, context.Canceled) {
		t.Errorf("RoundTrip = %v", err)
	}
	close(let)
	if err := <-ended; err == nil {
		t.Error("a write to nobody succeeded")
	}
}

// What cannot be told for certain never reaches the handler.
func TestAmbiguousTargetIsNotShown(t *testing.T) {
	r := testRunner(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	req := outgoing(t.Context(), t)
	req.URL.Scheme, req.URL.Host = "", "h%41"
	resp, err := r.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("RoundTrip = %v, %v", resp, err)
	}
}

func TestTrailersAreHandedOver(t *testing.T) {
	r := testRunner(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-More", "43")
	})
	resp, err := r.RoundTrip(outgoing(t.Context(), t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	if resp.Trailer.Get("X-Sum") != "42" || resp.Trailer.Get("X-More") != "43" || resp.Header.Get("X-Sum") != "" {
		t.Errorf("trailer %v, header %v", resp.Trailer, resp.Header)
	}
}
