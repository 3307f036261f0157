package gateway

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jellyward/jellyward/internal/policy"
	"github.com/jellyward/jellyward/internal/secret"
)

const (
	item  = "5ddab896189b392454d51f2d55d9acf1"
	here  = "203.0.113.9" // where requests come from
	there = "198.51.100.7"
)

func TestWhatJellyfinAcceptsProvesATokenAndNothingElse(t *testing.T) {
	for _, tt := range []struct {
		request string
		status  int
		want    []proof
	}{
		{"GET /Users/Me?ApiKey=x", 200, []proof{{here, "x", ""}}},
		{"GET /Items/" + item + "?ApiKey=x", 200, []proof{{here, "x", item}}},
		{"POST /Items/" + item + "/PlaybackInfo?api_key=x", 200, []proof{{here, "x", item}}},
		{"GET /Users/Me?ApiKey=x", 401, nil},
		{"GET /Users/Me?ApiKey=x", 403, nil},
		{"GET /Users/Me?ApiKey=x", 500, nil},
		{"GET /Unknown/Plugin?ApiKey=invented", 200, nil},
		{"GET /Unknown/Plugin?ApiKey=x", 200, []proof{{here, "x", ""}}}, // it was asked for
		{"GET /Videos/" + item + "/stream?ApiKey=x", 200, []proof{{here, "x", ""}}},
		{"GET /Videos/" + item + "/stream?ApiKey=invented", 200, nil},
		{"GET /System/Info/Public?ApiKey=x", 200, nil},
		{"POST /Sessions/Logout?ApiKey=x", 204, nil},
	} {
		s := newScene(t, "")
		s.status = tt.status
		s.ask(tt.request)
		if diff := cmp.Diff(tt.want, s.proofs); diff != "" {
			t.Errorf("%s, %d: proofs (-want +got):\n%s", tt.request, tt.status, diff)
		}
	}
}

func TestADeadTokensGrantsEnd(t *testing.T) {
	for _, tt := range []struct {
		request string
		status  int
		known   bool
		want    []secret.Text
	}{
		{"POST /Sessions/Logout?ApiKey=x", 204, false, []secret.Text{"x"}},
		{"GET /Users/Me?ApiKey=dead", 401, true, []secret.Text{"dead"}},
		{"GET /Users/Me?ApiKey=dead", 401, false, nil},                   // an invented one
		{"GET /Unknown/Plugin?ApiKey=dead", 401, true, nil},              // a plugin's word is not Jellyfin's
		{"POST /QuickConnect/Authorize?code=1&ApiKey=x", 401, true, nil}, // Quick Connect is off, the token lives
		{"DELETE /Items/1?ApiKey=x", 401, true, nil},                     // its user may not do that
		{"GET /Users/Me?ApiKey=x", 403, true, nil},
		{"POST /Sessions/Logout?ApiKey=x", 500, true, nil},
	} {
		s := newScene(t, "")
		if _, token, _ := strings.Cut(tt.request, "ApiKey="); tt.known {
			s.proofs = []proof{{Token: secret.Text(token)}}
		}
		s.status = tt.status
		s.ask(tt.request)
		if diff := cmp.Diff(tt.want, s.over); diff != "" {
			t.Errorf("%s, %d: ended (-want +got):\n%s", tt.request, tt.status, diff)
		}
	}
}

func TestSwitchesSayWhoGetsStreamsAndPictures(t *testing.T) {
	const film, picture = "GET /Videos/" + item + "/stream", "GET /Items/" + item + "/Images/Primary"
	cookie := []string{"Cookie", "__Host-jellyward=" + live}
	for _, tt := range []struct {
		need    policy.Openness
		name    string
		pairs   []string
		granted string
		want    int
	}{
		{policy.WithToken, "stranger", nil, "", 401},
		{policy.WithToken, "network", nil, here, 401},
		{policy.WithToken, "token", []string{"X-Emby-Token", "x"}, "", 200},
		{policy.WithToken, "invented token", []string{"X-Emby-Token", "invented"}, "", 401},
		{policy.WithToken, "invented token from a network", []string{"X-Emby-Token", "invented"}, here, 401},
		{policy.WithToken, "cookie", cookie, "", 200},
		{policy.WithToken, "home", local, "", 401},
		{policy.WithNetwork, "stranger", nil, "", 401},
		{policy.WithNetwork, "another network", nil, there, 401},
		{policy.WithNetwork, "network", nil, here, 200},
		{policy.WithNetwork, "invented token from a network", []string{"X-Emby-Token", "invented"}, here, 200},
		{policy.WithNetwork, "cookie", cookie, "", 200},
		{policy.WithNetwork, "home", local, "", 401},
		{policy.Open, "stranger", nil, "", 200},
		{policy.Open, "invented token", []string{"X-Emby-Token", "invented"}, "", 200},
	} {
		for request, turn := range map[string]func(*policy.Switches){
			film:    func(s *policy.Switches) { s.Media = tt.need },
			picture: func(s *policy.Switches) { s.Images = tt.need },
		} {
			s := newScene(t, "")
			s.Home = home
			turn(&s.Switches)
			if tt.granted != "" {
				s.granted = []netip.Addr{netip.MustParseAddr(tt.granted)}
			}
			resp := s.ask(request, tt.pairs...)
			if resp.StatusCode != tt.want || s.reached() != (tt.want == 200) {
				t.Errorf("%v, %s, %s: %d, forwarded %q; want %d", tt.need, request, tt.name, resp.StatusCode, s.forwarded, tt.want)
			}
			if private := request == film || tt.need != policy.Open; s.reached() && s.treatment.Private != private {
				t.Errorf("%v, %s, %s: private = %v, want %v", tt.need, request, tt.name, s.treatment.Private, private)
			}
		}
	}
}

func TestAGrantNeedsNeitherStoreNorJellyfin(t *testing.T) {
	s := newScene(t, "")
	s.redisAway, s.jellyfinAway = true, true
	s.granted = []netip.Addr{netip.MustParseAddr(here)}
	for _, request := range []string{"GET /Videos/1/stream", "GET /Videos/1/stream?ApiKey=x"} {
		if resp := s.ask(request, "Cookie", "__Host-jellyward="+live); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", request, resp.StatusCode)
		}
	}
}
