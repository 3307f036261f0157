package jellyfin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
)

func TestWhatCannotBeATokenIsNotAskedFor(t *testing.T) {
	s := newScene(t)
	for _, text := range []string{
		"", strings.Repeat("a", 10<<10), strings.Repeat("a", 257), "a\x00b", "a\r\nb", "a b", " ", "tökén", "\xff", "a\x7f",
	} {
		if s.alive(t, secret.Text(text)) {
			t.Errorf("%.40q lives", text)
		}
		s.liveness.Confirm(secret.Text(text))
		if s.alive(t, secret.Text(text)) {
			t.Errorf("%.40q lives, once confirmed", text)
		}
	}
	if got := s.server.Count(asksWhoItIs); got != 0 {
		t.Errorf("Jellyfin was asked %d times", got)
	}
	for _, text := range []string{`"`, `a"b`, `a", Token="` + string(s.token), strings.Repeat("a", 256)} {
		if s.alive(t, secret.Text(text)) {
			t.Errorf("%.40q lives", text)
		}
	}
}

func TestAHashForgetsItsToken(t *testing.T) {
	s := newScene(t)
	if !s.alive(t, s.token) {
		t.Fatal("a live token is dead")
	}
	s.server.Revoke(string(s.token))
	for _, other := range []string{"", "x", secret.Text("other").Hash(), s.token.Hash()[1:], s.token.Hash() + "A"} {
		s.liveness.ForgetHash(other)
	}
	if !s.alive(t, s.token) {
		t.Error("another hash forgets the token")
	}
	s.liveness.ForgetHash(s.token.Hash())
	if s.alive(t, s.token) {
		t.Error("a revoked token lives after it was forgotten")
	}
}

func TestALateAnswerDoesNotReviveAToken(t *testing.T) {
	s := newScene(t)
	s.server.Revoke(string(s.token))
	s.liveness.Forget(s.token)
	s.liveness.Confirm(s.token) // by a request that was sent before
	if s.alive(t, s.token) {
		t.Error("a token is alive that was confirmed after its end")
	}
	s.advance(6 * time.Minute)
	s.liveness.Confirm(s.token)
	if !s.alive(t, s.token) {
		t.Error("a token that was forgotten by mistake stays dead")
	}
}

func TestNobodyJoinsAQuestionAskedBeforeTheEnd(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		w.WriteHeader(<-answer)
	}))
	t.Cleanup(server.Close)
	l := livenessOf(t, server.URL)
	ask := func() chan bool {
		verdict := make(chan bool, 1)
		go func() {
			alive, err := l.Alive(context.Background(), "t", netip.Addr{})
			if err != nil {
				t.Errorf("Alive: %v", err)
			}
			verdict <- alive
		}()
		return verdict
	}
	before := ask()
	<-asked
	l.Forget("t")
	after := ask()
	<-asked
	answer <- http.StatusOK // to whichever; both are the same token
	answer <- http.StatusOK
	<-before
	<-after
	l.Forget("t")
	last := ask()
	<-asked
	answer <- http.StatusUnauthorized
	if <-last {
		t.Error("the token lives after its end")
	}
}

// TestInventedTokensDoNotPushOutRealOnes floods the memory for verdicts.
func TestInventedTokensDoNotPushOutRealOnes(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	l := livenessOf(t, server.URL)
	l.Confirm("real")
	for i := range 10_100 {
		l.Forget(secret.Text(fmt.Sprintf("invented-%d", i)))
		if i%50 == 0 {
			if _, err := l.Alive(t.Context(), secret.Text(fmt.Sprintf("asked-%d", i)), netip.Addr{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := asked.Load()
	if alive, err := l.Alive(t.Context(), "real", netip.Addr{}); !alive || err != nil {
		t.Errorf("the real token: %t, %v", alive, err)
	}
	if asked.Load() != before {
		t.Error("Jellyfin was asked about the real token")
	}
}

func TestEveryStatusMeansSomething(t *testing.T) {
	status := make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(<-status)
	}))
	t.Cleanup(server.Close)
	for code, want := range map[int]string{
		200: "alive", 400: "alive", 403: "alive", 401: "dead",
		204: "unknown", 302: "unknown", 404: "unknown", 429: "unknown", 500: "unknown", 502: "unknown", 503: "unknown",
	} {
		status <- code
		alive, err := livenessOf(t, server.URL).Alive(t.Context(), "t", netip.Addr{})
		got := "dead"
		switch {
		case err != nil:
			got = "unknown"
		case alive:
			got = "alive"
		}
		if got != want {
			t.Errorf("%d is %s (%v), want %s", code, got, err, want)
		}
	}
}

func livenessOf(t *testing.T, server string) *jellyfin.Liveness {
	t.Helper()
	base, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return jellyfin.NewLiveness(jellyfin.New(base, nil, 0), nil)
}
