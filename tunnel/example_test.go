package tunnel_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// Publish a handler. A fake edge stands in for Cloudflare here; with a real
// tunnel the configuration is no more than its token.
func Example() {
	edge, err := edgetest.New(edgetest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer edge.Close()

	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from %s, through a tunnel: %v", r.URL.Path, tunnel.Via(r))
	})
	t, err := tunnel.New(edge.Config(), hello)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error)
	go func() { done <- t.Serve(ctx) }()
	<-t.Ready()

	visitor := http.Client{Transport: edge.Transport()}
	resp, err := visitor.Get("https://jellyfin.example.org/films")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(os.Stdout, resp.Body)
	fmt.Println()

	stop()
	fmt.Println("stopped:", <-done)
	// Output:
	// hello from /films, through a tunnel: true
	// stopped: <nil>
}

// A token that was not copied whole is recognised before anything connects.
func ExampleParseToken() {
	_, err := tunnel.ParseToken("eyJhIjoiYWNjb3VudCIsInMiOiJBQUFB")
	fmt.Println(err)
	// Output:
	// tunnel token is base64, but not of a tunnel token
}

// Tell visitors from the internet from those on the local network, by what no
// header can claim.
func ExampleVia() {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tunnel.Via(r) {
			fmt.Fprintln(w, "who are you?")
			return
		}
		fmt.Fprintln(w, "welcome home")
	})
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cf-Connecting-Ip", "203.0.113.9")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Print(w.Body)
	// Output:
	// welcome home
}
