package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/session"
)

func TestCookie(t *testing.T) {
	tests := []struct {
		secure bool
		maxAge time.Duration
		want   string
	}{
		{true, 720 * time.Hour, "__Host-jellyward=v; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax"},
		{false, time.Hour, "jellyward=v; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		{true, -1, "__Host-jellyward=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		{false, -time.Hour, "jellyward=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"},
	}
	for _, tt := range tests {
		if got := session.Cookie("v", tt.secure, tt.maxAge).String(); got != tt.want {
			t.Errorf("Cookie(%v, %v) = %s, want %s", tt.secure, tt.maxAge, got, tt.want)
		}
	}
}

func TestFromRequest(t *testing.T) {
	tests := []struct {
		cookies string
		secure  bool
		want    string
	}{
		{"__Host-jellyward=v", true, "v"},
		{"a=b; __Host-jellyward=v; c=d", true, "v"},
		{"jellyward=v", false, "v"},
		{"jellyward=v", true, ""},
		{"__Host-jellyward=v", false, ""},
		{"__Host-jellyward=v; __Host-jellyward=w", true, ""},
		{"__Host-jellyward=v; jellyward=w", true, "v"},
		{"__host-jellyward=v", true, ""},
		{"__Host-jellyward=", true, ""},
		{"", true, ""},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", tt.cookies)
		got, ok := session.FromRequest(r, tt.secure)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("FromRequest(%q, %v) = %q, %v, want %q", tt.cookies, tt.secure, got, ok, tt.want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Add("Cookie", "__Host-jellyward=v")
	r.Header.Add("Cookie", "__Host-jellyward=w")
	if got, ok := session.FromRequest(r, true); ok {
		t.Errorf("two headers with a cookie each = %q", got)
	}
}

func TestIsCookie(t *testing.T) {
	for name, want := range map[string]bool{"__Host-jellyward": true, "jellyward": true, "Jellyward": false, "jellyward2": false, "": false} {
		if session.IsCookie(name) != want {
			t.Errorf("IsCookie(%q) = %v", name, !want)
		}
	}
}
