package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAnAnswerIsReadBeforeItGoesOn(t *testing.T) {
	const result = `{"AccessToken":"made-up"}`
	for _, tt := range []struct {
		name   string
		status int
		header http.Header
		body   string
		refuse bool

		wantStatus int
		wantRead   bool
	}{
		{"read", 200, nil, result, false, 200, true},
		{"withheld", 200, nil, result, true, 503, true},
		{"a refusal of Jellyfin's", 404, nil, "Error processing request.", true, 404, false},
		{"compressed although not asked to", 200, http.Header{"Content-Encoding": {"br"}}, result, false, 503, false},
		{"too long", 200, nil, strings.Repeat(" ", maxRewritten+1), false, 503, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var read string
			front := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Accept-Encoding"); got != "identity" {
					t.Errorf("Accept-Encoding at Jellyfin = %q", got)
				}
				for name, values := range tt.header {
					w.Header()[name] = values
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}, nil, Treatment{Read: func(body []byte) error {
				read = string(body)
				if tt.refuse {
					return errors.New("the store is away")
				}
				return nil
			}})
			resp, body := get(t, front, http.Header{"Accept-Encoding": {"gzip"}})
			if resp.StatusCode != tt.wantStatus || (read != "") != tt.wantRead {
				t.Errorf("status %d, read %q", resp.StatusCode, read)
			}
			if leaks := strings.Contains(body, "made-up"); leaks != (tt.wantStatus == 200) {
				t.Errorf("body = %q", body)
			}
			if resp.StatusCode == 200 && resp.Header.Get("Cache-Control") != "private" {
				t.Errorf("Cache-Control = %q", resp.Header.Get("Cache-Control"))
			}
		})
	}
}
