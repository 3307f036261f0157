package quickconnect_test

import (
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/throttle"
)

// TestNobodyKeepsAUserFromAllowingDevices: a name that a stranger types into the
// sign-in form is charged as a name, and none may be that of a user's counter
// here.
func TestNobodyKeepsAUserFromAllowingDevices(t *testing.T) {
	w := newWorld(t)
	limiter := &throttle.Limiter{Store: w.store, Now: func() time.Time { return w.now }}
	service := signin.New(signin.Options{Jellyfin: w.client, Factors: w.store, Limiter: limiter, Hold: time.Nanosecond})
	for _, name := range []string{"quick connect for " + w.alice.ID, "quick connect for\x00" + w.alice.ID, "\x00quick connect for " + w.alice.ID} {
		for range 10 {
			_, err := service.SignInApp(t.Context(), signin.Request{Name: name, Password: "x", Code: "123456", Visitor: away})
			if err == nil {
				t.Fatal("a stranger is signed in")
			}
		}
	}
	if _, err := w.book.Look(t.Context(), w.alice.ID, "000000", home); err != nil {
		t.Errorf("after a stranger's guesses alice's digits are answered with %v", err)
	}
}
