package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestATokenAloneTakesNoPasswordAway: Jellyfin blanks a user's password for
// whoever has a token of the user's. From outside that takes a fresh sign-in.
func TestATokenAloneTakesNoPasswordAway(t *testing.T) {
	const (
		reset  = `{"ResetPassword":true}`
		change = `{"CurrentPw":"a","NewPw":"b","ResetPassword":false}`
	)
	cookie := []string{"Cookie", "__Host-jellyward=" + live}
	for name, tt := range map[string]struct {
		path, body, contentType string
		age                     time.Duration
		headers                 []string
		want                    int
	}{
		"a token alone":              {"/Users/Password", reset, "", 0, nil, 403},
		"the older path":             {"/emby/Users/11111111111111111111111111111111/pass%77ord", reset, "", 0, nil, 403},
		"for another":                {"/Users/Password?userId=1", reset, "", 0, nil, 403},
		"in other letters":           {"/Users/Password", `{"RESETpassword":true}`, "", 0, nil, 403},
		"twice":                      {"/Users/Password", `{"ResetPassword":true,"resetpassword":false}`, "", 0, nil, 403},
		"as a text":                  {"/Users/Password", `{"ResetPassword":"true"}`, "", 0, nil, 403},
		"in another type":            {"/Users/Password", reset, "text/json", 0, nil, 403},
		"an old session":             {"/Users/Password", reset, "", time.Hour, cookie, 403},
		"a fresh session":            {"/Users/Password", reset, "", time.Minute, cookie, 200},
		"Redis is away":              {"/Users/Password", reset, "", time.Minute, cookie, 503},
		"a change of the password":   {"/Users/Password", change, "", 0, nil, 200},
		"the same, older path":       {"/Users/11111111111111111111111111111111/Password", change, "", 0, nil, 200},
		"nothing said":               {"/Users/Password", `{"NewPw":"b","ResetPassword":null}`, "", 0, nil, 200},
		"what nobody can read":       {"/Users/Password", `{"ResetPassword":true`, "", 0, nil, 400},
		"a form":                     {"/Users/Password", "ResetPassword=true", "application/x-www-form-urlencoded", 0, nil, 415},
		"a long one":                 {"/Users/Password", `{"NewPw":"` + strings.Repeat("x", 20_000) + `"}`, "", 0, nil, 413},
		"at home, on the listener":   {"/Users/Password", reset, "", 0, local, 200},
		"something else of a user's": {"/Users/Configuration", reset, "", 0, nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "")
			s.redisAway = name == "Redis is away"
			s.Home, s.sends = home, tt.body
			s.sessionToken, s.created = "own", time.Now().Add(-tt.age)
			contentType := tt.contentType
			if contentType == "" {
				contentType = "application/json"
			}
			resp := s.ask("POST "+tt.path, append([]string{"X-Emby-Token", "own", "Content-Type", contentType}, tt.headers...)...)
			if resp.StatusCode != tt.want || s.reached() != (tt.want == http.StatusOK) {
				t.Errorf("status %d, forwarded %q; want %d", resp.StatusCode, s.forwarded, tt.want)
			}
			if s.reached() && s.body != tt.body {
				t.Errorf("Jellyfin read %q", s.body)
			}
		})
	}
}
