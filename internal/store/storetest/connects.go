package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/quickconnect"
)

func connectLaws() []law {
	request := func(code string, at time.Time) quickconnect.Request {
		return quickconnect.Request{
			Code: code, Seen: true, Network: "203.0.113.1/32", At: at, Secret: "ABCDEF",
			Device: jellyfin.Device{Client: "Roku", Name: "TV \"Ünal\"", ID: "d", Version: "1"},
		}
	}
	return []law{
		{"KeptForEveryReplica", func(t *testing.T, b Backend) {
			s, other := b.Open(t), b.Open(t)
			r := request("123456", created())
			wantErr(t, "PutConnect", s.PutConnect(t.Context(), r, time.Minute, 10), nil)
			got, err := other.Connect(t.Context(), "123456")
			if diff := cmp.Diff(r, got); err != nil || diff != "" {
				t.Errorf("Connect: %v, %s", err, diff)
			}
			_, err = other.Connect(t.Context(), "123457")
			wantErr(t, "Connect with another code", err, quickconnect.ErrUnknown)
			for range 2 {
				wantErr(t, "DropConnect", other.DropConnect(t.Context(), "123456"), nil)
			}
			_, err = s.Connect(t.Context(), "123456")
			wantErr(t, "Connect", err, quickconnect.ErrUnknown)
		}},
		{"TheOldestAreForgotten", func(t *testing.T, b Backend) {
			s := b.Open(t)
			for i := range 5 {
				r := request(fmt.Sprint(100000+i), created().Add(time.Duration(i)*time.Second))
				wantErr(t, "PutConnect", s.PutConnect(t.Context(), r, time.Minute, 3), nil)
			}
			for i := range 5 {
				_, err := s.Connect(t.Context(), fmt.Sprint(100000+i))
				if i < 2 {
					wantErr(t, "Connect of an old one", err, quickconnect.ErrUnknown)
				} else {
					wantErr(t, "Connect", err, nil)
				}
			}
		}},
		{"TheyEndByThemselves", func(t *testing.T, b Backend) {
			s := b.Open(t)
			if b.Restart == nil {
				return // a Redis in memory has no clock of its own
			}
			wantErr(t, "PutConnect", s.PutConnect(t.Context(), request("123456", created()), 20*time.Millisecond, 3), nil)
			again := time.NewTicker(5 * time.Millisecond)
			defer again.Stop()
			for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-again.C {
				if _, err := s.Connect(t.Context(), "123456"); errors.Is(err, quickconnect.ErrUnknown) {
					return
				}
			}
			t.Error("a request lives longer than its time")
		}},
	}
}
