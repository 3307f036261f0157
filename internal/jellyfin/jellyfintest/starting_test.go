package jellyfintest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestStartingAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		var recorded map[string][]struct {
			After          float64 `json:"after_s"`
			Method, Target string
			Status         int
			Headers        [][2]string
			Body           string
		}
		mustDecode(r.folder()+"starting.json", &recorded)
		rows := recorded["while starting"]
		if len(rows) != 13 {
			t.Fatalf("%d rows, want 13", len(rows))
		}
		s := Start(t, Version(r), Starting(Migrating))
		for i, row := range rows {
			switch i {
			case 6:
				s.SetStarting(Loading)
			case 10:
				s.SetStarting(Started)
			}
			if i > 9 && row.Target == "/web/" {
				continue // that server was built without its web client
			}
			got := send(t, s, row.Method, row.Target, visitor, "")
			if got.status != row.Status {
				t.Errorf("%d: %s %s: %d, recorded %d", i, row.Method, row.Target, got.status, row.Status)
			}
			for _, h := range row.Headers {
				if value := got.header.Get(h[0]); value != h[1] {
					t.Errorf("%d: %s %s: header %s is %q, recorded %q", i, row.Method, row.Target, h[0], value, h[1])
				}
			}
			var want, have map[string]any
			if json.Unmarshal([]byte(row.Body), &want) != nil {
				if got.body != row.Body {
					t.Errorf("%d: %s %s: body %q, recorded %q", i, row.Method, row.Target, got.body, row.Body)
				}
				continue
			}
			if err := json.Unmarshal([]byte(got.body), &have); err != nil || !slices.Equal(slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(want))) {
				t.Errorf("%d: %s %s: %s, recorded %s (%v)", i, row.Method, row.Target, got.body, row.Body, err)
			}
		}
	})
}

// Visitors at home are shown the server's log while it starts, and so is
// everybody behind a proxy that the server does not know.
func TestStartingLeaksToHome(t *testing.T) {
	known, unknown := Start(t, Starting(Migrating)), Start(t, Starting(Migrating), KnownProxies())
	for _, target := range []string{"/", "/startup/logger"} {
		for name, leaks := range map[string]bool{
			send(t, known, "GET", target, visitor, "").body:   false,
			send(t, known, "GET", target, nil, "").body:       true,
			send(t, unknown, "GET", target, visitor, "").body: true,
		} {
			if got := strings.Contains(name, startupLine); got != leaks {
				t.Errorf("%s: %q leaks: %v, want %v", target, name, got, leaks)
			}
		}
	}
}

func TestWizardAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		var recorded map[string][]struct {
			Name, Method, Target string
			Status               int
			Admin                bool `json:"is_admin"`
			Body                 string
		}
		mustDecode(r.folder()+"starting.json", &recorded)
		s := Start(t, Version(r), WizardOpen())
		for _, row := range recorded["wizard not completed, asked from outside"] {
			if row.Method == "" {
				got := send(t, s, "POST", "/Users/AuthenticateByName", append([][2]string{
					{"Content-Type", "application/json"},
					{"Authorization", `MediaBrowser Client="c", Device="d", DeviceId="i", Version="1"`},
				}, visitor...), `{"Username":"stranger","Pw":"mine"}`)
				var result struct {
					User struct {
						Policy struct{ IsAdministrator bool }
					}
				}
				_ = json.Unmarshal([]byte(got.body), &result) // the status says more
				if got.status != row.Status || result.User.Policy.IsAdministrator != row.Admin {
					t.Errorf("%s: %d, admin %v", row.Name, got.status, result.User.Policy.IsAdministrator)
				}
				continue
			}
			headers, body := visitor, ""
			if row.Method == "POST" && row.Target == "/Startup/User" {
				headers, body = append([][2]string{{"Content-Type", "application/json"}}, visitor...), `{"Name":"stranger","Password":"mine"}`
			}
			got := send(t, s, row.Method, row.Target, headers, body)
			if got.status != row.Status {
				t.Errorf("%s %s: %d, recorded %d", row.Method, row.Target, got.status, row.Status)
			}
			if want, have := firstKeys(row.Body), firstKeys(got.body); have != want {
				t.Errorf("%s %s: keys %s, recorded %s", row.Method, row.Target, have, want)
			}
		}
		if got := send(t, s, "POST", "/Startup/Complete", visitor, ""); got.status != http.StatusUnauthorized {
			t.Errorf("completed wizard: %d for a stranger, want 401", got.status)
		}
	})
}

// firstKeys lists the first keys of a JSON text that may have been shortened.
func firstKeys(body string) string {
	var keys []string
	for i, part := range strings.Split(body, `"`) {
		if i%2 == 1 && len(keys) < 4 {
			keys = append(keys, part)
		}
	}
	if len(keys) == 0 {
		return body
	}
	return keys[0]
}
