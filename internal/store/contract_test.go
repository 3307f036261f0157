package store_test

import (
	"os"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// box returns a key for tests; equal seeds make equal keys.
func box(t testing.TB, seed byte) *seal.Box {
	t.Helper()
	b, err := testBox(seed)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testBox(seed byte) (*seal.Box, error) { return seal.New([32]byte{seed}) }

// open opens a store that is closed with the test.
func open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	if o.Box == nil {
		o.Box = box(t, 1)
	}
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestContractInMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		server := miniredis.NewMiniRedis()
		t.Cleanup(server.Close)
		return storetest.Backend{
			Open: func(t testing.TB) storetest.Store {
				s := store.OpenMemory(server, box(t, 1))
				t.Cleanup(func() { s.Close() })
				return s
			},
		}
	})
}

func TestContractRedis(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		server := storetest.StartRedis(t)
		return storetest.Backend{
			Open: func(t testing.TB) storetest.Store { return open(t, store.Options{URL: server.URL}) },
			Restart: func(t testing.TB) {
				server.Kill(t)
				server.Start(t)
			},
		}
	})
}

func readAll(t testing.TB, files []string) string {
	t.Helper()
	var all []byte
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	return string(all)
}
