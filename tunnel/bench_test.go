package tunnel_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/jellyward/jellyward/tunnel"
	"github.com/jellyward/jellyward/tunnel/edgetest"
)

// benchmarkOver measures visits to h, fake edge and visitor included.
func benchmarkOver(b *testing.B, h http.HandlerFunc) {
	for _, p := range []tunnel.Protocol{tunnel.HTTP2, tunnel.QUIC} {
		b.Run(p.String(), func(b *testing.B) {
			edge := edgetest.Start(b, edgetest.Options{})
			cfg := edge.Config()
			cfg.Protocol = p
			tun, err := tunnel.New(cfg, h)
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- tun.Serve(ctx) }()
			<-tun.Ready()
			visitor := edge.Transport()
			b.ReportAllocs()
			for b.Loop() {
				req, err := http.NewRequestWithContext(ctx, "GET", "https://jellyfin.example.org/", nil)
				if err != nil {
					b.Fatal(err)
				}
				resp, err := visitor.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, resp.Body)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n)
				resp.Body.Close()
			}
			stop()
			if err := <-done; err != nil {
				b.Error(err)
			}
		})
	}
}

func BenchmarkSmallResponse(b *testing.B) {
	benchmarkOver(b, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
}

func BenchmarkFilm(b *testing.B) {
	part := make([]byte, 32<<10)
	benchmarkOver(b, func(w http.ResponseWriter, _ *http.Request) {
		for range 2048 { // 64 MB
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
}
