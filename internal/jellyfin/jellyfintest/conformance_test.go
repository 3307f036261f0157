package jellyfintest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func perRelease(t *testing.T, test func(*testing.T, Release)) {
	t.Helper()
	for _, r := range []Release{V10_11, V12} {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			test(t, r)
		})
	}
}

func TestSignInAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		c := newCast(t, r)
		list := exchanges(t, r, "signin")
		if len(list) != 32 {
			t.Errorf("%d exchanges, want 32", len(list))
		}
		for _, e := range list {
			c.try(t, e)
		}
	})
}

func TestQuickConnectAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		c := newCast(t, r)
		initiate := func(device, secret, code string) {
			t.Helper()
			got := send(t, c.s, "POST", "/QuickConnect/Initiate", [][2]string{{"Authorization", `MediaBrowser Client="Lab TV", Device="TV", DeviceId="` + device + `", Version="1.0"`}}, "")
			var q quickDTO
			if err := json.Unmarshal([]byte(got.body), &q); err != nil {
				t.Fatal(err)
			}
			c.names[secret], c.names[code] = q.Secret, q.Code
		}
		for _, e := range exchanges(t, r, "quickconnect") {
			_, code, _ := strings.Cut(e.Request.Target, "code=")
			code, _, _ = strings.Cut(code, "&")
			switch e.Name {
			case "admin for alice":
				initiate("tv2", "{{qc.secret2}}", code)
			case "alice for herself":
				initiate("tv3", "{{qc.secret3}}", code)
			}
			c.try(t, e)
		}
	})
}

func TestSessionsAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		c := newCast(t, r)
		same := func() string {
			return c.s.Issue(c.alice.ID, Device{ID: "same", Name: "Chrome", Client: "Jellyfin Web", Version: r.String()}).Value
		}
		before := len(c.s.Devices())
		probe := Device{ID: "probe-device", Name: "check", Client: "Jellyward check", Version: r.String()}
		c.names["{{probe.token}}"] = c.s.Issue(c.alice.ID, probe).Value
		if with := len(c.s.Devices()); with != before+1 {
			t.Errorf("%d devices with the probe, want %d", with, before+1)
		}
		for _, e := range exchanges(t, r, "sessions") {
			if e.Request == nil {
				if after := len(c.s.Devices()); after != before {
					t.Errorf("%d devices after the log-out, want %d", after, before)
				}
				continue
			}
			if strings.HasPrefix(e.Name, "first token after") {
				c.names["{{first}}"], c.names["{{second}}"] = same(), same()
			}
			c.try(t, e)
		}
	})
}

func TestAccountsAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		c := newCast(t, r)
		var policy map[string]any
		signIn := func() string {
			return c.s.Issue(strings.Trim(c.names["{{carol.id}}"], `"`), Device{ID: "carol1", Name: "Chrome", Client: "Jellyfin Web", Version: r.String()}).Value
		}
		for _, e := range exchanges(t, r, "accounts") {
			if body, ok := strings.CutPrefix(e.Request.Body, "(the policy with "); ok {
				var change map[string]any
				text := strings.NewReplacer("'", `"`, "True", "true", "False", "false").Replace(strings.TrimSuffix(body, ")"))
				if err := json.Unmarshal([]byte(text), &change); err != nil {
					t.Fatal(err)
				}
				whole := map[string]any{}
				for k, v := range policy {
					whole[k] = v
				}
				for k, v := range change {
					whole[k] = v
				}
				b, err := json.Marshal(whole)
				if err != nil {
					t.Fatal(err)
				}
				e.Request.Body = string(b)
			}
			switch e.Name {
			case "change password, wrong current":
				c.names["{{carol.token2}}"] = signIn()
			}
			got := c.try(t, e)
			if e.Name == "admin makes a user" {
				var u struct {
					ID     string `json:"Id"`
					Policy map[string]any
				}
				if err := json.Unmarshal([]byte(got.body), &u); err != nil {
					t.Fatal(err)
				}
				policy, c.names["{{carol.id}}"] = u.Policy, u.ID
				c.names["{{carol.token}}"] = signIn()
			}
		}
	})
}

func TestMediaAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		c := newCast(t, r)
		for _, e := range exchanges(t, r, "media") {
			c.try(t, e)
		}
	})
}

func TestTokenFormsAsRecorded(t *testing.T) {
	tests := []struct {
		release Release
		file    string
		legacy  bool
	}{
		{V10_11, "token-forms", true},
		{V10_11, "token-forms-legacy-off", false},
		{V12, "token-forms", false},
		{V12, "token-forms-legacy-on", true},
	}
	for _, tt := range tests {
		t.Run(tt.release.String()+"/"+tt.file, func(t *testing.T) {
			t.Parallel()
			c := newCast(t, tt.release, LegacyAuthorization(tt.legacy))
			var forms []struct {
				Name    string
				Query   string
				Headers [][2]string
				Status  int
				User    *string
			}
			mustDecode(tt.release.folder()+tt.file+".json", &forms)
			if len(forms) != 51 {
				t.Errorf("%d forms, want 51", len(forms))
			}
			for _, f := range forms {
				if f.Name == "?ApiKey percent value" {
					c.learnSpellings(t, strings.TrimPrefix(f.Query, "?ApiKey="))
				}
			}
			for _, f := range forms {
				for i := range f.Headers {
					f.Headers[i][1] = c.fill(f.Headers[i][1])
				}
				got := send(t, c.s, "GET", "/Users/Me"+c.fill(f.Query), f.Headers, "")
				if got.status != f.Status {
					t.Errorf("%s: status %d, recorded %d", f.Name, got.status, f.Status)
				}
				var u struct{ Name string }
				_ = json.Unmarshal([]byte(got.body), &u) // no user in a refusal
				if want := f.User; want != nil && u.Name != *want || want == nil && u.Name != "" {
					t.Errorf("%s: user %q, recorded %v", f.Name, u.Name, want)
				}
			}
		})
	}
}

