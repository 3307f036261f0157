package jellyfintest

import (
	"net/http"
	"testing"
)

// Deleting devices ends the tokens that live there; 12 takes several ids at once,
// which in 10.11 are one id that nothing has.
func TestDevicesAreDeletedByID(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		s := Start(t, Version(r))
		root := s.AddUser("root", "x", Admin)
		key := [][2]string{{"Authorization", "MediaBrowser Token=" + s.AddAPIKey("k")}}
		for _, id := range []string{"one", "two", "three"} {
			s.Issue(root.ID, Device{ID: id, Name: "n", Client: "c", Version: "1"})
		}
		several, left := http.StatusNotFound, 2
		if r == V12 {
			several, left = http.StatusNoContent, 0
		}
		for _, step := range []struct {
			query string
			want  int
		}{{"id=ONE", http.StatusNotFound}, {"id=one", http.StatusNoContent}, {"id=two&id=three", several}} {
			want := step.want
			if r == V12 && want == http.StatusNotFound {
				want = http.StatusBadRequest
			}
			if got := send(t, s, "DELETE", "/Devices?"+step.query, key, ""); got.status != want {
				t.Errorf("%s: %d, want %d", step.query, got.status, want)
			}
		}
		if got := len(s.Devices()); got != left {
			t.Errorf("%d devices are left, want %d", got, left)
		}
	})
}
