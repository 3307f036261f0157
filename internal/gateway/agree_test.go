package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/policy"
)

// kind is one kind of visitor, as it comes to the gateway and as the policy is
// told of it. A stranger has neither.
type kind struct {
	name    string
	pairs   []string
	granted bool
	asker   policy.Asker
	// live is the asker where the gateway must know that a token lives, if that
	// makes a difference.
	live *policy.Asker
}

// ownToken is the token of the session whose cookie is sent.
const ownToken = "own"

var cookiePair = []string{"Cookie", "__Host-jellyward=" + live}

var kinds = []kind{
	{name: "stranger"},
	{name: "browser", pairs: cookiePair, asker: policy.Asker{Cookie: true, Recent: true}},
	{name: "browser with its token", pairs: append([]string{"X-Emby-Token", ownToken}, cookiePair...), asker: policy.Asker{Token: true, Cookie: true, Recent: true}},
	{name: "browser with another token", pairs: append([]string{"X-Emby-Token", "x"}, cookiePair...), asker: policy.Asker{Token: true, Cookie: true}},
	{name: "app", pairs: []string{"X-Emby-Token", "x"}, asker: policy.Asker{Token: true}},
	{name: "inventor", pairs: []string{"X-Emby-Token", "invented"}, asker: policy.Asker{Token: true}, live: &policy.Asker{}},
	{name: "network", granted: true, asker: policy.Asker{Granted: true}},
	{name: "home", pairs: local, asker: policy.Asker{Home: true}},
	{name: "app at home", pairs: append([]string{"X-Emby-Token", "x"}, local...), asker: policy.Asker{Token: true, Home: true}},
}

// operations are requests for every operation of Jellyfin's, and for some other paths.
func operations(t *testing.T) []string {
	t.Helper()
	known := map[string]bool{}
	var requests []string
	for _, release := range []jellyfintest.Release{jellyfintest.V10_11, jellyfintest.V12} {
		for _, op := range jellyfintest.Operations(release) {
			path := strings.NewReplacer("{", "", "}", "").Replace(op.Template)
			if request := op.Method + " " + path; !known[request] {
				known[request] = true
				requests = append(requests, request)
			}
		}
	}
	if len(requests) < 400 {
		t.Fatalf("%d operations: the test looks in the wrong place", len(requests))
	}
	return append(requests, "GET /Plugin/Page", "GET /sso/2fa", "POST /sso/OID/x", "GET /health", "TRACE /Items", "GET /web/", "GET /web/index.html", "GET /web/main.js")
}

// TestTheGatewayDoesWhatThePolicySays sends every operation as every kind of
// visitor, under switches that differ, and compares what happens with what the
// policy says: which is what `jellyward policy explain` prints.
func TestTheGatewayDoesWhatThePolicySays(t *testing.T) {
	seen := map[policy.Outcome]int{}
	for _, switches := range []policy.Switches{
		policy.DefaultSwitches(),
		{Media: policy.WithToken, Images: policy.WithToken, Admin: policy.AdminRecent},
		{Media: policy.Open, Images: policy.WithNetwork, Admin: policy.AdminHome, ShowUsers: true, ShowAddress: true},
	} {
		s := newScene(t, "")
		s.Switches, s.Home = switches, home
		s.sessionToken, s.created = ownToken, time.Now()
		for _, request := range operations(t) {
			method, target, _ := strings.Cut(request, " ")
			path, err := policy.ParsePath(target, s.Base)
			if err != nil {
				t.Fatalf("%s: %v", request, err)
			}
			needs := s.Policy.Decide(method, path, "").Needs(switches)
			for _, k := range kinds {
				asker := k.asker
				if needs.Live && k.live != nil {
					asker = *k.live
				}
				s.granted = nil
				if k.granted {
					s.granted = []netip.Addr{netip.MustParseAddr(here)}
				}
				want := needs.For(asker)
				seen[want]++
				if got := s.outcome(t, request, k.pairs); !got[want] {
					t.Errorf("%+v, %s, %s: the policy says %q, the gateway did %v", switches, request, k.name, want, got)
				}
			}
		}
	}
	for outcome := policy.Refused; outcome <= policy.Passes; outcome++ {
		if seen[outcome] == 0 && outcome != policy.NotBelowBase {
			t.Errorf("nothing came to %q: the test tests too little", outcome)
		}
	}
}

// outcome sends a request, and returns what the policy may call what happened.
func (s *scene) outcome(t *testing.T, request string, pairs []string) map[policy.Outcome]bool {
	t.Helper()
	resp := s.ask(request, pairs...)
	if len(s.portal) > 0 {
		return map[policy.Outcome]bool{policy.OwnPages: true}
	}
	if s.reached() && s.treatment.HideAddress {
		return map[policy.Outcome]bool{policy.NoAddress: true}
	}
	if s.reached() {
		// A document passes for whoever is no person in a browser.
		return map[policy.Outcome]bool{policy.Passes: true, policy.Guided: true}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK && string(body) == "[]" {
		return map[policy.Outcome]bool{policy.NoUsers: true}
	}
	var refused struct{ Error string }
	if err := json.Unmarshal(body, &refused); err != nil {
		t.Fatalf("%s: %d %q: %v", request, resp.StatusCode, body, err)
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return map[policy.Outcome]bool{policy.Unauthorized: true}
	case http.StatusMethodNotAllowed:
		return map[policy.Outcome]bool{policy.MethodUnknown: true}
	case http.StatusForbidden:
	default:
		t.Fatalf("%s: %d %q", request, resp.StatusCode, body)
	}
	for outcome, words := range map[policy.Outcome]string{
		policy.Refused: "not available from outside", policy.SignInElsewhere: "password alone",
		policy.NotRecent: "Sign in again", policy.NotHome: "at home only",
	} {
		if strings.Contains(refused.Error, words) {
			return map[policy.Outcome]bool{outcome: true}
		}
	}
	return nil
}

// TestPeopleAreGuided is what the policy calls guided, for a person.
func TestPeopleAreGuided(t *testing.T) {
	for _, request := range []string{"GET /", "GET /web", "GET /web/", "GET /web/index.html"} {
		method, target, _ := strings.Cut(request, " ")
		s := newScene(t, "")
		path, err := policy.ParsePath(target, s.Base)
		if err != nil {
			t.Fatal(err)
		}
		needs := s.Policy.Decide(method, path, "").Needs(s.Switches)
		for cookie, want := range map[string]policy.Outcome{"": policy.Guided, "__Host-jellyward=" + live: policy.Passes} {
			if got := needs.For(policy.Asker{Cookie: cookie != ""}); got != want {
				t.Errorf("%s, cookie %q: the policy says %q", request, cookie, got)
			}
			resp := s.ask(request, append(navigation(chrome), "Cookie", cookie)...)
			if guided := resp.StatusCode == http.StatusFound && !s.reached(); guided != (want == policy.Guided) {
				t.Errorf("%s, cookie %q: %d, forwarded %q", request, cookie, resp.StatusCode, s.forwarded)
			}
		}
	}
}
