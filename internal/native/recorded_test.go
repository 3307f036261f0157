package native

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/signin"
	"github.com/jellyward/jellyward/internal/visitor"
)

// recorded is one sign-in that was sent to a real Jellyfin, and how that
// answered. A body's characters are its bytes.
type recorded struct {
	Version, Name, Method, Target, Body string
	Headers                             [][2]string
	Status                              int
}

func readRecorded(t testing.TB) []recorded {
	t.Helper()
	text, err := os.ReadFile("testdata/signin.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 64 {
		t.Fatalf("%d sign-ins are recorded, want 64", len(all))
	}
	return all
}

// request is what was sent, from a program that is let in, as the gateway hands
// it over.
func (c recorded) request() *http.Request {
	body := make([]byte, 0, len(c.Body))
	for _, r := range c.Body {
		body = append(body, byte(r))
	}
	r := httptest.NewRequest(c.Method, strings.ToLower(c.Target), strings.NewReader(string(body)))
	for _, h := range c.Headers {
		r.Header.Set(h[0], h[1])
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (Web0S; Linux/SmartTV)")
	return r.WithContext(visitor.With(r.Context(), visitor.Visitor{Addr: netip.MustParseAddr("203.0.113.9")}))
}

// understood is what Jellyfin must have read to answer a recorded sign-in as it
// did; those that are not named here were signed in as alice.
var understood = map[string]credentials{
	"wrong password":            {"alice", "nope"},
	"unknown user":              {"nobody", "x"},
	"no password":               {"alice", ""},
	"any case of name":          {"ALICE", "wonderland"},
	"body: bom":                 {"alice", "nope"},
	"body: number for a string": {"1", "x"},
}

// heard stands for the ceremony and notes what it is asked.
type heard struct{ asked []signin.Request }

func (h *heard) SignInApp(_ context.Context, req signin.Request) (jellyfin.Session, error) {
	h.asked = append(h.asked, req)
	return jellyfin.Session{}, signin.ErrRefused
}

func (h *heard) Discard(context.Context, secret.Text) {}

// Every sign-in that was recorded is read as Jellyfin has read it, and refused
// with Jellyfin's status where the form is wrong.
func TestSignInsAreReadAsJellyfinReadsThem(t *testing.T) {
	for _, c := range readRecorded(t) {
		t.Run(c.Version+"/"+c.Name, func(t *testing.T) {
			dialect := jellyfin.DialectFor(c.Version, "auto", false)
			ceremony := &heard{}
			h := New(Options{
				PasswordLogin: true, SignIn: ceremony,
				Present: func(h http.Header, q string) jellyfin.Presented { return jellyfin.ReadPresented(h, q, dialect) },
			})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, c.request())
			if !strings.EqualFold(c.Target, signInPath) {
				if w.Code != http.StatusForbidden || len(ceremony.asked) != 0 {
					t.Errorf("the password in the address is answered %d", w.Code)
				}
				return
			}
			wellFormed := c.Status == http.StatusOK || c.Status == http.StatusUnauthorized
			if !wellFormed {
				if w.Code != c.Status || len(ceremony.asked) != 0 {
					t.Errorf("answered %d, Jellyfin %d", w.Code, c.Status)
				}
				return
			}
			want, other := understood[c.Name]
			if !other {
				want = credentials{"alice", "wonderland"}
			}
			if len(ceremony.asked) != 1 {
				t.Fatalf("answered %d: %s", w.Code, w.Body)
			}
			if got := ceremony.asked[0]; got.Name != want.name || got.Password != want.password || got.Code != "" {
				t.Errorf("read %q, %q, want %q, %q", got.Name, string(got.Password), want.name, string(want.password))
			}
		})
	}
}
