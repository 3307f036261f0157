package app_test

import (
	"net/http"
	"testing"

	"github.com/jellyward/jellyward/internal/store/storetest"
)

// TestASignOutReachesADeviceThatBidesItsTime has devices allowed that do not come
// for their tokens before everybody was signed out: Jellyfin would give them out
// for ten minutes.
func TestASignOutReachesADeviceThatBidesItsTime(t *testing.T) {
	t.Parallel()
	s := here(t, storetest.StartRedis(t).URL)
	alice := moveIn(t, s, "203.0.113.9").alice
	away := handset{stage: s, addr: "198.51.100.20"}
	for what, allow := range map[string]func(t *testing.T, code string){
		"allowed on our page": func(t *testing.T, code string) { alice.wants(t, "connect/allow", "Code", code) },
		"allowed with a token": func(t *testing.T, code string) {
			phone := handset{stage: s, addr: "203.0.113.9", name: "a phone"}
			phone.quickConnect(t, alice)
			if status := phone.ask(t, http.MethodPost, "/quickconnect/authorize?CODE="+code, "", nil); status != http.StatusOK {
				t.Errorf("allow with a token: %d", status)
			}
		},
	} {
		device := away
		device.name = what
		code, secret := device.showCode(t)
		allow(t, code)
		if status, answer := (accountHolder{person: alice}).do(t, "devices/signout", map[string]any{"Others": true}); status != http.StatusOK {
			t.Errorf("sign out everywhere else: %d %v", status, answer)
		}
		if status := device.redeem(t, secret); status == http.StatusOK && device.me(t) == http.StatusOK {
			t.Errorf("%s: it is let in after all", what)
		}
	}
}
