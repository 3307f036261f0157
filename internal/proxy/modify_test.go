package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestErrorsShowNoPath(t *testing.T) {
	const trace = "System.IO.FileNotFoundException: /config/data/jellyfin.db at 10.0.0.5"
	for _, tt := range []struct {
		name, kind, said string
		status           int
		want             string
	}{
		{"production", "text/plain", "Error processing request.", 500, "Error processing request."},
		{"development", "text/plain", trace, 500, "Error processing request."},
		{"a page of a plugin", "text/html; charset=utf-8", "<pre>" + trace, 502, "Error processing request."},
		{"unlabelled", "", trace, 500, "Error processing request."},
		{"for programs", "application/json", `{"Error":"no"}`, 500, `{"Error":"no"}`},
		{"empty", "", "", 500, ""},
		{"the visitor's mistake", "text/plain", "Error processing request.", 400, "Error processing request."},
		{"starting", "text/html", trace, 503, "Jellyfin is starting. Please try again in a few seconds.\n"},
	} {
		front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if tt.kind != "" {
				w.Header().Set("Content-Type", tt.kind)
			} else {
				w.Header()["Content-Type"] = nil
			}
			w.Header().Set("X-Application-Error-Code", "kept")
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.said)
		}, nil, Treatment{})
		resp, body := get(t, front, nil)
		if resp.StatusCode != tt.status || body != tt.want {
			t.Errorf("%s: %d %q, want %d %q", tt.name, resp.StatusCode, body, tt.status, tt.want)
		}
		if kept := resp.Header.Get("X-Application-Error-Code") != ""; kept != (tt.status != 503) {
			t.Errorf("%s: other headers kept = %v", tt.name, kept)
		}
	}
}

func TestAStartingServerIsQuietToHEAD(t *testing.T) {
	front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Log", "/config")
		w.WriteHeader(http.StatusServiceUnavailable)
	}, nil, Treatment{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, front, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("X-Log") != "" {
		t.Errorf("%d, X-Log %q", resp.StatusCode, resp.Header.Get("X-Log"))
	}
}

// TestOnlyTheConnectionsOwnHeadersEnd sends what speaks of the connection, with
// a body whose length is told at its end.
func TestOnlyTheConnectionsOwnHeadersEnd(t *testing.T) {
	var seen, trailer http.Header
	var got string
	front := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen, trailer, got = r.Header.Clone(), r.Trailer, string(body)
	}, nil, Treatment{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front, io.MultiReader(strings.NewReader("a body")))
	if err != nil {
		t.Fatal(err)
	}
	r.Trailer = http.Header{"X-Forwarded-For": {"127.0.0.1"}}
	for name, value := range map[string]string{
		"Expect": "100-continue", "Te": "trailers", "Proxy": "http://evil.example", "Proxy-Authorization": "Basic eDp5",
		"Proxy-Connection": "keep-alive", "Keep-Alive": "timeout=5", "Upgrade-Insecure-Requests": "1",
	} {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || got != "a body" || len(trailer) != 0 {
		t.Errorf("%d, body %q, trailer %v", resp.StatusCode, got, trailer)
	}
	for _, name := range []string{"Expect", "Te", "Trailer", "Proxy", "Proxy-Authorization", "Proxy-Connection", "Keep-Alive"} {
		if seen.Get(name) != "" {
			t.Errorf("%s at Jellyfin = %q", name, seen.Get(name))
		}
	}
	if seen.Get("Upgrade-Insecure-Requests") != "1" {
		t.Error("a harmless header was lost")
	}
}

func TestHeadersThatJellyfinWouldNotReadGoNoFurther(t *testing.T) {
	var reached bool
	front := serve(t, func(http.ResponseWriter, *http.Request) { reached = true }, nil, Treatment{})
	for _, tt := range []struct {
		name   string
		values []string
		want   int
	}{
		{"many", make([]string, 90), 200},
		{"too many", make([]string, 101), 431},
		{"much", []string{strings.Repeat("a", 30<<10)}, 200},
		{"too much", []string{strings.Repeat("a", 33<<10)}, 431},
	} {
		reached = false
		resp, _ := get(t, front, http.Header{"X-Padding": tt.values})
		if resp.StatusCode != tt.want || reached != (tt.want == 200) {
			t.Errorf("%s: %d, reached Jellyfin: %v", tt.name, resp.StatusCode, reached)
		}
	}
}
