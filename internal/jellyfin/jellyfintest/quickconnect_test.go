package jellyfintest

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// pending asks for a code for a device and returns it.
func pending(t *testing.T, s *Server, device string) quickDTO {
	t.Helper()
	var q quickDTO
	got := send(t, s, "POST", "/QuickConnect/Initiate", [][2]string{{"Authorization", `MediaBrowser Client="c", Device="d", DeviceId="` + device + `", Version="1"`}}, "")
	if err := json.Unmarshal([]byte(got.body), &q); err != nil {
		t.Fatal(err)
	}
	return q
}

func redeem(t *testing.T, s *Server, q quickDTO) (int, string) {
	t.Helper()
	got := send(t, s, "POST", "/Users/AuthenticateWithQuickConnect", [][2]string{{"Content-Type", "application/json"}}, `{"Secret":"`+q.Secret+`"}`)
	var a struct{ AccessToken string }
	_ = json.Unmarshal([]byte(got.body), &a) // nothing in a refusal
	return got.status, a.AccessToken
}

// Who authorises for his own device id ends the token that he authorises with:
// minting is a sign-in on that device.
func TestAuthorisingForOnesOwnDeviceEndsTheToken(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		s := Start(t, Version(r))
		alice := s.AddUser("alice", "x")
		for device, alive := range map[string]bool{"own": false, "another": true} {
			token := s.Issue(alice.ID, Device{ID: "own", Name: "n", Client: "c", Version: "1"}).Value
			header := [][2]string{{"Authorization", "MediaBrowser Token=" + token}}
			if got := send(t, s, "POST", "/QuickConnect/Authorize?code="+pending(t, s, device).Code, header, ""); got.status != http.StatusOK {
				t.Fatalf("authorise: %d %s", got.status, got.body)
			}
			if got := send(t, s, "GET", "/Users/Me", header, ""); (got.status == http.StatusOK) != alive {
				t.Errorf("authorised for %s device: the token is then answered %d", device, got.status)
			}
		}
	})
}

// A secret gives the same answer for ten minutes, whatever became of the token.
func TestASecretGivesTheSameAnswerUntilItExpires(t *testing.T) {
	perRelease(t, func(t *testing.T, r Release) {
		now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
		s := Start(t, Version(r), Clock(func() time.Time { return now }))
		alice := s.AddUser("alice", "x")
		header := [][2]string{{"Authorization", "MediaBrowser Token=" + s.Issue(alice.ID, Device{ID: "phone"}).Value}}
		q := pending(t, s, "tv")
		now = now.Add(quickTTL - time.Second)
		if got := send(t, s, "POST", "/QuickConnect/Authorize?code="+q.Code, header, ""); got.status != http.StatusOK {
			t.Fatalf("authorise: %d %s", got.status, got.body)
		}
		_, first := redeem(t, s, q)
		s.Revoke(first)
		now = now.Add(quickTTL - time.Second)
		if status, again := redeem(t, s, q); status != http.StatusOK || first == "" || again != first {
			t.Errorf("after the log-out: %d and token %q, want %q again", status, again, first)
		}
		if got := send(t, s, "GET", "/Users/Me", [][2]string{{"X-Emby-Token", first}}, ""); got.status != http.StatusUnauthorized {
			t.Errorf("the token that was logged out: %d", got.status)
		}
		now = now.Add(time.Second)
		if status, _ := redeem(t, s, q); status != http.StatusNotFound {
			t.Errorf("after it expired: %d", status)
		}
	})
}
