package native_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/native"
	"github.com/jellyward/jellyward/internal/totp"
)

var device = jellyfintest.Device{Client: "Android TV", Name: "Living room", ID: "tv", Version: "0.19"}

// headers are the spellings in which apps say what they are.
var headers = map[string]string{
	"sdk-kotlin":           television,
	"swiftfin":             `MediaBrowser DeviceId=tv, Device=Living room, Client=Android TV, Version=0.19`,
	"empty token first":    `MediaBrowser Token="", Client="Android TV", Device="Living room", DeviceId="tv", Version="0.19"`,
	"a stale token":        `MediaBrowser Client="Android TV", Device="Living room", DeviceId="tv", Version="0.19", Token="0123456789abcdef0123456789abcdef"`,
	"with a user id":       `MediaBrowser UserId="",Client="Android TV", Device="Living%20room",DeviceId="tv", Version="0.19"`,
	"scheme in lower case": `mediabrowser Client="Android TV", Device="Living room", DeviceId="tv", Version="0.19"`,
	"Emby":                 `Emby Client="Android TV", Device="Living room", DeviceId="tv", Version="0.19"`,
}

func TestAppsSignInWithTheCodeBehindThePassword(t *testing.T) {
	type server struct {
		release jellyfintest.Release
		legacy  bool
	}
	for _, s := range []server{{jellyfintest.V10_11, true}, {jellyfintest.V10_11, false}, {jellyfintest.V12, true}, {jellyfintest.V12, false}} {
		t.Run(s.release.String()+"/"+strconv.FormatBool(s.legacy), func(t *testing.T) {
			h := newHouse(t, nil, jellyfintest.Version(s.release), jellyfintest.LegacyAuthorization(s.legacy))
			alice, factor := h.enrol(t, "alice", "wonderland")
			want := device
			want.UserID, want.UserName = alice.ID, "alice"
			for name, header := range headers {
				for _, separator := range []string{"", ",", " "} {
					if separator != "" && header != television {
						continue
					}
					h.advance(totp.Period)
					r := post("Alice", "wonderland"+separator+h.code(factor))
					r.Header.Set("Authorization", header)
					h.server.Record()
					w := h.want(t, r, http.StatusOK)
					if got := h.asked.sessions[len(h.asked.sessions)-1]; w.Body.String() != string(got.Raw) || w.Header().Get("Content-Type") != got.ContentType {
						t.Errorf("%s: Jellyfin's answer was changed", name)
					}
					if diff := cmp.Diff([]jellyfintest.Device{want}, h.server.Devices()); diff != "" {
						t.Errorf("%s: devices (-want +got):\n%s", name, diff)
					}
					h.wantCleanRequest(t)
				}
			}
		})
	}
}

// wantCleanRequest fails the test unless Jellyfin was asked once, with the
// visitor's address and without a token or a query.
func (h *house) wantCleanRequest(t *testing.T) {
	t.Helper()
	n := 0
	for _, r := range h.server.Requests() {
		if r.Action != "UserController.AuthenticateUserByName" {
			continue
		}
		n++
		if r.Target != "/Users/AuthenticateByName" || strings.Contains(r.Header.Get("Authorization"), "Token") ||
			r.Header.Get("X-Forwarded-For") != "203.0.113.9" || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("asked %s with %v", r.Target, r.Header)
		}
	}
	if n != 1 {
		t.Errorf("Jellyfin was asked %d times", n)
	}
}

func TestTheAnswerIsInTheSpellingThatTheAppAsksFor(t *testing.T) {
	h := newHouse(t, nil)
	_, factor := h.enrol(t, "alice", "wonderland")
	for accept, want := range map[string]struct{ key, contentType string }{
		"*/*":                                   {"AccessToken", "application/json; charset=utf-8"},
		"text/xml":                              {"AccessToken", "application/json; charset=utf-8"},
		`application/json; profile="CamelCase"`: {"accessToken", `application/json; profile="CamelCase"; charset=utf-8`},
	} {
		h.advance(totp.Period)
		r := post("alice", "wonderland"+h.code(factor))
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Encoding", "gzip, br")
		w := h.want(t, r, http.StatusOK)
		var answer map[string]json.RawMessage
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if answer[want.key] == nil || w.Header().Get("Content-Type") != want.contentType || w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s is answered with %v, %.80s", accept, w.Header(), w.Body)
		}
	}
}

// A password is whatever Jellyfin was told it is.
func TestPasswordsOfAllKinds(t *testing.T) {
	for typed, password := range map[string]string{
		"pw 1":        "pw 1",
		"123456":      "123456",
		"a,b c,":      "a,b c",
		"ends in,,":   "ends in,",
		"pä\"🙂\\<>&":  "pä\"🙂\\<>&",
		" leading":    " leading",
		"1234567890 ": "1234567890",
	} {
		h := newHouse(t, nil)
		_, factor := h.enrol(t, "alice", password)
		h.want(t, post("alice", typed+h.code(factor)), http.StatusOK)
	}
}

func TestBrowsersSignInElsewhere(t *testing.T) {
	h := newHouse(t, nil)
	alice, factor := h.enrol(t, "alice", "wonderland")
	const lg = "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36"
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"jellyfin-web", client("Jellyfin%20Web", "Mozilla/5.0"), http.StatusForbidden},
		{"jellyfin-web, another spelling", client("jellyfin+web ", "Mozilla/5.0"), http.StatusForbidden},
		{"jellyfin-web on LG's televisions", client("Jellyfin%20Web", lg), http.StatusOK},
		{"an app in a browser's clothes", client("Feishin", "Mozilla/5.0"), http.StatusOK},
		{"the password in the address", target("/users/"+alice.ID+"/authenticate", ""), http.StatusForbidden},
		{"another method", func(r *http.Request) { r.Method = http.MethodPut }, http.StatusForbidden},
		{"a query", target(path, "format=json&ApiKey=x"), http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.advance(totp.Period)
			h.server.Reset()
			r := post("alice", "wonderland"+h.code(factor))
			tt.change(r)
			w := h.want(t, r, tt.status)
			if tt.status != http.StatusForbidden {
				return
			}
			if h.checks() != 0 || !strings.Contains(w.Body.String(), "https://jellyfin.example.org/sso/2fa") {
				t.Errorf("%d checks, answered %s", h.checks(), w.Body)
			}
		})
	}
	off := newHouse(t, func(o *native.Options) { o.PasswordLogin = false })
	_, factor = off.enrol(t, "alice", "wonderland")
	off.want(t, post("alice", "wonderland"+off.code(factor)), http.StatusForbidden)
	off.wantNothingLeft(t)
}

func client(name, agent string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", `MediaBrowser Client="`+name+`", Device="x", DeviceId="x", Version="1"`)
		r.Header.Set("User-Agent", agent)
	}
}

func target(path, query string) func(*http.Request) {
	return func(r *http.Request) { r.URL.Path, r.URL.RawQuery = path, query }
}

func TestAnswersAreForNobodyElse(t *testing.T) {
	h := newHouse(t, nil)
	_, factor := h.enrol(t, "alice", "wonderland")
	for typed, status := range map[string]int{"wonderland": http.StatusUnauthorized, "wonderland" + h.code(factor): http.StatusOK} {
		r := post("alice", typed)
		r.Header.Set("Origin", "http://lg.example")
		w := h.want(t, r, status)
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*",
			"Content-Length": strconv.Itoa(w.Body.Len()),
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%d: %s = %q, want %q", status, name, got, want)
			}
		}
	}
	if w := h.serve(post("alice", "x")); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("a program is told which pages may read the answer")
	}
}
