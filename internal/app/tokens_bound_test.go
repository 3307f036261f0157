package app_test

import (
	"net/http"
	"testing"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/stage"
)

// TestABoundAppPasswordStaysOnItsDevice binds app passwords to the device that
// used them first: another is refused, nobody is signed out by the try, and the
// first one may sign in again.
func TestABoundAppPasswordStaysOnItsDevice(t *testing.T) {
	for bound, want := range map[bool]int{true: http.StatusUnauthorized, false: http.StatusOK} {
		t.Run(map[bool]string{true: "on", false: "off"}[bound], func(t *testing.T) {
			t.Parallel()
			s := play(t, stage.Options{Protocol: "http2", Logger: discard(), Change: func(c *config.Config) { c.Native.BindAppPasswords = bound }})
			home := moveIn(t, s, "203.0.113.9")
			before := holdingsOf(s.Jellyfin)
			other := handset{stage: s, addr: "203.0.113.9", name: "another player"}
			if status := other.signIn(t, "alice", home.made); status != want {
				t.Errorf("another device: %d, want %d", status, want)
			}
			if !bound {
				return
			}
			unchanged(t, s.Jellyfin, "a refused device", before)
			if status := home.appPassword.me(t); status != http.StatusOK {
				t.Errorf("the first device, after that: %d", status)
			}
			if status := home.appPassword.signIn(t, "alice", home.made); status != http.StatusOK {
				t.Errorf("the first device, once more: %d", status)
			}
		})
	}
}
