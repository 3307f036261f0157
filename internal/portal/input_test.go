package portal_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
)

func TestInput(t *testing.T) {
	const ok = `{"Username":"mallory","Password":"x"}`
	long := strings.Repeat("x", 10<<10)
	tests := []struct {
		what, contentType, body string
		status                  int
		fields                  []string
	}{
		{"right form", "application/json", ok, 401, nil},
		{"with a charset", "application/json; charset=UTF-8", ok, 401, nil},
		{"unknown keys", "application/json", `{"Username":"malvolio","Password":"x","Remember":[1]}`, 401, nil},
		{"any case of keys", "application/json", `{"username":"malcolm","PASSWORD":"x"}`, 401, nil},
		{"quotes and script", "application/json", `{"Username":"\"><script>alert(1)</script>","Password":"'"}`, 401, nil},
		{"unicode", "application/json", `{"Username":"名前","Password":"пароль"}`, 401, nil},
		{"NUL in the password", "application/json", `{"Username":"malvina","Password":"a\u0000b"}`, 401, nil},
		{"NUL in the name", "application/json", `{"Username":"mal\u0000lory","Password":"x"}`, 400, []string{"Username"}},
		{"name of 10 KB", "application/json", `{"Username":"` + long + `","Password":"x"}`, 400, []string{"Username"}},
		{"password of 10 KB", "application/json", `{"Username":"mallory","Password":"` + long + `"}`, 400, []string{"Password"}},
		{"code too short", "application/json", `{"Username":"mallory","Password":"x","Otp":"12345"}`, 400, []string{"Otp"}},
		{"code too long", "application/json", `{"Username":"mallory","Password":"x","Otp":"1234567"}`, 400, []string{"Otp"}},
		{"code of letters", "application/json", `{"Username":"mallory","Password":"x","Otp":"abcdef"}`, 400, []string{"Otp"}},
		{"nothing in it", "application/json", `{}`, 400, []string{"Password", "Username"}},
		{"empty texts", "application/json", `{"Username":"","Password":""}`, 400, []string{"Password", "Username"}},
		{"null texts", "application/json", `{"Username":null,"Password":null}`, 400, []string{"Password", "Username"}},
		{"no password", "application/json", `{"Username":"mallory"}`, 400, []string{"Password"}},
		{"not JSON", "application/json", `Username=mallory`, 400, nil},
		{"half of JSON", "application/json", `{"Username":"mallory"`, 400, nil},
		{"more than JSON", "application/json", ok + `{}`, 400, nil},
		{"an array", "application/json", `[1]`, 400, nil},
		{"null", "application/json", `null`, 400, nil},
		{"a text", "application/json", `"x"`, 400, nil},
		{"a number for a text", "application/json", `{"Username":7,"Password":"x"}`, 400, nil},
		{"broken UTF-8", "application/json", "{\"Username\":\"a\xff\",\"Password\":\"x\"}", 400, nil},
		{"empty", "application/json", ``, 400, nil},
		{"too big", "application/json", `{"Username":"` + strings.Repeat("x", 65<<10) + `"}`, 413, nil},
		{"no content type", "", ok, 415, nil},
		{"a form", "application/x-www-form-urlencoded", "Username=mallory", 415, nil},
		{"plain text", "text/plain", ok, 415, nil},
		{"another charset", "application/json; charset=utf-16", ok, 415, nil},
		{"nonsense type", "application/json;;;=", ok, 415, nil},
	}
	s := newSite(t)
	for i, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			s.visitor.Addr = netip.AddrFrom4([4]byte{198, 18, 0, byte(i)}) // for the limits
			s.jellyfin.Reset()
			var headers []string
			if tt.contentType != "" {
				headers = []string{"Content-Type", tt.contentType}
			}
			for _, path := range []string{"authenticate", "enroll"} {
				a := s.do(t, http.MethodPost, "/sso/2fa/"+path, tt.body, headers...)
				if a.status != tt.status {
					t.Errorf("%s answered %d %s, want %d", path, a.status, a.body, tt.status)
				}
				if a.text(t, "ErrorMessage") == "" || string(a.json["Ok"]) != "false" {
					t.Errorf("%s answered %s", path, a.body)
				}
				var named map[string]string
				if raw, ok := a.json["Fields"]; ok {
					if err := json.Unmarshal(raw, &named); err != nil {
						t.Fatal(err)
					}
				}
				var got []string
				for key := range named {
					got = append(got, key)
				}
				slices.Sort(got)
				if diff := cmp.Diff(tt.fields, got); diff != "" {
					t.Errorf("%s: fields (-want +got):\n%s", path, diff)
				}
				for _, leak := range []string{"goroutine", "json:", "Unmarshal", "strconv"} {
					if strings.Contains(a.body, leak) {
						t.Errorf("%s tells its insides: %s", path, a.body)
					}
				}
			}
			if tt.status != 401 && s.jellyfin.Count("UserController.AuthenticateUserByName") != 0 {
				t.Error("a malformed request reached Jellyfin")
			}
		})
	}
}

