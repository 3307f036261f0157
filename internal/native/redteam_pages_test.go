package native_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

// TestAPageOfAnotherSiteKeepsNobodyOut: pages of other origins may sign in, since
// some apps are such pages; so may a page that the user of this network has open
// by chance, as often as it likes.
func TestAPageOfAnotherSiteKeepsNobodyOut(t *testing.T) {
	h := newHouse(t, nil)
	_, secret := h.enrol(t, "alice", "wonderland")
	h.want(t, post("alice", "wonderland"+h.code(secret)), http.StatusOK) // her network is known
	for _, header := range []http.Header{
		{"Origin": {"https://evil.example"}}, {"Origin": {"null"}}, {"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}},
	} {
		for range 8 {
			r := post("alice", "guess"+h.wrong(secret))
			for name, values := range header {
				r.Header[name] = values
			}
			w := h.serve(r)
			for w.Code == http.StatusTooManyRequests {
				wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
				if err != nil {
					t.Fatal(err)
				}
				h.advance(time.Duration(wait) * time.Second)
				r.Body = post("alice", "guess"+h.wrong(secret)).Body
				w = h.serve(r)
			}
		}
	}
	h.want(t, post("alice", "wonderland"+h.code(secret)), http.StatusOK)
}

// TestOurOwnOriginIsCountedAsUsual: LG's televisions and hosted apps send it.
func TestOurOwnOriginIsCountedAsUsual(t *testing.T) {
	h := newHouse(t, nil)
	_, secret := h.enrol(t, "alice", "wonderland")
	for range 10 {
		r := post("alice", "guess"+h.wrong(secret))
		r.Header.Set("Origin", "https://jellyfin.example.org")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		h.serve(r)
	}
	h.want(t, post("alice", "wonderland"+h.code(secret)), http.StatusTooManyRequests)
}
