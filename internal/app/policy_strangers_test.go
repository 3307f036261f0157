package app_test

import (
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/config"
	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/stage"
)

// strangersName is a user whom Jellyfin offers on its login page, and whose name
// stands nowhere else.
const strangersName = "zaphod-beeblebrox"

// parameter is one in a template of ASP.NET's.
var parameter = regexp.MustCompile(`\{[^}]*\}`)

// fillTemplate puts what exists into an operation's path, so that there is
// something to give away.
func fillTemplate(template, userID string) string {
	return parameter.ReplaceAllStringFunc(template, func(name string) string {
		switch strings.ToLower(strings.Trim(name, "{}*")) {
		case "itemid", "videoid", "routeitemid", "routemediasourceid", "mediasourceid", "id", "playlistid", "recordingid", "streamid":
			return jellyfintest.MovieID
		case "userid":
			return userID
		case "name":
			return strangersName
		case "imagetype", "type":
			return "Primary"
		case "container", "segmentcontainer":
			return "mp4"
		case "format", "routeformat":
			return "vtt"
		}
		return "0"
	})
}

// secrets are what no stranger may see in an answer.
func secrets(user jellyfintest.User, token string) map[string]string {
	film := make([]byte, 32)
	for i := range film {
		film[i] = jellyfintest.FilmByte(int64(i))
	}
	return map[string]string{
		"the film": string(film), "a user's name": user.Name, "a user's id": user.ID, "a token": token,
		"an internal address": "127.0.0.1", "where files lie": "/var/lib/jellyfin",
	}
}

// TestAStrangerGetsNothingButThePublicRows walks every operation of all
// generations through the tunnel, without token, cookie or grant. What passes is
// public by the table, and no answer holds anything of the house: as it is set up
// by default, and with all switches at their strictest.
func TestAStrangerGetsNothingButThePublicRows(t *testing.T) {
	t.Parallel()
	strict := func(c *config.Config) {
		c.Policy.Media, c.Policy.Images, c.Policy.Admin, c.Policy.Unknown = "token", "token", "lan", "deny"
	}
	byDefault := []policy.Action{policy.Public, policy.Page, policy.Image}
	legacyOff := func(c *config.Config) { c.Jellyfin.LegacyAuthorization = "off" }
	for _, tt := range []struct {
		name    string
		release jellyfintest.Release
		way     way
		change  func(*config.Config)
		public  []policy.Action
		options []jellyfintest.Option
	}{
		{"10.10, by default", jellyfintest.V10_10, ways[0], nil, byDefault, nil},
		{"10.11, by default", jellyfintest.V10_11, ways[1], nil, byDefault, nil},
		{"10.11, legacy authorisation off", jellyfintest.V10_11, ways[0], legacyOff, byDefault, []jellyfintest.Option{jellyfintest.LegacyAuthorization(false)}},
		{"12, by default", jellyfintest.V12, ways[0], nil, byDefault, nil},
		{"12, strict", jellyfintest.V12, ways[1], strict, []policy.Action{policy.Public, policy.Page}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _ := tt.way.play(t, stage.Options{
				Jellyfin: append([]jellyfintest.Option{jellyfintest.Version(tt.release)}, tt.options...), Change: tt.change, Logger: discard(),
			})
			user := s.Jellyfin.AddUser(strangersName, "wonderland", func(u *jellyfintest.User) { u.Hidden = false })
			token := s.Jellyfin.Issue(user.ID, jellyfintest.Device{ID: "home"}).Value
			transport := through(s.Edge, netip.MustParseAddr("198.51.100.9"))
			s.Jellyfin.Record()
			passed := 0
			for _, op := range jellyfintest.Operations(tt.release) {
				target := fillTemplate(op.Template, user.ID)
				passed += walk(t, transport, op.Method, target, tt.public, secrets(user, token))
			}
			checkReached(t, s.Jellyfin.Requests(), tt.public)
			t.Logf("%d of %d operations answered a stranger", passed, len(jellyfintest.Operations(tt.release)))
			if passed == 0 {
				t.Error("nothing passed: the test tests nothing")
			}
		})
	}
}

// walk asks for one operation, and returns 1 if it was answered.
func walk(t *testing.T, transport http.RoundTripper, method, target string, public []policy.Action, secrets map[string]string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+publicHost+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	for what, secret := range secrets {
		// What was sent may come back.
		if bytes.Contains(body, []byte(secret)) && !strings.Contains(target, secret) {
			t.Errorf("%s %s: %d gives %s away", method, target, resp.StatusCode, what)
		}
		for name, values := range resp.Header {
			if strings.Contains(strings.Join(values, "\n"), secret) && !strings.Contains(target, secret) {
				t.Errorf("%s %s: header %s gives %s away", method, target, name, what)
			}
		}
	}
	if kind := resp.Header.Get("Content-Type"); strings.HasPrefix(kind, "video/") || strings.HasPrefix(kind, "audio/") {
		t.Errorf("%s %s: %d %s", method, target, resp.StatusCode, kind)
	}
	open := isPublic(t, method, target, public)
	if resp.StatusCode < 400 && !open {
		t.Errorf("%s %s: %d for a stranger", method, target, resp.StatusCode)
	}
	if open {
		return 1
	}
	return 0
}

// isPublic tells whether a request has one of the actions that strangers get.
func isPublic(t *testing.T, method, target string, public []policy.Action) bool {
	t.Helper()
	path, err := policy.ParsePath(target, policy.Base{})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	action := policy.New().Decide(method, path, "").Action
	for _, p := range public {
		if p == action {
			return true
		}
	}
	return false
}

// checkReached looks at what came to Jellyfin.
func checkReached(t *testing.T, reached []jellyfintest.Request, public []policy.Action) {
	t.Helper()
	for _, r := range reached {
		if r.Header.Get("X-Forwarded-For") == "" {
			continue // the program's own question
		}
		if !isPublic(t, r.Method, r.Target, public) {
			t.Errorf("%s %s reached Jellyfin", r.Method, r.Target)
		}
	}
}
