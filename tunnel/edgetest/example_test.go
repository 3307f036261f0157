package edgetest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"

	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// Serve a handler through a fake edge and visit it from an address of choice.
func Example() {
	edge, err := edgetest.New(edgetest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer edge.Close()

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	greet := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s asks for %s", r.Header.Get("Cf-Connecting-Ip"), r.RequestURI)
	}
	done := make(chan error)
	go func() { done <- tunnel.Serve(ctx, edge.Config(), http.HandlerFunc(greet)) }()
	if err := edge.WaitConnections(ctx, 1); err != nil {
		fmt.Println(err)
		return
	}

	visitor := http.Client{Transport: edge.TransportFor(edgetest.Visitor{Addr: netip.MustParseAddr("2001:db8::1")})}
	resp, err := visitor.Get("https://jellyfin.example.org/Artists/AC%2FDC")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)

	stop()
	fmt.Println(<-done)
	// Output:
	// 2001:db8::1 asks for /Artists/AC%2FDC <nil>
	// <nil>
}
