package proxy

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBrandingLeadsToTheSignInPage(t *testing.T) {
	const form = `<form action="/sso/2fa" method="get">`
	for _, tt := range []struct {
		name, kind, body string
		status           int
		disclaimer, css  string // keys; no disclaimer key means text/css
		keeps            string
	}{
		{"full", "application/json; charset=utf-8", `{"LoginDisclaimer":"Be kind","CustomCss":"a{}","SplashscreenEnabled":false}`, 200, "LoginDisclaimer", "CustomCss", "Be kind"},
		{"empty", "application/json; charset=utf-8", `{"SplashscreenEnabled":false}`, 200, "LoginDisclaimer", "CustomCss", ""},
		{"nulls", "application/json", `{"LoginDisclaimer":null,"CustomCss":null,"SplashscreenEnabled":true}`, 200, "LoginDisclaimer", "CustomCss", ""},
		{"camel case", `application/json; profile="CamelCase"; charset=utf-8`, `{"loginDisclaimer":"Be kind"}`, 200, "loginDisclaimer", "customCss", "Be kind"},
		{"style sheet", "text/css; charset=utf-8", `@import "x.css"; a{}`, 200, "", "", `@import "x.css"`},
		{"no style sheet", "", "", 204, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			front := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Accept-Encoding") != "identity" {
					t.Errorf("Accept-Encoding at Jellyfin = %q", r.Header.Get("Accept-Encoding"))
				}
				w.Header().Set("Content-Type", tt.kind)
				w.Header().Set("ETag", `"1"`)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}, nil, Treatment{Branding: true})
			resp, body := get(t, front, http.Header{"Accept-Encoding": {"gzip"}})
			if resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") != "" {
				t.Errorf("status %d, ETag %q", resp.StatusCode, resp.Header.Get("ETag"))
			}
			if tt.disclaimer == "" {
				if !strings.Contains(body, "display: none") || !strings.HasPrefix(body, tt.keeps) {
					t.Errorf("style sheet = %q", body)
				}
				return
			}
			var got map[string]any
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			disclaimer, _ := got[tt.disclaimer].(string)
			if !strings.HasPrefix(disclaimer, tt.keeps) || !strings.Contains(disclaimer, form) {
				t.Errorf("disclaimer = %q", disclaimer)
			}
			if tt.keeps != "" && !strings.Contains(disclaimer, tt.keeps+"\n\n<form") {
				t.Errorf("the form does not stand in a block of its own: %q", disclaimer)
			}
			if css, _ := got[tt.css].(string); !strings.Contains(css, "#loginPage .manualLoginForm") {
				t.Errorf("css = %q", css)
			}
		})
	}
}

func TestBrandingThatIsNotUnderstoodStays(t *testing.T) {
	for _, tt := range []struct {
		kind, body string
		status     int
	}{
		{"application/json", `[1]`, 200},
		{"application/json", `{"LoginDisclaimer":5}`, 200},
		{"application/json", `not json`, 200},
		{"text/html", `<p>`, 200},
		{"application/json", `{"Error":"no"}`, 404},
		{"text/css", strings.Repeat("a{}", maxRewritten), 200},
	} {
		front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}, nil, Treatment{Branding: true})
		resp, body := get(t, front, nil)
		if resp.StatusCode != tt.status || body != tt.body {
			t.Errorf("%s: %d, %d bytes; want %d, %d bytes unchanged", tt.kind, resp.StatusCode, len(body), tt.status, len(tt.body))
		}
	}
}

func TestAppsAreGivenAHint(t *testing.T) {
	const hint = "Type your six-digit code right behind your password."
	for _, tt := range []struct {
		name, kind, said string
		key, want        string
	}{
		{"before the admin's words", "application/json; charset=utf-8", `{"LoginDisclaimer":"Be <b>kind</b>","CustomCss":"a{}","SplashscreenEnabled":false}`, "LoginDisclaimer", hint + "\n\nBe <b>kind</b>"},
		{"alone", "application/json", `{"SplashscreenEnabled":false}`, "LoginDisclaimer", hint},
		{"null", "application/json", `{"LoginDisclaimer":null}`, "LoginDisclaimer", hint},
		{"camel case", `application/json; profile="CamelCase"`, `{"loginDisclaimer":"Be kind"}`, "loginDisclaimer", hint + "\n\nBe kind"},
	} {
		front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			_, _ = io.WriteString(w, tt.said)
		}, nil, Treatment{Hint: hint})
		resp, body := get(t, front, nil)
		var before, got map[string]any
		if err := json.Unmarshal([]byte(tt.said), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		before[tt.key] = tt.want
		if diff := cmp.Diff(before, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if resp.Header.Get("Cache-Control") != "private" {
			t.Errorf("%s: Cache-Control %q", tt.name, resp.Header.Get("Cache-Control"))
		}
	}
}

func TestAHintIsNotWorthAnAnswer(t *testing.T) {
	for _, tt := range []struct {
		kind, said string
		status     int
	}{
		{"application/json", `[1]`, 200},
		{"application/json", `{"LoginDisclaimer":5}`, 200},
		{"text/css", `a{}`, 200},
		{"", "", 204},
		{"application/json", `{"Error":"no"}`, 404},
	} {
		front := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.said)
		}, nil, Treatment{Hint: "hint"})
		if resp, body := get(t, front, nil); resp.StatusCode != tt.status || body != tt.said {
			t.Errorf("%d %s: became %d %q", tt.status, tt.said, resp.StatusCode, body)
		}
	}
}