// learnSpellings maps the spellings of the recorded token that are no name: in
// percent encodings, in upper case, with dashes.
func (c *cast) learnSpellings(t *testing.T, percent string) {
	t.Helper()
	was, err := url.QueryUnescape(percent)
	if err != nil {
		t.Fatal(err)
	}
	spell := func(token string) []string {
		var b strings.Builder
		for _, ch := range []byte(token) {
			b.WriteString("%" + string("0123456789abcdef"[ch>>4]) + string("0123456789abcdef"[ch&15]))
		}
		return []string{b.String(), strings.ToUpper(token), token[:8] + "-" + token[8:12] + "-" + token[12:16] + "-" + token[16:20] + "-" + token[20:]}
	}
	is := spell(c.names["{{alice.token}}"])
	for i, s := range spell(was) {
		c.names[s] = is[i]
	}
}

func TestWhoIsLiveAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		c := newCast(t, r)
		home := c.s.AddUser("homebody", "x", func(u *User) { u.NoRemoteAccess = true })
		late := c.s.AddUser("late", "x", func(u *User) { u.OutsideSchedule = true })
		token := func(u User) string { return c.s.Issue(u.ID, Device{ID: u.Name}).Value }
		tokens := map[string]string{
			"api key": c.names["{{api.key}}"],
			"user without remote access, outside / home": token(home),
			"user outside the parental schedule":         token(late),
		}
		var rows []struct {
			Who, Target string
			Status      any
		}
		mustDecode(r.folder()+"who-is-live.json", &rows)
		for _, row := range rows {
			header := [][2]string{{"Authorization", `MediaBrowser Token="` + tokens[row.Who] + `"`}}
			outside := send(t, c.s, "GET", row.Target, append(header, visitor...), "").status
			want := row.Status
			if both, ok := row.Status.([]any); ok {
				want = both[0]
				if home := send(t, c.s, "GET", row.Target, header, "").status; home != int(both[1].(float64)) {
					t.Errorf("%s %s from home: %d, recorded %v", row.Who, row.Target, home, both[1])
				}
			}
			if outside != int(want.(float64)) {
				t.Errorf("%s %s: %d, recorded %v", row.Who, row.Target, outside, want)
			}
		}
	})
}

func TestEveryOperationRefusesAsRecorded(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		s := New(Version(r))
		u := s.AddUser("alice", "wonderland")
		token := s.Issue(u.ID, Device{ID: "d", Name: "n", Client: "c", Version: "1"}).Value
		ops := Operations(r)
		if want := map[Release]int{V10_11: 425, V12: 420}[r]; len(ops) != want || len(s.routes.routes) != want+1 {
			t.Errorf("%d operations, %d routes, want %d", len(ops), len(s.routes.routes), want)
		}
		for _, op := range ops {
			target := madeUp(op.Template)
			got, action := serveOnce(t, s, op.Method, target, nil)
			if got != op.Stranger || action != op.Action {
				t.Errorf("stranger: %s %s: %d by %s, recorded %d by %s", op.Method, op.Template, got, action, op.Stranger, op.Action)
			}
			if op.User == 0 || op.Action == "SessionController.ReportSessionEnded" {
				continue // not tried, or ends the token
			}
			got, _ = serveOnce(t, s, op.Method, target, http.Header{"Authorization": {`MediaBrowser Token="` + token + `"`}})
			if got != op.User {
				t.Errorf("user: %s %s: %d, recorded %d (%s)", op.Method, op.Template, got, op.User, op.Action)
			}
		}
	})
}

// madeUp fills a template with values that nothing has.
func madeUp(template string) string {
	var b strings.Builder
	for template != "" {
		literal, rest, found := strings.Cut(template, "{")
		b.WriteString(literal)
		if !found {
			break
		}
		param, after, _ := strings.Cut(rest, "}")
		template = after
		switch {
		case param == "imageType":
			b.WriteString("Primary")
		case strings.Contains(strings.ToLower(param), "index"), strings.HasSuffix(param, "Ticks"), param == "width", param == "year":
			b.WriteString("0")
		case strings.HasSuffix(strings.ToLower(param), "container"), strings.HasSuffix(param, "Format"):
			b.WriteString("ts")
		default:
			b.WriteString("0123456789abcdef0123456789abcdef")
		}
	}
	return b.String()
}