func TestConfirmNamesItsOwnField(t *testing.T) {
	s := newSite(t)
	a := s.post(t, "confirm", map[string]string{"Username": "alice", "Password": "x", "Code": "12"})
	if a.status != http.StatusBadRequest || !strings.Contains(string(a.json["Fields"]), `"Code"`) || string(a.json["Success"]) != "false" {
		t.Errorf("answered %d %s", a.status, a.body)
	}
}

func TestDeviceHeaders(t *testing.T) {
	tests := []struct {
		what    string
		headers []string
		want    jellyfintest.Device
	}{
		{
			"a browser",
			[]string{"X-DeviceId", "TW96aWxsYQ11", "X-DeviceName", "Firefox%20Android"},
			jellyfintest.Device{ID: "TW96aWxsYQ11", Name: "Firefox Android", Client: "Jellyfin Web", Version: "10.11.11"},
		},
		{
			"base64 is no form encoding",
			[]string{"X-DeviceId", "ab+/11"},
			jellyfintest.Device{ID: "ab+/11", Name: "Web Browser", Client: "Jellyfin Web", Version: "10.11.11"},
		},
		{
			"an app",
			[]string{"X-DeviceId", "app1", "X-DeviceName", "Zo%C3%AB%E2%80%99s%20%22phone%22", "X-Client", "Jellyfin%20for%20Android", "X-Client-Version", "2.7.1"},
			jellyfintest.Device{ID: "app1", Name: "Zoë’s \"phone\"", Client: "Jellyfin for Android", Version: "2.7.1"},
		},
		{
			"bad escapes and control characters",
			[]string{"X-DeviceId", "100%", "X-DeviceName", "a%00b%0Ac"},
			jellyfintest.Device{ID: "100%", Name: "abc", Client: "Jellyfin Web", Version: "10.11.11"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			s := newSite(t)
			s.jellyfin.AddUser("alice", "wonderland")
			secret := s.enrol(t, "alice", "wonderland")
			a := s.post(t, "authenticate", fields("alice", "wonderland", s.code(secret)), tt.headers...)
			if a.status != http.StatusOK {
				t.Fatalf("answered %d %s", a.status, a.body)
			}
			got := s.jellyfin.LiveTokens()[0].Device
			got.UserID, got.UserName = "", ""
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("device (-want +got):\n%s", diff)
			}
		})
	}
	s := newSite(t)
	for _, header := range []string{"X-DeviceId", "X-DeviceName", "X-Client", "X-Client-Version"} {
		a := s.post(t, "authenticate", fields("alice", "wonderland", ""), header, strings.Repeat("x", 10<<10))
		if a.status != http.StatusBadRequest {
			t.Errorf("10 KB of %s answered %d", header, a.status)
		}
	}
}
